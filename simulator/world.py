"""One run's world: the campus, the balancer, the web servers, and the AWS around them, wired together."""

from collections.abc import Callable
from dataclasses import dataclass, field

from firstbell.site import Site
from simulator import alarms, measures
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
from simulator.cloud.cloudwatch import CloudWatch, Metric
from simulator.cloud.dynamodb import DynamoDb
from simulator.cloud.efs import Efs
from simulator.cloud.elb import Elb
from simulator.cloud.rds import Rds
from simulator.cloud.reservations import Reservations
from simulator.cloud.reserved_units import ReservedUnits
from simulator.cloud.schedules import Schedules
from simulator.cloud.ssm import Ssm
from simulator.engine import Engine
from simulator.hosts import Host, Mount, stand_in
from simulator.ledger import Ledger
from simulator.traffic import Balancer, Database, Meter, WebServer
from simulator.traffic.database import SHARE
from simulator.witness import Witness

ACCOUNT = Account()
TARGET_GROUP = ACCOUNT.arn("elasticloadbalancing", "targetgroup/moodle/0123456789abcdef")
LOAD_BALANCER = ACCOUNT.arn("elasticloadbalancing", "loadbalancer/app/moodle/0123456789abcdef")
PROBE_DOCUMENT = "firstbell-probe"
AGENT_CAME = "00000000-0000-4000-8000-000000000001"  # the association that runs as soon as an agent is online
RETURNS = "firstbell-returns"  # the group of the controller's one-off schedules
CONSOLE = "[   31.2] cloud-init: {name}: mount /var/moodledata: {mount}\n[   33.9] cloud-init: finished\n"
ZONES = ("eu-central-1a", "eu-central-1b")
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
    _size: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        engine = self.engine
        self.ground = Ground(engine, self.emit, ACCOUNT)
        self.gateway = Gateway(engine, ACCOUNT, self.faults)
        self.meter = Meter(engine)
        self.balancer = Balancer(engine)
        largest = self.site.fleet.max_instances * self.site.fleet.vcpus_per_instance / self.site.costs.vcpu_factor
        self.database = Database(engine, self.meter, SHARE * largest)
        self.hosts: dict[str, Host] = {}
        self.storage_down = False
        self.storage_back = 0.0  # when it last came back
        self.dead_launches: set[int] = set()
        self.deaf_launches: set[int] = set()
        self.launched = 0
        self.course: list[tuple[int, int]] = []  # (serving, MinSize) of every minute
        self._busy: dict[str, float] = {}
        self._cpu: dict[str, float] = {}
        engine.every(60.0, self._measure, first=engine.now - engine.now % 60 + 60)  # before whoever reads it
        probe = stand_in(
            self.hosts, lambda: self.storage_down, engine.random("probes"), lambda: engine.now, self._repaired
        )
        self.ssm = Ssm(self.ground, probe, documents={PROBE_DOCUMENT}, association_id=AGENT_CAME)
        world = World(
            on_boot=self._boot,
            on_in_service=self._serve,
            on_deregister=self._deregister,
            draining=lambda i: self.balancer.states().get(i.instance_id) == "draining",
            on_stop=self._stop,
            on_gone=self._gone,
        )
        self.scaling = AutoScaling(self.ground, world, self._cpu.get)
        rds = Rds(self.ground, {self.site.backup.database: "mariadb"} if self.site.backup.database else {})
        for model in (
            self.scaling,
            self.ssm,
            rds,
            Elb({TARGET_GROUP: self.balancer}),
            DynamoDb(self.ground),
        ):
            self.gateway.serve(model.operations())
        self.witness = Witness(self)
        self.gateway.serve(target_groups.operations({TARGET_GROUP: LOAD_BALANCER}), self.witness.operations())
        self._serve_tiers()
        self._watch()
        self.report_storage(up=True)

    def _serve_tiers(self) -> None:
        """The settings that the site's other tiers borrow, and the schedules on which AWS returns them."""
        tiers = self.site.tiers
        self.schedules = Schedules(self.ground, frozenset({RETURNS}))
        self.units = ReservedUnits(self.ground, (tiers.balancer.load_balancer,) if tiers.balancer else ())
        data = self.site.moodledata.file_system
        self.efs = Efs(self.ground, (*((tiers.efs.file_system,) if tiers.efs else ()), *((data,) if data else ())))
        self.aurora = Aurora(self.ground, {tiers.aurora.cluster: (0.5, 16.0)} if tiers.aurora else {})
        self.reservations = Reservations(self.ground)
        for model in (self.schedules, self.units, self.efs, self.aurora, self.reservations):
            self.gateway.serve(model.operations())

    def _watch(self) -> None:
        """CloudWatch's metrics of all tiers, and the site's alarms."""
        self.watch = CloudWatch(self.ground)
        self.gateway.serve(self.watch.operations())
        self.watch.watch(self._metric("Average"), self.average_cpu)
        self.watch.watch(self._metric("SampleCount"), lambda: float(sum(i.in_service for i in self.instances)))
        of = {"LoadBalancer": LOAD_BALANCER.partition("/")[2], "TargetGroup": TARGET_GROUP.rpartition(":")[2]}
        measures.watch(self, of)
        for alarm in alarms.of_site(self.site, of["LoadBalancer"], of["TargetGroup"]):
            self.watch.add_alarm(alarm)

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

    def serving_cpu(self) -> dict[str, float]:
        """The CPU of each serving instance over the last minute, percent."""
        return {
            i.instance_id: self._cpu[i.instance_id]
            for i in self.instances
            if i.in_service and i.instance_id in self._cpu
        }

    def core_seconds(self) -> float:
        """What the web servers have worked in the last minute, in whole cores."""
        return sum(self._cpu.values()) / 100 * 60 * self.site.fleet.vcpus_per_instance / self.site.costs.vcpu_factor

    def average_cpu(self) -> float | None:
        """The serving instances' average CPU over the last minute, percent."""
        found = self.serving_cpu()
        return sum(found.values()) / len(found) if found else None

    def spoil(self, instance_id: str, mount: Mount, repairable: bool = False) -> None:
        """Something becomes of an instance's mount; "fine" mends it."""
        host = self.hosts[instance_id]
        host.mount, host.repairable = mount, repairable
        host.settle(self.storage_down)

    def _repaired(self, name: str) -> None:
        self.ledger.note("mount", f"{name} has its moodledata mounted anew by the probe")

    def set_storage(self, up: bool) -> None:
        """The file server goes down, or comes back; mounts that are dead for another reason stay dead."""
        self.storage_down = not up
        self.storage_back = self.engine.now if up else self.storage_back
        for host in self.hosts.values():
            host.settle(self.storage_down)
        self.ledger.note("fault", f"the file server is {'back' if up else 'down'}")

    def report_storage(self, up: bool) -> None:
        """AWS's own checks see that the file server is down, or back."""
        self.efs.reachable = up
        if self.site.moodledata.server:
            self.scaling.ec2.set_status(self.site.moodledata.server, instance_ok=up)

    def set_capacity(self, zone: str, there: bool) -> None:
        """EC2 runs out of capacity in the zone with this letter (empty: in all), or has some again."""
        zones = tuple(name for name in ZONES if name.endswith(zone))
        change = self.scaling.allow_launches if there else self.scaling.refuse_launches
        change(self.site.fleet.auto_scaling_group, zones)
        self.ledger.note("fault", f"EC2 has {'capacity again' if there else 'no capacity'} in {', '.join(zones)}")

    def _boot(self, instance: Instance) -> None:
        """The first time it is a launch; an instance of a warm pool may boot again, with whatever is wrong on it."""
        name, server = instance.instance_id, self._web_server(instance)
        if name in self.hosts:
            self.hosts[name].server = server
            self.hosts[name].settle(self.storage_down)
            self.ssm.agents.boot(name, comes=self.ssm.agents.since(name) is not None)
            return
        self.launched += 1
        dead, deaf = self.launched in self.dead_launches, self.launched in self.deaf_launches
        self.hosts[name] = Host(server, "gone" if dead else "fine")
        self.hosts[name].settle(self.storage_down)
        self.ssm.agents.boot(name, comes=not deaf)
        if dead:
            self.ledger.note("fault", f"{name} boots without its moodledata mount")
        if deaf:
            self.ledger.note("fault", f"{name} boots, and its SSM agent will never come online")
        self.scaling.ec2.set_console(name, CONSOLE.format(name=name, mount="access denied" if dead else "mounted"))

    def _web_server(self, instance: Instance) -> WebServer:
        return WebServer(self.engine, instance.instance_id, self.site.fleet.vcpus_per_instance)

    def _serve(self, instance: Instance) -> None:
        self.balancer.register(instance.instance_id, self.hosts[instance.instance_id].server)
        self.witness.in_service(instance)

    def _deregister(self, instance: Instance) -> None:
        if instance.instance_id in self.balancer.states():
            self.balancer.deregister(instance.instance_id)

    def _stop(self, instance: Instance) -> None:
        host = self.hosts.get(instance.instance_id)
        if host is not None:
            host.server.stop()
            self.ssm.agents.disconnect(instance.instance_id)

    def _gone(self, instance: Instance) -> None:
        self.ssm.agents.gone(instance.instance_id)
        self.ledger.gone(instance)
        if instance.instance_id in self.balancer.states():
            self.balancer.remove(instance.instance_id)
        host = self.hosts.pop(instance.instance_id, None)
        self.witness.gone(instance, host.server.stop() if host else 0)

    def _measure(self) -> None:
        for name, host in self.hosts.items():
            server, busy = host.server, host.server.busy
            self._cpu[name] = min(100.0, 100.0 * (busy - self._busy.get(name, 0.0)) / 60.0 / server.vcpus)
            self._busy[name] = busy
        for name in self._cpu.keys() - self.hosts.keys():
            del self._cpu[name]
            self._busy.pop(name, None)
