"""Forecast against actual: the values, which peaks can be judged, and what is remembered of them; pure.

An outcome's share says how much of what all its invited would have needed was used beyond the ordinary load. It is
said only where it means something: one kind of peak stood out, the data are complete, and the servers were not at their
limit. Peaks of one kind at the same time, as lectures are, are one measurement, in the name of the largest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.capacity import weekly
from firstbell.capacity.demand import Phase, phases
from firstbell.capacity.values import Peak
from firstbell.site import Kind, Site

PERIOD = timedelta(minutes=5)  # of the points; with basic monitoring EC2 has no finer ones
SETTLED = timedelta(minutes=30)  # after the end: CloudWatch has every point of it by then
LATEST = timedelta(days=2)
COVERED = 0.9  # of its time must have points
DOMINANT = 0.8  # of what all peaks together would need in its time must be its kind's
CLEAR = 0.5  # of the ordinary load it must need at least: less would be lost in the noise
SATURATED = 0.9  # CPU in use: beyond it there may have been more demand than was served


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` until `end`."""

    start: datetime
    end: datetime

    def shared(self, start: datetime, end: datetime) -> float:
        """How many seconds of it lie between two moments."""
        return max(0.0, (min(self.end, end) - max(self.start, start)).total_seconds())


@dataclass(frozen=True, slots=True)
class Used:
    """The vCPUs in use, on average over the period from `start` on; `busy` is their share of all, 0 if not known."""

    start: datetime
    vcpus: float
    busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A peak that is over: the vCPUs that all its `participants` would have needed, on average, and those it took."""

    key: str
    kind: Kind
    title: str
    start: datetime
    end: datetime
    participants: int
    forecast_vcpus: float
    actual_vcpus: float
    share: float


def spans(peak: Peak, site: Site) -> tuple[Span, ...]:
    """When a peak takes more than the ordinary load, log-in included."""
    return merged(Span(p.start, p.end) for p in phases(peak, site))


def merged(found: Iterable[Span]) -> tuple[Span, ...]:
    """The same time in as few spans as possible, in order."""
    result: list[Span] = []
    for span in sorted(found, key=lambda s: (s.start, s.end)):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return tuple(result)


def due(peaks: Iterable[Peak], judged: Iterable[str], site: Site, now: datetime) -> list[Peak]:
    """The peaks that are over and want to be judged; `judged` are the keys of those that were."""
    done = frozenset(judged)
    over = (p for p in peaks if p.key not in done and p.end + SETTLED <= now <= p.end + LATEST)
    return [p for p in over if all(s.end + SETTLED <= now for s in spans(p, site))]


def judge(
    peak: Peak, peaks: Iterable[Peak], points: Sequence[Used], site: Site, baseline: Sequence[float], planned: float
) -> Outcome | str | None:
    """What became of a peak, or why that says nothing, or None while points of its time are missing.

    `peaks` are all that were on, `points` the use in periods of five minutes, `planned` the share it was planned with.
    """
    own = _whole_periods(spans(peak, site))
    if not own:
        return "nobody was invited"
    needs = {p.key: (_mean(phases(p, site), own), p) for p in (*peaks, peak)}
    forecast = needs[peak.key][0]
    of_kind = [(vcpus, p.key) for vcpus, p in needs.values() if p.kind == peak.kind]
    alike, together = sum(vcpus for vcpus, _ in of_kind), sum(vcpus for vcpus, _ in needs.values())
    usual = _usual(site, baseline, own)
    if alike < DOMINANT * together:
        return "other peaks were on at the same time"
    if (forecast, peak.key) < max(of_kind):
        return f"a larger {peak.kind.replace('_', ' ')} at the same time speaks for both"
    if alike < CLEAR * usual:
        return "it is too small to stand out from the ordinary load"
    covered = _mean((_phase(p, 1.0) for p in points), own)
    if covered < COVERED:
        return None
    used = _mean((_phase(p, p.vcpus) for p in points), own) / covered
    share = round(max(0.0, used - usual) / together, 3)
    if share <= planned and any(p.busy >= SATURATED and _touches(p, own) for p in points):
        return "the web servers were at their limit: it may have wanted more than it got"
    return Outcome(
        key=peak.key,
        kind=peak.kind,
        title=peak.title[:120],
        start=peak.start,
        end=peak.end,
        participants=peak.participants,
        forecast_vcpus=round(forecast, 3),
        actual_vcpus=round(share * forecast, 3),
        share=share,
    )


def _whole_periods(found: Iterable[Span]) -> tuple[Span, ...]:
    """The spans, widened to the periods of the points: what is done in a part of one shows in all of it."""
    length = PERIOD.total_seconds()
    return merged(
        Span(
            s.start - timedelta(seconds=s.start.timestamp() % length),
            s.end + timedelta(seconds=-s.end.timestamp() % length),
        )
        for s in found
    )


def _phase(point: Used, vcpus: float) -> Phase:
    return Phase(point.start, point.start + PERIOD, vcpus, "")


def _touches(point: Used, found: Sequence[Span]) -> bool:
    return any(span.shared(point.start, point.start + PERIOD) for span in found)


def _usual(site: Site, baseline: Sequence[float], found: Sequence[Span]) -> float:
    """The ordinary load at that time."""
    if not baseline:
        return site.fleet.baseline_vcpus
    return _mean((hour for span in found for hour in weekly.hours(site, baseline, span.start, span.end)), found)


def _mean(load: Iterable[Phase], over: Sequence[Span]) -> float:
    """The average of the sum of `load`, in vCPUs."""
    used = sum(phase.vcpus * span.shared(phase.start, phase.end) for phase in load for span in over)
    return used / sum((span.end - span.start).total_seconds() for span in over)
