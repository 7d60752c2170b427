"""Floors merged into steps: by maximum, without a dip in a short gap, within the bounds of the group. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush

from firstbell.capacity.values import Floor, Step

SHORT_GAP = timedelta(minutes=30)  # shrinking and growing again within it would cost more sessions than dollars

Interval = tuple[datetime, datetime, int]
Levels = tuple[list[datetime], list[int]]
"""A step function: from moments[i] on it is levels[i]; before the first moment it has no value."""


def merge(floors: Sequence[Floor], lowest: int, highest: int, start: datetime, end: datetime) -> tuple[Step, ...]:
    """The steps of `floors` from `start` to `end`, never under `lowest` nor over `highest`.

    At each moment the largest floor counts; a gap shorter than SHORT_GAP between two floors is bridged at the level of
    the lower one (morphological closing, so that one floor more never lowers any step). The first step is at `start`.
    """
    relevant = sorted(
        (f for f in floors if f.end > start - SHORT_GAP and f.start < end + SHORT_GAP and f.instances > lowest),
        key=lambda f: f.start,
    )
    own = maximum([(f.start, f.end, f.instances) for f in relevant], lowest)
    bridged = _closed(own, lowest)
    marks = sorted({m for moments, _ in (own, bridged) for m in moments if start < m < end})
    steps: list[Step] = []
    active: list[Floor] = []
    coming = 0
    for moment in (start, *marks):
        level = max(at(own, moment, lowest), at(bridged, moment, lowest))
        if steps and steps[-1].instances == min(level, highest):
            continue
        while coming < len(relevant) and relevant[coming].start <= moment:
            active.append(relevant[coming])
            coming += 1
        active = [f for f in active if f.end > moment]
        reasons = _reasons(active, at(own, moment, lowest), level, highest)
        steps.append(Step(moment, min(level, highest), reasons))
    return tuple(steps)


def _reasons(active: Sequence[Floor], own: int, level: int, highest: int) -> tuple[str, ...]:
    said = [f.reason for f in sorted(active, key=lambda f: (-f.instances, f.start)) if f.instances == own]
    if level > own:
        minutes = int(SHORT_GAP.total_seconds() // 60)
        said = [f"kept at {level}: the gap to the next peak is shorter than {minutes} min"]
    if level > highest:
        said.append(f"{level} would be needed, {highest} is the most")
    return tuple(dict.fromkeys(said)) or ("nothing is planned",)


def _closed(levels: Levels, lowest: int) -> Levels:
    """The closing by SHORT_GAP: every stretch is widened to the right, then every low one to the left again."""
    moments, values = levels
    if not moments:
        return levels
    wide = maximum([(a, b + SHORT_GAP, value) for a, b, value in _stretches(levels)], lowest)
    low = [(a - SHORT_GAP, b, -value) for a, b, value in _stretches(wide)]
    outside = (wide[0][0] - 2 * SHORT_GAP, wide[0][0], -lowest)
    moments, values = maximum([outside, *low], -lowest)
    return moments, [-value for value in values]


def _stretches(levels: Levels) -> list[Interval]:
    """The intervals of a step function; its last value, which lasts for ever, for long enough."""
    moments, values = levels
    return list(zip(moments, [*moments[1:], moments[-1] + 3 * SHORT_GAP], values, strict=True))


def maximum(intervals: Iterable[Interval], otherwise: int) -> Levels:
    """The largest value of all intervals that hold at each moment, `otherwise` where none does."""
    ordered = sorted(intervals)
    edges = sorted({edge for a, b, _ in ordered for edge in (a, b)})
    moments: list[datetime] = []
    values: list[int] = []
    open_: list[tuple[int, datetime]] = []  # a heap of (-value, end)
    n = 0
    for edge in edges:
        while n < len(ordered) and ordered[n][0] <= edge:
            heappush(open_, (-ordered[n][2], ordered[n][1]))
            n += 1
        while open_ and open_[0][1] <= edge:
            heappop(open_)
        value = -open_[0][0] if open_ else otherwise
        if not values or values[-1] != value:
            moments.append(edge)
            values.append(value)
    return moments, values


def at(levels: Levels, moment: datetime, otherwise: int) -> int:
    """The value at a moment, `otherwise` before the first."""
    n = bisect_right(levels[0], moment)
    return levels[1][n - 1] if n else otherwise
