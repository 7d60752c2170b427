"""The values of an Auto Scaling group: instances and their lifecycle, hooks, settings, and the world around them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from math import log
from random import Random
from typing import TYPE_CHECKING

from simulator.engine import Call

if TYPE_CHECKING:
    from simulator.cloud.autoscaling.activities import Activity
    from simulator.cloud.autoscaling.policies import Policy

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
TWO_DAYS = 48 * 3600
BEST_EFFORT, BALANCED_ONLY = "balanced-best-effort", "balanced-only"
EC2, GROUP, POOL = "EC2", "AutoScalingGroup", "WarmPool"
"""Where an instance comes from or goes to: `Origin` and `Destination` of events ("Warm pool example events")."""
WARMED = "Warmed:"


class State(StrEnum):
    """Lifecycle states, in the order in which an instance passes through them; those of a warm pool begin anew."""

    PENDING = "Pending"
    PENDING_WAIT = "Pending:Wait"
    PENDING_PROCEED = "Pending:Proceed"
    IN_SERVICE = "InService"
    ENTERING_STANDBY = "EnteringStandby"
    STANDBY = "Standby"
    TERMINATING = "Terminating"
    TERMINATING_WAIT = "Terminating:Wait"
    TERMINATING_PROCEED = "Terminating:Proceed"
    TERMINATED = "Terminated"
    WARMED_PENDING = "Warmed:Pending"
    WARMED_PENDING_WAIT = "Warmed:Pending:Wait"
    WARMED_PENDING_PROCEED = "Warmed:Pending:Proceed"
    WARMED_STOPPED = "Warmed:Stopped"
    WARMED_RUNNING = "Warmed:Running"
    WARMED_TERMINATING = "Warmed:Terminating"
    WARMED_TERMINATING_WAIT = "Warmed:Terminating:Wait"
    WARMED_TERMINATING_PROCEED = "Warmed:Terminating:Proceed"
    WARMED_TERMINATED = "Warmed:Terminated"


PENDING_STATES = frozenset({State.PENDING, State.PENDING_WAIT, State.PENDING_PROCEED})
STANDBY_STATES = frozenset({State.ENTERING_STANDBY, State.STANDBY})
READY_STATES = frozenset({State.WARMED_STOPPED, State.WARMED_RUNNING})
WARM_STATES = READY_STATES | {State.WARMED_PENDING, State.WARMED_PENDING_WAIT, State.WARMED_PENDING_PROCEED}


@dataclass(frozen=True)
class Hook:
    """A lifecycle hook; the defaults are AWS's (one hour, ABANDON)."""

    name: str
    transition: str
    heartbeat_timeout: int = 3600
    default_result: str = "ABANDON"
    metadata: str | None = None

    @property
    def global_timeout(self) -> int:
        """Seconds that an instance can wait at most, however many heartbeats it gets (API reference, LifecycleHook)."""
        return min(TWO_DAYS, 100 * self.heartbeat_timeout)


@dataclass(slots=True, eq=False)
class Wait:
    """One running lifecycle action: an instance waits for `hook`; `started` in seconds since the epoch."""

    hook: Hook
    token: str
    started: float
    deadline: Call | None = None


