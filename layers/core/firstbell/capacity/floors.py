"""Floors merged into steps: by maximum, without a dip in a short gap, within the bounds of the group."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from firstbell.capacity.values import Floor, Step

SHORT_GAP = timedelta(
    minutes=30
)  # between two floors: shrinking and growing again would cost more sessions than dollars


def merge(floors: Sequence[Floor], lowest: int, highest: int, start: datetime, end: datetime) -> tuple[Step, ...]:
    """The steps of `floors` from `start` to `end`, never under `lowest` nor over `highest`.

    At each moment the largest floor counts; a gap shorter than SHORT_GAP between two floors is bridged at the level of
    the lower one (morphological closing, so that one floor more never lowers any step). The first step is at `start`.
    """
    relevant = [f for f in floors if f.end > start - SHORT_GAP and f.start < end + SHORT_GAP and f.instances > lowest]
    marks = {m for f in relevant for m in (f.start, f.end, f.start - SHORT_GAP, f.end + SHORT_GAP)}
    moments = [start, *sorted(m for m in marks if start < m < end)]
    bridged = _bridge(relevant, lowest)
    steps: list[Step] = []
    for moment in moments:
        active = [f for f in relevant if f.start <= moment < f.end]
        own = max((f.instances for f in active), default=lowest)
        level = max(own, _at(bridged, moment))
        step = Step(moment, min(level, highest), _reasons(active, own, level, highest))
        if not steps or steps[-1].instances != step.instances:
            steps.append(step)
    return tuple(steps)


def _reasons(active: Sequence[Floor], own: int, level: int, highest: int) -> tuple[str, ...]:
    said = [f.reason for f in sorted(active, key=lambda f: (-f.instances, f.start)) if f.instances == own]
    if level > own:
        said = [f"kept at {level}: the gap to the next peak is shorter than {_minutes(SHORT_GAP)} min"]
    if level > highest:
        said.append(f"{level} would be needed, {highest} is the most")
    return tuple(dict.fromkeys(said)) or ("nothing is planned",)


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


Levels = tuple[list[datetime], list[int]]  # a step function: from moments[i] on it is levels[i]


def _bridge(floors: Sequence[Floor], lowest: int) -> Levels:
    """The closing of the floors' maximum by SHORT_GAP: widen every floor, then take the minimum over the same width."""
    wide = _maximum([(f.start, f.end + SHORT_GAP, f.instances) for f in floors], lowest)
    moments, levels = wide
    # Erosion: low stretches grow to the left by the same width, and win over the high ones there.
    low = [
        (at - SHORT_GAP, moments[n + 1] if n + 1 < len(moments) else None, levels[n]) for n, at in enumerate(moments)
    ]
    marks = sorted({a for a, _, _ in low} | set(moments))
    eroded = [min(level for a, b, level in low if a <= m and (b is None or m < b)) if low else lowest for m in marks]
    return marks, eroded


def _maximum(intervals: Sequence[tuple[datetime, datetime, int]], lowest: int) -> Levels:
    if not intervals:
        return [], []
    edges = sorted({edge for a, b, _ in intervals for edge in (a, b)})
    before = edges[0] - 2 * SHORT_GAP
    values = [max((n for a, b, n in intervals if a <= e < b), default=lowest) for e in edges]
    return [before, *edges], [lowest, *values]


def _at(levels: Levels, moment: datetime) -> int:
    n = bisect_right(levels[0], moment)
    return levels[1][n - 1] if n else 0
