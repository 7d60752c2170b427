"""The manifest: where every content hash is, as sorted records of 36 bytes; whatever is read may be hostile.

Header line, the packs' SHA-1s (20 bytes each), then the records: SHA-1 (20), size (6), number of the pack in the
manifest's own list (4; 0 is an object of its own), offset in it (6); all big-endian. Memory does not grow with the
number of records, only with that of the packs.
"""

from __future__ import annotations

import hashlib
import heapq
import mmap
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from firstbell.backup.engine.names import HASH_BYTES

WIDTH = 36  # bytes of a record
FILE_MOST = 5 * 2**40  # bytes: the largest object of S3
PACK_END_MOST = 64 * 2**20  # bytes: eight times what we write; no reader need fetch more for a small file
PACKS_MOST = 1_000_000  # 8 TB in packs; the list of them is held in memory
_HEADER = re.compile(rb"firstbell manifest 1 (\d{1,12}) (\d{1,10})\n\Z")
_HEADER_MOST = 80
_BLOCK = 8192 * WIDTH


class ManifestError(Exception):
    """A manifest that cannot be trusted; the message says what is wrong with it."""


class Record(NamedTuple):
    """One content: its SHA-1 (20 bytes), size in bytes, SHA-1 of its pack (empty: an object of its own), offset."""

    sha1: bytes
    size: int
    pack: bytes
    offset: int


class Written(NamedTuple):
    """A finished manifest: its SHA-1, how many records and bytes of content it has, and how long it is itself."""

    sha1: bytes
    records: int
    content: int
    length: int


class Writer:
    """Write a manifest to `target`; `scratch` (seekable, empty) holds the records until their number is known.

    Records come in ascending order of their hash, each once; packs are numbered in the order of their first use.
    """

    def __init__(self, target: BinaryIO, scratch: BinaryIO) -> None:
        self._target, self._scratch = target, scratch
        self._packs: dict[bytes, int] = {}
        self._block = bytearray()
        self._last = b""
        self._records = self._content = 0

    def add(self, record: Record) -> None:
        """Append a record; raises ManifestError when it does not come after the last one."""
        sha1, size, pack, offset = record
        if sha1 <= self._last:
            raise ManifestError(f"record {sha1.hex()} does not come after {self._last.hex()}")
        number = 0
        if pack:
            number = self._packs.setdefault(pack, len(self._packs) + 1)
        # 6 + 4 + 6 bytes as one number: three times as fast as three conversions
        self._block += sha1 + ((size << 80) | (number << 48) | offset).to_bytes(16, "big")
        self._last = sha1
        self._records += 1
        self._content += size
        if len(self._block) >= _BLOCK:
            self._flush()

    def finish(self) -> Written:
        """Write header, packs and records to the target."""
        self._flush()
        digest, length = hashlib.sha1(usedforsecurity=False), 0
        head = b"firstbell manifest 1 %d %d\n" % (self._records, len(self._packs))
        self._scratch.seek(0)
        for piece in (head + b"".join(self._packs), *iter(lambda: self._scratch.read(_BLOCK), b"")):
            digest.update(piece)
            length += self._target.write(piece)
        self._target.flush()
        return Written(digest.digest(), self._records, self._content, length)

    def _flush(self) -> None:
        self._scratch.write(self._block)
        self._block.clear()


def read(stream: BinaryIO) -> Iterator[Record]:
    """The records of a manifest in a stream, one after the other; raises ManifestError at the first that is wrong.

    The caller compares the SHA-1 of the bytes with the name.
    """
    records, count = _counts(stream.readline(_HEADER_MOST))
    packs = [b""] + [_exactly(stream, HASH_BYTES) for _ in range(count)]
    last = b""
    while records:
        block = _exactly(stream, min(records * WIDTH, _BLOCK))
        for start in range(0, len(block), WIDTH):
            record = _unpacked(block[start : start + WIDTH], packs)
            if record.sha1 <= last:
                raise ManifestError(f"record {record.sha1.hex()} is out of order")
            last = record.sha1
            yield record
        records -= len(block) // WIDTH
    if stream.read(1):
        raise ManifestError("there are bytes after the last record")


