"""The state of one Auto Scaling group: its bounds, its instances and the rules by which capacity may change."""

from simulator.cloud.autoscaling.activities import ActivityLog
from simulator.cloud.autoscaling.pool import Pool
from simulator.cloud.autoscaling.values import GroupSettings, Instance
from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Json

PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)


def invalid(message: str) -> ApiError:
    """The error with which Auto Scaling refuses most bad calls."""
    return ApiError("ValidationError", message)


class Group:
    """A group with its warm pool, whose instances are among `instances`; times are seconds since the epoch.

    Only min ≤ desired ≤ max is kept here, the fleet does the rest.
    """

    def __init__(self, settings: GroupSettings, arn: str, now: float) -> None:
        self.settings = settings
        self.name = settings.name
        self.arn = arn
        self.created = now
        self.min_size = self.max_size = self.desired = 0
        self.instances: dict[str, Instance] = {}
        self.activities = ActivityLog()
        self.suspended: dict[str, str] = {}
        self.cause = ""
        self.failing_zones: dict[str, str] = {}
        self.failing_since: float | None = None
        self.failed_rounds = 0
        self.cooldown_until = now
        self.settling = False
        self.distribution = settings.distribution
        self.refreshes: list[Json] = []
        self.pool: Pool | None = None
        self.resize(settings.min_size, settings.max_size, settings.desired)

    @property
    def in_service(self) -> list[Instance]:
        """Instances in service, in the order of their launch."""
        return [instance for instance in self.instances.values() if instance.in_service]

    @property
    def live(self) -> list[Instance]:
        """Instances that count as capacity: in service or on their way into it (also while a hook runs)."""
        return [instance for instance in self.instances.values() if instance.in_service or instance.pending]

    @property
    def warm(self) -> list[Instance]:
        """Instances in the warm pool or on their way into it, in the order of their launch."""
        return [instance for instance in self.instances.values() if instance.warm]

    @property
    def pool_size(self) -> int:
        """How many instances the warm pool is to have."""
        return 0 if self.pool is None else self.pool.size(self.max_size, self.desired)

    def member(self, instance_id: str) -> Instance:
        """One of its instances; raises the ValidationError of the API."""
        if instance_id not in self.instances:
            raise invalid(f"The instance {instance_id} is not part of Auto Scaling group {self.name}.")
        return self.instances[instance_id]

    def runs(self, process: str) -> bool:
        """Whether a process of the group is not suspended."""
        return process not in self.suspended

    def resize(self, min_size: int | None = None, max_size: int | None = None, desired: int | None = None) -> None:
        """Change bounds and desired capacity as UpdateAutoScalingGroup does; None leaves a value as it is.

        A raised minimum raises the desired capacity and a lowered maximum lowers it (API reference). Raises a
        ValidationError for a minimum above the maximum and for a given desired capacity outside of the bounds.
        """
        low = self.min_size if min_size is None else min_size
        high = self.max_size if max_size is None else max_size
        if low < 0 or high < 0:
            raise invalid("Min and max size must be greater than or equal to 0")
        if low > high:
            raise invalid(f"Max bound, {high}, must be greater than or equal to min bound, {low}")
        if desired is not None and not low <= desired <= high:
            raise invalid(
                f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}"
            )
        self.min_size, self.max_size = low, high
        self.desired = min(max(self.desired if desired is None else desired, low), high)

    def set_desired(self, desired: int) -> None:
        """Set the desired capacity as SetDesiredCapacity does: refused, not clamped, outside of the bounds."""
        if desired > self.max_size:
            raise invalid(
                f"New SetDesiredCapacity value {desired} is above max value {self.max_size} for the AutoScalingGroup."
            )
        if desired < self.min_size:
            raise invalid(
                f"New SetDesiredCapacity value {desired} is below min value {self.min_size} for the AutoScalingGroup."
            )
        self.desired = desired

    def refuse_while_active(self, now: float) -> None:
        """Raise ScalingActivityInProgress during a cooldown or an activity (what HonorCooldown asks for)."""
        running = self.activities.in_progress
        if running or now < self.cooldown_until:
            which = running[0].activity_id if running else "the cooldown"
            raise ApiError(
                "ScalingActivityInProgress", f"Scaling activity {which} is in progress and blocks this action"
            )
