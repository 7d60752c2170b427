"""Small files, one after the other in memory, until they are a pack."""

from __future__ import annotations

import hashlib
import mmap

from firstbell.backup.engine.journal import entry
from firstbell.backup.engine.names import PACK_MOST, SMALL

FILES_MOST = 16_384  # of a pack: what is noted of it stays small, too


class Packing:
    """A pack being filled; its memory is used again for the next one."""

    def __init__(self) -> None:
        self._view = memoryview(mmap.mmap(-1, PACK_MOST))  # unlike a bytearray, it takes memory as it is filled
        self.entries = bytearray()
        self.length = self.files = 0

    def fits(self, size: int) -> bool:
        """Whether a file of this size may still come in."""
        return self.length + size <= PACK_MOST and self.files < FILES_MOST

    def add(self, sha1: bytes, data: bytes) -> None:
        """Take in a file that fits."""
        end = self.length + len(data)
        self._view[self.length : end] = data
        self.entries += entry(sha1, len(data), self.length)
        self.length = end
        self.files += 1

    def sha1(self) -> bytes:
        """The name of the pack as it is now."""
        return hashlib.sha1(self.body(), usedforsecurity=False).digest()

    def body(self) -> memoryview:
        """The pack as it is now."""
        return self._view[: self.length]

    def clear(self) -> None:
        """Begin anew."""
        self.entries.clear()
        self.length = self.files = 0


def is_small(size: int) -> bool:
    """Whether a file of so many bytes goes into a pack."""
    return size < SMALL
