"""The Auto Scaling service of a run as the rest of the twin uses it: groups, faults, and the API for the gateway."""

from collections.abc import Iterable

from simulator.cloud.autoscaling.api import GroupApi
from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import Group
from simulator.cloud.autoscaling.metering import Cpu, Metering
from simulator.cloud.autoscaling.schedule_api import ScheduleApi
from simulator.cloud.autoscaling.scheduled import Schedule
from simulator.cloud.autoscaling.spot import Interruptions
from simulator.cloud.autoscaling.standby import Standby
from simulator.cloud.autoscaling.values import GroupSettings, Instance, World
from simulator.cloud.autoscaling.warm_pool import WarmPools
from simulator.cloud.ec2 import Ec2
from simulator.cloud.ground import Ground, Operations


class AutoScaling:
    """EC2 Auto Scaling in virtual time; `cpu(instance_id)` gives a policy the last minute's utilisation in %.

    `ec2` answers for what EC2 itself says of instances; its operations are served with these.
    """

    def __init__(self, ground: Ground, world: World | None = None, cpu: Cpu = lambda instance_id: None) -> None:  # noqa: ARG005
        self.fleet = Fleet(ground, world or World())
        self.schedule = Schedule(self.fleet)
        self.metering = Metering(self.fleet, cpu)
        self.warm_pools = WarmPools(self.fleet)
        self.ec2 = Ec2(ground)
        self._interruptions = Interruptions(self.fleet, self.ec2)

    def create(self, settings: GroupSettings, started: bool = False) -> Group:
        """Create a group; `started` puts its first instances into service at once, an hour old."""
        return self.fleet.create(settings, started)

    def group(self, name: str) -> Group:
        """The group of a name; raises ApiError(ValidationError) when there is none."""
        return self.fleet.group(name)

    def instances(self, name: str) -> list[Instance]:
        """The instances of a group and its warm pool, in the order of their launch, the terminating ones included."""
        return list(self.fleet.group(name).instances.values())

    def fail_health(self, instance_id: str, check: str) -> None:
        """An instance dies ("EC2") or fails the load balancer's health check ("ELB"): AWS replaces it."""
        self.fleet.fail_health(instance_id, check)

    def refuse_launches(self, group: str, zones: tuple[str, ...] = (), message: str | None = None) -> None:
        """EC2 refuses the group's launches in `zones` (default: in all), until `allow_launches`.

        `message` is EC2's, such as that the vCPU quota is used up; without one it lacks capacity.
        """
        self.fleet.refuse_launches(group, zones, message)

    def allow_launches(self, group: str, zones: tuple[str, ...] = ()) -> None:
        """EC2 has capacity again in `zones` (default: in all); the group finds out at its next try."""
        self.fleet.allow_launches(group, zones)

    def interrupt(self, instance_ids: Iterable[str]) -> None:
        """EC2 takes spot instances back: a warning now, and in two minutes they are dead, whatever they do then.

        Raises ApiError(ValidationError) for an instance of no group.
        """
        self._interruptions.interrupt(instance_ids)

    def begin_refresh(self, group: str) -> None:
        """Somebody starts an instance refresh; the twin describes it, and replaces nothing."""
        found = self.fleet.group(group)
        found.refreshes.append(
            {
                "InstanceRefreshId": f"refresh-{len(found.refreshes)}",
                "AutoScalingGroupName": group,
                "Status": "InProgress",
                "StartTime": self.fleet.engine.utc,
                "PercentageComplete": 0,
            }
        )

    def end_refresh(self, group: str) -> None:
        """The newest instance refresh is through."""
        self.fleet.group(group).refreshes[-1]["Status"] = "Successful"

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        named = {**GroupApi(self.fleet).operations(), **ScheduleApi(self.fleet, self.schedule).operations()}
        named |= {**self.warm_pools.operations(), **Standby(self.fleet).operations()}
        return {("autoscaling", name): operation for name, operation in named.items()} | self.ec2.operations()
