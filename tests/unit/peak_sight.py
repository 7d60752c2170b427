"""A look at a group near or during a peak, as tests of readiness and of the watch over exams make it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from firstbell.capacity.reconcile import SaveFloor, Seen, SetDesired, SetMinSize
from firstbell.capacity.values import Floor, Plan
from firstbell.fleet import BEST_EFFORT, Group, Instance, ScheduledAction
from firstbell.readiness.sight import Sight
from firstbell.readiness.zones import LendZones, ReturnZones

ZONES = ("eu-central-1a", "eu-central-1b")


def group(*states: str, coming: int = 0, **fields: Any) -> Group:
    """A group of 3 to 10 instances, one in service for each state behind the balancer, and some on their way."""
    serving = tuple(Instance(f"i-{n}", "InService") for n in range(len(states)))
    launching = tuple(Instance(f"i-new{n}", "Pending:Wait") for n in range(coming))
    found = Group("web", 3, 10, max(3, len(states) + coming), serving + launching, zones=ZONES)
    return replace(found, **fields)


def sight(
    plan: Plan | None,
    *states: str,
    coming: int = 0,
    leases: Sequence[Floor] = (),
    scheduled: Sequence[ScheduledAction] = (),
    fleet: dict[str, Any] | None = None,
    **fields: Any,
) -> Sight:
    """A look: `states` of the instances in service, `fleet` fields of the group, `fields` of the sight."""
    found = group(*states, coming=coming, **(fleet or {}))
    targets = tuple(zip((i.id for i in found.in_service), states, strict=True))
    seen = Seen(found, tuple(scheduled), plan, tuple(leases))
    return Sight(seen, targets, fields.pop("lead", timedelta(minutes=5)), **fields)


def applied(found: Sight, actions: Sequence[object]) -> Sight:
    """The look after AWS and the table have taken the actions; the instances are still the same."""
    for action in actions:
        seen, fleet = found.seen, found.group
        match action:
            case SetMinSize(_, size):
                fleet = replace(fleet, min_size=size, desired=max(fleet.desired, size))
            case SetDesired(_, size):
                fleet = replace(fleet, desired=size)
            case LendZones(_, lent):
                fleet, found = replace(fleet, distribution=BEST_EFFORT), replace(found, lent=lent)
            case ReturnZones(_, strategy):
                fleet, found = replace(fleet, distribution=strategy or fleet.distribution), replace(found, lent=None)
            case SaveFloor(floor):
                seen = replace(seen, leases=(*(f for f in seen.leases if f.owner != floor.owner), floor))
        found = replace(found, seen=replace(seen, group=fleet))
    return found
