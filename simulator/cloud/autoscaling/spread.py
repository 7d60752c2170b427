"""Which zone gets the next instance and which instance goes next: pure choices, as AWS's default policy makes them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from simulator.cloud.autoscaling.values import Instance


def zones_by_need(zones: Sequence[str], live: Iterable[Instance], waiting: Iterable[str] = ()) -> list[str]:
    """The group's zones, the one with the fewest live instances first; ties in the order of the group.

    `waiting` has a zone for each launch that waits for capacity there, and counts as an instance.
    """
    counts = Counter(instance.zone for instance in live) + Counter(waiting)
    return sorted(zones, key=lambda zone: counts[zone])


def next_to_terminate(in_service: Sequence[Instance]) -> Instance | None:
    """The oldest unprotected instance of the fullest zone; None when all are protected from scale-in.

    AWS's default termination policy: first balance the Availability Zones, among those that hold an unprotected
    instance; all instances of the twin have the same launch template, so the oldest comes next.
    """
    candidates = [instance for instance in in_service if not instance.protected]
    if not candidates:
        return None
    counts = Counter(instance.zone for instance in in_service)
    return min(candidates, key=lambda instance: (-counts[instance.zone], instance.launched, instance.instance_id))
