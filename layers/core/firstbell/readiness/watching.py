"""The watch over a running exam: whatever may take an instance away, or has, is told once. Pure."""

import re
from collections.abc import Collection, Iterator
from datetime import datetime

from firstbell.capacity.reconcile import PREFIX
from firstbell.fleet import Activity, ScheduledAction
from firstbell.instances.news import only_news
from firstbell.oncall.signal import Severity, Signal
from firstbell.oncall.texts import identity
from firstbell.readiness.freezing import Freeze, frozen
from firstbell.readiness.sight import Sight
from firstbell.site import Site

KEY = "exam-freeze/"
LOST = KEY + "lost/"
OURS = frozenset({"abandoned", "replacing", "ended"})  # phases in which we took an instance out ourselves
NEEDED = frozenset({"Launch", "AddToLoadBalancer"})  # without these nothing that is lost is made up for
_LEAVING = re.compile(r"Terminating|Detaching|Moving EC2 instance (?:in)?to Standby", re.IGNORECASE)
_BALANCED = "to balance instances in zones"
_CAUSES = (  # what an instance left service "in response to", in AWS's words
    ("refresh", r"instance refresh", "an instance refresh"),
    ("spot", r"spot|rebalanc", "AWS took a spot instance back"),
    ("lifetime", r"lifetime", "the group's maximum instance lifetime"),
    ("scale-in", r"difference between desired and actual capacity", "the group was made smaller"),
    ("health", r"health[- ]check", "a failed health check"),
    ("person", r"user request", "somebody's request"),
)


def decide(site: Site, sight: Sight, raised: Collection[str], now: datetime) -> list[Signal]:
    """A page for each new way to lose an instance during an exam; its end when it is over."""
    freeze = frozen(site, sight.seen.plan, now)
    found = list(_ways(site, sight, freeze, now)) if freeze else []
    keys = {signal.key for signal in found}
    ended = [key for key in raised if key.startswith(KEY) and not _goes_on(key, keys)]
    what = "It is no longer so." if freeze else "No exam is on any more."
    return only_news([*found, *(_end(site, key, what, now) for key in sorted(ended))], raised)


def over(site: Site, raised: Collection[str], now: datetime) -> list[Signal]:
    """The end of every page of the watch, for a site without a running exam."""
    return [_end(site, key, "No exam is on any more.", now) for key in sorted(raised) if key.startswith(KEY)]


def _goes_on(key: str, found: Collection[str]) -> bool:
    """Still so; of instances lost for one reason, the page about fewer goes on with the one about more."""
    return key in found or (key.startswith(LOST) and any(_reason_of(key) == _reason_of(k) for k in found))


def _reason_of(key: str) -> str:
    return key.rpartition("/")[0]


def _ways(site: Site, sight: Sight, freeze: Freeze, now: datetime) -> Iterator[Signal]:
    yield from _replacements(site, sight, freeze, now)
    yield from _lost(site, sight, freeze, now)
    yield from _changes_by_others(site, sight, freeze, now)


def _replacements(site: Site, sight: Sight, freeze: Freeze, now: datetime) -> Iterator[Signal]:
    """What replaces instances by itself: a refresh, a lifetime that runs out, spot instances."""
    group = sight.group
    if sight.refreshes:
        held = "InstanceRefresh" in group.suspended
        rests = "it rests while the group's InstanceRefresh process is suspended" if held else "it replaces instances"
        says = tuple(f"{r.id}: {r.status}, {r.done} % done" for r in sight.refreshes)
        what = f"An instance refresh is under way: {rests}."
        yield _page(site, "refresh", freeze, now, what, says, "ticket" if held else "page")
    strikes = sorted(_strikes(sight, freeze))
    if strikes:
        what = f"The group's maximum instance lifetime ends for {len(strikes)} instances before the exam does."
        yield _page(site, "lifetime", freeze, now, what, tuple(f"{i}: at {at:%H:%M} UTC" for at, i in strikes))
    if group.may_have_spot or group.rebalances:
        share = f"{group.on_demand_share} % of the instances beyond {group.on_demand_base} are on-demand"
        says = (share, f"capacity rebalancing is {'on' if group.rebalances else 'off'}")
        yield _page(site, "spot", freeze, now, "AWS may take spot instances back at two minutes' notice.", says)


