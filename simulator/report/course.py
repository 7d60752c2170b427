"""The course of a run thinned to what a chart can show: never more points than pixels, and no spike lost."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from simulator.results import Minute, Result

POINTS = 960


def thinned(minutes: Sequence[Minute]) -> tuple[Minute, ...]:
    """The minutes, in runs of equal length: of each the worst demand and latency and the least capacity."""
    size = ceil(len(minutes) / POINTS) or 1
    return tuple(_together(minutes[n : n + size]) for n in range(0, len(minutes), size))


def _together(run: Sequence[Minute]) -> Minute:
    return replace(
        run[0],
        demand=max(m.demand for m in run),
        capacity=min(m.capacity for m in run),
        instances=min(m.instances for m in run),
        requests=sum(m.requests for m in run),
        p95=max(m.p95 for m in run),
    )


def of_results(results: Sequence[Result]) -> dict[str, tuple[Minute, ...]]:
    """The thinned course of each policy that has one."""
    return {r.policy: thinned(r.minutes) for r in results if r.minutes}
