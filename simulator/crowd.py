"""Who comes and what goes wrong: the students of the calendar's exams, everybody else, rushes, and the faults."""

from pathlib import Path

from firstbell.calendar.fetching import read_each
from firstbell.calendar.folder import reader
from firstbell.calendar.sources import combine
from firstbell.capacity.values import Peak
from firstbell.site import Site
from simulator.controller import Controller
from simulator.network import Feeds
from simulator.scenario import Fault, Scenario
from simulator.traffic import Background, Campus, Exam
from simulator.traffic.rates import daily, spike
from simulator.world import Fleet


def let_live(scenario: Scenario, site: Site, fleet: Fleet) -> None:
    """Let everybody come."""
    campus = Campus(fleet.engine, fleet.balancer, fleet.meter, vcpu_factor=site.costs.vcpu_factor)
    offset = scenario.start.astimezone(site.zone).utcoffset()
    hours = offset.total_seconds() / 3600 if offset else 0.0
    campus.welcome(Background("campus", daily(scenario.campus, hours)))
    for number, rush in enumerate(scenario.rushes):
        campus.welcome(Background(f"rush {number}", spike(rush.at.timestamp(), rush.rate, rush.minutes * 60)))
        text = f"an unplanned rush begins: {rush.rate:g} more requests a second for {rush.minutes:g} min"
        fleet.engine.at(rush.at.timestamp(), fleet.ledger.note, "students", text)
    for peak in peaks_of(scenario, site):
        students = round(peak.participants * scenario.attendance)
        if peak.kind not in ("exam", "quiz") or not students or peak.end <= scenario.start:
            continue
        opens, closes = peak.start.timestamp(), peak.end.timestamp()
        if peak.start <= scenario.start:
            text = f"{peak.title} is on already: its students are left out; begin before their log-ins"
            fleet.engine.at(scenario.start.timestamp(), fleet.ledger.note, "students", text)
        else:
            sigma = 40.0 if peak.kind == "exam" else 240.0
            campus.hold(Exam(peak.title, opens, closes, students, closes - opens, start_sigma=sigma))
            fleet.engine.at(opens, fleet.ledger.note, "students", f"{peak.title} opens: {students:,} students start")
            fleet.engine.at(closes, fleet.ledger.note, "students", f"{peak.title} closes")


def trouble(scenario: Scenario, site: Site, fleet: Fleet, feeds: Feeds, firstbell: Controller | None = None) -> None:
    """Book what goes wrong."""
    fleet.dead_launches = {f.nth for f in scenario.faults if f.kind == "dead_mount"}  # of those that launch from now on
    for fault in scenario.faults:
        _book(fault, scenario, site, fleet, feeds, firstbell)


def _book(
    fault: Fault, scenario: Scenario, site: Site, fleet: Fleet, feeds: Feeds, firstbell: Controller | None
) -> None:
    if fault.at is None:
        return
    engine, begins, ends = fleet.engine, fault.at.timestamp(), fault.at.timestamp() + fault.minutes * 60
    if fault.kind == "storage_down":
        engine.at(begins, fleet.set_storage, False)
        engine.at(ends, fleet.set_storage, True)
    elif fault.kind == "mount_lost":
        engine.at(begins, _lose_one_mount, fleet)
    elif fault.kind == "no_capacity":
        engine.at(begins, fleet.set_capacity, fault.zone, False)
        engine.at(ends, fleet.set_capacity, fault.zone, True)
    elif fault.kind == "calendars_down":
        engine.at(begins, setattr, feeds, "down", True)
        engine.at(ends, setattr, feeds, "down", False)
        engine.at(begins, fleet.ledger.note, "fault", f"no calendar's host answers for {fault.minutes:g} min")
    elif fault.kind == "calendars_broken" and firstbell is not None:
        engine.at(begins, _break_calendars, scenario.site_folder, site, firstbell)
    elif fault.kind == "controller_down" and firstbell is not None:
        engine.at(begins, setattr, firstbell.delivery, "down", True)
        engine.at(ends, setattr, firstbell.delivery, "down", False)
        engine.at(begins, fleet.ledger.note, "fault", f"the controller is down for {fault.minutes:g} min")


def _break_calendars(folder: Path, site: Site, firstbell: Controller) -> None:
    """Every file beside the site file becomes what Moodle answers to an old token."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "site.yaml"):
        firstbell.upload(f"sites/{site.name}/{path.relative_to(folder).as_posix()}", b"Invalid authentication")
    firstbell.ledger.note("fault", "all calendars in the bucket are broken")


def _lose_one_mount(fleet: Fleet) -> None:
    serving = [i.instance_id for i in fleet.instances if i.in_service]
    if serving:
        fleet.lose_mount(serving[0])
        fleet.ledger.note("fault", f"{serving[0]} loses its moodledata mount")


def peaks_of(scenario: Scenario, site: Site) -> tuple[Peak, ...]:
    """The peaks of the site's calendars that touch the scenario's time."""
    contents = []
    for _, said in read_each(site, reader(scenario.site_folder), str, scenario.start, scenario.end, scenario.start):
        if isinstance(said, Exception):
            raise said
        contents.append(said)
    return combine(contents, scenario.start, scenario.end).peaks
