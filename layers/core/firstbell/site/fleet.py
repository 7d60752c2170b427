"""The web tier: which group, how big an instance is, and how far it may go."""

from dataclasses import dataclass
from typing import Annotated

from firstbell.site.checks import Help, Matching, Strict, Within

LEAD_TIME = 300  # seconds, until launches were measured


@dataclass(frozen=True)
class InstanceType(Strict):
    """What one instance type is: it overrides the fleet's own numbers when the fleet is of this type."""

    name: Annotated[str, Matching(r"[a-z0-9-]+\.[a-z0-9-]+", "a type such as t4g.medium"), Help("Name of the type.")]
    vcpus: Annotated[float | None, Within(0.25, 448), Help("vCPUs of one instance.")] = None
    vcpu_factor: Annotated[
        float | None, Within(0.1, 20), Help("vCPU milliseconds for one millisecond of a whole core.")
    ] = None
    price: Annotated[float | None, Within(0, 1000), Help("Dollars per instance-hour.")] = None


@dataclass(frozen=True)
class Fleet(Strict):
    """The web tier: which group, how big an instance is, and how far it may go."""

    auto_scaling_group: Annotated[
        str, Matching(r"[^\s:/*?]{1,255}", "the name of a group"), Help("Name of the Auto Scaling group.")
    ]
    vcpus_per_instance: Annotated[float, Within(0.25, 448), Help("vCPUs of one instance.")] = 2.0
    min_instances: Annotated[int, Within(0, 5000), Help("The floor when nothing is planned.")] = 1
    max_instances: Annotated[int, Within(1, 5000), Help("Never more than this; an excess is said days ahead.")] = 10
    target_utilisation: Annotated[float, Within(0.05, 0.95), Help("Planned share of the CPU in use at a peak.")] = 0.6
    lead_time: Annotated[
        int | None, Within(30, 7200), Help("Seconds from launch to in service; default: measured, 300 until then.")
    ] = None
    baseline_vcpus: Annotated[
        float, Within(0, 10000), Help("vCPUs that the site uses when nothing is on; until it was learned.")
    ] = 0.5
    instance_price: Annotated[float, Within(0, 1000), Help("Dollars per instance-hour.")] = 0.0336
    max_step: Annotated[int, Within(1, 1000), Help("Most instances that one alarm may add at once.")] = 10
    instance_type: Annotated[str, Help("The type of its instances, to pick one of 'instance_types'.")] = ""
    instance_types: Annotated[tuple[InstanceType, ...], Help("Numbers of instance types that differ.")] = ()

    def __post_init__(self) -> None:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances {self.min_instances} is more than max_instances {self.max_instances}")
        if self.instance_type and self.type is None:
            raise ValueError(f"instance_type {self.instance_type!r} is not one of instance_types")

    @property
    def type(self) -> InstanceType | None:
        """The instance type that is in use, if its numbers are given."""
        return next((t for t in self.instance_types if t.name == self.instance_type), None)

    @property
    def lead(self) -> int:
        """Seconds from launch to in service as far as the site file knows."""
        return LEAD_TIME if self.lead_time is None else self.lead_time
