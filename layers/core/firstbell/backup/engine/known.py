"""What the store has already: the manifests of the last set, copied to the local disk, and what was stored since."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from firstbell.backup.engine import journal, local
from firstbell.backup.engine.journal import Noted
from firstbell.backup.engine.manifest import WIDTH, ManifestError, Reader, Record
from firstbell.backup.engine.names import HASH_BYTES
from firstbell.backup.engine.s3 import Bucket, MismatchError
from firstbell.backup.engine.sets import ManifestEntry
from firstbell.backup.engine.sorting import Sorter


def readers(bucket: Bucket, directory: str, entries: Sequence[ManifestEntry]) -> list[Reader]:
    """These manifests, in their order, fetched where there is no good copy; copies of others are removed."""
    kept = {entry.sha1.hex() for entry in entries}
    for name in os.listdir(os.path.join(directory, "manifests")):
        if name not in kept:
            os.unlink(os.path.join(directory, "manifests", name))
    return [_reader(bucket, local.manifest_path(directory, entry.sha1), entry) for entry in entries]


def _reader(bucket: Bucket, path: str, entry: ManifestEntry) -> Reader:
    with suppress(FileNotFoundError, ManifestError):
        return Reader(path, entry.sha1)
    fresh = f"{path}.tmp"
    digest = hashlib.sha1(usedforsecurity=False)
    with bucket.stream(entry.key) as answer, open(fresh, "wb") as file:
        while piece := answer.read():
            digest.update(piece)
            file.write(piece)
    if digest.digest() != entry.sha1:
        os.unlink(fresh)
        raise MismatchError(f"{bucket.where.name}{entry.key} is not what its name says; run once with --afresh")
    os.replace(fresh, path)
    return Reader(path)


class Fresh:
    """What was stored but is in no manifest yet: from the journals, sorted."""

    def __init__(self, directory: str) -> None:
        self._sorter = Sorter(WIDTH, directory)
        self._packs: dict[bytes, int] = {}
        self._listed: list[bytes] = [b""]
        self.troubles: list[Noted] = []

    def read(self, path: str, *, troubles: bool = True) -> None:
        """Take in a journal; without `troubles` only what was stored, as of a run that did not come to its end."""
        for found in journal.read(path):
            if isinstance(found, Noted):
                if troubles:
                    self.troubles.append(found)
            else:
                self._add(found)

    def hashes(self, first: int) -> set[bytes]:
        """The hashes that begin with this byte."""
        return self._sorter.hashes(first)

    def records(self, first: int) -> list[Record]:
        """What begins with this byte, in order, each hash once."""
        return [self._unpacked(item) for item in self._sorter.bucket(first)]

    def __bool__(self) -> bool:
        return bool(self._sorter)

    def _add(self, found: Record) -> None:
        number = 0
        if found.pack:
            number = self._packs.setdefault(found.pack, len(self._packs) + 1)
            if number == len(self._listed):
                self._listed.append(found.pack)
        numbers = (found.size << 80) | (number << 48) | found.offset
        self._sorter.add(found.sha1 + numbers.to_bytes(16, "big"))

    def _unpacked(self, item: bytes) -> Record:
        numbers = int.from_bytes(item[HASH_BYTES:], "big")
        pack = self._listed[numbers >> 48 & 0xFFFFFFFF]
        return Record(item[:HASH_BYTES], numbers >> 80, pack, numbers & 0xFFFFFFFFFFFF)


class Known:
    """Whether a content is in the store already; for several threads, once `Fresh` changes no more."""

    def __init__(self, manifests: Sequence[Reader], fresh: Fresh) -> None:
        self._manifests, self._fresh = manifests, fresh

    def below(self, first: int) -> Callable[[int], set[bytes]]:
        """What tells the hashes known of a directory below `first` by the number of its second level."""
        fresh = self._fresh.hashes(first)

        def known(second: int) -> set[bytes]:
            prefix = bytes((first, second))
            found = {sha1 for sha1 in fresh if sha1[1] == second} if fresh else set()
            for manifest in self._manifests:
                found.update(manifest.hashes_under(prefix))
            return found

        return known

    def beginning_with(self, first: int) -> set[bytes]:
        """All hashes known that begin with this byte."""
        found = self._fresh.hashes(first)
        for manifest in self._manifests:
            found |= manifest.hashes_beginning(first)
        return found
