"""The second attempt: what may still be done minutes before a peak that lacks instances, and what is left to a person.

It only ever adds, within the group's bounds, and adds nothing once it was applied: what is wanted is computed from the
plan and from what is seen, never from what was there before. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from firstbell.capacity.reconcile import Change, SetDesired, SetMinSize
from firstbell.fleet import BALANCED_ONLY
from firstbell.readiness import zones
from firstbell.readiness.launch_troubles import OF_ZONE, Trouble
from firstbell.readiness.sight import Sight
from firstbell.site import Site

_LEFT_ALONE = {
    "quota": "no quota is raised: that is yours to ask for, and takes a day or more",
    "permission": "no permission is changed",
    "template": "the launch template is left as it is",
    "admission": "no instance is let in unproven",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What to do now, what that is in words, and what is not done, with why."""

    actions: tuple[SetDesired | zones.LendZones, ...] = ()
    did: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def second(
    site: Site, sight: Sight, needed: int, troubles: Sequence[Trouble], changes: Sequence[Change], until: datetime
) -> Attempt:
    """What else helps to have `needed` healthy instances; `changes` are what brings the group to its plan anyway."""
    desired = _desired(site, sight, needed, changes)
    lending = zones.lend(sight.group, sight.lent, troubles, until)
    did = [c.reason for c in changes if isinstance(c, SetMinSize)]
    actions: tuple[SetDesired | zones.LendZones, ...] = (*desired, *lending)
    return Attempt(actions, (*did, *(a.reason for a in actions)), tuple(_left(site, sight, needed, troubles)))


def _desired(site: Site, sight: Sight, needed: int, changes: Sequence[Change]) -> list[SetDesired]:
    """The planned number, and one for each sick instance: it counts as capacity and serves nobody."""
    group = sight.group
    sick = 0 if _mostly_sick(sight) else len(sight.sick)
    wanted = min(needed + sick, site.fleet.max_instances, group.max_size)
    coming = max([group.desired, *(c.min_size for c in changes if isinstance(c, SetMinSize))])
    if wanted <= coming:  # a raised minimum raises the desired capacity with it
        return []
    why = f"{needed} are planned" + (f", and {sick} in service are sick behind the balancer" if sick else "")
    return [SetDesired(group.name, wanted, f"desired capacity is {group.desired}, {wanted} wanted: {why}")]


def _mostly_sick(sight: Sight) -> bool:
    return 2 * len(sight.sick) > len(sight.targets)


def _left(site: Site, sight: Sight, needed: int, troubles: Sequence[Trouble]) -> list[str]:
    group = sight.group
    most = min(site.fleet.max_instances, group.max_size)
    left: list[str] = []
    if needed > most:
        whose = "the group's MaxSize" if group.max_size == most else "fleet.max_instances"
        left.append(f"{whose} is {most} and is not raised: it is a decision about money")
    stopped = sorted(group.suspended & {"Launch", "AddToLoadBalancer"})
    left += [f"{name} is not resumed: somebody has suspended it, and without it nothing new serves" for name in stopped]
    if sight.sick and _mostly_sick(sight):
        left.append("nothing is added for the sick ones: most are, so it is something that they share")
    without = {t.zone for t in troubles if t.kind in OF_ZONE}
    others = set(group.zones) - without
    if without and not others:
        left.append("no other zone is left to try: allow other instance types in the group")
    elif without and group.distribution != BALANCED_ONLY:
        left.append(f"zones are left as they are: AWS goes on to {', '.join(sorted(others))} by itself")
    kinds = dict.fromkeys(t.kind for t in troubles)
    return left + [_LEFT_ALONE[kind] for kind in kinds if kind in _LEFT_ALONE]
