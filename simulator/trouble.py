"""Books what goes wrong in a scenario: on instances, with the group, with storage and calendars, and in AWS itself."""

from functools import partial
from pathlib import Path

from firstbell.site import Site
from simulator.cloud import Faults
from simulator.cloud.ground import Json, Operation, Operations
from simulator.cloud.ssm import AgentBehaviour
from simulator.cloud.ssm.agents import happens
from simulator.controller import Controller
from simulator.hosts import Mount
from simulator.network import Feeds
from simulator.scenario import Fault, Scenario
from simulator.witness import FOR_EVER
from simulator.world import Fleet

AGAIN = 180.0  # seconds until a controller that is back has looked at everything: two ticks, and retries
FLAP = 240  # seconds from one false alarm to the next
NOTICED = 90.0  # seconds until a status check sees it: EC2 makes them every minute, and two must fail


def share_of(scenario: Scenario, kind: str) -> float:
    """How often something of a kind happens, 0 to 1."""
    return min(1.0, sum(fault.share for fault in scenario.faults if fault.kind == kind))


def book(scenario: Scenario, site: Site, fleet: Fleet, feeds: Feeds, firstbell: Controller | None = None) -> None:
    """Book everything. Launches are counted from now on."""
    fleet.dead_launches = {f.nth for f in scenario.faults if f.kind == "dead_mount"}
    fleet.deaf_launches = {f.nth for f in scenario.faults if f.kind == "agent_absent"}
    _spoil_the_service(scenario, fleet)
    for fault in scenario.faults:
        if fault.at is not None:
            begins, ends = fault.at.timestamp(), fault.at.timestamp() + fault.minutes * 60
            _book_on_fleet(fault, fleet, begins, ends)
            _book_around(fault, fleet, feeds, begins, ends)
            if firstbell is not None:
                _book_on_controller(fault, scenario.site_folder, site, firstbell, fleet, begins, ends)


def _spoil_the_service(scenario: Scenario, fleet: Fleet) -> None:
    """What AWS does badly all the time."""
    share = partial(share_of, scenario)
    late_by = max((f.seconds for f in scenario.faults if f.kind == "commands_late"), default=0.0)
    fleet.ssm.agents.behaviour = AgentBehaviour(
        never_online=share("agents_absent"),
        lost=share("commands_lost"),
        late=share("commands_late"),
        late_by=late_by,
        twice=share("commands_doubled"),
        early=share("early_answers"),
    )
    if share("throttled"):
        fleet.gateway.faults = Faults(throttled={"*": share("throttled")})
        fleet.witness.pardon(FOR_EVER)
    if share("hook_race"):
        fleet.gateway.serve(_raced(fleet, share("hook_race")))


def _book_on_fleet(fault: Fault, fleet: Fleet, begins: float, ends: float) -> None:
    """One instance falls ill, or somebody takes instances away."""
    engine = fleet.engine
    match fault.kind:
        case "mount_lost":
            engine.at(begins, _spoil, fleet, "gone", "loses its moodledata mount", bool(fault.repairable))
        case "mount_stale":
            engine.at(begins, _spoil, fleet, "stale", "has a stale handle for its mount", fault.repairable is not False)
        case "slow_mount":
            engine.at(begins, _slow_down, fleet, ends)
        case "web_silent":
            engine.at(begins, _silence, fleet, ends)
        case "cron_task":
            engine.at(begins, _set_tasks, fleet, begins)
            engine.at(ends, _set_tasks, fleet, None)
        case "scale_in":
            engine.at(begins, _scale_in, fleet, fault.count)
        case "spot_interruption":
            engine.at(begins, _interrupt, fleet, fault.count)


def _book_around(fault: Fault, fleet: Fleet, feeds: Feeds, begins: float, ends: float) -> None:
    """Something that all instances need is away for a while."""
    engine = fleet.engine
    match fault.kind:
        case "storage_down":
            engine.at(begins, fleet.set_storage, False)
            engine.at(ends, fleet.set_storage, True)
            if fault.reported:
                engine.at(begins + NOTICED, fleet.report_storage, False)
                engine.at(ends + NOTICED, fleet.report_storage, True)
        case "no_capacity":
            engine.at(begins, fleet.set_capacity, fault.zone, False)
            engine.at(ends, fleet.set_capacity, fault.zone, True)
        case "zone_lost":
            engine.at(begins, _lose_zone, fleet, fault.zone)
            engine.at(ends, fleet.set_capacity, fault.zone, True)
        case "database_slow":
            engine.at(begins, _slow_database, fleet, fault.factor)
            engine.at(ends, _slow_database, fleet, 1.0)
        case "alarm_flaps":
            engine.at(begins, fleet.ledger.note, "fault", f"an alarm about slow pages flaps for {fault.minutes:g} min")
            for moment in range(int(begins), int(ends), FLAP):
                engine.at(moment, _set_off, fleet)
        case "calendars_down":
            engine.at(begins, setattr, feeds, "down", True)
            engine.at(ends, setattr, feeds, "down", False)
            engine.at(begins, fleet.ledger.note, "fault", f"no calendar's host answers for {fault.minutes:g} min")


