"""From steps to the group: the smallest change of its scheduled actions and of MinSize that makes them so. Pure.

Only actions with our prefix are ours; others' are counted (the group's limit is shared) and never touched.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from firstbell.capacity.floors import merge
from firstbell.capacity.values import Floor, Plan, Step
from firstbell.fleet import Group, ScheduledAction
from firstbell.site import Site

PREFIX = "firstbell-"
AHEAD = timedelta(days=14)
MINUTE = timedelta(minutes=1)
SOON = timedelta(minutes=30)  # what our actions set until then, the next run finds set; it comes every 15 minutes
LIMIT = 125  # scheduled actions of one group (EC2 Auto Scaling quotas)


@dataclass(frozen=True, slots=True)
class _OfGroup:
    """A change of the group called `group`."""

    group: str

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.group


@dataclass(frozen=True, slots=True)
class PutScheduled(_OfGroup):
    """Write these scheduled actions of the group."""

    actions: tuple[ScheduledAction, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class DeleteScheduled(_OfGroup):
    """Delete these scheduled actions of ours."""

    names: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class SetMinSize(_OfGroup):
    """Set the group's MinSize now."""

    min_size: int
    reason: str


@dataclass(frozen=True, slots=True)
class SetDesired(_OfGroup):
    """Set the group's desired capacity now, cooldown or not."""

    desired: int
    reason: str


@dataclass(frozen=True, slots=True)
class SaveFloor:
    """Keep a lease: a floor that somebody other than the plan wants, until its end."""

    floor: Floor
    reason: str

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.floor.owner


@dataclass(frozen=True, slots=True)
class Seen:
    """A site's group, its scheduled actions, the plan in force, and the leases that still run."""

    group: Group
    scheduled: tuple[ScheduledAction, ...]
    plan: Plan | None
    leases: tuple[Floor, ...]


Change = PutScheduled | DeleteScheduled | SetMinSize | SetDesired | SaveFloor


def follow(site: Site, seen: Seen, plan: Plan | None, now: datetime, more: tuple[Floor, ...] = ()) -> list[Change]:
    """The changes that bring a site's group to `plan`, the leases seen and `more` floors, merged."""
    floors = (*_floors(plan), *seen.leases, *more)
    changes = decide(seen.group, seen.scheduled, _steps(site, seen, floors, now), now, _ours(site, seen, now, floors))
    if plan is not None:
        return changes
    # Without a plan nobody knows what its scheduled actions are for: raise what is wanted now, and leave them alone.
    return [c for c in changes if isinstance(c, SetMinSize) and c.min_size > seen.group.min_size]


def let_go(site: Site, seen: Seen, plan: Plan, now: datetime) -> list[SetDesired]:
    """What takes a group back to its floor that no scaling policy shrinks: lowering MinSize alone keeps every instance.

    Only a desired capacity that our own floors have left behind: what a person or a policy wants stays.
    """
    floors, group = (*_floors(plan), *seen.leases), seen.group
    level = _steps(site, seen, floors, now)[0].instances
    if not group.min_size <= level < group.desired or group.desired not in _ours(site, seen, now, floors):
        return []
    why = f"desired capacity is {group.desired}, {level} are wanted now, and no scaling policy lowers it"
    return [SetDesired(group.name, level, why)]


def _steps(site: Site, seen: Seen, floors: Sequence[Floor], now: datetime) -> tuple[Step, ...]:
    most = min(site.fleet.max_instances, seen.group.max_size)
    return merge(
        floors, min(max(site.fleet.min_instances, resting(site, seen, now) or 0), most), most, now, now + AHEAD
    )


def _ours(site: Site, seen: Seen, now: datetime, floors: Sequence[Floor] = ()) -> set[int]:
    """The sizes that we may have set until now; what is only planned for later is nobody's yet."""
    most = min(site.fleet.max_instances, seen.group.max_size)
    begun = [f for f in (*floors, *_floors(seen.plan), *seen.leases) if f.start <= now]
    planned = {*seen.plan.levels, *(s.instances for s in seen.plan.steps if s.at <= now)} if seen.plan else set()
    return planned | {level for f in begun for level in (f.instances, min(f.instances, most))}


def resting(site: Site, seen: Seen, now: datetime) -> int | None:
    """The group's own MinSize, to which it goes back after a peak; None until one was seen that is not from us.

    It is the present one when we never set that, or when somebody has lowered it under what was remembered (a deploy
    that resets the group in a peak says so too what it is at rest).
    """
    known = seen.plan.resting if seen.plan else None
    present = seen.group.min_size
    if present not in _ours(site, seen, now) | {site.fleet.min_instances}:
        return known if seen.leases else present  # the level of a lease that was renewed since is nobody's rest
    return present if known is not None and present < known else known


