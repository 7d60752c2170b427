"""Keeps each group at its desired capacity and its warm pool at its size: launches, scale-in, replacement of the
unhealthy, failing launches.
"""

from simulator.cloud.autoscaling.activities import Activity
from simulator.cloud.autoscaling.group import Group, invalid
from simulator.cloud.autoscaling.lifecycle import Lifecycle
from simulator.cloud.autoscaling.spread import next_to_terminate, zones_by_need
from simulator.cloud.autoscaling.values import BALANCED_ONLY, GroupSettings, Instance, World
from simulator.cloud.ground import Ground, Identifiers, zulu

SETTLE = 1.0  # seconds between a change of capacity and the first activity for it
FIRST_RETRY, LONGEST_RETRY = 60.0, 900.0  # pauses between rounds of failing launches; AWS only says that it retries

HEALTH_CAUSES = {
    "user": "a user health-check.",
    "EC2": "an EC2 health check indicating it has been terminated or stopped.",
    "ELB": "an ELB system health check failure.",
}
REPLACING = "an instance was launched in response to an unhealthy instance needing to be replaced."


class Fleet:
    """All groups of a run. Times are virtual; all changes of capacity, whoever asks for them, go through here."""

    def __init__(self, ground: Ground, world: World) -> None:
        self.engine = ground.engine
        self.ground = ground
        self.groups: dict[str, Group] = {}
        self.lifecycle = Lifecycle(ground, world, self.settle)
        self._health = ground.engine.random("health-replacement")
        self._noticing = ground.engine.random("dead-instances")
        self._ids = Identifiers(ground.engine, "groups")

    def create(self, settings: GroupSettings, started: bool = False) -> Group:
        """Create a group; `started` puts its first instances into service at once, an hour old."""
        path = f"autoScalingGroup:{self._ids.uuid()}:autoScalingGroupName/{settings.name}"
        group = Group(settings, self.ground.account.arn("autoscaling", path), self.engine.now)
        self.groups[settings.name] = group
        self.lifecycle.adopt(group)
        while started and len(group.instances) < group.desired:
            zone = zones_by_need(settings.zones, group.live)[0]
            self.lifecycle.start_in_service(group, zone, age=3600.0 - len(group.instances))
        self.settle(group)
        return group

    def group(self, name: str) -> Group:
        """The group of a name; raises the ValidationError of the API."""
        if name not in self.groups:
            raise invalid("AutoScalingGroup name not found - null")
        return self.groups[name]

    def instance(self, instance_id: str) -> tuple[Group, Instance]:
        """An instance and its group; raises the ValidationError of the API."""
        for group in self.groups.values():
            if instance_id in group.instances:
                return group, group.instances[instance_id]
        raise invalid(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")

    def changed(self, group: Group, before: int, who: str) -> None:
        """Say why the desired capacity is no longer `before`, for the causes of activities, and bring it about."""
        if group.desired != before:
            change = f"changing the desired capacity from {before} to {group.desired}."
            group.cause = f"At {zulu(self.engine.now)} {who} {change}  "
        self.settle(group)

    def settle(self, group: Group) -> None:
        """Bring the group to its desired capacity, a moment from now."""
        if not group.settling:
            group.settling = True
            self.engine.after(SETTLE, self._settle, group)

    def _settle(self, group: Group) -> None:
        group.settling = False
        gap = group.desired - len(group.live)
        if gap > 0 and group.runs("Launch"):
            self._launch(group, gap)
        elif gap < 0 and group.runs("Terminate"):
            self._scale_in(group, -gap)
        if group.desired == len(group.live):
            group.cause = ""
        self._keep_pool(group)

    def _launch(self, group: Group, count: int) -> None:
        stamp = f"At {zulu(self.engine.now)}"
        refused: set[str] = set()
        waiting: list[str] = []  # a zone for each launch that must wait for it, where the group is to be balanced only
        for _ in range(count):
            size = len(group.live)
            replacing = group.cause.endswith(REPLACING)
            cause = (
                group.cause
                if replacing
                else (
                    f"{group.cause}{stamp} an instance was started in response to a difference between desired and "
                    f"actual capacity, increasing the capacity from {size} to {size + 1}."
                )
            )
            if not self._launch_somewhere(group, cause, refused, waiting):
                break
        if waiting or len(group.live) < group.desired:
            self._retry_later(group)

    def _launch_somewhere(
        self, group: Group, cause: str, refused: set[str], waiting: list[str], pooled: bool = False
    ) -> bool:
        """Launch in the neediest zone that has capacity: AWS goes on to the others when a launch fails in one, unless
        the group's strategy is balanced-only: then the launch waits for its zone. What the warm pool has goes first.
        """
        zones = zones_by_need(group.settings.zones, group.warm if pooled else group.live, waiting)
        possible = zones[:1] if group.distribution == BALANCED_ONLY else zones
        warm = None if pooled else next(iter(_ready(group, possible)), None)
        if warm is not None:
            self.lifecycle.take(group, warm, cause)
            return True
        for zone in possible:
            if zone in refused:
                continue
            if zone not in group.failing_zones:
                self.lifecycle.launch(group, zone, cause, pooled)
                return True
            refused.add(zone)
            self.lifecycle.fail_launch(group, zone, cause, group.failing_zones[zone], pooled)
        if group.distribution == BALANCED_ONLY:
            waiting.append(zones[0])
            return True
        return False

    def _retry_later(self, group: Group) -> None:
        pause = min(FIRST_RETRY * 2**group.failed_rounds, LONGEST_RETRY)
        group.failed_rounds += 1
        self.engine.after(pause, self.settle, group)

    def _scale_in(self, group: Group, excess: int) -> None:
        """Terminate what is in service beyond the desired capacity.

        Instances that are still pending are left to their hooks and go once they are in service: AWS does not document
        that a scale-in takes them from a wait, and users see groups stuck until such hooks end.
        """
        stamp = f"At {zulu(self.engine.now)}"
        for _ in range(min(excess, len(group.in_service) - group.desired)):
            victim = next_to_terminate(group.in_service)
            if victim is None:
                return
            size = len(group.live)
            cause = (
                f"{group.cause}{stamp} an instance was taken out of service in response to a difference between "
                f"desired and actual capacity, shrinking the capacity from {size} to {size - 1}.  "
                f"{stamp} instance {victim.instance_id} was selected for termination."
            )
            if group.pool is not None and group.pool.reuses and len(group.warm) < group.pool_size:
                self.lifecycle.put_back(group, victim, cause)
            else:
                self.lifecycle.terminate(group, victim, cause)

    def _keep_pool(self, group: Group) -> None:
        """Bring the warm pool to its size, once the group itself has what it wants; AWS words no cause and no order."""
        stamp, warm, size = f"At {zulu(self.engine.now)}", group.warm, group.pool_size
        if group.runs("Terminate"):
            for instance in warm[size:][::-1]:
                cause = f"{stamp} an instance was taken out of the warm pool, whose size is to be {size}."
                self.lifecycle.terminate(group, instance, cause)
        if len(warm) < size and group.runs("Launch") and len(group.live) >= group.desired:
            refused: set[str] = set()
            waiting: list[str] = []
            cause = f"{stamp} an instance was launched into the warm pool, whose size is to be {size}."
            while len(group.warm) + len(waiting) < size:
                if not self._launch_somewhere(group, cause, refused, waiting, pooled=True):
                    break
            if len(group.warm) < size:
                self._retry_later(group)

    def terminate(self, instance_id: str, decrement: bool) -> Activity:
        """TerminateInstanceInAutoScalingGroup; with `decrement` no replacement, but never below the minimum.

        One on standby may be terminated too, one of a warm pool not (API reference, which gives no words for it).
        """
        group, instance = self.instance(instance_id)
        if instance.pooled:
            raise invalid(f"The instance {instance_id} is in a warm pool.")
        if not (instance.in_service or instance.pending or instance.on_standby):
            return instance.activity
        size = len(group.live)
        shrinking = ""
        if decrement:
            if group.desired <= group.min_size:
                raise invalid(
                    f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without "
                    "replacement will violate group's min size constraint. Either set "
                    "shouldDecrementDesiredCapacity flag to false or lower group's min size."
                )
            group.desired -= 1
            shrinking = f", shrinking the capacity from {size} to {size - 1}"
        stamp = zulu(self.engine.now)
        activity = self.lifecycle.terminate(
            group,
            instance,
            f"At {stamp} instance {instance_id} was taken out of service in response to a user request{shrinking}.",
        )
        self.settle(group)
        return activity

    def fail_health(self, instance_id: str, check: str, respect_grace: bool = True) -> None:
        """An instance fails a health check: "user" (SetInstanceHealth), "EC2" (it died) or "ELB".

        The grace period, counted from InService, shields from "user" (unless told otherwise) and "ELB". Replacement
        starts up to 30 s later, all instances at once: nothing throttles it. On standby no health is checked.
        """
        group, instance = self.instance(instance_id)
        if instance.on_standby:
            return
        since = instance.in_service_at
        grace = respect_grace and check != "EC2" and since is not None
        if grace and self.engine.now - (since or 0.0) < group.settings.health_check_grace_period:
            return
        if not group.runs("HealthCheck") and check != "user":
            return
        instance.health = "Unhealthy"
        self.engine.after(self._health.uniform(5.0, 30.0), self._replace, group, instance, check)

    def _replace(self, group: Group, instance: Instance, check: str) -> None:
        gone = not (instance.in_service or instance.pending or instance.warm)
        if gone or instance.health == "Healthy" or not group.runs("ReplaceUnhealthy") or not group.runs("Terminate"):
            return
        stamp = f"At {zulu(self.engine.now)}"
        self.lifecycle.terminate(
            group, instance, f"{stamp} an instance was taken out of service in response to {HEALTH_CAUSES[check]}"
        )
        if not instance.pooled:
            group.cause = f"{stamp} {REPLACING}"
        self.settle(group)

    def notice(self, group: Group, instance: Instance) -> None:
        """Let the group see that EC2 has taken an instance back: its replacement begins within a minute."""
        self.engine.after(self._noticing.uniform(1.0, 30.0), self._notice, group, instance)

    def _notice(self, group: Group, instance: Instance) -> None:
        if instance.instance_id in group.instances:
            self.fail_health(instance.instance_id, "EC2")

    def resumed(self, group: Group) -> None:
        """After processes were resumed: catch up with capacity and with the unhealthy."""
        for instance in list(group.instances.values()):
            if instance.health == "Unhealthy":
                self._replace(group, instance, "user")
            elif instance.dead:
                self.notice(group, instance)
        self.settle(group)

    def refuse_launches(self, name: str, zones: tuple[str, ...] = (), message: str | None = None) -> None:
        """Let EC2 refuse the group's launches in `zones` (default: all) with InsufficientInstanceCapacity's text."""
        group = self.group(name)
        for zone in zones or group.settings.zones:
            group.failing_zones[zone] = message or (
                f"We currently do not have sufficient {group.settings.instance_type} capacity in the Availability Zone "
                f"you requested ({zone}). Our system will be working on provisioning additional capacity."
            )

    def allow_launches(self, name: str, zones: tuple[str, ...] = ()) -> None:
        """End `refuse_launches` in `zones` (default: all); the group finds out at its next try."""
        group = self.group(name)
        for zone in zones or group.settings.zones:
            group.failing_zones.pop(zone, None)


def _ready(group: Group, zones: list[str]) -> list[Instance]:
    """What a scale-out may take from the warm pool; a stopped instance needs capacity in its zone to be started."""
    ready = [i for zone in zones for i in group.warm if i.ready and i.zone == zone]
    return [i for i in ready if i.halted is None or i.zone not in group.failing_zones]
