"""An Auto Scaling group as Firstbell sees it: the values that every capability observes and decides on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

IN_SERVICE = "InService"
LAUNCH_WAIT = "Pending:Wait"
TERMINATE_WAIT = "Terminating:Wait"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a group; `state` is AWS's lifecycle state, such as `InService` or `Pending:Wait`."""

    id: str
    state: str
    zone: str = ""
    healthy: bool = True

    @property
    def coming(self) -> bool:
        """On its way into service (from the warm pool too, but not into it)."""
        return self.state.startswith("Pending")


@dataclass(frozen=True, slots=True)
class Group:
    """A group's bounds and instances at one moment."""

    name: str
    min_size: int
    max_size: int
    desired: int
    instances: tuple[Instance, ...] = ()
    target_groups: tuple[str, ...] = ()
    suspended: frozenset[str] = frozenset()

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
    """A one-off scheduled action of a group that sets MinSize at `start` (UTC); `min_size` None is somebody else's."""

    start: datetime
    name: str
    min_size: int | None


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
    """A scaling activity: when it began, how it stands, and which instance it concerns, where AWS names one."""

    start: datetime
    status: str
    description: str
    message: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An instance that waits in a lifecycle hook, since when, and how long the hook lets it."""

    instance: Instance
    hook: Hook
    since: datetime
    last_heartbeat: datetime = field(kw_only=True)

    @property
    def times_out(self) -> datetime:
        """When AWS gives up waiting, if no more heartbeat is sent."""
        return min(self.last_heartbeat + self.hook.heartbeat_timeout, self.since + self.hook.longest)


def latest_start(activities: Iterable[Activity], instance: str, fallback: datetime) -> datetime:
    """When the newest activity that names `instance` began, else `fallback` (describe calls may lag behind events)."""
    return max((a.start for a in activities if a.instance == instance), default=fallback)