class Reader(Sequence[Record]):
    """A manifest in a local file, mapped into memory; raises ManifestError when it is not a manifest.

    `sha1`, where given, is the name that the bytes must have. As a sequence it holds the records in order.
    """

    def __init__(self, path: str, sha1: bytes | None = None) -> None:
        with ExitStack() as stack, open(path, "rb") as file:
            try:
                self._map = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except ValueError:
                raise ManifestError(f"{path} is empty") from None
            if sha1 is not None and hashlib.sha1(self._map, usedforsecurity=False).digest() != sha1:
                raise ManifestError(f"{path} is not what its name {sha1.hex()} says")
            end = self._map.find(b"\n", 0, _HEADER_MOST) + 1
            self._count, packs = _counts(self._map[:end])
            self._start = end + packs * HASH_BYTES
            if len(self._map) != self._start + self._count * WIDTH:
                raise ManifestError(f"{path} has {len(self._map)} bytes, not what its header says")
            listed = self._map[end : self._start]
            self.packs = [listed[n : n + HASH_BYTES] for n in range(0, packs * HASH_BYTES, HASH_BYTES)]
            self._numbered = [b"", *self.packs]
            self._fan: list[int] = []
            stack.pop_all()

    def close(self) -> None:
        """Give the memory back."""
        self._map.close()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int | slice) -> Record:  # type: ignore[override]
        if isinstance(index, slice):
            raise TypeError("a manifest has no slices")
        if not 0 <= index < self._count:
            raise IndexError(index)
        start = self._start + index * WIDTH
        return _unpacked(self._map[start : start + WIDTH], self._numbered)

    def __iter__(self) -> Iterator[Record]:
        last = b""
        for begin in range(self._start, len(self._map), _BLOCK):
            block = self._map[begin : begin + _BLOCK]
            for start in range(0, len(block), WIDTH):
                record = _unpacked(block[start : start + WIDTH], self._numbered)
                if record.sha1 <= last:
                    raise ManifestError(f"record {record.sha1.hex()} is out of order")
                last = record.sha1
                yield record

    def find(self, sha1: bytes) -> Record | None:
        """The record of a content, if there is one."""
        index = self._position(sha1)
        return self[index] if index < self._count and self.hash_at(index) == sha1 else None

    def under(self, prefix: bytes) -> Iterator[Record]:
        """The records whose hash begins with these bytes, in order."""
        index = self._position(prefix)
        while index < self._count and self.hash_at(index).startswith(prefix):
            yield self[index]
            index += 1

    def hashes_under(self, prefix: bytes) -> Iterator[bytes]:
        """The hashes alone that begin with these bytes (one at least), in order."""
        index = self._position(prefix)
        while index < self._count:
            sha1 = self.hash_at(index)
            if not sha1.startswith(prefix):
                return
            yield sha1
            index += 1

    def hashes_beginning(self, first: int) -> set[bytes]:
        """All hashes that begin with this byte, quickly."""
        low, high = self._bounds(first)
        block = self._map[self._start + low * WIDTH : self._start + high * WIDTH]
        return {block[start : start + HASH_BYTES] for start in range(0, len(block), WIDTH)}

    def hash_at(self, index: int) -> bytes:
        """The hash of the record at this place, which must exist."""
        start = self._start + index * WIDTH
        return self._map[start : start + HASH_BYTES]

    def _position(self, prefix: bytes) -> int:
        """The place of the first hash that is not below `prefix`."""
        low, high = self._bounds(prefix[0]) if prefix else (0, 0)
        while low < high:
            middle = (low + high) // 2
            if self.hash_at(middle) < prefix:
                low = middle + 1
            else:
                high = middle
        return low

    def _bounds(self, first: int) -> tuple[int, int]:
        """Where the hashes lie that begin with this byte; found once for all bytes."""
        if not self._fan:
            whole = _Hashes(self)
            self._fan = [bisect_left(whole, bytes([byte])) for byte in range(256)] + [self._count]
        return self._fan[first], self._fan[first + 1]


class _Hashes(Sequence[bytes]):
    """The hashes of a reader, for `bisect`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __len__(self) -> int:
        return len(self._reader)

    def __getitem__(self, index: int) -> bytes:  # type: ignore[override]
        return self._reader.hash_at(index)


def merged(newest_first: Sequence[Iterable[Record]]) -> Iterator[Record]:
    """All records of several manifests in order, each hash once: the newest manifest (the first) has the say."""
    if len(newest_first) == 1:
        yield from newest_first[0]
        return
    last = b""
    # heapq.merge is stable: of equal hashes, that of the earlier iterable comes first
    for record in heapq.merge(*newest_first, key=itemgetter(0)):
        if record[0] != last:
            last = record[0]
            yield record


def _counts(line: bytes) -> tuple[int, int]:
    """The numbers of records and of packs in the header."""
    match = _HEADER.match(line)
    if match is None:
        raise ManifestError("the first line is not that of a manifest of version 1")
    records, packs = int(match.group(1)), int(match.group(2))
    if packs > min(records, PACKS_MOST):
        raise ManifestError(f"{packs} packs for {records} records: there must be a record for each pack")
    return records, packs


def _exactly(stream: BinaryIO, count: int) -> bytes:
    found = stream.read(count)
    while len(found) < count:
        more = stream.read(count - len(found))
        if not more:
            raise ManifestError("it ends in the middle of a record")
        found += more
    return found


def _unpacked(raw: bytes, packs: Sequence[bytes]) -> Record:
    numbers = int.from_bytes(raw[HASH_BYTES:], "big")
    size, number, offset = numbers >> 80, numbers >> 48 & 0xFFFFFFFF, numbers & 0xFFFFFFFFFFFF
    if number >= len(packs):
        raise ManifestError(f"record {raw[:HASH_BYTES].hex()} is in pack {number} of {len(packs) - 1}")
    if (offset + size > PACK_END_MOST) if number else (offset or size > FILE_MOST):
        raise ManifestError(f"record {raw[:HASH_BYTES].hex()} has {size} bytes at {offset}, which cannot be")
    return Record(raw[:HASH_BYTES], size, packs[number], offset)
