"""The way of an instance into service and out of it, by the warm pool or not, with its hooks, events and activities.

Sources: "How lifecycle hooks work", "Lifecycle hooks: considerations" and "Use lifecycle hooks with a warm pool" of the
EC2 Auto Scaling user guide.
"""

from collections.abc import Callable

from simulator.cloud.autoscaling.activities import Activity, Status
from simulator.cloud.autoscaling.group import Group
from simulator.cloud.autoscaling.hooks import Waits
from simulator.cloud.autoscaling.telling import Teller
from simulator.cloud.autoscaling.values import (
    EC2,
    GROUP,
    LAUNCHING,
    PENDING_STATES,
    POOL,
    TERMINATING,
    Instance,
    State,
    World,
)
from simulator.cloud.ground import Ground

PROCEED = 2.0  # seconds in which an instance is seen as Pending:Proceed; AWS gives no number
DRAIN_POLL = 5.0
LONGEST_DRAIN = 3600.0  # the largest deregistration delay that a target group can have
STARTED, FAILED, ENDED = (
    "EC2 Instance Launch Successful",
    "EC2 Instance Launch Unsuccessful",
    "EC2 Instance Terminate Successful",
)


class Lifecycle:
    """Moves instances from state to state; `changed(group)` is called whenever capacity came or went."""

    def __init__(self, ground: Ground, world: World, changed: Callable[[Group], None]) -> None:
        self.engine = ground.engine
        self.world = world
        self.teller = Teller(ground)
        self._boot = ground.engine.random("boot")
        self._shutdown = ground.engine.random("shutdown")
        self._pool_boot = ground.engine.random("warm-pool-boot")
        self.waits = Waits(ground, self.teller.ids, self._waited)
        self._changed = changed
        self._groups: dict[str, Group] = {}

    def adopt(self, group: Group) -> None:
        """Look after the instances of a group."""
        self._groups[group.name] = group

    def launch(self, group: Group, zone: str, cause: str, pooled: bool = False) -> Instance:
        """Launch an instance, into the warm pool if `pooled`: Pending, until EC2 says that it runs."""
        instance = self._new(group, zone, cause, " into warm pool" if pooled else "")
        if pooled:
            instance.pooled, instance.route = True, (EC2, POOL)
            instance.become(State.PENDING)
        boot = group.settings.boot.draw(self._pool_boot if pooled else self._boot)
        self.engine.after(boot, self._running, group, instance)
        return instance

    def take(self, group: Group, instance: Instance, cause: str) -> None:
        """Take a ready instance out of the warm pool into the group: Pending, until it runs again."""
        instance.pooled, instance.route = False, (POOL, GROUP)
        instance.become(State.PENDING)
        description = f"Launching a new EC2 instance from warm pool: {instance.instance_id}"
        instance.activity = self.teller.activity(group, description, cause, instance.zone, Status.PRE_IN_SERVICE)
        if instance.halted is None:
            self.engine.after(0, self._runs, group, instance)
        else:
            instance.resume(self.engine.now)
            self.engine.after(group.settings.restart.draw(self._pool_boot), self._running, group, instance)

    def start_in_service(self, group: Group, zone: str, age: float) -> Instance:
        """Put an instance into service that has been running for `age` seconds, as at the start of a scenario."""
        instance = self._new(group, zone, f"At {self.engine.utc:%Y-%m-%dT%H:%M:%SZ} the scenario began.")
        instance.launched = instance.in_service_at = self.engine.now - age
        instance.activity.started = instance.launched
        instance.activity.end(Status.SUCCESSFUL, instance.launched)
        self.world.on_boot(instance)
        instance.state, instance.registered = State.IN_SERVICE, True
        self.world.on_in_service(instance)
        return instance

    def fail_launch(self, group: Group, zone: str, cause: str, message: str, pooled: bool = False) -> None:
        """Record a launch that EC2 refused, as a Failed activity and an Unsuccessful event."""
        description = f"Launching a new EC2 instance.  Status Reason: {message} Launching EC2 instance failed."
        activity = self.teller.activity(group, description, cause, zone, Status.FAILED)
        activity.end(Status.FAILED, self.engine.now, f"{message} Launching EC2 instance failed.")
        self.teller.publish(group, FAILED, activity, "", Status.FAILED, (EC2, POOL if pooled else GROUP))
        self.teller.count_failure(group)

    def fail_resize(self, group: Group, message: str) -> None:
        """Record a change of capacity that the group's bounds refused; AWS documents no wording for it."""
        activity = self.teller.activity(group, message, message, group.settings.zones[0], Status.FAILED)
        activity.end(Status.FAILED, self.engine.now, message)

    def terminate(self, group: Group, instance: Instance, cause: str) -> Activity:
        """Take an instance out: deregister and drain, then the hooks, then EC2's termination."""
        was_in_service = instance.in_service
        activity = self._leave(group, instance, State.TERMINATING, cause, "Terminating EC2 instance")
        instance.route = (POOL if instance.pooled else GROUP, EC2)
        self._drain_first(group, instance, was_in_service, self._drained)
        return activity

    def put_back(self, group: Group, instance: Instance, cause: str) -> None:
        """Return an instance from service to the warm pool: deregister and drain, then the terminate hooks.

        With a reuse policy it waits for those in Warmed:Pending:Wait ("Use lifecycle hooks with a warm pool").
        """
        instance.pooled, instance.route = True, (GROUP, POOL)
        self._leave(group, instance, State.PENDING, cause, "Returning EC2 instance to warm pool")
        self._drain_first(group, instance, True, self._back)

    def discard(self, group: Group, instance: Instance, cause: str) -> None:
        """Terminate an instance of the warm pool without its hooks (DeleteWarmPool with ForceDelete)."""
        if instance.warm:
            self.terminate(group, instance, cause)
        if instance.step in (State.TERMINATING, State.TERMINATING_WAIT):
            self.waits.drop(instance)
            self._shut_down(group, instance)

    def die(self, instance: Instance) -> None:
        """EC2 takes an instance back, in whatever state it is; the group does not know yet."""
        stopped = instance.halted is not None
        instance.dead, instance.halted = True, instance.halted if stopped else self.engine.now
        if not stopped:
            self.world.on_stop(instance)

    def drain(
        self, group: Group, instance: Instance, then: Callable[[Group, Instance], object], latest: float = 0.0
    ) -> None:
        """Go on with `then` once nothing is under way on it any more, at the latest after an hour."""
        latest = latest or self.engine.now + LONGEST_DRAIN
        if self.world.draining(instance) and not instance.dead and self.engine.now < latest:
            self.engine.after(DRAIN_POLL, self.drain, group, instance, then, latest)
        else:
            instance.registered = False
            then(group, instance)

    def _new(self, group: Group, zone: str, cause: str, into: str = "") -> Instance:
        instance_id = self.teller.ids.resource("i")
        description = f"Launching a new EC2 instance{into}: {instance_id}"
        activity = self.teller.activity(group, description, cause, zone, Status.PRE_IN_SERVICE)
        instance = Instance(instance_id, group.name, zone, self.engine.now, activity)
        instance.protected = group.settings.new_instances_protected
        group.instances[instance_id] = instance
        return instance

    def _leave(self, group: Group, instance: Instance, state: State, cause: str, what: str) -> Activity:
        """Begin the way out, whatever the instance was about to do."""
        self.waits.drop(instance)
        if not instance.in_service and instance.activity.ended is None:
            doing = "launched" if instance.step in PENDING_STATES else "entered standby"
            instance.activity.end(Status.CANCELLED, self.engine.now, f"The instance was terminated while it {doing}.")
        instance.become(state)
        description = f"{what}: {instance.instance_id}"
        activity = self.teller.activity(group, description, cause, instance.zone, Status.IN_PROGRESS)
        instance.activity = activity
        return activity

    def _drain_first(
        self, group: Group, instance: Instance, served: bool, then: Callable[[Group, Instance], object]
    ) -> None:
        if instance.registered and group.settings.target_group_arns:
            instance.activity.status = Status.DRAINING
            if served:
                self.world.on_deregister(instance)
            self.drain(group, instance, then)
        else:
            self.engine.after(0, then, group, instance)

    def _running(self, group: Group, instance: Instance) -> None:
        if instance.step == State.PENDING and not instance.dead:
            self.world.on_boot(instance)
            self._runs(group, instance)

    def _runs(self, group: Group, instance: Instance) -> None:
        if instance.state in (State.PENDING, State.WARMED_PENDING):
            self._wait_or(self._arrive, group, instance, LAUNCHING)

    def _back(self, group: Group, instance: Instance) -> None:
        if instance.state is State.WARMED_PENDING:
            self._wait_or(self._arrive, group, instance, TERMINATING)

    def _wait_or(
        self, go_on: Callable[[Group, Instance], object], group: Group, instance: Instance, transition: str
    ) -> None:
        """Wait for the hooks of a transition; without any go on at once."""
        if hooks := group.settings.hooks_at(transition):
            instance.become(State.TERMINATING_WAIT if instance.step == State.TERMINATING else State.PENDING_WAIT)
            instance.activity.status = Status.MID_LIFECYCLE_ACTION
            self.waits.open(group, instance, hooks)
        else:
            go_on(group, instance)

    def _waited(self, instance: Instance, failure: str | None) -> None:
        """The hooks of an instance are through; `failure` says why one of them abandoned it."""
        group = self._groups[instance.group]
        if instance.step == State.TERMINATING_WAIT:  # "both abandon and continue allow the instance to terminate"
            self._shut_down(group, instance)
        elif failure is None:
            instance.become(State.PENDING_PROCEED)
            self.engine.after(PROCEED, self._arrive, group, instance)
        else:
            self._abandon(group, instance, failure)

    def _abandon(self, group: Group, instance: Instance, failure: str) -> None:
        """Terminate and replace an instance whose launch was abandoned, into the warm pool or out of it too.

        The user guide: abandon "indicates that your custom actions were unsuccessful, and that Amazon EC2 Auto Scaling
        can terminate the instance". By its table of hook availability, hooks apply to all launches and terminations
        but a few named ones, and this is not among those: so the instance passes through the terminate hook. What
        abandoning a return to the warm pool does is not said; the twin does not reuse such an instance.
        """
        activity, stamp = instance.activity, f"{self.engine.utc:%Y-%m-%dT%H:%M:%SZ}"
        message = f"Instance failed to complete user's Lifecycle Action: {failure}"
        activity.end(Status.CANCELLED, self.engine.now, message)
        if instance.route[0] != GROUP:
            self.teller.publish(group, FAILED, activity, instance.instance_id, Status.FAILED, instance.route)
            self.teller.count_failure(group)
        self.terminate(
            group, instance, f"At {stamp} an instance was taken out of service in response to a launch failure."
        )
        self._changed(group)

    def _arrive(self, group: Group, instance: Instance) -> None:
        if instance.step not in PENDING_STATES:
            return
        if instance.route[0] != GROUP:
            group.failing_since, group.failed_rounds = None, 0
        if instance.pooled:
            self._enter_pool(group, instance)
        else:
            self._enter_service(group, instance)
        self._changed(group)

    def _enter_service(self, group: Group, instance: Instance) -> None:
        now, activity = self.engine.now, instance.activity
        instance.state, instance.in_service_at, instance.registered = State.IN_SERVICE, now, True
        group.cooldown_until = now + group.settings.default_cooldown
        self.teller.publish(group, STARTED, activity, instance.instance_id, Status.IN_PROGRESS, instance.route)
        if group.settings.default_instance_warmup:
            activity.status = Status.WARMUP
            self.engine.after(group.settings.default_instance_warmup, self._warmed, activity)
        else:
            activity.end(Status.SUCCESSFUL, now)
        self.world.on_in_service(instance)

    def _enter_pool(self, group: Group, instance: Instance) -> None:
        kind = STARTED if instance.route[0] == EC2 else ENDED
        self.teller.publish(group, kind, instance.activity, instance.instance_id, Status.IN_PROGRESS, instance.route)
        instance.activity.end(Status.SUCCESSFUL, self.engine.now)
        instance.in_service_at = None
        if group.pool is not None and not group.pool.stops:
            instance.state = State.WARMED_RUNNING
            return
        instance.state = State.WARMED_STOPPED
        if not instance.dead:
            instance.halted = self.engine.now
            self.world.on_stop(instance)

    def _warmed(self, activity: Activity) -> None:
        activity.end(Status.SUCCESSFUL, self.engine.now)

    def _drained(self, group: Group, instance: Instance) -> None:
        if instance.step == State.TERMINATING:
            self._wait_or(self._shut_down, group, instance, TERMINATING)

    def _shut_down(self, group: Group, instance: Instance) -> None:
        instance.become(State.TERMINATING_PROCEED)
        instance.activity.status = Status.IN_PROGRESS
        self.engine.after(PROCEED + group.settings.shutdown.draw(self._shutdown), self._gone, group, instance)

    def _gone(self, group: Group, instance: Instance) -> None:
        instance.become(State.TERMINATED)
        del group.instances[instance.instance_id]
        if not instance.pooled:
            group.cooldown_until = self.engine.now + group.settings.default_cooldown
        self.teller.publish(group, ENDED, instance.activity, instance.instance_id, Status.IN_PROGRESS, instance.route)
        instance.activity.end(Status.SUCCESSFUL, self.engine.now)
        self.world.on_gone(instance)
        self._changed(group)