def _strikes(sight: Sight, freeze: Freeze) -> Iterator[tuple[datetime, str]]:
    """When the lifetime of an instance in service ends, for those where it does before the exam."""
    if sight.group.lifetime is None:
        return
    begun = [(r.instance, r.since) for r in sight.records]
    begun += [(a.instance, a.start) for a in sight.activities if a.description.startswith("Launching")]
    for instance in sight.group.in_service:
        since = min((at for name, at in begun if name == instance.id), default=None)
        if since is not None and since + sight.group.lifetime <= freeze.end:
            yield since + sight.group.lifetime, instance.id


def _lost(site: Site, sight: Sight, freeze: Freeze, now: datetime) -> Iterator[Signal]:
    """Instances that left service though nothing should: one page a reason, and another when there are more."""
    left = [a for a in sight.activities if freeze.start <= a.start and _leaves(a)]
    ours = {r.instance for r in sight.records if r.phase in OURS}  # of these on-call heard from whoever did it
    left = [a for a in left if a.instance not in ours]
    of_cause: dict[tuple[str, str], list[Activity]] = {}
    for activity in sorted(left, key=lambda a: a.start):
        of_cause.setdefault(_cause(activity), []).append(activity)
    for (slug, words), found in of_cause.items():
        what = (
            f"{len(found)} instances have left service since {freeze.start:%H:%M} UTC: {words}. "
            if (len(found) > 1)
            else f"An instance has left service: {words}. "
        )
        says = tuple(f"{a.instance} at {a.start:%H:%M} UTC: {a.cause or a.description}" for a in found[-5:])
        yield _page(site, f"lost/{slug}/{len(found)}", freeze, now, what + "Its students log in again elsewhere.", says)


def _leaves(activity: Activity) -> bool:
    """It takes an instance out that may have served: not one that failed to launch, nor one of a warm pool."""
    text = f"{activity.description} {activity.cause}".lower()
    return bool(_LEAVING.match(activity.description)) and "launch failure" not in text and "warm pool" not in text


def _cause(activity: Activity) -> tuple[str, str]:
    if _BALANCED in activity.cause:
        return "balancing", "the balancing of zones"
    response = activity.cause.rpartition("in response to")[2]  # before it, there may be names that people gave
    for slug, sign, words in _CAUSES:
        if re.search(sign, response, re.IGNORECASE):
            return slug, words
    return "unknown", "AWS gives no reason that we know"


def _changes_by_others(site: Site, sight: Sight, freeze: Freeze, now: datetime) -> Iterator[Signal]:
    level = sight.group.desired
    for action in sight.seen.scheduled:
        if not action.name.startswith(PREFIX) and now < action.start < freeze.end and _lowers(action, level):
            sizes = {"MinSize": action.min_size, "MaxSize": action.max_size, "DesiredCapacity": action.desired}
            said = ", ".join(f"{name} {size}" for name, size in sizes.items() if size is not None)
            when = f"at {action.start:%H:%M} UTC, and {level} are wanted"
            what = f"Somebody's scheduled action {action.name} sets {said} {when}."
            yield _page(site, f"scheduled/{action.name}", freeze, now, what, ())
    for process in sorted(sight.group.suspended & NEEDED):
        what = f"The group's {process} process is suspended, not by us: what is lost is not made up for."
        yield _page(site, f"suspended/{process}", freeze, now, what, ())


def _lowers(action: ScheduledAction, level: int) -> bool:
    sizes = (action.min_size, action.max_size, action.desired)
    return any(size is not None and size < level for size in sizes)


def _page(
    site: Site,
    way: str,
    freeze: Freeze,
    now: datetime,
    what: str,
    evidence: tuple[str, ...],
    severity: Severity = "page",
) -> Signal:
    return Signal(
        site.name,
        identity(KEY + way),  # as on-call keeps it: somebody's name may be long
        severity,
        "An exam may lose web servers" if not way.startswith("lost/") else "An exam has lost a web server",
        f"{freeze.named}, until {freeze.end:%H:%M} UTC. {what}",
        "exam-freeze",
        now,
        evidence,
        expected_end=freeze.end,
    )


def _end(site: Site, key: str, what: str, now: datetime) -> Signal:
    return Signal(site.name, key, "page", "An exam may lose web servers", what, "exam-freeze", now, resolved=True)
