"""Keeps a group at its floors: reads the plan, the leases and the group, and carries the decided changes out."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import assert_never

from firstbell.aws import autoscaling
from firstbell.aws.table import Table
from firstbell.capacity import reconcile
from firstbell.capacity.reconcile import SaveFloor, Seen
from firstbell.capacity.values import Floor, Plan
from firstbell.plain import from_plain, to_plain
from firstbell.site import Site

PLAN = "PLAN"
LEASE = "FLOOR#"


def observe(site: Site, table: Table, now: datetime) -> Seen:
    """Read everything that the reconciliation needs. Raises UnknownGroup."""
    name = site.fleet.auto_scaling_group
    return Seen(
        autoscaling.group(name),
        autoscaling.scheduled_actions(name),
        plan_of(table, site.name),
        leases(table, site.name, now),
    )


def plan_of(table: Table, site: str) -> Plan | None:
    """The plan in force, if there is one yet that can be read."""
    stored = table.get(f"SITE#{site}", PLAN)
    try:
        return from_plain(Plan, stored.data) if stored else None
    except ValueError:  # of a version that wrote it otherwise: the planner makes a new one within minutes
        return None


def save_plan(table: Table, plan: Plan) -> None:
    """Put `plan` in force."""
    table.put(f"SITE#{plan.site}", PLAN, to_plain(plan))


def leases(table: Table, site: str, now: datetime) -> tuple[Floor, ...]:
    """The leases of a site that have not run out for longer than a day."""
    found = (from_plain(Floor, stored.data) for stored in table.query(f"SITE#{site}", LEASE))
    return tuple(f for f in found if f.end > now - timedelta(days=1))


def applier(table: Table, site: str) -> Callable[[reconcile.Change], None]:
    """What carries one change of the site called `site` out."""

    def apply(change: reconcile.Change) -> None:
        match change:
            case SaveFloor(floor):
                table.put(f"SITE#{site}", LEASE + floor.owner, to_plain(floor), floor.end + timedelta(days=2))
            case reconcile.PutScheduled(group, actions):
                autoscaling.put_scheduled_actions(group, actions)
            case reconcile.DeleteScheduled(group, names):
                autoscaling.delete_scheduled_actions(group, names)
            case reconcile.SetMinSize(group, min_size):
                autoscaling.set_min_size(group, min_size)
            case reconcile.SetDesired(group, desired):
                autoscaling.set_desired(group, desired)
            case _:
                assert_never(change)

    return apply
