"""The way of an instance into service and out of it, with its hooks, events and activities.

Sources: "How lifecycle hooks work" and "Lifecycle hooks: considerations" of the EC2 Auto Scaling user guide.
"""

from collections.abc import Callable

from simulator.cloud.autoscaling.activities import Activity, Status
from simulator.cloud.autoscaling.group import Group
from simulator.cloud.autoscaling.hooks import Waits
from simulator.cloud.autoscaling.values import LAUNCHING, TERMINATING, Instance, State, World
from simulator.cloud.ground import Ground, Identifiers

PROCEED = 2.0  # seconds in which an instance is seen as Pending:Proceed; AWS gives no number
DRAIN_POLL = 5.0
LONGEST_DRAIN = 3600.0  # the largest deregistration delay that a target group can have
DAY = 86400.0


class Lifecycle:
    """Moves instances from state to state; `changed(group)` is called whenever capacity came or went."""

    def __init__(self, ground: Ground, world: World, changed: Callable[[Group], None]) -> None:
        self.engine = ground.engine
        self._ground = ground
        self._world = world
        self._ids = Identifiers(ground.engine, "autoscaling")
        self._boot = ground.engine.random("boot")
        self._shutdown = ground.engine.random("shutdown")
        self.waits = Waits(ground, self._ids, self._waited)
        self._changed = changed
        self._groups: dict[str, Group] = {}

    def adopt(self, group: Group) -> None:
        """Look after the instances of a group."""
        self._groups[group.name] = group

    def launch(self, group: Group, zone: str, cause: str) -> Instance:
        """Launch an instance: Pending, until EC2 says that it runs."""
        instance = self._new(group, zone, cause)
        self.engine.after(group.settings.boot.draw(self._boot), self._running, group, instance)
        return instance

    def start_in_service(self, group: Group, zone: str, age: float) -> Instance:
        """Put an instance into service that has been running for `age` seconds, as at the start of a scenario."""
        instance = self._new(group, zone, f"At {self._ground.engine.utc:%Y-%m-%dT%H:%M:%SZ} the scenario began.")
        instance.launched = instance.in_service_at = self.engine.now - age
        instance.activity.started = instance.launched
        instance.activity.end(Status.SUCCESSFUL, instance.launched)
        self._world.on_boot(instance)
        instance.state = State.IN_SERVICE
        self._world.on_in_service(instance)
        return instance

    def fail_launch(self, group: Group, zone: str, cause: str, message: str) -> None:
        """Record a launch that EC2 refused, as a Failed activity and an Unsuccessful event."""
        description = f"Launching a new EC2 instance.  Status Reason: {message} Launching EC2 instance failed."
        activity = self._activity(group, description, cause, zone, Status.FAILED)
        activity.end(Status.FAILED, self.engine.now, f"{message} Launching EC2 instance failed.")
        self._publish(group, "EC2 Instance Launch Unsuccessful", activity, "", Status.FAILED, launch=True)
        self._count_failure(group)

    def fail_resize(self, group: Group, message: str) -> None:
        """Record a change of capacity that the group's bounds refused; AWS documents no wording for it."""
        activity = self._activity(group, message, message, group.settings.zones[0], Status.FAILED)
        activity.end(Status.FAILED, self.engine.now, message)

    def terminate(self, group: Group, instance: Instance, cause: str) -> Activity:
        """Take an instance out: deregister and drain, then the hooks, then EC2's termination."""
        was_in_service = instance.in_service
        self.waits.drop(instance)
        if instance.pending and instance.activity.ended is None:
            instance.activity.end(Status.CANCELLED, self.engine.now, "The instance was terminated while it launched.")
        instance.state = State.TERMINATING
        activity = self._activity(
            group, f"Terminating EC2 instance: {instance.instance_id}", cause, instance.zone, Status.IN_PROGRESS
        )
        instance.activity = activity
        if was_in_service and group.settings.target_group_arns:
            activity.status = Status.DRAINING
            self._world.on_deregister(instance)
            self._drain(group, instance, self.engine.now + LONGEST_DRAIN)
        else:
            self.engine.after(0, self._drained, group, instance)
        return activity

    def _new(self, group: Group, zone: str, cause: str) -> Instance:
        instance_id = self._ids.resource("i")
        activity = self._activity(
            group, f"Launching a new EC2 instance: {instance_id}", cause, zone, Status.PRE_IN_SERVICE
        )
        instance = Instance(instance_id, group.name, zone, self.engine.now, activity)
        instance.protected = group.settings.new_instances_protected
        group.instances[instance_id] = instance
        return instance

    def _running(self, group: Group, instance: Instance) -> None:
        if instance.state is not State.PENDING:
            return
        self._world.on_boot(instance)
        if hooks := group.settings.hooks_at(LAUNCHING):
            instance.state = State.PENDING_WAIT
            instance.activity.status = Status.MID_LIFECYCLE_ACTION
            self.waits.open(group, instance, hooks)
        else:
            self._enter_service(group, instance)

    def _waited(self, instance: Instance, failure: str | None) -> None:
        """The hooks of an instance are through; `failure` says why one of them abandoned it."""
        group = self._groups[instance.group]
        if instance.state is State.TERMINATING_WAIT:  # "both abandon and continue allow the instance to terminate"
            self._shut_down(group, instance)
        elif failure is None:
            instance.state = State.PENDING_PROCEED
            self.engine.after(PROCEED, self._enter_service, group, instance)
        else:
            self._abandon(group, instance, failure)

    def _abandon(self, group: Group, instance: Instance, failure: str) -> None:
        """Terminate and replace an instance whose launch was abandoned.

        The user guide: abandon "indicates that your custom actions were unsuccessful, and that Amazon EC2 Auto Scaling
        can terminate the instance". By its table of hook availability, hooks apply to all launches and terminations
        but a few named ones, and this is not among those: so the instance passes through the terminate hook.
        """
        now = self.engine.now
        instance.activity.end(Status.CANCELLED, now, f"Instance failed to complete user's Lifecycle Action: {failure}")
        self._publish(
            group,
            "EC2 Instance Launch Unsuccessful",
            instance.activity,
            instance.instance_id,
            Status.FAILED,
            launch=True,
        )
        self._count_failure(group)
        stamp = f"{self.engine.utc:%Y-%m-%dT%H:%M:%SZ}"
        self.terminate(
            group, instance, f"At {stamp} an instance was taken out of service in response to a launch failure."
        )
        self._changed(group)

    def _enter_service(self, group: Group, instance: Instance) -> None:
        if not instance.pending:
            return
        now, activity = self.engine.now, instance.activity
        instance.state, instance.in_service_at = State.IN_SERVICE, now
        group.failing_since, group.failed_rounds = None, 0
        group.cooldown_until = now + group.settings.default_cooldown
        self._publish(
            group,
            "EC2 Instance Launch Successful",
            activity,
            instance.instance_id,
            Status.IN_PROGRESS,
            launch=True,
        )
        if group.settings.default_instance_warmup:
            activity.status = Status.WARMUP
            self.engine.after(group.settings.default_instance_warmup, self._warmed, activity)
        else:
            activity.end(Status.SUCCESSFUL, now)
        self._world.on_in_service(instance)
        self._changed(group)

    def _warmed(self, activity: Activity) -> None:
        activity.end(Status.SUCCESSFUL, self.engine.now)

    def _drain(self, group: Group, instance: Instance, latest: float) -> None:
        if self._world.draining(instance) and self.engine.now < latest:
            self.engine.after(DRAIN_POLL, self._drain, group, instance, latest)
        else:
            self._drained(group, instance)

    def _drained(self, group: Group, instance: Instance) -> None:
        if hooks := group.settings.hooks_at(TERMINATING):
            instance.state = State.TERMINATING_WAIT
            instance.activity.status = Status.MID_LIFECYCLE_ACTION
            self.waits.open(group, instance, hooks)
        else:
            self._shut_down(group, instance)

    def _shut_down(self, group: Group, instance: Instance) -> None:
        instance.state = State.TERMINATING_PROCEED
        instance.activity.status = Status.IN_PROGRESS
        self.engine.after(PROCEED + group.settings.shutdown.draw(self._shutdown), self._gone, group, instance)

    def _gone(self, group: Group, instance: Instance) -> None:
        instance.state = State.TERMINATED
        del group.instances[instance.instance_id]
        group.cooldown_until = self.engine.now + group.settings.default_cooldown
        self._publish(
            group,
            "EC2 Instance Terminate Successful",
            instance.activity,
            instance.instance_id,
            Status.IN_PROGRESS,
            launch=False,
        )
        instance.activity.end(Status.SUCCESSFUL, self.engine.now)
        self._world.on_gone(instance)
        self._changed(group)

    def _activity(self, group: Group, description: str, cause: str, zone: str, status: Status) -> Activity:
        activity = Activity(self._ids.uuid(), group.name, group.arn, description, cause, zone, self.engine.now, status)
        return group.activities.add(activity)

    def _count_failure(self, group: Group) -> None:
        """AWS suspends groups "that have been trying to launch instances for over 24 hours" in vain (user guide)."""
        now = self.engine.now
        group.failing_since = now if group.failing_since is None else group.failing_since
        if now - group.failing_since > DAY:
            group.suspended["Launch"] = "Administrative suspension: launches have been failing for over 24 hours"

    def _publish(
        self, group: Group, kind: str, activity: Activity, instance_id: str, status: Status, launch: bool
    ) -> None:
        resources = [group.arn]
        if instance_id:
            resources.append(self._ground.account.arn("ec2", f"instance/{instance_id}"))
        detail = activity.event_detail(instance_id, status, self.engine.now, launch)
        self._ground.publish("aws.autoscaling", kind, resources, detail)
