"""The request model against the measured exam starts: 150 students who come within seconds to one whole core."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from random import Random

import pytest

from simulator.engine import Engine
from simulator.traffic import Balancer, Campus, Meter, WebServer
from simulator.traffic.campus import Visitor
from simulator.traffic.costs import LOGIN, QUIZ_VIEW, SAVE_NEXT, START, Step
from simulator.traffic.lives import Clock, Life
from simulator.traffic.measured import burst_rows

MORNING = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)


class Stopwatch(Meter):
    """A meter that also remembers which step took how long."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.times: dict[str, list[float]] = {}

    def p95(self, step: str) -> float:
        ordered = sorted(self.times[step])
        return ordered[int(0.95 * len(ordered))]


def sit(first: float, log_in: bool, now: Clock, random: Random, watch: Stopwatch) -> Life:
    """One student of the load test: a second or two between the first clicks, two pages saved at leisure."""

    def timed(life: Iterator[tuple[float, Step]]) -> Life:
        for time, step in life:
            yield time, step
            watch.times.setdefault(step.name, []).append(now() - max(time, first))

    def clicks() -> Life:
        if log_in:
            yield first, LOGIN
        yield now() + random.uniform(0.5, 1.5) if log_in else first, QUIZ_VIEW
        yield now() + random.uniform(0.5, 1.5), START
        for _ in range(2):
            yield now() + random.uniform(5.0, 95.0), SAVE_NEXT

    return timed(clicks())


@cache
def burst(window: float, log_in: bool) -> Stopwatch:
    engine = Engine(MORNING, seed=5)
    balancer = Balancer(engine)
    balancer.register("web", WebServer(engine, "web", 1.0))
    watch = Stopwatch(engine)
    campus = Campus(engine, balancer, watch, vcpu_factor=1.0)
    random = engine.random("students")
    begin = engine.now + 60.0
    for _ in range(150):
        first = begin + random.uniform(0.0, window)
        Visitor(campus, sit(first, log_in, lambda: engine.now, random, watch)).go_on()
    engine.run_until(begin + 600.0)
    return watch


def measured(scenario: str, step: str) -> float:
    return next(row.p95 for row in burst_rows() if (row.scenario, row.step) == (scenario, step))


@pytest.mark.parametrize(
    ("window", "log_in", "step", "low", "high", "scenario"),
    [
        pytest.param(60.0, False, "start", 0.1, 1.0, "loggedin_start_60s", id="a start within a minute hurts nobody"),
        pytest.param(15.0, False, "start", 3.0, 7.0, "loggedin_start_15s", id="within 15 s it takes seconds"),
        pytest.param(30.0, True, "login", 6.0, 12.0, "login_then_start_30s", id="all log-ins within 30 s take longest"),
        pytest.param(120.0, True, "login", 0.1, 1.4, "login_then_start_120s", id="within two minutes it is bearable"),
    ],
)
def test_burst_is_of_the_measured_order(
    window: float, log_in: bool, step: str, low: float, high: float, scenario: str
) -> None:
    p95 = burst(window, log_in).p95(step)
    assert low <= p95 <= high
    assert p95 == pytest.approx(measured(scenario, step), rel=0.6)


def test_everybody_is_served_in_the_end() -> None:
    """Overload for seconds makes pages slow but fails none: every student's five or four requests are answered."""
    assert burst(30.0, True).figures()["failed"] == 0
    assert burst(30.0, True).requests == 150 * 5
    assert burst(15.0, False).requests == 150 * 4
