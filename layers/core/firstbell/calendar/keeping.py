"""Reads a site's sources and keeps the last good copy of each, which stands in for a source that fails."""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from firstbell.aws.bucket import Bucket, TooLargeError
from firstbell.aws.table import Table
from firstbell.calendar import trust
from firstbell.calendar.fetching import UnreachableError
from firstbell.calendar.sources import Content, Files
from firstbell.calendar.trust import Record
from firstbell.calendar.values import CalendarError
from firstbell.plain import from_plain, to_plain
from firstbell.site import CalendarSource

PREFIX = "SOURCE#"
FOLDER = "kept/"
KEPT = timedelta(days=90)
LARGEST = 64 * 1024 * 1024  # bytes of a copy, before it is compressed
Fetch = Callable[[CalendarSource], Files]
FetchAll = Callable[[Mapping[CalendarSource, float]], Fetch]
"""Given the seconds that each source's host is waited for, fetches them all: what came of each, or its exception."""
Read = Callable[[CalendarSource, Files], Content]


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of one source: its key, its record, its content (its copy's, if it fails), and whether to call."""

    key: str
    record: Record
    content: Content
    calls: bool


@dataclass(frozen=True, slots=True)
class Keeper:
    """The copies and records of one site."""

    table: Table
    bucket: Bucket
    site: str

    def readings(
        self, sources: Sequence[CalendarSource], fetch_all: FetchAll, read: Read, now: datetime
    ) -> list[Reading]:
        """Read each source, and remember what came of it. Raises nothing about a source: the reading says it."""
        known = {
            stored.sk.removeprefix(PREFIX): from_plain(Record, stored.data)
            for stored in self.table.query(f"SITE#{self.site}", PREFIX)
        }
        fetch = fetch_all({source: trust.seconds(known.get(key_of(source)), now) for source in sources})
        return [self._reading(source, known.get(key_of(source)), fetch, read, now) for source in sources]

    def _reading(
        self, source: CalendarSource, known: Record | None, fetch: Fetch, read: Read, now: datetime
    ) -> Reading:
        before = known or Record(source.label)
        passing = False
        try:
            files = fetch(source)
            content, digest = read(source, files), digest_of(files)
            if digest != before.digest:
                self._refuse_shrunk(source, before, content, read, now)
                if unkept := self._keep(source, files):
                    content = replace(content, warnings=(*content.warnings, unkept))
                    digest = ""
            record = trust.good(before, digest, now) if digest else trust.unkept(before)
        except Exception as error:  # noqa: BLE001 - one source never stops the others: its record says what was wrong
            passing = isinstance(error, UnreachableError)
            record, content = trust.failed(before, _sentence(source, error), now), self._copy(source, before, read)
        if trust.worth_writing(known, record):
            self.table.put(f"SITE#{self.site}", PREFIX + key_of(source), to_plain(record), now + KEPT)
        return Reading(key_of(source), record, content, trust.wants_a_person(record, passing, now))

    def _keep(self, source: CalendarSource, files: Files) -> str:
        """Keep a copy; the sentence for the plan when that fails, for what was read well is used all the same."""
        try:
            self.bucket.put(self._place(source), packed(files))
        except Exception as error:  # noqa: BLE001 - the sentence says it, and the next run tries again
            return f"{source.label}: it is used as it is now, but no copy of it could be kept: {error}"[:300]
        return ""

    def _refuse_shrunk(
        self, source: CalendarSource, before: Record, content: Content, read: Read, now: datetime
    ) -> None:
        if source.may_shrink or source.term or not before.digest:  # a term file is written by people, on purpose
            return
        was, left = (sum(p.end > now for p in c.peaks) for c in (self._copy(source, before, read), content))
        if trust.has_shrunk(was, left, source.remote):
            raise CalendarError(
                f"{source.label}: {was - left} of its {was} coming peaks are gone at once; if that is right, give it"
                " 'may_shrink: true' in the site file"
            )

    def _copy(self, source: CalendarSource, record: Record, read: Read) -> Content:
        """The content of the last good copy; empty without one."""
        if not record.digest:
            return Content()
        try:
            return read(source, unpacked(self.bucket.read(self._place(source), LARGEST)))
        except Exception as error:  # noqa: BLE001 - the copy was taken away, or a newer version reads it otherwise
            return Content(warnings=(f"{source.label}: its kept copy cannot be used: {error}",))

    def _place(self, source: CalendarSource) -> str:
        return f"{FOLDER}{self.site}/{key_of(source)}"


def _sentence(source: CalendarSource, error: Exception) -> str:
    known = isinstance(error, (CalendarError, TooLargeError))
    return str(error) if known else f"{source.label}: {type(error).__name__}: {error}"[:300]


def key_of(source: CalendarSource) -> str:
    """What a source's record, copy and incident are called."""
    return sha256(source.name.encode()).hexdigest()[:16]


def digest_of(files: Files) -> str:
    """The same for the same names and bytes."""
    return sha256(packed(files)).hexdigest()


def packed(files: Files) -> bytes:
    """Files as one object, the same bytes for the same files."""
    encoded = {name: b64encode(files[name]).decode() for name in sorted(files)}
    return zlib.compress(json.dumps(encoded).encode(), 6)


def unpacked(data: bytes) -> dict[str, bytes]:
    """The files of a packed object. Raises CalendarError when it unpacks to more than LARGEST bytes."""
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, LARGEST)
    if unpacker.unconsumed_tail:
        raise CalendarError(f"a kept copy unpacks to more than {LARGEST:,} bytes")
    return {name: b64decode(encoded) for name, encoded in json.loads(text).items()}
