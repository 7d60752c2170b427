"""Spot interruptions: EC2 warns of taking instances back, and takes them two minutes later, whatever became of them.

Source: "Spot Instance interruption notices" of the EC2 user guide.
"""

from collections.abc import Iterable

from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import Group
from simulator.cloud.autoscaling.values import Instance, State
from simulator.cloud.ec2 import Ec2

WARNING = 120.0  # seconds


class Interruptions:
    """Interrupts instances of a fleet's groups; `ec2` answers for their spot requests."""

    def __init__(self, fleet: Fleet, ec2: Ec2) -> None:
        self._fleet = fleet
        self._ec2 = ec2

    def interrupt(self, instance_ids: Iterable[str]) -> None:
        """Warn of instances now, and take back in two minutes what is then left of them.

        Raises ApiError(ValidationError) for an instance of no group.
        """
        for group, instance in [self._fleet.instance(instance_id) for instance_id in instance_ids]:
            self._ec2.warn(instance.instance_id, instance.zone)
            self._fleet.engine.after(WARNING, self._take_back, group, instance)

    def _take_back(self, group: Group, instance: Instance) -> None:
        gone = instance.step == State.TERMINATED
        self._ec2.end_request(instance.instance_id, by_user=gone)
        if not (gone or instance.dead):
            self._fleet.lifecycle.die(instance)
            self._fleet.notice(group, instance)
