"""Values that the tests of planning share: a Monday in May, a small site, its group and its peaks."""

from datetime import UTC, datetime, timedelta
from typing import Any

from firstbell.capacity.values import Floor, Peak
from firstbell.fleet import Group, Instance
from firstbell.site import Fleet, Kind, Site

MONDAY = datetime(2026, 5, 4, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def at(hours: float, minutes: float = 0) -> datetime:
    """A moment so long after Monday midnight, UTC."""
    return MONDAY + timedelta(hours=hours, minutes=minutes)


def site(**fleet: Any) -> Site:
    """A site of two-vCPU instances, at least 1 and at most 20, unless told otherwise."""
    return Site("campus", "Europe/Berlin", Fleet(**({"auto_scaling_group": "web", "max_instances": 20} | fleet)))


def peak(start: datetime, end: datetime, participants: int, kind: Kind = "exam", title: str = "Midterm") -> Peak:
    """A peak from a calendar called term.ics."""
    return Peak(start, end, participants, kind, "term.ics", title, f"{title}/{start:%d%H%M}/{end:%d%H%M}")


def floor(start: datetime, end: datetime, instances: int, reason: str = "an exam", owner: str = "plan") -> Floor:
    """At least so many instances for that time."""
    return Floor(owner, start, end, instances, reason)


def group(
    min_size: int = 1, max_size: int = 20, serving: int = 1, coming: int = 0, desired: int | None = None
) -> Group:
    """The site's group with so many instances in service and on their way."""
    instances = [Instance(f"i-{n:08x}", "InService") for n in range(serving)]
    instances += [Instance(f"i-{n:08x}", "Pending:Wait") for n in range(serving, serving + coming)]
    return Group("web", min_size, max_size, len(instances) if desired is None else desired, tuple(instances))
