"""What the other tiers are wished to be, and when: from a plan's peaks and the site's tiers. Pure.

The windows are those of the plan's own demand: a peak that is sat through is one, of a long one its two rushes count.
An exam is frozen from its log-in to its end, however long it is.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil

from firstbell.capacity.demand import is_sat_through, phases
from firstbell.capacity.values import Peak, Plan
from firstbell.loans.returning import DAY, TICK
from firstbell.loans.settings import Tier, text
from firstbell.loans.values import Wish
from firstbell.site import Site

FROZEN = ("AZRebalance", "InstanceRefresh")
"""The processes that take healthy instances away on their own (Auto Scaling guide, suspend and resume): an instance
refresh in progress is paused, one that is started waits."""
LEAST_UNITS = 100  # the smallest reservation of an application load balancer
MOST_TITLES = 3


@dataclass(frozen=True, slots=True, order=True)
class Rush:
    """People of `peak` are there from `start` to `end`."""

    start: datetime
    end: datetime
    peak: Peak


@dataclass(slots=True)
class Window:
    """Rushes for which a setting is raised once."""

    start: datetime
    end: datetime
    rushes: list[Rush] = field(default_factory=list)

    @property
    def people(self) -> int:
        """The most participants that are there at once."""
        marks = sorted(
            mark for r in self.rushes for mark in ((r.start, r.peak.participants), (r.end, -r.peak.participants))
        )
        there = most = 0
        for _, change in marks:
            there += change
            most = max(most, there)
        return most


def wishes(site: Site, plan: Plan) -> tuple[Wish, ...]:
    """All wishes of a site's plan, by their start."""
    return tuple(sorted(_wishes(site, plan)))


def strongest(found: Iterable[Wish]) -> dict[str, Wish]:
    """One wish for each setting: of several for the same time the highest level, from the first start to the last end.

    A wish for another subject than the first one's is left out: it is about a setting that is no longer the site's.
    """
    wishes: dict[str, Wish] = {}
    for wish in found:
        other = wishes.setdefault(wish.key, wish)
        if wish is not other and wish.subject == other.subject:
            start, end, rush = min(wish.start, other.start), max(wish.end, other.end), min(wish.rush, other.rush)
            reason = f"{other.reason}; {wish.reason}"
            level = max(wish.level, other.level)
            wishes[wish.key] = replace(other, start=start, end=end, level=level, rush=rush, reason=reason)
    return wishes


