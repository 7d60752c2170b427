"""Sort more than memory should hold: items of one width, begun by a SHA-1, in 256 buckets that spill to a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

from firstbell.backup.engine.names import HASH_BYTES

MEMORY = 16 * 2**20  # bytes of items before they are spilled


class Sorter:
    """Collect items and give them back in order, of each hash the smallest; `directory` holds what spills."""

    def __init__(self, width: int, directory: str, memory: int = MEMORY) -> None:
        self._width, self._directory, self._memory = width, directory, memory
        self._buckets = [bytearray() for _ in range(256)]
        self._spilled: list[list[tuple[int, int]]] = [[] for _ in range(256)]
        self._held = self._end = 0
        self._file = -1

    def add(self, item: bytes) -> None:
        """Take one more item."""
        self._buckets[item[0]] += item
        self._held += self._width
        if self._held >= self._memory:
            self._spill()

    def bucket(self, first: int) -> list[bytes]:
        """The items whose hash begins with this byte, in order."""
        pieces = [os.pread(self._file, length, start) for start, length in self._spilled[first]]
        whole = b"".join([*pieces, self._buckets[first]])
        if len(whole) != len(self._buckets[first]) + sum(length for _, length in self._spilled[first]):
            raise OSError(f"what was spilled to {self._directory} cannot be read back; see whether the disk is full")
        items = sorted(whole[start : start + self._width] for start in range(0, len(whole), self._width))
        return [item for n, item in enumerate(items) if not n or item[:HASH_BYTES] != items[n - 1][:HASH_BYTES]]

    def hashes(self, first: int) -> set[bytes]:
        """The hashes that begin with this byte."""
        return {item[:HASH_BYTES] for item in self.bucket(first)}

    def __iter__(self) -> Iterator[bytes]:
        for first in range(256):
            yield from self.bucket(first)

    def __bool__(self) -> bool:
        return bool(self._held or self._end)

    def _spill(self) -> None:
        if self._file < 0:
            self._file, path = tempfile.mkstemp(prefix="sorting-", dir=self._directory)
            os.unlink(path)  # it goes with the process, however that ends
        for first, bucket in enumerate(self._buckets):
            if bucket:
                view = memoryview(bucket)
                while view:
                    view = view[os.pwrite(self._file, view, self._end + len(bucket) - len(view)) :]
                self._spilled[first].append((self._end, len(bucket)))
                self._end += len(bucket)
                self._buckets[first] = bytearray()
        self._held = 0
