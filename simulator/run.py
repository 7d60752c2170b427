"""Runs a scenario under a policy: Firstbell's real handlers, a fleet of fixed size, or plain target tracking."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from firstbell.calendar.sources import ReadAll, read_all
from firstbell.capacity.values import Peak
from firstbell.oncall import webhook
from firstbell.site import Site
from simulator import controller, timeline
from simulator.cloud import Faults
from simulator.delivery import Weather
from simulator.engine import Engine
from simulator.ledger import Ledger
from simulator.results import Minute, Result
from simulator.scenario import Fault, Scenario
from simulator.traffic import Background, Campus, Exam
from simulator.traffic.rates import daily, spike
from simulator.world import Fleet

POLICIES = ("firstbell", "fixed", "target-tracking")
SLICES = 60  # how often progress is told
Progress = Callable[[str, float], None]


def silent(policy: str, share: float) -> None:
    """A progress that nobody watches."""


def compare(
    scenario: Scenario, seed: int = 0, policies: Sequence[str] = POLICIES, progress: Progress = silent
) -> list[Result]:
    """Run `policies` on the same students; all but the first in a second process, for they need no handlers."""
    first, others = policies[0], policies[1:]
    if not others:
        return [simulate(scenario, first, seed, progress)]
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        waiting: list[Future[Result]] = [pool.submit(simulate, scenario, policy, seed) for policy in others]
        results = [simulate(scenario, first, seed, progress)]
        for policy, future in zip(others, waiting, strict=True):
            results.append(future.result())
            progress(policy, 1.0)
    return results


def simulate(scenario: Scenario, policy: str, seed: int = 0, progress: Progress = silent) -> Result:
    """One run. Raises ScenarioError, SiteFileError or CalendarError before it begins when its input cannot be used."""
    if policy not in POLICIES:
        raise ValueError(f"there is no policy {policy!r}, only {', '.join(POLICIES)}")
    site = scenario.read_site()
    engine = Engine(scenario.start, seed)
    ledger = Ledger(engine, controlled=policy == "firstbell")
    if policy == "firstbell":
        return _controlled(scenario, site, engine, ledger, progress)
    fleet = _fleet(scenario, site, policy, engine, ledger, lambda event: None)  # noqa: ARG005 - nobody listens
    fleet.create()
    _live(scenario, site, fleet)
    rows = _advance(engine, scenario, fleet, policy, progress)
    return _result(scenario, site, policy, seed, fleet, rows, {}, ())


def _controlled(scenario: Scenario, site: Site, engine: Engine, ledger: Ledger, progress: Progress) -> Result:
    lost = sum(f.share for f in scenario.faults if f.kind == "events_lost")
    throttled = sum(f.share for f in scenario.faults if f.kind == "throttled")
    controller.begin(engine)
    firstbell = controller.Controller(engine, site, Weather(lost=lost), ledger)
    fleet = _fleet(scenario, site, "firstbell", engine, ledger, firstbell.delivery.emit)
    fleet.gateway.serve(firstbell.operations())
    webhook.use(firstbell.network)
    try:
        with fleet.gateway.installed():
            fleet.create()
            firstbell.deploy(scenario.site_folder)
            fleet.gateway.faults = Faults(throttled={"*": throttled} if throttled else {})
            _live(scenario, site, fleet, firstbell)
            rows = _advance(engine, scenario, fleet, "firstbell", progress)
            fleet.gateway.faults = Faults()
            calls = sum(fleet.gateway.calls.values())
            entries = controller.journal_lines(controller.TABLE, site.name)
    finally:
        webhook.use(None)
        controller.end()
    figures: dict[str, float] = {
        "pages": sum(mail.startswith("[page]") for mail in firstbell.mails),
        "messages": len(firstbell.mails),
        "api_calls": calls,
        "invocations": sum(firstbell.delivery.invocations.values()),
        "handler_failures": len(firstbell.delivery.failures),
        "dead_letters": sum(firstbell.delivery.dead_letters.values()),
    }
    return _result(scenario, site, "firstbell", engine.seed, fleet, rows, figures, tuple(entries))


def _fleet(
    scenario: Scenario,
    site: Site,
    policy: str,
    engine: Engine,
    ledger: Ledger,
    emit: Callable[[dict[str, Any]], object],
) -> Fleet:
    low, high = site.fleet.min_instances, site.fleet.max_instances
    sizes = (scenario.fixed,) * 3 if policy == "fixed" else (low, high, low)
    return Fleet(engine, site, emit, policy == "firstbell", sizes, policy != "fixed", ledger)


def peaks_of(scenario: Scenario, site: Site) -> tuple[Peak, ...]:
    """The peaks of the site's calendars that touch the scenario's time."""
    return read_all(site, read_folder(scenario.site_folder), scenario.start, scenario.end).peaks


def read_folder(folder: Path) -> ReadAll:
    """A reader of a site's files on disk, as `calendar.sources` wants it."""

    def read(path: str) -> dict[str, bytes]:
        place = folder / path
        if place.is_dir():
            return {p.name: p.read_bytes() for p in sorted(place.glob("*.json"))}
        return {place.name: place.read_bytes()} if place.is_file() else {}

    return read