def _wishes(site: Site, plan: Plan) -> Iterator[Wish]:
    tiers, fleet = site.tiers, site.fleet
    exams = [p for p in plan.peaks if p.kind == "exam"] if tiers.freeze else []
    for window in _windows(_rushes(site, exams, whole=True), timedelta(0)):
        for process in FROZEN:
            yield _wish(window, "freeze", process, fleet.auto_scaling_group, 1)
    optional = (tiers.balancer, tiers.warm_pool, tiers.efs, tiers.aurora, tiers.reservation)
    if not any(optional):
        return
    rushes = _rushes(site, [p for p in plan.peaks if p.participants >= tiers.from_participants])
    if balancer := tiers.balancer:
        for window in _windows(rushes, timedelta(minutes=balancer.lead_minutes)):
            units = max(LEAST_UNITS, ceil(window.people * balancer.units_per_thousand / 1000))
            yield _wish(window, "balancer", "", balancer.load_balancer, units)
    if pool := tiers.warm_pool:
        for window in _windows(rushes, timedelta(minutes=pool.lead_minutes)):
            size = max(1, ceil(pool.share * _instances(plan, window)))
            yield _wish(window, "warm_pool", "", fleet.auto_scaling_group, size)
    if efs := tiers.efs:
        for window in _windows(rushes, timedelta(minutes=efs.lead_minutes), DAY):
            throughput = max(1.0, ceil(window.people * efs.mibps_per_thousand / 1000))
            yield _wish(window, "efs", "", efs.file_system, throughput)
    if aurora := tiers.aurora:
        for window in _windows(rushes, timedelta(minutes=aurora.lead_minutes)):
            least = max(0.5, ceil(window.people * aurora.acu_per_thousand / 500) / 2)
            yield _wish(window, "aurora", "", aurora.cluster, least)
    if reserved := tiers.reservation:
        what = {"type": reserved.instance_type, "platform": reserved.platform, "group": reserved.resource_group}
        zones = len(reserved.zones)
        for window in _windows(rushes, timedelta(minutes=reserved.lead_minutes)):
            for zone in reserved.zones:  # the launches to come: what runs already took its capacity elsewhere
                count = max(1, ceil(_instances(plan, window) / zones) - fleet.min_instances // zones)
                yield _wish(window, "reservation", zone, text(what), count)


def _rushes(site: Site, peaks: Iterable[Peak], whole: bool = False) -> list[Rush]:
    found = []
    for peak in peaks:
        times = [(phase.start, phase.end) for phase in phases(peak, site)]
        if times and (whole or is_sat_through(peak)):
            times = [(min(a for a, _ in times), max(b for _, b in times))]
        found += [Rush(start, end, peak) for start, end in _joined(times)]
    return sorted(found)


def _joined(times: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Times that touch or overlap, as one."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(times):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _windows(rushes: Sequence[Rush], lead: timedelta, least: timedelta = timedelta(0)) -> list[Window]:
    """Windows that begin `lead` before a rush. A gap shorter than the lead, than a tick or than `least` is bridged.

    `least` is also the shortest that a window can be: what AWS does not take back earlier.
    """
    found: list[Window] = []
    for rush in rushes:
        start = rush.start - lead
        if found and start < found[-1].end + max(TICK, least):
            window = found[-1]
        else:
            window = Window(start, start + least)
            found.append(window)
        window.end = max(window.end, rush.end)
        window.rushes.append(rush)
    return found


def _instances(plan: Plan, window: Window) -> int:
    """The most instances that are planned in a window."""
    first = max(bisect_right(plan.steps, window.start, key=lambda s: s.at) - 1, 0)
    last = bisect_right(plan.steps, window.end, key=lambda s: s.at)
    return max((s.instances for s in plan.steps[first:last]), default=0)


def _wish(window: Window, tier: Tier, part: str, subject: str, level: float) -> Wish:
    peaks = list(dict.fromkeys(rush.peak for rush in window.rushes))
    titles = ", ".join(f"{p.title} ({p.participants:,})" for p in peaks[:MOST_TITLES])
    more = f" and {len(peaks) - MOST_TITLES} more" if len(peaks) > MOST_TITLES else ""
    end = window.end + timedelta(microseconds=-window.end.microsecond % 1_000_000)  # a booking has whole seconds
    return Wish(window.start, end, tier, part, subject, float(level), window.rushes[0].start, titles + more)


@dataclass(frozen=True, slots=True)
class Row:
    """A wish as people read it."""

    tier: str
    start: datetime
    end: datetime
    level: str
    why: str


def table(found: Iterable[Wish]) -> list[Row]:
    """The wishes as rows: kind, from, until, level, why; the parts of one tier that are wished alike in one row."""
    rows: dict[tuple[str, datetime, datetime, str], list[Wish]] = {}
    for wish in found:
        rows.setdefault((wish.tier.replace("_", " "), wish.start, wish.end, wish.reason), []).append(wish)
    return [Row(tier, start, end, _level(same), why) for (tier, start, end, why), same in rows.items()]


def _level(same: Sequence[Wish]) -> str:
    level = f"{same[0].level:g}"
    parts = " and ".join(wish.part for wish in same)
    match same[0].tier:
        case "freeze":
            return f"{parts} suspended"
        case "balancer":
            return f"{level} capacity units"
        case "warm_pool":
            return f"{level} instances"
        case "efs":
            return f"{level} MiB/s"
        case "aurora":
            return f"at least {level} ACU"
        case "reservation":
            return f"{level} instances in {parts}" if len(same) == 1 else f"{level} instances each in {parts}"
