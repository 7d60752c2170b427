"""The database's list of contents: lines `contenthash,filesize`, however many, in any order, repeated or not."""

from __future__ import annotations

from collections.abc import Iterable

from firstbell.backup.engine.names import HASH_BYTES, is_hash
from firstbell.backup.engine.sorting import Sorter

_WIDTH = HASH_BYTES + 6
_LINE_MOST = 64  # characters: 40 of the hash, a comma, 19 of the size
_SIZE_MOST = 2**48 - 1
_TITLE = "contenthash,filesize"


class HashListError(Exception):
    """The list cannot be read; the message names the line."""


class Wanted:
    """The contents that the database knows, sorted."""

    def __init__(self, lines: Iterable[str], directory: str) -> None:
        """Read the lines; `directory` holds what is too much for memory. Raises HashListError."""
        self._sorter = Sorter(_WIDTH, directory)
        for number, line in enumerate(lines, 1):
            text = line.strip().replace('"', "")
            if text and not (number == 1 and text == _TITLE):
                self._sorter.add(_item(text, number))
        self.total = sum(len(self._sorter.bucket(first)) for first in range(256))

    def hashes(self, first: int) -> set[bytes]:
        """The hashes that begin with this byte."""
        return self._sorter.hashes(first)


def _item(text: str, number: int) -> bytes:
    sha1, comma, size = text.partition(",")
    if not is_hash(sha1) or (comma and not (size.isascii() and size.isdigit() and len(text) <= _LINE_MOST)):
        raise HashListError(f"line {number} of the hash list is {text[:60]!r}; each must be contenthash,filesize")
    return bytes.fromhex(sha1) + min(int(size or 0), _SIZE_MOST).to_bytes(6, "big")
