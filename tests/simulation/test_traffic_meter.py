"""The meter: what counts as slow, what as failed, and the row of each minute."""

from datetime import UTC, datetime

import pytest

from simulator.engine import Engine
from simulator.traffic import Meter, Minute

MORNING = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)


def test_nothing_happened() -> None:
    figures = Meter(Engine(MORNING)).figures()
    assert set(figures) == {"requests", "failed", "slow_share", "p95", "start_p95", "sessions_lost", "gave_up"}
    assert set(figures.values()) == {0}


@pytest.mark.parametrize(
    ("status", "seconds", "slow", "failed", "percentile"),
    [
        pytest.param(200, 1.9, 0, 0, 1.9, id="a page within two seconds is not slow"),
        pytest.param(200, 2.1, 1, 0, 2.1, id="a page after more than two seconds is"),
        pytest.param(503, 0.0, 0, 1, 0.0, id="a refusal is failed and does not flatter the latencies"),
        pytest.param(500, 0.0, 0, 1, 0.0, id="so is an answer without moodledata"),
        pytest.param(504, 60.0, 1, 1, 60.0, id="a time-out is both slow and failed"),
    ],
)
def test_one_request_counts(status: int, seconds: float, slow: int, failed: int, percentile: float) -> None:
    meter = Meter(Engine(MORNING))
    meter.record(status, seconds)
    assert (meter.requests, meter.slow, meter.failed) == (1, slow, failed)
    assert meter.figures()["p95"] == pytest.approx(percentile)
    assert meter.figures()["slow_share"] == slow


def test_starts_have_a_percentile_of_their_own() -> None:
    meter = Meter(Engine(MORNING))
    for hundredth in range(1, 101):
        meter.record(200, hundredth / 100, is_start=hundredth > 90)
    assert meter.figures()["p95"] == pytest.approx(0.95)
    assert meter.figures()["start_p95"] == pytest.approx(1.0)
    assert meter.percentile(0.5) == pytest.approx(0.5)


def test_each_minute_has_its_row() -> None:
    engine = Engine(MORNING)
    begin = engine.now
    meter = Meter(engine)
    engine.at(begin + 10.0, meter.record, 200, 0.25)
    engine.at(begin + 20.0, meter.record, 503, 0.0)
    engine.at(begin + 70.0, meter.record, 200, 4.0)
    engine.at(begin + 30.0, setattr, meter, "offered", 90.0)
    engine.at(begin + 90.0, setattr, meter, "offered", 120.0)
    engine.at(begin + 90.0, setattr, meter, "database", 6.0)
    engine.run_until(begin + 190.0)
    assert meter.minutes() == [
        Minute(at=begin, offered=1.5, database=0.0, requests=2, failed=1, p95=0.25),
        Minute(at=begin + 60.0, offered=0.5, database=0.1, requests=1, failed=0, p95=4.0),
        Minute(at=begin + 120.0, offered=0.0, database=0.0, requests=0, failed=0, p95=0.0),
    ]