def remembering(site: Site, seen: Seen, plan: Plan, now: datetime) -> Plan:
    """`plan`, knowing the levels that are ours from before: the present MinSize if it is one, and what our scheduled
    actions may yet set, late. Without that, a change that failed or came late would leave MinSize up for good.
    """
    own = [a for a in seen.scheduled if a.name.startswith(PREFIX) and a.start <= now + SOON]
    coming = {a.min_size for a in own if a.min_size is not None}
    return replace(plan, levels=tuple(sorted(coming | ({seen.group.min_size} & _ours(site, seen, now)))))


def _floors(plan: Plan | None) -> tuple[Floor, ...]:
    return plan.floors if plan else ()


def decide(
    group: Group,
    scheduled: Sequence[ScheduledAction],
    steps: Sequence[Step],
    now: datetime,
    ours: Collection[int] = (),
) -> list[Change]:
    """What to change so that the group follows `steps` (the first of which is valid now).

    `ours` are the levels that we may have set before: MinSize is lowered only from one of these, so that another
    one's higher setting stays. MinSize never goes above the group's MaxSize.
    """
    own = {a.name: a for a in scheduled if a.name.startswith(PREFIX) and a.start > now}  # the others run at this moment
    room = LIMIT - (len(scheduled) - len(own))
    coming = [s for s in steps if s.at > now][: max(room, 0)]
    others = {a.start for a in scheduled if not a.name.startswith(PREFIX)}
    wanted = {a.name: a for a in _scheduled(coming, steps, others, group.max_size, now)}
    changed = [a for name, a in wanted.items() if own.get(name) != a]
    stale = sorted(own.keys() - wanted.keys())
    why = f"{len(stale)} planned steps are no longer wanted"
    delete: list[Change] = [DeleteScheduled(group.name, tuple(stale), why)] if stale else []
    put: list[Change] = [PutScheduled(group.name, tuple(changed), _why_put(changed, coming))] if changed else []
    # The new ones first, for a call may fail in between; unless there is no room for both, or a start is still taken.
    freed = {own[name].start for name in stale}
    crowded = len(scheduled) + len(changed) > LIMIT or any(a.start in freed for a in changed)
    return [*(delete + put if crowded else put + delete), *_present(group, steps, now, ours)]


def _present(group: Group, steps: Sequence[Step], now: datetime, ours: Collection[int]) -> list[Change]:
    current = next((s for s in reversed(steps) if s.at <= now), None)
    if current is None:
        return []
    level = min(current.instances, group.max_size)
    if group.min_size < level:
        return [SetMinSize(group.name, level, f"MinSize is {group.min_size}, {level} wanted: {current.reasons[0]}")]
    if group.min_size > level and group.min_size in ours:
        return [SetMinSize(group.name, level, f"MinSize {group.min_size} is no longer needed: {current.reasons[0]}")]
    return []


def _scheduled(
    coming: Sequence[Step], steps: Sequence[Step], others: Collection[datetime], most: int, now: datetime
) -> list[ScheduledAction]:
    """The coming steps as scheduled actions.

    AWS refuses two actions of a group with the same start (EC2 Auto Scaling guide), whoever made them: ours then moves
    minute by minute, to the earlier if it raises and to the later if it lowers.
    """
    before = {step.at: earlier.instances for earlier, step in pairwise(steps)}
    taken = {*others, *(step.at for step in coming)}
    found = []
    for step in coming:
        lowers = step.instances < before.get(step.at, 0)
        start = step.at if step.at not in others else _free(step.at, taken, lowers, now)
        taken.add(start)
        found.append(ScheduledAction(start, _name(step), min(step.instances, most)))
    return found


def _free(at: datetime, taken: Collection[datetime], later: bool, now: datetime) -> datetime:
    """The nearest minute to `at` that is not taken, on the side that keeps more capacity, if that is not over yet."""
    step = MINUTE if later else -MINUTE
    start = at
    while start in taken:
        start += step
    return start if start > now else _free(at, taken, True, now)


def _name(step: Step) -> str:
    return f"{PREFIX}{step.at:%Y%m%dT%H%M%SZ}"


def _why_put(changed: Sequence[ScheduledAction], coming: Sequence[Step]) -> str:
    first = changed[0]
    step = next(s for s in coming if _name(s) == first.name)
    more = f", and {len(changed) - 1} more steps" if len(changed) > 1 else ""
    return f"from {first.start:%Y-%m-%d %H:%M} UTC at least {first.min_size}: {step.reasons[0]}{more}"
