"""Lifecycle actions: an instance waits for its hooks, until each is completed, abandoned or timed out."""

from collections.abc import Callable, Sequence

from simulator.cloud.autoscaling.group import Group, invalid
from simulator.cloud.autoscaling.values import LAUNCHING, Hook, Instance, Wait
from simulator.cloud.ground import Ground, Identifiers

CONTINUE, ABANDON = "CONTINUE", "ABANDON"


class Waits:
    """Opens and closes waits; `waited(instance, failure)` is called once no hook keeps the instance any more."""

    def __init__(self, ground: Ground, ids: Identifiers, waited: Callable[[Instance, str | None], None]) -> None:
        self._ground = ground
        self._ids = ids
        self._waited = waited

    def open(self, group: Group, instance: Instance, hooks: Sequence[Hook]) -> None:
        """Start the lifecycle actions of all `hooks` at once and announce each by its event."""
        for hook in hooks:
            wait = Wait(hook, self._ids.uuid(), self._ground.engine.now)
            instance.waits.append(wait)
            self.heartbeat(instance, wait)
            self._announce(group, instance, wait)

    def drop(self, instance: Instance) -> None:
        """Forget the instance's running actions: their tokens are worth nothing any more."""
        for wait in instance.waits:
            _disarm(wait)
        instance.waits.clear()

    def complete(self, instance: Instance, wait: Wait, result: str, how: str | None = None) -> None:
        """End an action; an abandoned one ends the instance's other actions too (user guide, considerations)."""
        if result not in (CONTINUE, ABANDON):
            raise invalid(f"Lifecycle Action Result {result} is not valid, it must be either CONTINUE or ABANDON")
        _disarm(wait)
        instance.waits.remove(wait)
        failure = None
        if result == ABANDON:
            self.drop(instance)
            how = how or "Lifecycle Action Completed with ABANDON Result"
            failure = f"Lifecycle Action with token {wait.token} was abandoned: {how}"
        if not instance.waits:
            self._waited(instance, failure)

    def heartbeat(self, instance: Instance, wait: Wait) -> None:
        """Restart the action's timeout, but never beyond the hook's global timeout."""
        _disarm(wait)
        engine, hook = self._ground.engine, wait.hook
        deadline = min(engine.now + hook.heartbeat_timeout, wait.started + hook.global_timeout)
        wait.deadline = engine.at(deadline, self._time_out, instance, wait)

    def find(self, instance: Instance | None, hook: str, token: str | None, instance_id: str | None) -> Wait:
        """The running action of a hook by token, else by instance; raises the ValidationError that AWS gives."""
        waits = [] if instance is None else instance.waits
        for wait in waits:
            if wait.hook.name == hook and token in (None, wait.token):
                return wait
        which = f"token {token}" if token is not None else f"instance ID {instance_id}"
        raise invalid(f"No active Lifecycle Action found with {which}")

    def _time_out(self, instance: Instance, wait: Wait) -> None:
        self.complete(instance, wait, wait.hook.default_result, "Heartbeat Timeout")

    def _announce(self, group: Group, instance: Instance, wait: Wait) -> None:
        launching = wait.hook.transition == LAUNCHING
        detail = {
            "LifecycleActionToken": wait.token,
            "AutoScalingGroupName": group.name,
            "LifecycleHookName": wait.hook.name,
            "EC2InstanceId": instance.instance_id,
            "LifecycleTransition": wait.hook.transition,
            "Origin": instance.route[0],
            "Destination": instance.route[1],
        }
        if wait.hook.metadata is not None:
            detail["NotificationMetadata"] = wait.hook.metadata
        kind = f"EC2 Instance-{'launch' if launching else 'terminate'} Lifecycle Action"
        self._ground.publish("aws.autoscaling", kind, [group.arn], detail)


def _disarm(wait: Wait) -> None:
    if wait.deadline is not None:
        wait.deadline.cancel()
