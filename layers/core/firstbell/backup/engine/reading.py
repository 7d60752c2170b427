"""Sets and manifests as they come out of the store: nothing of them is believed before it is proven."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple

from firstbell.backup.engine import names
from firstbell.backup.engine.manifest import ManifestError, Reader, Record, merged
from firstbell.backup.engine.s3 import Bucket, Listed, NotThereError
from firstbell.backup.engine.sets import DOCUMENT_MOST, BackupSet, ManifestEntry, SetError, loads

LATEST = "latest"
MANY = 2000  # hashes: beyond that, one walk through all records is faster than so many searches


class ReadingError(Exception):
    """There is no such set, or something that it stands on is missing or not what its name says."""


class Stored(NamedTuple):
    """A set's document: its key, how many bytes it has, and the set, or why it cannot be read."""

    key: str
    length: int
    backup: BackupSet | None
    problem: str = ""


def stored(bucket: Bucket) -> Iterator[Stored]:
    """All sets of the store, the oldest first, those that cannot be read among them."""
    return (_stored(bucket, listed) for listed in bucket.list(names.SETS))


def _stored(bucket: Bucket, listed: Listed) -> Stored:
    try:
        return Stored(listed.key, listed.size, _loaded(bucket, listed))
    except SetError as error:
        return Stored(listed.key, listed.size, None, str(error))


def the_set(bucket: Bucket, wanted: str = LATEST, site: str = "") -> BackupSet:
    """The set of a moment (20261124T031500Z, its beginning, or its key), or the latest; `site` must be its site's name.

    Raises ReadingError, and SetError when its document cannot be trusted.
    """
    name = wanted.removeprefix(names.SETS).removesuffix(".json")
    prefix = names.SETS if name == LATEST else names.SETS + name
    found = [one for one in bucket.list(prefix) if names.set_time(one.key)]
    if not found:
        raise ReadingError(f"{bucket.where.name} has no set {_plain(wanted)}; `list` shows which there are")
    newest = found[-1]
    if name != LATEST and len(found) > 1:
        raise ReadingError(
            f"{len(found)} sets begin with {_plain(wanted)}; name one of them in full, such as {newest.key}"
        )
    backup = _loaded(bucket, newest)
    if site and backup.site != site:
        raise ReadingError(f"{newest.key} is a set of the site {_plain(backup.site)}, not of {_plain(site)}")
    return backup


def _loaded(bucket: Bucket, listed: Listed) -> BackupSet:
    if listed.size > DOCUMENT_MOST:
        raise SetError(f"{listed.key} has {listed.size} bytes; a set has {DOCUMENT_MOST} at most")
    return loads(bucket.get(listed.key, most=DOCUMENT_MOST), listed.key)


def _plain(text: str) -> str:
    return repr(text[:60])


class Opened:
    """A set with its manifests in files of `directory`, each proven by its name. Close it, or use it in a `with`."""

    def __init__(self, bucket: Bucket, backup: BackupSet, directory: str) -> None:
        self.backup = backup
        self.counted = (0, 0)  # files and bytes, when all records were walked through
        self._readers: list[Reader] = []
        try:
            for entry in backup.manifests:
                self._readers.append(opened_manifest(bucket, entry, directory))
        except BaseException:
            self.close()
            raise

    @property
    def packs(self) -> list[bytes]:
        """All packs that its manifests name."""
        return list(dict.fromkeys(pack for reader in self._readers for pack in reader.packs))

    @property
    def newest(self) -> Iterable[Record]:
        """The records of the newest manifest alone."""
        return self._readers[-1]

    def __iter__(self) -> Iterator[Record]:
        """All records, each hash once, in order; a base with its deltas merged into one first, for that is faster."""
        base, *deltas = self._readers
        files = content = 0
        for record in merged([merged(deltas[::-1]), base]) if deltas else base:
            files += 1
            content += record[1]
            yield record
        self.counted = (files, content)

    def of(self, wanted: Sequence[bytes]) -> Iterator[Record]:
        """The records of these hashes (sorted, each once), as far as there are any."""
        if len(wanted) <= MANY:
            yield from filter(None, map(self._find, wanted))
            return
        names_left = iter(wanted)
        name = next(names_left, None)
        for record in self:
            while name is not None and name < record.sha1:
                name = next(names_left, None)
            if name == record.sha1:
                yield record

    def _find(self, sha1: bytes) -> Record | None:
        return next(filter(None, (reader.find(sha1) for reader in reversed(self._readers))), None)

    def close(self) -> None:
        """Give files and memory back."""
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> Opened:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def opened_manifest(bucket: Bucket, entry: ManifestEntry, directory: str) -> Reader:
    """Fetch a manifest into a file without a name, and map it."""
    path = os.path.join(directory, entry.sha1.hex())
    try:
        fetch(bucket, entry.key, entry.sha1, path)
        reader = Reader(path)
    except ManifestError as error:
        raise ReadingError(f"{entry.key}: {error}") from None
    finally:
        if os.path.exists(path):
            os.unlink(path)  # the map keeps it
    if len(reader) != entry.records:
        reader.close()
        raise ReadingError(f"{entry.key} has {len(reader)} records, not the {entry.records} that its set says")
    return reader


def fetch(bucket: Bucket, key: str, sha1: bytes, path: str) -> int:
    """Write an object to a new file and return its length; ReadingError when its bytes are not what `sha1` says."""
    digest, length = hashlib.sha1(usedforsecurity=False), 0
    try:
        with bucket.stream(key) as answer, open(path, "xb") as file:
            for piece in iter(answer.read, b""):
                digest.update(piece)
                length += file.write(piece)
    except NotThereError:
        raise ReadingError(f"{key} is not in the store, but its set stands on it") from None
    if digest.digest() != sha1:
        raise ReadingError(f"{key} is not what its name says: its bytes hash to {digest.hexdigest()}")
    return length
