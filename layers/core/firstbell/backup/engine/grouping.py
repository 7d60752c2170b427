"""What to fetch: the records of each pack together, as few ranges as make sense, and how large a random sample is."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from firstbell.backup.engine.manifest import Record
from firstbell.backup.engine.names import HASH_BYTES

GAP = 64 * 1024  # bytes that are rather fetched for nothing than asked around: a request costs about as much
SPAN_MOST = 2 * 2**20  # bytes of one request, so that many in flight need little memory
PARTS = 64
_WIDTH = 4 + HASH_BYTES + 6 + 6


class Span(NamedTuple):
    """One range of a pack, from `start` to before `end`, and the records in it by their offset."""

    start: int
    end: int
    records: tuple[Record, ...]


def spans(records: Iterable[Record], gap: int = GAP, most: int = SPAN_MOST) -> list[Span]:
    """Cover records of one pack with ranges: near ones share one, which grows to `most` bytes. They may overlap."""
    found: list[Span] = []
    for record in sorted(records, key=lambda r: (r.offset, r.size)):
        end = record.offset + record.size
        if found and record.offset - found[-1].end <= gap and max(end, found[-1].end) - found[-1].start <= most:
            last = found[-1]
            found[-1] = Span(last.start, max(end, last.end), (*last.records, record))
        else:
            found.append(Span(record.offset, end, (record,)))
    return found


class Groups:
    """Records that lie in packs, given back pack by pack; they wait in unnamed files of `directory`, not in memory.

    `packs` are all the packs there may be; a part of them, by their order, shares a file.
    """

    def __init__(self, directory: str, packs: Iterable[bytes]) -> None:
        self._packs = list(dict.fromkeys(packs))
        self._numbers = {pack: number for number, pack in enumerate(self._packs)}
        self._in_part = max(1, -(-len(self._packs) // PARTS))
        parts = -(-len(self._packs) // self._in_part)
        self._files: list[IO[bytes]] = [tempfile.TemporaryFile(dir=directory) for _ in range(parts)]  # noqa: SIM115
        self.records = self.bytes = 0

    def add(self, record: Record) -> None:
        """Take a record in; its pack must be one of those."""
        number = self._numbers[record.pack]
        raw = number.to_bytes(4, "big") + record.sha1 + (record.size << 48 | record.offset).to_bytes(12, "big")
        self._files[number // self._in_part].write(raw)
        self.records += 1
        self.bytes += record.size

    def __iter__(self) -> Iterator[tuple[bytes, list[Record]]]:
        """Each pack that has records, with them in the order in which they came."""
        for file in self._files:
            file.seek(0)
            found: dict[int, list[Record]] = {}
            for raw in iter(lambda file=file: file.read(_WIDTH), b""):  # type: ignore[misc]
                number = int.from_bytes(raw[:4], "big")
                numbers = int.from_bytes(raw[24:], "big")
                record = Record(raw[4:24], numbers >> 48, self._packs[number], numbers & 0xFFFFFFFFFFFF)
                found.setdefault(number, []).append(record)
            for number in sorted(found):
                yield self._packs[number], found[number]

    def close(self) -> None:
        """Give the files back."""
        for file in self._files:
            file.close()


def sample_size(confidence: float, share: float, population: int) -> int:
    """How many must be looked at, at random, to find with `confidence` that a `share` or more is bad.

    n = ln(1 - c) / ln(1 - p), all of them when there are no more; both are above 0 and below 1, or ValueError.
    """
    if not (0 < confidence < 1 and 0 < share < 1):
        raise ValueError(
            f"confidence {confidence:g} and share {share:g} must lie between 0 and 1, such as 0.95 and 0.001"
        )
    return min(population, math.ceil(math.log1p(-confidence) / math.log1p(-share)))


def chosen(records: Iterable[Record], places: Sequence[int]) -> Iterator[Record]:
    """The records at these places (ascending)."""
    wanted = iter(places)
    place = next(wanted, None)
    for number, record in enumerate(records):
        if place is None:
            return
        if number == place:
            yield record
            place = next(wanted, None)
