"""Holds the group while an exam is on, by one more floor (docs/decisions/0002-one-floor.md). Pure.

At least the desired capacity that the group has had in this exam, from shortly before its log-in until it is over and
has drained. What a policy, an alarm or a person adds meanwhile is kept until then, for students log in to it; nothing
of it is kept after. AWS itself lets the floor go.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from firstbell.capacity.demand import is_sat_through
from firstbell.capacity.reconcile import SaveFloor, Seen
from firstbell.capacity.values import Floor, Plan
from firstbell.readiness import zones
from firstbell.readiness.gate import near
from firstbell.site import Site

OWNER = "freeze"
LOOK = timedelta(minutes=5)  # it is looked that often: the hold begins with the last look before the log-in


@dataclass(frozen=True, slots=True)
class Freeze:
    """The exams that are on, as one: from the last look before the first log-in to the last end."""

    start: datetime
    end: datetime
    titles: tuple[str, ...]

    @property
    def named(self) -> str:
        """The exams' titles."""
        return ", ".join(self.titles)


def frozen(site: Site, plan: Plan | None, now: datetime) -> Freeze | None:
    """What is to be held and watched now; nothing where the site wants no freeze."""
    return exam_on(site, plan, now) if site.tiers.freeze else None


def exam_on(site: Site, plan: Plan | None, now: datetime) -> Freeze | None:
    """The exams that are on. One whose window is too long to be sat through is not."""
    if plan is None:
        return None
    before = timedelta(seconds=site.arrivals.log_in[-1][0]) + LOOK
    on = [p for p in plan.peaks if p.kind == "exam" and is_sat_through(p) and p.start - before <= now < p.end]
    if not on:
        return None
    return Freeze(min(p.start for p in on) - before, max(p.end for p in on), tuple(dict.fromkeys(p.title for p in on)))


def concerned(site: Site, plan: Plan | None, raised: Collection[str], now: datetime) -> bool:
    """Whether the group is to be looked at: a peak is near or on, or its zones are to be given back."""
    return bool(near(site, plan, now)) or frozen(site, plan, now) is not None or zones.KEY in raised


def hold(site: Site, seen: Seen, now: datetime) -> list[SaveFloor]:
    """The lease that holds the group while an exam is on, when it is not as it should be.

    It never falls while exams follow on each other, is never above the most that is allowed, and ends with the last of
    them and the drain. Without an exam it ends as soon as what leaves has drained.
    """
    lease = next((f for f in seen.leases if f.owner == OWNER and f.end > now), None)
    freeze, drain = frozen(site, seen.plan, now), timedelta(seconds=site.admission.drain)
    if freeze is None:
        if lease is None or lease.end <= now + drain:
            return []
        why = "no exam is on any more"
        return [SaveFloor(replace(lease, end=now + drain, reason=why), why)]
    level = min(max(seen.group.desired, lease.instances if lease else 0), seen.group.max_size, site.fleet.max_instances)
    end = freeze.end + drain
    if lease is not None and (lease.instances, lease.end) == (level, end):
        return []
    reason = f"{freeze.named}: nothing of the {level} instances leaves before {end:%H:%M} UTC"
    return [SaveFloor(Floor(OWNER, lease.start if lease else now, end, level, reason), reason)]


def renewed(seen: Seen, saved: Collection[SaveFloor]) -> Seen:
    """What was seen, without the leases that are about to be replaced."""
    owners = {save.floor.owner for save in saved}
    return replace(seen, leases=tuple(f for f in seen.leases if f.owner not in owners))