@dataclass(slots=True, eq=False)
class Instance:
    """An instance of a group, or of its warm pool, as others see it; times are seconds since the epoch.

    `route` is its present way, origin and destination. `registered`: its target groups know it, perhaps as draining.
    `dead`: EC2 has taken it back. `halted`: since when nothing runs on it, `pauses` are earlier such times.
    """

    instance_id: str
    group: str
    zone: str
    launched: float
    activity: "Activity" = field(repr=False)
    state: State = State.PENDING
    in_service_at: float | None = None
    health: str = "Healthy"
    protected: bool = False
    waits: list[Wait] = field(default_factory=list, repr=False)
    pooled: bool = False
    route: tuple[str, str] = (EC2, GROUP)
    registered: bool = False
    dead: bool = False
    halted: float | None = None
    pauses: list[tuple[float, float]] = field(default_factory=list, repr=False)

    @property
    def step(self) -> str:
        """Its state, where it does not matter whether in the group or in the warm pool."""
        return self.state.removeprefix(WARMED)

    def become(self, state: State) -> None:
        """Go on to `state`, in the warm pool to the one of that name there."""
        self.state = State(f"{WARMED}{state}") if self.pooled else state

    def resume(self, now: float) -> None:
        """It runs again."""
        if self.halted is not None:
            self.pauses.append((self.halted, now))
            self.halted = None

    def paid(self, begin: float, end: float) -> float:
        """The seconds between two moments that are billed as instance-hours, at the earliest from its launch.

        A stopped instance of a warm pool costs its volumes only, and a dead one nothing; one on standby is billed
        ("Warm pools for Amazon EC2 Auto Scaling", "Temporarily remove instances from your Auto Scaling group").
        """
        since = max(self.launched, begin)
        pauses = self.pauses if self.halted is None else [*self.pauses, (self.halted, end)]
        return end - since - sum(max(0.0, min(until, end) - max(at, since)) for at, until in pauses)

    @property
    def pending(self) -> bool:
        """On its way into service; it already counts as capacity."""
        return self.state in PENDING_STATES

    @property
    def in_service(self) -> bool:
        """In service (which says nothing of what a load balancer thinks of it)."""
        return self.state is State.IN_SERVICE

    @property
    def on_standby(self) -> bool:
        """In standby or on its way there: still in the group, but no part of its capacity."""
        return self.state in STANDBY_STATES

    @property
    def warm(self) -> bool:
        """In the warm pool or on its way into it."""
        return self.state in WARM_STATES

    @property
    def ready(self) -> bool:
        """Prepared in the warm pool, so that a scale-out may take it."""
        return self.state in READY_STATES and self.health == "Healthy" and not self.dead


@dataclass(frozen=True)
class Duration:
    """A log-normal distribution of seconds: half of the draws lie below `median`."""

    median: float
    sigma: float = 0.3

    def draw(self, random: Random) -> float:
        """A duration in seconds."""
        return random.lognormvariate(log(self.median), self.sigma)


@dataclass(frozen=True)
class GroupSettings:
    """What a group is created with. `default_instance_warmup` in seconds; None: new instances count at once.

    `distribution` is the strategy for launches that fail in one zone. `max_instance_lifetime` (seconds, 0: none),
    `capacity_rebalance` and `on_demand_share` (percent, None: no mixed instances) are described, not acted upon.
    `boot` is the time from the launch to "running" (Pending), `restart` that of a stopped instance of the warm pool
    (assumed to be half: nothing is placed or copied, cloud-init has run), `shutdown` that of EC2's own termination.
    """

    name: str
    min_size: int
    max_size: int
    desired: int
    zones: tuple[str, ...]
    hooks: tuple[Hook, ...] = ()
    target_group_arns: tuple[str, ...] = ()
    instance_type: str = "c7g.large"
    health_check_type: str = "ELB"
    health_check_grace_period: int = 300
    default_cooldown: int = 300
    default_instance_warmup: int | None = 300
    new_instances_protected: bool = False
    policy: "Policy | None" = None
    tags: tuple[tuple[str, str], ...] = ()
    distribution: str = BEST_EFFORT
    max_instance_lifetime: int = 0
    capacity_rebalance: bool = False
    on_demand_share: int | None = None
    boot: Duration = Duration(25.0)
    restart: Duration = Duration(12.0)
    shutdown: Duration = Duration(40.0)

    def hooks_at(self, transition: str) -> list[Hook]:
        """The hooks of a transition (LAUNCHING or TERMINATING)."""
        return [hook for hook in self.hooks if hook.transition == transition]


def _nothing(instance: Instance) -> None:  # noqa: ARG001 - the default of a callback
    return


def _not_draining(instance: Instance) -> bool:  # noqa: ARG001 - the default of a callback
    return False


@dataclass(frozen=True)
class World:
    """Calls to the world outside AWS's control plane.

    `on_boot`: the operating system of the instance comes up, perhaps again. `on_in_service`: AWS registers it with its
    target groups. `on_deregister`: AWS takes it from them; termination, standby and the return to the warm pool then
    wait while `draining` is true (before any hook). `on_stop`: what runs on it ends at once, for it is stopped in the
    warm pool (then it may boot again) or EC2 has taken it back (it stays in its group, and in its target groups, until
    the group notices). `on_gone`: EC2 has terminated it, which may be one that never booted and was in no target group.
    """

    on_boot: Callable[[Instance], object] = _nothing
    on_in_service: Callable[[Instance], object] = _nothing
    on_deregister: Callable[[Instance], object] = _nothing
    draining: Callable[[Instance], bool] = _not_draining
    on_stop: Callable[[Instance], object] = _nothing
    on_gone: Callable[[Instance], object] = _nothing
