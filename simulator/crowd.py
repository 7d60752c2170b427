"""Who comes: the students of the calendar's exams, everybody else, and rushes."""

from firstbell.calendar.fetching import read_each
from firstbell.calendar.folder import reader
from firstbell.calendar.sources import combine
from firstbell.capacity.values import Peak
from firstbell.site import Site
from simulator.scenario import Scenario
from simulator.traffic import Background, Campus, Exam
from simulator.traffic.rates import daily, spike
from simulator.world import Fleet


def let_live(scenario: Scenario, site: Site, fleet: Fleet) -> None:
    """Let everybody come."""
    campus = Campus(
        fleet.engine, fleet.balancer, fleet.meter, vcpu_factor=site.costs.vcpu_factor, database=fleet.database
    )
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


def peaks_of(scenario: Scenario, site: Site) -> tuple[Peak, ...]:
    """The peaks of the site's calendars that touch the scenario's time."""
    contents = []
    for _, said in read_each(site, reader(scenario.site_folder), str, scenario.start, scenario.end, scenario.start):
        if isinstance(said, Exception):
            raise said
        contents.append(said)
    return combine(contents, scenario.start, scenario.end).peaks
