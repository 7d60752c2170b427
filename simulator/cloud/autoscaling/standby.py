"""Standby: an instance leaves service and the balancer for a while, and stays in its group.

Source: "Temporarily remove instances from your Auto Scaling group" of the user guide; no lifecycle hook has a part in
it ("Lifecycle hook availability").
"""

from simulator.cloud.autoscaling.activities import Activity, Status
from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import Group, invalid
from simulator.cloud.autoscaling.lifecycle import PROCEED
from simulator.cloud.autoscaling.values import Instance, State
from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Json, Operation, zulu

MOST = 20  # instances a call


class Standby:
    """Moves instances of a fleet's groups into standby and out of it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._engine = fleet.engine
        self._lifecycle = fleet.lifecycle

    def operations(self) -> dict[str, Operation]:
        """The operations by their API names."""
        return {"EnterStandby": self.enter, "ExitStandby": self.exit}

    def enter(self, params: Json) -> Json:
        """EnterStandby: all of the instances or none; the group replaces them unless its desired size is lowered."""
        group, instances = self._instances(params)
        for instance in instances:
            if not instance.in_service:
                raise invalid(f"The instance {instance.instance_id} is not in InService.")
        lowered = params["ShouldDecrementDesiredCapacity"]
        if lowered and group.desired - len(instances) < group.min_size:
            raise _unfitting(group, "place into standby", len(instances))
        activities = [self._enter(group, instance, lowered) for instance in instances]
        self._fleet.settle(group)
        return {"Activities": [activity.describe() for activity in activities]}

    def exit(self, params: Json) -> Json:
        """ExitStandby: "after you put the instances back in service, the desired capacity is incremented".

        So it is refused where MaxSize does not let it; AWS documents neither that nor its words.
        """
        group, instances = self._instances(params)
        for instance in instances:
            if instance.state is not State.STANDBY:
                raise invalid(f"The instance {instance.instance_id} is not in Standby.")
        if group.desired + len(instances) > group.max_size:
            raise _unfitting(group, "place into service", len(instances))
        activities = [self._exit(group, instance) for instance in instances]
        self._fleet.settle(group)
        return {"Activities": [activity.describe() for activity in activities]}

    def _instances(self, params: Json) -> tuple[Group, list[Instance]]:
        group, wanted = self._fleet.group(params["AutoScalingGroupName"]), list(dict.fromkeys(params["InstanceIds"]))
        if len(wanted) > MOST:
            raise invalid(
                "1 validation error detected: Value at 'instanceIds' failed to satisfy constraint: "
                f"Member must have length less than or equal to {MOST}"
            )
        return group, [group.member(instance_id) for instance_id in wanted]

    def _enter(self, group: Group, instance: Instance, lowered: bool) -> Activity:
        size = ""
        if lowered:
            group.desired -= 1
            size = f", shrinking the capacity from {group.desired + 1} to {group.desired}"
        activity = self._begin(group, instance, "to Standby", f"to standby in response to a user request{size}")
        instance.state = State.ENTERING_STANDBY
        if group.settings.target_group_arns:
            self._lifecycle.world.on_deregister(instance)
        self._engine.after(0, self._lifecycle.drain, group, instance, self._entered)
        return activity

    def _entered(self, group: Group, instance: Instance) -> None:  # noqa: ARG002 - every step is told of its group
        if instance.state is State.ENTERING_STANDBY:  # and not terminated meanwhile
            instance.state = State.STANDBY
            instance.activity.end(Status.SUCCESSFUL, self._engine.now)

    def _exit(self, group: Group, instance: Instance) -> Activity:
        group.desired += 1
        size = f"increasing the capacity from {group.desired - 1} to {group.desired}"
        what = f"out of standby in response to a user request, {size}"
        activity = self._begin(group, instance, "out of Standby", what)
        activity.status = Status.PRE_IN_SERVICE
        instance.state = State.PENDING
        self._engine.after(PROCEED, self._exited, group, instance, activity)
        return activity

    def _exited(self, group: Group, instance: Instance, activity: Activity) -> None:
        if instance.state is not State.PENDING or instance.activity is not activity:
            return
        instance.state, instance.in_service_at, instance.registered = State.IN_SERVICE, self._engine.now, True
        activity.end(Status.SUCCESSFUL, self._engine.now)
        self._lifecycle.world.on_in_service(instance)
        if instance.dead:
            self._fleet.notice(group, instance)
        self._fleet.settle(group)

    def _begin(self, group: Group, instance: Instance, where: str, cause: str) -> Activity:
        description = f"Moving EC2 instance {where}: {instance.instance_id}"
        cause = f"At {zulu(self._engine.now)} instance {instance.instance_id} was moved {cause}."
        activity = self._lifecycle.teller.activity(group, description, cause, instance.zone, Status.IN_PROGRESS)
        instance.activity = activity
        return activity


def _unfitting(group: Group, what: str, count: int) -> ApiError:
    sizes = f"min-size={group.min_size}, max-size={group.max_size}, and desired-size={group.desired}"
    instances = "1 instance" if count == 1 else f"{count} instances"
    return invalid(
        f"AutoScalingGroup {group.name} has {sizes}. To {what} {instances}, please update the AutoScalingGroup sizes "
        "appropriately."
    )
