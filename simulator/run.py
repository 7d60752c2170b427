"""Runs a scenario under a policy: Firstbell's real handlers, a fleet of fixed size, or plain target tracking."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from threading import Thread, current_thread, main_thread
from typing import Any

from firstbell.site import Site
from simulator import controller, crowd, timeline, trouble
from simulator.cloud import Faults
from simulator.cloud.autoscaling import BALANCED_ONLY, BEST_EFFORT
from simulator.delivery import Weather
from simulator.engine import Engine
from simulator.ledger import Ledger
from simulator.network import Feeds
from simulator.results import Minute, Result
from simulator.scenario import Scenario, ScenarioError
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
    with _second_process(scenario, others, seed) as answers:
        results = [simulate(scenario, first, seed, progress)]
        for policy in others:
            results.append(_answer(answers, policy))
            progress(policy, 1.0)
    return results


@contextmanager
def _second_process(scenario: Scenario, policies: Sequence[str], seed: int) -> Iterator[Connection]:
    """A process that simulates `policies` and sends each result; it never outlives this one, nor the with block."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_simulate_all, args=(theirs, scenario, policies, seed), daemon=True)
    with _interrupts_ignored():  # which it inherits: a Ctrl-C is ours to answer
        process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.kill()
        process.join()
        ours.close()


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if current_thread() is not main_thread():  # where signals cannot be set, and do not arrive
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _simulate_all(answers: Connection, scenario: Scenario, policies: Sequence[str], seed: int) -> None:
    Thread(target=_end_with_the_parent, daemon=True).start()
    for policy in policies:
        try:
            answers.send(simulate(scenario, policy, seed))
        except Exception as error:  # noqa: BLE001 - the parent tells it
            answers.send(f"{policy}: {type(error).__name__}: {error}")
            return


def _end_with_the_parent() -> None:
    if parent := parent_process():
        parent.join()
    os._exit(1)


def _answer(answers: Connection, policy: str) -> Result:
    try:
        found = answers.recv()
    except EOFError as error:
        raise ScenarioError(f"{policy}: its process ended without an answer; is there enough memory?") from error
    if not isinstance(found, Result):
        raise ScenarioError(str(found))
    return found


def simulate(scenario: Scenario, policy: str, seed: int = 0, progress: Progress = silent) -> Result:
    """One run. Raises ScenarioError, SiteFileError or CalendarError before it begins when its input cannot be used."""
    if policy not in POLICIES:
        raise ValueError(f"there is no policy {policy!r}, only {', '.join(POLICIES)}")
    feeds = Feeds({url: (scenario.site_folder / file).read_bytes() for url, file in scenario.feeds.items()})
    with feeds.installed():
        return _simulate(scenario, policy, seed, feeds, progress)


def _simulate(scenario: Scenario, policy: str, seed: int, feeds: Feeds, progress: Progress) -> Result:
    site = scenario.read_site()
    engine = Engine(scenario.start, seed)
    ledger = Ledger(engine, controlled=policy == "firstbell")
    if policy == "firstbell":
        return _controlled(scenario, site, engine, ledger, feeds, progress)
    fleet = _fleet(scenario, site, policy, engine, ledger, lambda event: None)  # noqa: ARG005 - nobody listens
    fleet.create()
    crowd.let_live(scenario, site, fleet)
    trouble.book(scenario, site, fleet, feeds)
    _advance(engine, scenario, fleet, policy, progress)
    return _result(scenario, site, policy, seed, fleet, {}, ())


@contextmanager
def deployed(
    scenario: Scenario, site: Site, engine: Engine, ledger: Ledger, weather: Weather
) -> Iterator[tuple[Fleet, controller.Controller]]:
    """Within it: the fleet, and Firstbell deployed beside it, in this process and in virtual time."""
    controller.begin(engine)
    firstbell = controller.Controller(engine, site, weather, ledger)
    fleet = _fleet(scenario, site, "firstbell", engine, ledger, firstbell.delivery.emit)
    fleet.gateway.serve(firstbell.operations())
    try:
        with firstbell.network.installed(), fleet.gateway.installed():
            fleet.create()
            firstbell.deploy(scenario.site_folder)
            yield fleet, firstbell
    finally:
        controller.end()


def _controlled(
    scenario: Scenario, site: Site, engine: Engine, ledger: Ledger, feeds: Feeds, progress: Progress
) -> Result:
    lost = trouble.share_of(scenario, "events_lost")
    with deployed(scenario, site, engine, ledger, Weather(lost=lost)) as (fleet, firstbell):
        crowd.let_live(scenario, site, fleet)
        trouble.book(scenario, site, fleet, feeds, firstbell)
        _advance(engine, scenario, fleet, "firstbell", progress)
        fleet.gateway.faults = Faults()
        calls = sum(fleet.gateway.calls.values())
        entries = controller.journal_lines(controller.TABLE, site.name)
    figures: dict[str, float] = {
        "pages": sum(mail.startswith("[page]") for mail in firstbell.mails),
        "messages": len(firstbell.mails),
        "api_calls": calls,
        "invocations": sum(firstbell.delivery.invocations.values()),
        "handler_failures": len(firstbell.delivery.failures),
        "dead_letters": sum(firstbell.delivery.dead_letters.values()),
        "requests_cut": fleet.witness.cut,
    }
    return _result(scenario, site, "firstbell", engine.seed, fleet, figures, tuple(entries))


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
    strategy = BALANCED_ONLY if scenario.balanced_only else BEST_EFFORT
    return Fleet(engine, site, emit, policy == "firstbell", sizes, policy != "fixed", ledger, distribution=strategy)


def _advance(engine: Engine, scenario: Scenario, fleet: Fleet, policy: str, progress: Progress) -> None:
    """Run to the end."""
    begin, end = scenario.start.timestamp(), scenario.end.timestamp()
    for part in range(1, SLICES + 1):
        engine.run_until(begin + (end - begin) * part / SLICES)
        progress(policy, part / SLICES)
    fleet.ledger.close(fleet.instances)


def _result(
    scenario: Scenario,
    site: Site,
    policy: str,
    seed: int,
    fleet: Fleet,
    figures: dict[str, float],
    journal: Sequence[dict[str, Any]],
) -> Result:
    hours = fleet.ledger.instance_seconds / 3600
    all_figures = {
        **fleet.meter.figures(),
        "instance_hours": round(hours, 3),
        "cost_usd": round(hours * site.fleet.instance_price, 4),
        "pages": 0,
        "messages": 0,
        "violations": fleet.ledger.violations,
        **figures,
    }
    return Result(
        scenario=scenario.title,
        policy=policy,
        seed=seed,
        figures=all_figures,
        minutes=_minutes(fleet, site, planned=policy == "firstbell"),
        timeline=timeline.tell(journal, fleet.ledger.happenings),
        zone=site.timezone,
    )


def _minutes(fleet: Fleet, site: Site, planned: bool) -> tuple[Minute, ...]:
    vcpus = site.fleet.vcpus_per_instance
    return tuple(
        Minute(
            at=datetime.fromtimestamp(m.at, UTC),
            demand=m.offered * site.costs.vcpu_factor,
            capacity=serving * vcpus,
            instances=serving,
            requests=m.requests,
            p95=m.p95,
            planned=floor * vcpus if planned else None,
        )
        for m, (serving, floor) in zip(fleet.meter.minutes(), fleet.course, strict=True)
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
    with deployed(scenario, site, engine, ledger, Weather(twice=0.0, late=0.0)) as (fleet, firstbell):
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
    return {"result": result, "error": error, "calls": calls, "journal": entries, "pages": firstbell.mails}