def _book_on_controller(
    fault: Fault, folder: Path, site: Site, firstbell: Controller, fleet: Fleet, begins: float, ends: float
) -> None:
    engine = fleet.engine
    match fault.kind:
        case "calendars_broken":
            engine.at(begins, _break_calendars, folder, site, firstbell)
        case "controller_down":
            engine.at(begins, setattr, firstbell.delivery, "down", True)
            engine.at(ends, setattr, firstbell.delivery, "down", False)
            engine.at(begins, fleet.ledger.note, "fault", f"the controller is down for {fault.minutes:g} min")
            engine.at(begins, fleet.witness.pardon, ends + AGAIN)


def _break_calendars(folder: Path, site: Site, firstbell: Controller) -> None:
    """Every file beside the site file becomes what Moodle answers to an old token."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "site.yaml"):
        firstbell.upload(f"sites/{site.name}/{path.relative_to(folder).as_posix()}", b"Invalid authentication")
    firstbell.ledger.note("fault", "all calendars in the bucket are broken")


def _victim(fleet: Fleet, fate: str) -> str:
    """The first instance that serves and is well, or an empty text."""
    well = (i.instance_id for i in fleet.instances if i.in_service and fleet.hosts[i.instance_id].well)
    found = next(well, "")
    fleet.ledger.note("fault", f"{found or 'no instance'} {fate}")
    return found


def _spoil(fleet: Fleet, mount: Mount, fate: str, repairable: bool) -> None:
    if victim := _victim(fleet, fate):
        fleet.spoil(victim, mount, repairable)


def _slow_down(fleet: Fleet, ends: float) -> None:
    if victim := _victim(fleet, "has a slow mount"):
        fleet.spoil(victim, "slow")
        fleet.engine.at(ends, _mend, fleet, victim)


def _silence(fleet: Fleet, ends: float) -> None:
    if victim := _victim(fleet, "has a PHP that no longer answers"):
        fleet.hosts[victim].server.answers = False
        fleet.engine.at(ends, _mend, fleet, victim)


def _mend(fleet: Fleet, instance: str) -> None:
    """It passes, unless the instance has gone, or has got something worse meanwhile."""
    host = fleet.hosts.get(instance)
    if host is not None:
        host.mount = "fine" if host.mount == "slow" else host.mount
        host.server.answers = True


def _set_tasks(fleet: Fleet, since: float | None) -> None:
    for instance in fleet.instances:
        host = fleet.hosts.get(instance.instance_id)
        if host is not None and (since is None or instance.in_service):
            host.task_since = since
    fleet.ledger.note(
        "fault", "tasks of Moodle's cron run everywhere" if since else "the tasks of the cron are through"
    )


def _scale_in(fleet: Fleet, count: int) -> None:
    group = fleet.scaling.group(fleet.site.fleet.auto_scaling_group)
    before, wanted = group.desired, max(1, group.desired - count)
    group.resize(min_size=min(group.min_size, wanted), desired=wanted)
    fleet.ledger.note("fault", f"somebody lowers the desired capacity from {before} to {wanted}")
    fleet.scaling.fleet.changed(group, before, "a user request explicitly set group desired capacity")


def _interrupt(fleet: Fleet, count: int) -> None:
    serving = [i.instance_id for i in fleet.instances if i.in_service][:count]
    fleet.ledger.note("fault", f"EC2 takes {len(serving)} spot instances back in two minutes: {', '.join(serving)}")
    for name in serving:
        fleet.witness.taken(name)
    fleet.scaling.interrupt(serving)


def _lose_zone(fleet: Fleet, letter: str) -> None:
    """All instances in a zone are dead at once, and EC2 launches none there."""
    scaling = fleet.scaling.fleet
    group = scaling.group(fleet.site.fleet.auto_scaling_group)
    lost = [i for i in fleet.instances if i.zone.endswith(letter) and not i.dead]
    fleet.ledger.note("fault", f"zone {letter} is lost, and {len(lost)} instances with it")
    fleet.set_capacity(letter, False)
    for instance in lost:
        fleet.witness.taken(instance.instance_id)
        scaling.lifecycle.die(instance)
        scaling.notice(group, instance)


def _slow_database(fleet: Fleet, factor: float) -> None:
    fleet.database.slow = factor
    slow = f"has {factor:g} times the work with each request" if factor > 1 else "is as fast as ever"
    fleet.ledger.note("fault", f"the database {slow}")


def _set_off(fleet: Fleet) -> None:
    fleet.watch.set_state(f"firstbell-{fleet.site.name}-slow", "ALARM", "It flaps.")


def _raced(fleet: Fleet, share: float) -> Operations:
    """Answers to hooks, of which some come a moment after the hook has timed out."""
    heard = {**fleet.scaling.operations(), **fleet.witness.operations()}
    random = fleet.engine.random("hook-races")

    def raced(model: Operation) -> Operation:
        def operation(params: Json) -> Json | None:
            if happens(share, random):
                _time_out(fleet, params["InstanceId"])
            return model(params)

        return operation

    names = ("CompleteLifecycleAction", "RecordLifecycleActionHeartbeat")
    return {("autoscaling", name): raced(heard["autoscaling", name]) for name in names}


def _time_out(fleet: Fleet, name: str) -> None:
    waits = fleet.scaling.fleet.lifecycle.waits
    for instance in fleet.instances:
        for wait in list(instance.waits) if instance.instance_id == name else []:
            fleet.ledger.note("fault", f"the hook of {name} times out just now: {wait.hook.default_result}")
            fleet.witness.taken(name)
            waits.complete(instance, wait, wait.hook.default_result, "Heartbeat Timeout")
