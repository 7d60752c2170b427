"""An Auto Scaling group as Firstbell sees it: the values that every capability observes and decides on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

IN_SERVICE = "InService"
STANDBY = "Standby"
LAUNCH_WAIT = "Pending:Wait"
TERMINATE_WAIT = "Terminating:Wait"
POOL_LAUNCH_WAIT = "Warmed:Pending:Wait"  # on the way into a warm pool
POOL_TERMINATE_WAIT = "Warmed:Terminating:Wait"
BEST_EFFORT = "balanced-best-effort"  # launches that fail in one zone go to another (the API's default)
BALANCED_ONLY = "balanced-only"  # they are tried again in the same zone


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a group; `state` is AWS's lifecycle state, such as `InService` or `Pending:Wait`.

    `protected` from scale-in: somebody wants to keep it.
    """

    id: str
    state: str
    zone: str = ""
    healthy: bool = True
    protected: bool = False

    @property
    def coming(self) -> bool:
        """On its way into service (from the warm pool too, but not into it)."""
        return self.state.startswith("Pending")


@dataclass(frozen=True, slots=True)
class Group:
    """A group's bounds and instances at one moment.

    `zones` are the availability zones that it may use; `distribution` is its strategy when launches fail in one of
    them. `lifetime` is what AWS lets an instance live, None for ever. `on_demand_share` is the percentage of instances
    beyond the first `on_demand_base` ones that are not spot; `rebalances` spot instances before they are interrupted.
    `pooled`: it has a warm pool, whose instances are not among `instances`.
    """

    name: str
    min_size: int
    max_size: int
    desired: int
    instances: tuple[Instance, ...] = ()
    target_groups: tuple[str, ...] = ()
    suspended: frozenset[str] = frozenset()
    zones: tuple[str, ...] = ()
    distribution: str = BEST_EFFORT
    lifetime: timedelta | None = None
    on_demand_base: int = 0
    on_demand_share: int = 100
    rebalances: bool = False
    pooled: bool = False

    @property
    def may_have_spot(self) -> bool:
        """Whether some of its instances may be spot ones, which AWS may take back."""
        return self.on_demand_share < 100 and self.desired > self.on_demand_base

    def in_state(self, state: str) -> tuple[Instance, ...]:
        """The instances in one lifecycle state."""
        return tuple(i for i in self.instances if i.state == state)

    @property
    def in_service(self) -> tuple[Instance, ...]:
        """The instances that serve."""
        return self.in_state(IN_SERVICE)

    @property
    def coming(self) -> tuple[Instance, ...]:
        """The instances on their way into service."""
        return tuple(i for i in self.instances if i.coming)


@dataclass(frozen=True, slots=True, order=True)
class ScheduledAction:
    """A scheduled action of a group, at its next `start` (UTC). Ours set MinSize only; a size that is None stays."""

    start: datetime
    name: str
    min_size: int | None
    max_size: int | None = None
    desired: int | None = None


@dataclass(frozen=True, slots=True)
class Hook:
    """A lifecycle hook; the heartbeat time-out starts anew with each recorded heartbeat."""

    name: str
    transition: str
    heartbeat_timeout: timedelta
    default_result: str

    @property
    def longest(self) -> timedelta:
        """How long heartbeats can hold it: 48 h or 100 time-outs, whichever is less (EC2 Auto Scaling guide)."""
        return min(timedelta(hours=48), 100 * self.heartbeat_timeout)


@dataclass(frozen=True, slots=True)
class Activity:
    """A scaling activity: when it began, how it stands, why it was begun, and, where AWS says so, which instance it
    concerns and the availability zone in which a launch was tried. Without an `end` it is under way.
    """

    start: datetime
    status: str
    description: str
    message: str = ""
    instance: str = ""
    cause: str = ""
    zone: str = ""
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """An instance refresh that has not ended: `status` in AWS's word, `done` percent of it."""

    id: str
    status: str
    start: datetime | None = None
    done: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """An instance that waits in a lifecycle hook, since when, and how long the hook lets it."""

    instance: Instance
    hook: Hook
    since: datetime
    last_heartbeat: datetime = field(kw_only=True)


def latest_start(activities: Iterable[Activity], instance: str, fallback: datetime) -> datetime:
    """When the newest activity that names `instance` began, else `fallback` (describe calls may lag behind events)."""
    return max((a.start for a in activities if a.instance == instance), default=fallback)
