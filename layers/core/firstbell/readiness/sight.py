"""What the watch over peaks sees of a site at one moment: its group and plan, the balancer, activities and records."""

from dataclasses import dataclass
from datetime import timedelta

from firstbell.capacity.reconcile import Seen
from firstbell.fleet import Activity, Group, Refresh
from firstbell.instances.records import Record
from firstbell.readiness.zones import Lent


@dataclass(frozen=True, slots=True)
class Sight:
    """One look. `lead` is the time from a launch to service; `refreshes` are looked at during an exam only.

    `targets` has how each instance in service stands behind the balancer: the worst over its target groups. Without a
    target group one counts as healthy when it is in service and AWS calls it healthy.
    """

    seen: Seen
    targets: tuple[tuple[str, str], ...]
    lead: timedelta
    activities: tuple[Activity, ...] = ()
    records: tuple[Record, ...] = ()
    refreshes: tuple[Refresh, ...] = ()
    lent: Lent | None = None

    @property
    def group(self) -> Group:
        """The site's group."""
        return self.seen.group

    @property
    def healthy(self) -> tuple[str, ...]:
        """The instances that serve."""
        return tuple(instance for instance, state in self.targets if state == "healthy")

    @property
    def sick(self) -> tuple[str, ...]:
        """Those in service that get no traffic, and are not merely new to the balancer."""
        return tuple(instance for instance, state in self.targets if state not in ("healthy", "initial"))
