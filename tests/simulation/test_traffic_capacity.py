"""The request model against the load test of a real Moodle: the same closed loop on one whole core, row by row."""

from datetime import UTC, datetime
from functools import cache

import pytest

from simulator.engine import Engine
from simulator.traffic import WebServer
from simulator.traffic.costs import (
    ATTEMPT_PAGE,
    AUTOSAVE,
    COURSE,
    DASHBOARD,
    LOGIN,
    QUIZ_VIEW,
    SAVE_NEXT,
    START,
    SUBMIT,
    Step,
    spread_sigma,
)
from simulator.traffic.measured import ClosedRow, closed_rows, endpoint_cpu

MORNING = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
STEPS = {
    "full_login": LOGIN,
    "dashboard": DASHBOARD,
    "course": COURSE,
    "quiz_view": QUIZ_VIEW,
    "quiz_attempt_get": ATTEMPT_PAGE,
    "quiz_save_next": SAVE_NEXT,
    "quiz_autosave": AUTOSAVE,
}
ROWS = [row for row in closed_rows() if row.scenario in STEPS]


@cache
def closed_loop(step: Step, users: int, seconds: float = 120.0) -> tuple[float, float]:
    """Return throughput (requests per second) and mean latency (seconds) of `users` who never think, on one core."""
    engine = Engine(MORNING, seed=1)
    server = WebServer(engine, "web", 1.0)
    random = engine.random("users")
    times: list[float] = []

    def ask() -> None:
        began = engine.now

        def answered(ok: bool) -> None:
            times.append(engine.now - began + step.wait)
            engine.after(step.wait, ask)

        server.start(step.cpu * random.lognormvariate(0.0, spread_sigma()), answered)

    for _ in range(users):
        ask()
    engine.run_until(engine.now + seconds)
    return len(times) / seconds, sum(times) / len(times)


def sentence(row: ClosedRow) -> str:
    return f"{row.users} users of {row.scenario} wait {row.mean * 1e3:.0f} ms at {row.throughput:.1f} requests a second"


@pytest.mark.parametrize("row", ROWS, ids=sentence)
def test_closed_loop_meets_the_measured_row(row: ClosedRow) -> None:
    throughput, mean = closed_loop(STEPS[row.scenario], row.users)
    assert throughput == pytest.approx(row.throughput, rel=0.15)
    assert mean == pytest.approx(row.mean, rel=0.15)


def test_the_rows_together_are_met_without_bias() -> None:
    """Errors cancel out: on average over all rows latency and throughput are within five per cent."""
    fits = [(closed_loop(STEPS[row.scenario], row.users), row) for row in ROWS]
    assert sum(mean / row.mean for (_, mean), row in fits) / len(fits) == pytest.approx(1.0, abs=0.05)
    assert sum(rate / row.throughput for (rate, _), row in fits) / len(fits) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("step", "cpu"),
    [
        pytest.param(LOGIN, 0.111, id="a full log-in costs 111 ms of a core"),
        pytest.param(DASHBOARD, 0.070, id="the dashboard costs 70 ms"),
        pytest.param(COURSE, 0.080, id="a course page costs 80 ms"),
        pytest.param(QUIZ_VIEW, 0.041, id="a look at the quiz costs 41 ms"),
        pytest.param(START, 0.087, id="a start of an attempt costs about 87 ms"),
        pytest.param(SAVE_NEXT, 0.052, id="a page saved and the next one shown costs 52 ms"),
        pytest.param(AUTOSAVE, 0.0072, id="an autosave costs 7.2 ms"),
        pytest.param(SUBMIT, 0.093, id="a submission costs a save and a summary"),
    ],
)
def test_costs_are_the_measured_ones(step: Step, cpu: float) -> None:
    assert step.cpu == pytest.approx(cpu, rel=0.05)
    assert 0.0 < step.database < step.cpu
    assert 0.0 < step.wait < step.cpu


def test_only_scripts_are_not_reloaded() -> None:
    assert [step.name for step in (*STEPS.values(), START, SUBMIT) if not step.reloaded] == ["autosave"]


def test_an_unknown_end_point_is_an_error() -> None:
    assert endpoint_cpu("front page anon") == (0.023, 0.0065)
    with pytest.raises(KeyError):
        endpoint_cpu("front page of another site")
