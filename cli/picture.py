"""A plan as a small picture for a terminal: a row a day, a block character each half hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from firstbell.capacity.values import Plan

BLOCKS = " ▁▂▃▄▅▆▇█"
OUTSIDE = "·"
CELLS, CELL = 48, timedelta(minutes=30)
HOURS = "".join(f"{hour:<12}" for hour in ("00", "06", "12", "18"))
MOST_ROWS = 14


@dataclass(frozen=True, slots=True)
class Row:
    """One local day: its blocks from midnight to midnight, and the most instances on it."""

    day: date
    blocks: str
    most: int


def rows(plan: Plan, zone: ZoneInfo, least: int) -> tuple[list[Row], int]:
    """The days to draw, and how many more there are: all of a short plan, else those above `least` instances."""
    first, last = plan.start.astimezone(zone).date(), (plan.end - timedelta.resolution).astimezone(zone).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    if len(days) > MOST_ROWS + 1:
        days = [day for day in days if _most(plan, *_bounds(day, zone)) > least]
    highest = max(step.instances for step in plan.steps)
    return [_row(plan, zone, day, highest) for day in days[: MOST_ROWS + 1]], len(days[MOST_ROWS + 1 :])


def _bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    midnights = (datetime.combine(day + timedelta(days=n), time(), zone).astimezone(UTC) for n in (0, 1))
    start, end = midnights
    return start, end


def _row(plan: Plan, zone: ZoneInfo, day: date, highest: int) -> Row:
    """Half hours of the wall clock: on the day of a time change, an hour is drawn twice or not at all."""
    start = datetime.combine(day, time(), zone)
    edges = [(start + n * CELL).astimezone(UTC) for n in range(CELLS + 1)]
    blocks = [_block(_most(plan, a, b), highest) for a, b in pairwise(edges)]
    return Row(day, "".join(blocks), max(0, _most(plan, *_bounds(day, zone))))


def _block(instances: int, highest: int) -> str:
    if instances < 0:
        return OUTSIDE
    return BLOCKS[-(-instances * (len(BLOCKS) - 1) // max(1, highest))]


def _most(plan: Plan, start: datetime, end: datetime) -> int:
    """The most instances between two moments; -1 outside the plan."""
    if end <= plan.start or start >= plan.end:
        return -1
    within: Sequence[int] = [s.instances for s in plan.steps if start <= s.at < end]
    return max([plan.at(max(start, plan.start)).instances, *within])
