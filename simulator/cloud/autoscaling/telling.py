"""What AWS tells of an instance: its activities in the group's log, and its events."""

from simulator.cloud.autoscaling.activities import Activity, Status
from simulator.cloud.autoscaling.group import Group
from simulator.cloud.ground import Ground, Identifiers

DAY = 86400.0


class Teller:
    """Begins activities, publishes what came of them and counts launches that failed."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._engine = ground.engine
        self.ids = Identifiers(ground.engine, "autoscaling")

    def activity(self, group: Group, description: str, cause: str, zone: str, status: Status) -> Activity:
        """Begin an activity."""
        activity = Activity(self.ids.uuid(), group.name, group.arn, description, cause, zone, self._engine.now, status)
        return group.activities.add(activity)

    def publish(
        self, group: Group, kind: str, activity: Activity, instance_id: str, status: Status, route: tuple[str, str]
    ) -> None:
        """Publish the event of an activity; without an instance id there is none."""
        resources = [group.arn]
        if instance_id:
            resources.append(self._ground.account.arn("ec2", f"instance/{instance_id}"))
        detail = activity.event_detail(instance_id, status, self._engine.now, route)
        self._ground.publish("aws.autoscaling", kind, resources, detail)

    def count_failure(self, group: Group) -> None:
        """AWS suspends groups "that have been trying to launch instances for over 24 hours" in vain (user guide)."""
        now = self._engine.now
        group.failing_since = now if group.failing_since is None else group.failing_since
        if now - group.failing_since > DAY:
            group.suspended["Launch"] = "Administrative suspension: launches have been failing for over 24 hours"
