"""The ordinary week as a small picture for a terminal: a row a day, two block characters an hour."""

from collections.abc import Sequence
from dataclasses import dataclass

from cli.picture import BLOCKS, HOURS
from firstbell.capacity.weekly import DAYS

__all__ = ["HOURS", "Row", "rows"]
HEIGHTS = len(BLOCKS) - 1


@dataclass(frozen=True, slots=True)
class Row:
    """One day of the week: its blocks from midnight to midnight, and the most vCPUs in one of its hours."""

    day: str
    blocks: str
    most: float


def rows(baseline: Sequence[float]) -> list[Row]:
    """The seven days; the highest hour of the week fills its cell, and whatever is more than nothing shows."""
    highest = max(baseline)
    days = [baseline[n : n + 24] for n in range(0, len(baseline), 24)]
    return [
        Row(name[:3], "".join(2 * _block(value, highest) for value in day), max(day))
        for name, day in zip(DAYS, days, strict=True)
    ]


def _block(value: float, highest: float) -> str:
    return BLOCKS[-int(-value * HEIGHTS // highest)] if highest else BLOCKS[0]
