"""One run's world: the campus, the balancer, the web servers, and the AWS around them, wired together."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from firstbell.site import Site
from simulator.cloud import Account, Faults, Gateway, Ground, target_groups
from simulator.cloud.aurora import Aurora
from simulator.cloud.autoscaling import (
    BEST_EFFORT,
    LAUNCHING,
    TERMINATING,
    AutoScaling,
    GroupSettings,
    Hook,
    Instance,
    TargetTracking,
    World,
)
from simulator.cloud.cloudwatch import Alarm, CloudWatch, Metric
from simulator.cloud.efs import Efs
from simulator.cloud.elb import Elb
from simulator.cloud.rds import Rds
from simulator.cloud.reservations import Reservations
from simulator.cloud.reserved_units import ReservedUnits
from simulator.cloud.schedules import Schedules
from simulator.cloud.ssm import Ssm
from simulator.engine import Engine
from simulator.ledger import Ledger
from simulator.traffic import Balancer, Meter, WebServer

ACCOUNT = Account()
TARGET_GROUP = ACCOUNT.arn("elasticloadbalancing", "targetgroup/moodle/0123456789abcdef")
LOAD_BALANCER = ACCOUNT.arn("elasticloadbalancing", "loadbalancer/app/moodle/0123456789abcdef")
PROBE_DOCUMENT = "firstbell-probe"
RETURNS = "firstbell-returns"  # the group of the controller's one-off schedules
ZONES = ("eu-central-1a", "eu-central-1b")
ALARM_AT = 50.0  # percent CPU, early: an instance that is asked for now serves in minutes
HOOK_TIMEOUT = 900  # seconds, as infrastructure sets it


@dataclass
class Fleet:
    """The web tier of one site; `group` may have hooks (a controller answers them) and a scaling policy."""

    engine: Engine
    site: Site
    emit: Callable[[dict[str, object]], object]
    hooked: bool
    sizes: tuple[int, int, int]  # min, max, desired
    tracking: bool
    ledger: Ledger
    faults: Faults = field(default_factory=Faults)
    distribution: str = BEST_EFFORT
    _broken: set[str] = field(default_factory=set)
    _size: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        engine = self.engine
        self.ground = Ground(engine, self.emit, ACCOUNT)
        self.gateway = Gateway(engine, ACCOUNT, self.faults)
        self.meter = Meter(engine)
        self.balancer = Balancer(engine)
        self.servers: dict[str, WebServer] = {}
        self.storage_down = False
        self.dead_launches: set[int] = set()
        self.launched = 0
        self.course: list[tuple[int, int]] = []  # (serving, MinSize) of every minute
        self._busy: dict[str, float] = {}
        self._cpu: dict[str, float] = {}
        engine.every(60.0, self._measure, first=engine.now - engine.now % 60 + 60)  # before whoever reads it
        self.ssm = Ssm(self.ground, self._probe, documents={PROBE_DOCUMENT})
        world = World(
            on_boot=self._boot,
            on_in_service=self._serve,
            on_deregister=self._deregister,
            draining=lambda i: self.balancer.states().get(i.instance_id) == "draining",
            on_gone=self._gone,
        )
        self.scaling = AutoScaling(self.ground, world, self._cpu.get)
        self.watch = CloudWatch(self.ground)
        self.watch.watch(self._metric("Average"), self.average_cpu)
        self.watch.watch(self._metric("SampleCount"), lambda: float(sum(i.in_service for i in self.instances)))
        self.watch.add_alarm(Alarm(f"firstbell-{self.site.name}-cpu", self._metric("Average"), ALARM_AT))
        rds = Rds(self.ground, {self.site.backup.database: "mariadb"} if self.site.backup.database else {})
        for model in (self.scaling, self.watch, self.ssm, rds, Elb({TARGET_GROUP: self.balancer})):
            self.gateway.serve(model.operations())
        self.gateway.serve(target_groups.operations({TARGET_GROUP: LOAD_BALANCER}))
        self._serve_tiers()

    def _serve_tiers(self) -> None:
        """The settings that the site's other tiers borrow, and the schedules on which AWS returns them."""
        tiers = self.site.tiers
        self.schedules = Schedules(self.ground, frozenset({RETURNS}))
        self.units = ReservedUnits(self.ground, (tiers.balancer.load_balancer,) if tiers.balancer else ())
        self.efs = Efs(self.ground, (tiers.efs.file_system,) if tiers.efs else ())
        self.aurora = Aurora(self.ground, {tiers.aurora.cluster: (0.5, 16.0)} if tiers.aurora else {})
        self.reservations = Reservations(self.ground)
        for model in (self.schedules, self.units, self.efs, self.aurora, self.reservations):
            self.gateway.serve(model.operations())

    def _metric(self, statistic: str) -> Metric:
        group = {"AutoScalingGroupName": self.site.fleet.auto_scaling_group}
        return Metric.of("AWS/EC2", "CPUUtilization", statistic, group)

    def create(self) -> None:
        """Create the group with its first instances in service."""
        low, high, desired = self.sizes
        hooks = (
            Hook("firstbell-admit", LAUNCHING, HOOK_TIMEOUT, "ABANDON"),
            Hook("firstbell-release", TERMINATING, HOOK_TIMEOUT, "CONTINUE"),
        )
        settings = GroupSettings(
            name=self.site.fleet.auto_scaling_group,
            min_size=low,
            max_size=high,
            desired=desired,
            zones=ZONES,
            hooks=hooks if self.hooked else (),
            target_group_arns=(TARGET_GROUP,),
            policy=TargetTracking() if self.tracking else None,
            distribution=self.distribution,
        )
        self.scaling.create(settings, started=True)
        self.launched = 0  # "the nth launch" counts from here on
        self._size = (desired, low)
        self.engine.every(60.0, self._note_size)

    @property
    def instances(self) -> list[Instance]:
        """All instances of the group."""
        return self.scaling.instances(self.site.fleet.auto_scaling_group)

    def _note_size(self) -> None:
        """Keep the minute's size, and put a change of the wanted one into the timeline."""
        group = self.scaling.group(self.site.fleet.auto_scaling_group)
        self.course.append((sum(i.in_service for i in self.instances), group.min_size))
        if (group.desired, group.min_size) != self._size:
            old, self._size = self._size, (group.desired, group.min_size)
            if old[0] != group.desired:
                why = f"MinSize {old[1]} → {group.min_size}" if old[1] != group.min_size else "the scaling policy"
                self.ledger.note("fleet", f"the group goes from {old[0]} to {group.desired} instances", why)

    def average_cpu(self) -> float | None:
        """The serving instances' average CPU over the last minute, percent."""
        found = [self._cpu[i.instance_id] for i in self.instances if i.in_service and i.instance_id in self._cpu]
        return sum(found) / len(found) if found else None

    def lose_mount(self, instance_id: str) -> None:
        """An instance's share is gone."""
        self.servers[instance_id].mounted = False

    def set_storage(self, up: bool) -> None:
        """The file server goes down, or comes back; mounts that are dead for another reason stay dead."""
        self.storage_down = not up
        for name, server in self.servers.items():
            server.mounted = up and name not in self._broken
        self.ledger.note("fault", f"the file server is {'back' if up else 'down'}")

    def set_capacity(self, zone: str, there: bool) -> None:
        """EC2 runs out of capacity in the zone with this letter (empty: in all), or has some again."""
        zones = tuple(name for name in ZONES if name.endswith(zone))
        change = self.scaling.allow_launches if there else self.scaling.refuse_launches
        change(self.site.fleet.auto_scaling_group, zones)
        self.ledger.note("fault", f"EC2 has {'capacity again' if there else 'no capacity'} in {', '.join(zones)}")

    def _boot(self, instance: Instance) -> None:
        self.launched += 1
        server = WebServer(self.engine, instance.instance_id, self.site.fleet.vcpus_per_instance)
        if self.launched in self.dead_launches:
            self._broken.add(instance.instance_id)
            self.ledger.note("fault", f"{instance.instance_id} boots without its moodledata mount")
        server.mounted = not self.storage_down and instance.instance_id not in self._broken
        self.servers[instance.instance_id] = server
        self.ssm.agents.boot(instance.instance_id)

    def _serve(self, instance: Instance) -> None:
        self.balancer.register(instance.instance_id, self.servers[instance.instance_id])
        self.ledger.in_service(instance, self.servers[instance.instance_id].mounted)

    def _deregister(self, instance: Instance) -> None:
        if instance.instance_id in self.balancer.states():
            self.balancer.deregister(instance.instance_id)

    def _gone(self, instance: Instance) -> None:
        self.ssm.agents.gone(instance.instance_id)
        self.ledger.gone(instance)
        if instance.instance_id in self.balancer.states():
            self.balancer.remove(instance.instance_id)
        server = self.servers.pop(instance.instance_id, None)
        if server is not None:
            server.stop()

    def _measure(self) -> None:
        for name, server in self.servers.items():
            busy = server.busy
            self._cpu[name] = min(100.0, 100.0 * (busy - self._busy.get(name, 0.0)) / 60.0 / server.vcpus)
            self._busy[name] = busy
        for name in self._cpu.keys() - self.servers.keys():
            del self._cpu[name]
            self._busy.pop(name, None)

    def _probe(self, instance: str, document: str, parameters: dict[str, list[str]]) -> tuple[float, int, str]:  # noqa: ARG002
        """What the probe script would say there; the script itself is proven on real mounts."""
        server = self.servers.get(instance)
        verdict = "hung" if self.storage_down else "healthy" if server and server.mounted else "not_mounted"
        path = parameters.get("path", ["?"])[0]
        detail = {
            "healthy": "written, read back and removed",
            "not_mounted": f"{path} is not a mount point",
            "hung": "no answer within 20.0 s in step write",
        }[verdict]
        answer = {
            "probe": 1,
            "verdict": verdict,
            "step": None if verdict == "healthy" else "mount" if verdict == "not_mounted" else "write",
            "detail": detail,
            "ms": {"mount": 1.0, "write": 9.0},
            "fstype": "nfs4" if verdict != "not_mounted" else None,
            "source": None,
            "options": None,
            "path": path,
            "host": instance,
        }
        return (22.0 if verdict == "hung" else 1.5), (0 if verdict == "healthy" else 1), json.dumps(answer)
