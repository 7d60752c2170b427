"""Readiness: are the planned instances healthy before a peak begins? Said while there is time, with a second attempt.

Pure. Only what had the time to come counts as missing, unless it is plain that it cannot come.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.capacity.demand import is_sat_through
from firstbell.capacity.reconcile import Change, SetDesired
from firstbell.capacity.values import Peak, Plan
from firstbell.oncall.signal import Signal
from firstbell.oncall.texts import identity
from firstbell.readiness import attempts, zones
from firstbell.readiness.attempts import Attempt
from firstbell.readiness.launch_troubles import Trouble, launch_troubles
from firstbell.readiness.sight import Sight
from firstbell.readiness.zones import LendZones, ReturnZones
from firstbell.site import Site

AHEAD = timedelta(minutes=15)  # it is asked every 5 minutes: at least twice before a peak, and 10 minutes ahead
KEY = "readiness/"
LATELY = timedelta(hours=1)
WANTED = frozenset({"AddToLoadBalancer", "Launch", "ScheduledActions"})  # processes without which nothing new serves
MOST = 5  # lines of evidence of one sort: a notification has 20 in all


@dataclass(frozen=True, slots=True)
class Gap:
    """A near or running peak that has fewer healthy instances than it needs, and what launches say about it."""

    peak: Peak
    needed: int
    troubles: tuple[Trouble, ...]


def near(site: Site, plan: Plan | None, now: datetime) -> tuple[Peak, ...]:
    """The peaks of the plan that begin soon or are on; what is sat through begins with its log-in."""
    log_in = max(AHEAD, timedelta(seconds=site.arrivals.log_in[-1][0]))
    peaks = plan.peaks if plan else ()
    return tuple(p for p in peaks if p.start - (log_in if is_sat_through(p) else AHEAD) <= now < p.end)


def decide(
    site: Site, sight: Sight, changes: Sequence[Change], raised: Collection[str], now: datetime
) -> list[Signal | SetDesired | LendZones | ReturnZones]:
    """A second attempt for each near peak that lacks instances, a page when it begins soon, and the page's end.

    `changes` are what brings the group to its plan anyway. `raised` are the keys of the open incidents. Zones that were
    lent for a peak that is over are given back.
    """
    actions: dict[str, SetDesired | LendZones] = {}
    signals: list[Signal] = []
    for gap in _gaps(site, sight, now):
        attempt = attempts.second(site, sight, gap.needed, gap.troubles, changes, gap.peak.end)
        for action in attempt.actions:  # of two peaks at once, one change of a kind: the one that asks for more
            known = actions.get(type(action).__name__)
            actions[type(action).__name__] = action if known is None else max(known, action, key=_size)
        if _begins_soon(gap.peak, now) and _key(gap.peak) not in raised:
            signals.append(_page(site, sight, gap, attempt, now))
    lending = [action for action in actions.values() if isinstance(action, LendZones)]
    zoned = lending or zones.give_back(sight.group, sight.lent, now)
    return [
        *(action for action in actions.values() if isinstance(action, SetDesired)),
        *zoned,
        *signals,
        *zones.signals(site.name, sight.lent, zoned, raised, now),
        *over(site.name, sight.seen.plan, sight, raised, now),
    ]


def over(site: str, plan: Plan | None, sight: Sight | None, raised: Collection[str], now: datetime) -> list[Signal]:
    """The end of each open page whose peak has what it needs (if anybody looked), is over, or is not planned."""
    peaks = {_key(p): p for p in plan.peaks} if plan else {}
    ends = []
    for key in sorted(k for k in raised if k.startswith(KEY)):
        peak = peaks.get(key)
        if peak is None or peak.end <= now:
            ends.append(_end(site, key, "The peak is over, or no longer planned.", now))
        elif (
            sight is not None
            and plan is not None
            and plan.steps
            and len(sight.healthy) >= plan.at(peak.start).instances
        ):
            ends.append(_end(site, key, f"{len(sight.healthy)} instances are healthy: enough for {peak.title}.", now))
    return ends


def _gaps(site: Site, sight: Sight, now: datetime) -> Iterator[Gap]:
    plan = sight.seen.plan
    if plan is None or not plan.steps:
        return
    troubles = launch_troubles(sight.activities, now)
    due = plan.at(now - sight.lead).instances
    for peak in near(site, plan, now):
        if now >= peak.start and peak.kind != "exam":  # only an exam is held: elsewhere a policy takes back what we add
            continue
        needed = plan.at(max(peak.start, now)).instances
        refused = any(t.kind != "admission" for t in troubles)
        cannot = refused or "Launch" in sight.group.suspended or sight.group.max_size < needed
        if len(sight.healthy) < (needed if cannot else min(due, needed)):
            yield Gap(peak, needed, troubles)


def _key(peak: Peak) -> str:
    """The incident's key as on-call keeps it: a calendar's keys may be of any length."""
    return identity(KEY + peak.key)


def _begins_soon(peak: Peak, now: datetime) -> bool:
    return timedelta(0) < peak.start - now <= AHEAD


def _size(action: SetDesired | LendZones) -> float:
    return action.desired if isinstance(action, SetDesired) else action.lent.until.timestamp()


def _page(site: Site, sight: Sight, gap: Gap, attempt: Attempt, now: datetime) -> Signal:
    peak, healthy = gap.peak, len(sight.healthy)
    minutes = round((peak.start - now).total_seconds() / 60)
    what = (
        f"{peak.title} begins in {minutes} minutes with {peak.participants} participants: "
        f"{gap.needed} instances are planned, {healthy} are healthy, {gap.needed - healthy} are missing. "
        f"What is launched now serves at about {now + sight.lead:%H:%M} UTC"
        f" ({sight.lead // timedelta(minutes=1)} minutes from launch to service)."
    )
    title = f"Not ready for {peak.title}"
    return Signal(
        site.name,
        _key(peak),
        "page",
        title,
        what,
        "not-ready",
        now,
        evidence=tuple(_evidence(sight, gap.troubles, attempt.left, now)),
        done=attempt.did or ("Nothing: there is nothing that would help and is ours to do.",),
        expected_end=peak.end,
    )


def _evidence(sight: Sight, troubles: Sequence[Trouble], left: Sequence[str], now: datetime) -> Iterator[str]:
    """Why instances are missing: the group, its launches, what was left alone, admissions, the balancer."""
    group = sight.group
    states = Counter(i.state for i in group.instances)
    yield f"the group wants {group.desired} instances (at least {group.min_size}, at most {group.max_size}): " + (
        ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "it has none"
    )
    yield from (t.said for t in troubles[:MOST])
    yield from (f"the process {process} is suspended" for process in sorted(group.suspended & WANTED))
    yield from (f"not done: {text}" for text in left)
    waits = {r.instance: r.waits_for or r.no_answer or r.detail for r in sight.records if r.phase == "admission"}
    for instance in group.coming[:MOST]:
        why = f", {waits[instance.id]}" if waits.get(instance.id) else ""
        yield f"{instance.id} is on its way: {instance.state}{why}"
    given_up = [r for r in sight.records if r.phase == "abandoned" and r.ended_at and now - r.ended_at < LATELY]
    yield from (
        f"{r.instance} was given up: {r.verdict or 'no verdict'} {r.detail or r.no_answer}" for r in given_up[:3]
    )
    yield from [f"{i} is {state} behind the balancer" for i, state in sight.targets if state != "healthy"][:MOST]


def _end(site: str, key: str, what: str, now: datetime) -> Signal:
    return Signal(site, key, "page", "Not ready for a peak", what, "not-ready", now, resolved=True)
