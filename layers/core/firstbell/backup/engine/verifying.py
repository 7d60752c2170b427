"""Whether a set is in the store: by the listing alone, by what S3 has verified, or by reading every byte again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from firstbell.backup.engine import fetching, names
from firstbell.backup.engine.crew import Size, each
from firstbell.backup.engine.fetching import Outcome
from firstbell.backup.engine.grouping import Groups, chosen
from firstbell.backup.engine.manifest import Record
from firstbell.backup.engine.names import HASH_BYTES
from firstbell.backup.engine.reading import Opened
from firstbell.backup.engine.s3 import Bucket
from firstbell.backup.engine.sets import NAMED

MANY = 20_000  # files: beyond that, the listing is taken in 256 parts at once
_ENTRY = HASH_BYTES + 6


class Found(NamedTuple):
    """What was looked at, and what is wrong: a name (of a content, or of an object), and why; the first of them."""

    files: int = 0
    bytes: int = 0
    wrong: tuple[tuple[str, str], ...] = ()
    wrong_count: int = 0
    unproven: int = 0  # objects whose checksum S3 does not have, for they came in parts

    def but(self, name: str, why: str) -> Found:
        """With one more that is wrong."""
        wrong = (*self.wrong, (name, why)) if self.wrong_count < NAMED else self.wrong
        return self._replace(wrong=wrong, wrong_count=self.wrong_count + 1)

    def plus(self, outcome: Outcome) -> Found:
        """With the outcome of one more job of reading."""
        found = self._replace(files=self.files + outcome.files, bytes=self.bytes + outcome.bytes)
        for name, why in outcome.wrong:
            found = found.but(name, why)
        return found


def by_listing(bucket: Bucket, opened: Opened, size: Size) -> Found:
    """Whether all that the set names is listed with its size; its manifests were proven when it was opened."""
    backup = opened.backup
    packs = dict(_named_after(bucket, names.PACKS))
    found = Found()
    for name, why in _absent(opened, packs, _own(bucket, backup.files > MANY, size)):
        found = found.but(name, why)
    files, content = opened.counted
    if (files, content) != (backup.files, backup.bytes):
        why = f"it says {backup.files} files with {backup.bytes} bytes, its manifests {files} with {content}"
        found = found.but(backup.key, why)
    if backup.archive:
        head = bucket.head(backup.archive.key)
        if head is None or head.size != backup.archive.size:
            found = found.but(backup.archive.key, _difference(head and head.size, backup.archive.size))
    return found._replace(files=files, bytes=content)


def _absent(opened: Opened, packs: dict[bytes, int], listed: Iterator[tuple[bytes, int]]) -> Iterator[tuple[str, str]]:
    """What of a set is not in the listing as it should be; both come sorted by hash."""
    name, length = next(listed, (b"", 0))
    for sha1, size, pack, offset in opened:
        if pack:
            there = packs.get(pack, -1)
            if there < offset + size:
                key = names.pack_key(pack)
                short = f"{key} ends at {there}, before {offset + size}"
                yield sha1.hex(), f"{key} is not in the store" if there < 0 else short
            continue
        while name and name < sha1:
            name, length = next(listed, (b"", 0))
        if name != sha1:
            yield sha1.hex(), _difference(None, size)
        elif length != size:
            yield sha1.hex(), _difference(length, size)


def _difference(found: int | None, size: int) -> str:
    return "it is not in the store" if found is None else f"the store has {found} bytes of it, not {size}"


def _own(bucket: Bucket, many: bool, size: Size) -> Iterator[tuple[bytes, int]]:
    """The objects that are one file each, sorted by hash."""
    if not many:
        yield from _named_after(bucket, names.FILES)
        return
    ready: dict[int, bytes] = {}
    following = 0
    for number, entries in each(range(256), lambda: _Lister(bucket.another()).part, size):
        ready[number] = entries
        while following in ready:
            entries = ready.pop(following)
            following += 1
            for start in range(0, len(entries), _ENTRY):
                entry = entries[start : start + _ENTRY]
                yield entry[:HASH_BYTES], int.from_bytes(entry[HASH_BYTES:], "big")


class _Lister:
    """One thread's work: lists a 256th of the files."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def part(self, number: int) -> tuple[int, bytes]:
        listed = _named_after(self._bucket, f"{names.FILES}{number:02x}/")
        return number, b"".join(sha1 + size.to_bytes(6, "big") for sha1, size in listed)


def _named_after(bucket: Bucket, prefix: str) -> Iterator[tuple[bytes, int]]:
    """Objects below `prefix` that are named by a hash, and are where it says, with their sizes."""
    for one in bucket.list(prefix):
        name = one.key.rpartition("/")[2]
        if names.is_hash(name):
            sha1 = bytes.fromhex(name)
            if one.key in (names.file_key(sha1), names.pack_key(sha1)):
                yield sha1, one.size


def by_checksums(bucket: Bucket, opened: Opened, count: int, size: Size) -> Found:
    """Whether S3's own verified checksums of a random sample of objects are what their names say."""
    keys: dict[str, bytes] = {}
    for record in sampled(opened, opened.backup.files, count):
        keys[names.pack_key(record.pack) if record.pack else names.file_key(record.sha1)] = record.pack or record.sha1
    found = Found()
    for key, why in each(keys.items(), lambda: _Header(bucket.another()).look, size):
        found = found._replace(files=found.files + 1, unproven=found.unproven + (why == _UNPROVEN))
        if why and why != _UNPROVEN:
            found = found.but(key, why)
    return found


_UNPROVEN = "unproven"


class _Header:
    """One thread's work: asks what S3 knows of an object."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def look(self, asked: tuple[str, bytes]) -> tuple[str, str]:
        key, sha1 = asked
        head = self._bucket.head(key)
        if head is None:
            return key, "it is not in the store"
        if head.sha1 is None:
            return key, _UNPROVEN
        return key, "" if head.sha1 == sha1 else f"S3 says that its bytes hash to {head.sha1.hex()}"


def sampled(records: Iterable[Record], population: int, count: int) -> Iterator[Record]:
    """So many of the records, chosen at random; all of them when there are no more."""
    places = sorted(random.SystemRandom().sample(range(population), min(count, population)))
    return chosen(records, places)


def by_reading(
    records: Iterable[Record],
    packs: Sequence[bytes],
    bucket: Bucket,
    scratch: str,
    size: Size,
    told: Callable[[Found], None],
) -> Found:
    """Whether the bytes of these records are what their names say; each is fetched and hashed."""
    groups, found = Groups(scratch, packs), Found()
    try:
        for outcome in fetching.fetched(records, groups, bucket, fetching.Proof, size):
            found = found.plus(outcome)
            told(found)
    finally:
        groups.close()
    return found
