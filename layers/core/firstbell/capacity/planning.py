"""The plan: peaks and a site in, floors and steps with their reasons out. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil

from firstbell.capacity.demand import LONG, Phase, highest, phases
from firstbell.capacity.floors import merge
from firstbell.capacity.values import Floor, Peak, Plan
from firstbell.site import Site

LATE = timedelta(minutes=2)  # scheduled actions can run that late (EC2 Auto Scaling guide)
OWNER = "plan"


def make_plan(
    site: Site,
    peaks: Iterable[Peak],
    start: datetime,
    end: datetime,
    most: int | None = None,
    warnings: Sequence[str] = (),
) -> Plan:
    """Plan `site` from `start` to `end` (UTC). `most` is the group's own MaxSize, where it is known.

    A peak keeps one level from the first log-in to the last submission: sessions are sticky, so that shrinking during
    an exam hurts and growing hardly helps. The level is the highest total demand in that time, in instances.
    """
    limit = min(site.fleet.max_instances, most if most is not None else site.fleet.max_instances)
    wanted = sorted(set(peaks))
    floors = floors_of(site, wanted)
    steps = merge(floors, min(site.fleet.min_instances, limit), limit, start, end)
    shown = tuple(p for p in wanted if p.end > start and p.start < end)
    missing = tuple(
        f"{f.instances} instances wanted from {f.start:%Y-%m-%d %H:%M} UTC, {limit} is the most:"
        f" {f.instances - limit} missing ({f.reason})"
        for f in floors
        if f.instances > limit and f.end > start and f.start < end
    )
    relevant = tuple(f for f in floors if f.end > start and f.start < end)
    return Plan(site.name, start, end, steps, shown, relevant, tuple(warnings), missing)


def floors_of(site: Site, peaks: Sequence[Peak]) -> tuple[Floor, ...]:
    """One floor for each peak (two for one too long to be sat through), by its start."""
    of_peak = {peak: phases(peak, site.costs) for peak in peaks}
    everything = [phase for found in of_peak.values() for phase in found]
    floors = [
        _floor(site, peak, together, everything)
        for peak, found in of_peak.items()
        for together in _stretches(peak, found)
    ]
    return tuple(sorted(floors, key=lambda f: (f.start, f.end)))


def _stretches(peak: Peak, found: Sequence[Phase]) -> list[Sequence[Phase]]:
    """The phases that are held through together."""
    if peak.end - peak.start > LONG:
        return [[phase] for phase in found]
    return [found] if found else []


def _floor(site: Site, peak: Peak, found: Sequence[Phase], everything: Sequence[Phase]) -> Floor:
    start, end = min(p.start for p in found), max(p.end for p in found)
    vcpus, making = highest(everything, start, end)
    total = site.fleet.baseline_vcpus + vcpus
    instances = max(site.fleet.min_instances, instances_for(total, site))
    others = any(all(p is not own for own in found) for p in making)  # another's may be equal
    reason = (
        f"{peak.title}: {peak.participants:,} {peak.kind.replace('_', ' ')} participants"
        f" need up to {total:.1f} vCPUs"
        f" ({', '.join(dict.fromkeys(p.what for p in making))}{'; other peaks are on too' if others else ''})"
    )
    return Floor(OWNER, start - timedelta(seconds=site.fleet.lead) - LATE, end, instances, reason)


def instances_for(vcpus: float, site: Site) -> int:
    """How many instances serve a demand at the target utilisation (unlimited: the plan's limits come later)."""
    return ceil(vcpus / (site.fleet.vcpus_per_instance * site.fleet.target_utilisation))
