"""The plan: peaks and a site in, floors and steps with their reasons out. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from math import ceil

from firstbell.capacity import weekly
from firstbell.capacity.demand import Phase, is_sat_through, phases, share
from firstbell.capacity.floors import merge
from firstbell.capacity.values import Floor, Learned, Peak, Plan
from firstbell.site import Site

AROUND = timedelta(days=1)  # a peak just outside the plan's time reaches into it
COARSE = 30  # seconds to which a measured lead time is rounded up, so that steps stay where they are from day to day
LATE = timedelta(minutes=2)  # scheduled actions can run that late (EC2 Auto Scaling guide)
OWNER = "plan"
NOTHING = Learned()


def make_plan(
    site: Site,
    peaks: Iterable[Peak],
    start: datetime,
    end: datetime,
    most: int | None = None,
    warnings: Sequence[str] = (),
    learned: Learned = NOTHING,
    resting: int | None = None,
    advice: Sequence[str] = (),
) -> Plan:
    """Plan `site` from `start` to `end` (UTC). `most` and `resting` are the group's own MaxSize and MinSize, if known.

    What is sat through keeps one level from the first log-in to the last submission: sessions are sticky, so that
    shrinking during an exam hurts and growing hardly helps. The level is the highest total demand in that time, in
    instances; everything else is followed phase by phase.
    """
    limit = min(site.fleet.max_instances, most if most is not None else site.fleet.max_instances)
    wanted = sorted(set(peaks))
    floors = floors_of(site, Demand.of(site, wanted, start, end, learned), learned)
    lowest = min(max(site.fleet.min_instances, resting or 0), limit)
    relevant = tuple(f for f in floors if f.end > start and f.start < end)
    return Plan(
        site=site.name,
        start=start,
        end=end,
        steps=merge(floors, lowest, limit, start, end),
        peaks=tuple(p for p in wanted if p.end > start and p.start < end),
        floors=relevant,
        warnings=tuple(warnings),
        shortfalls=tuple(_shortfall(f, limit) for f in relevant if f.instances > limit),
        resting=resting,
        advice=tuple(advice),
    )


def _shortfall(floor: Floor, limit: int) -> str:
    return (
        f"{floor.instances} instances wanted from {floor.start:%Y-%m-%d %H:%M} UTC, {limit} is the most:"
        f" {floor.instances - limit} missing ({floor.reason})"
    )


def lead_time(site: Site, learned: Learned) -> timedelta:
    """How long before a demand its instances are launched: what the site file says, else as measured, else 300 s."""
    measured = site.fleet.lead if learned.lead_time is None else ceil(learned.lead_time / COARSE) * COARSE
    return timedelta(seconds=measured if site.fleet.lead_time is None else site.fleet.lead_time)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a site asks for: of each peak its phases, of the ordinary week its hours, and all of it together."""

    of_peaks: tuple[tuple[Peak, tuple[Phase, ...]], ...]
    week: tuple[Phase, ...]
    total: "Total"

    @classmethod
    def of(
        cls, site: Site, peaks: Sequence[Peak], start: datetime, end: datetime, learned: Learned = NOTHING
    ) -> "Demand":
        """The demand of `peaks`, and of the ordinary week between `start` and `end`."""
        shares = {kind: share(site, learned, kind) for kind in {p.kind for p in peaks}}
        of_peaks = tuple((peak, tuple(phases(peak, site, shares[peak.kind]))) for peak in peaks)
        week = tuple(weekly.hours(site, learned.baseline, start - AROUND, end + AROUND))
        usual = 0.0 if week else site.fleet.baseline_vcpus
        return cls(of_peaks, week, Total.of([*week, *(p for _, found in of_peaks for p in found)], usual))


def floors_of(site: Site, demand: Demand, learned: Learned = NOTHING) -> tuple[Floor, ...]:
    """The floors of all peaks, and of the ordinary week where it wants more than the least, by their start."""
    early, total = lead_time(site, learned) + LATE, demand.total
    floors = [
        Floor(
            OWNER,
            first - early,
            last,
            _instances(site, vcpus),
            _reason(peak, vcpus, found, first, last, total.otherwise),
        )
        for peak, found in demand.of_peaks
        for first, last in _together(peak, found)
        for vcpus in (total.highest(first, last),)
    ]
    wanted = [instances_for(hour.vcpus, site) for hour in demand.week]
    ordinary = [
        Floor(OWNER, w.start - early, w.end, count, f"an ordinary {w.what} takes {w.vcpus:.1f} vCPUs")
        for w, count in weekly.levels(demand.week, wanted)
        if count > site.fleet.min_instances
    ]
    return tuple(sorted([*floors, *ordinary], key=lambda f: (f.start, f.end)))


def _together(peak: Peak, found: Sequence[Phase]) -> Iterator[tuple[datetime, datetime]]:
    """The intervals that are held at one level each: what is sat through, and arrivals, which are over in minutes."""
    if found and (is_sat_through(peak) or peak.kind == "lecture"):
        yield min(p.start for p in found), max(p.end for p in found)
    else:
        yield from ((p.start, p.end) for p in found)


def _instances(site: Site, vcpus: float) -> int:
    return max(site.fleet.min_instances, instances_for(vcpus, site))


def instances_for(vcpus: float, site: Site) -> int:
    """How many instances serve a demand at the target utilisation (unlimited: the plan's limits come later)."""
    return ceil(vcpus / (site.fleet.vcpus_per_instance * site.fleet.target_utilisation) - 1e-9)


def _reason(peak: Peak, vcpus: float, found: Sequence[Phase], first: datetime, last: datetime, usual: float) -> str:
    inside = [p for p in found if p.start < last and first < p.end]
    at_once = ([q for q in inside if q.start <= p.start < q.end] for p in inside)
    making = max(at_once, key=lambda together: sum(p.vcpus for p in together))
    others = vcpus - sum(p.vcpus for p in making) > usual + 0.05
    doing = ", ".join(dict.fromkeys(p.what for p in making))
    people = f"{peak.participants:,} {peak.kind.replace('_', ' ')} participants"
    return (
        f"{peak.title}: {people} need up to {vcpus:.1f} vCPUs ({doing}{'; with all else that is on' if others else ''})"
    )


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of many phases as a step function: from moments[i] on it is vcpus[i], `otherwise` before and after."""

    moments: tuple[datetime, ...]
    vcpus: tuple[float, ...]
    otherwise: float

    @classmethod
    def of(cls, found: Iterable[Phase], otherwise: float) -> "Total":
        """Add the phases up, on top of `otherwise`."""
        changes: dict[datetime, float] = {}
        for phase in found:
            changes[phase.start] = changes.get(phase.start, 0.0) + phase.vcpus
            changes[phase.end] = changes.get(phase.end, 0.0) - phase.vcpus
        moments = sorted(changes)
        return cls(tuple(moments), tuple(accumulate((changes[m] for m in moments), initial=otherwise))[1:], otherwise)

    def highest(self, start: datetime, end: datetime) -> float:
        """The highest total between two moments."""
        first, last = bisect_right(self.moments, start), bisect_left(self.moments, end)
        return max((self.otherwise if first == 0 else self.vcpus[first - 1], *self.vcpus[first:last]))