def _live(scenario: Scenario, site: Site, fleet: Fleet, firstbell: controller.Controller | None = None) -> None:
    """Let everybody come, and book what goes wrong."""
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
        if peak.kind in ("exam", "quiz") and peak.start > scenario.start and students:
            opens, closes = peak.start.timestamp(), peak.end.timestamp()
            sigma = 40.0 if peak.kind == "exam" else 240.0
            campus.hold(Exam(peak.title, opens, closes, students, closes - opens, start_sigma=sigma))
            fleet.engine.at(opens, fleet.ledger.note, "students", f"{peak.title} opens: {students:,} students start")
            fleet.engine.at(closes, fleet.ledger.note, "students", f"{peak.title} closes")
    fleet.dead_launches = {f.nth for f in scenario.faults if f.kind == "dead_mount"}  # of those that launch from now on
    for fault in scenario.faults:
        _book(fault, fleet, firstbell)


def _book(fault: Fault, fleet: Fleet, firstbell: controller.Controller | None) -> None:
    if fault.at is None:
        return
    engine, begins, ends = fleet.engine, fault.at.timestamp(), fault.at.timestamp() + fault.minutes * 60
    if fault.kind == "storage_down":
        engine.at(begins, fleet.set_storage, False)
        engine.at(ends, fleet.set_storage, True)
    elif fault.kind == "mount_lost":
        engine.at(begins, _lose_one_mount, fleet)
    elif fault.kind == "controller_down" and firstbell is not None:
        engine.at(begins, setattr, firstbell.delivery, "down", True)
        engine.at(ends, setattr, firstbell.delivery, "down", False)
        engine.at(begins, fleet.ledger.note, "fault", f"the controller is down for {fault.minutes:g} min")


def _lose_one_mount(fleet: Fleet) -> None:
    serving = [i.instance_id for i in fleet.instances if i.in_service]
    if serving:
        fleet.lose_mount(serving[0])
        fleet.ledger.note("fault", f"{serving[0]} loses its moodledata mount")


def _advance(
    engine: Engine, scenario: Scenario, fleet: Fleet, policy: str, progress: Progress
) -> list[tuple[float, int]]:
    """Run to the end; returns (moment, serving instances) for every minute."""
    rows: list[tuple[float, int]] = []
    engine.every(60.0, lambda: rows.append((engine.now - 60.0, sum(i.in_service for i in fleet.instances))))
    engine.every(60.0, fleet.note_size)
    begin, end = scenario.start.timestamp(), scenario.end.timestamp()
    for part in range(1, SLICES + 1):
        engine.run_until(begin + (end - begin) * part / SLICES)
        progress(policy, part / SLICES)
    fleet.ledger.close(fleet.instances)
    return rows


def _result(
    scenario: Scenario,
    site: Site,
    policy: str,
    seed: int,
    fleet: Fleet,
    rows: Sequence[tuple[float, int]],
    figures: dict[str, float],
    journal: Sequence[dict[str, Any]],
) -> Result:
    hours = fleet.ledger.instance_seconds / 3600
    all_figures = {
        **fleet.meter.figures(),
        "instance_hours": round(hours, 3),
        "cost_usd": round(hours * site.fleet.instance_price, 4),
        "pages": 0,
        "violations": fleet.ledger.violations,
        **figures,
    }
    return Result(
        scenario=scenario.title,
        policy=policy,
        seed=seed,
        figures=all_figures,
        minutes=_minutes(fleet, site, rows),
        timeline=timeline.tell(journal, fleet.ledger.happenings),
        zone=site.timezone,
    )


def _minutes(fleet: Fleet, site: Site, rows: Sequence[tuple[float, int]]) -> tuple[Minute, ...]:
    serving = dict(rows)
    return tuple(
        Minute(
            at=fleet.engine.utc.fromtimestamp(m.at, fleet.engine.utc.tzinfo),
            demand=m.offered * site.costs.vcpu_factor,
            capacity=serving.get(m.at, 0) * site.fleet.vcpus_per_instance,
            instances=serving.get(m.at, 0),
            requests=m.requests,
            p95=m.p95,
        )
        for m in fleet.meter.minutes()
    )


def replay(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Run one real handler once on an event, in the world of the exam morning, and tell what it did.

    Keys: result, error (a text or None), calls (Counter of API calls), journal (list of entries), pages (subjects).
    """
    from simulator.scenario import load

    scenario = load("exam-morning")
    site = scenario.read_site()
    engine = Engine(scenario.start, 0)
    ledger = Ledger(engine, controlled=True)
    controller.begin(engine)
    firstbell = controller.Controller(engine, site, Weather(twice=0.0, late=0.0), ledger)
    fleet = _fleet(scenario, site, "firstbell", engine, ledger, lambda event: None)  # noqa: ARG005 - only this event
    fleet.gateway.serve(firstbell.operations())
    webhook.use(firstbell.network)
    try:
        with fleet.gateway.installed():
            fleet.create()
            firstbell.deploy(scenario.site_folder)
            engine.run_until(engine.now + 120.0)
            fleet.gateway.calls = Counter()
            before = len(controller.journal_lines(controller.TABLE, site.name))
            result, error = None, None
            try:
                result = firstbell.delivery.call(firstbell.delivery.functions[function], event)
            except Exception as raised:  # noqa: BLE001 - it is the answer
                error = f"{type(raised).__name__}: {raised}"
            calls = fleet.gateway.calls.copy()
            entries = controller.journal_lines(controller.TABLE, site.name)[before:]
    finally:
        webhook.use(None)
        controller.end()
    return {"result": result, "error": error, "calls": calls, "journal": entries, "pages": firstbell.mails}
