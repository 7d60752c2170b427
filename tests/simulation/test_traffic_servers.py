"""The web server against queueing theory, and against what no server may do: lose a request, invent CPU."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import Engine
from simulator.traffic import WebServer
from simulator.traffic.costs import inflation, saturation

MORNING = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)


def open_loop(rate: float, draw: str, seconds: float = 40_000.0) -> float:
    """Return the mean response time of Poisson arrivals with a mean work of one second at one CPU."""
    engine = Engine(MORNING, seed=3)
    server = WebServer(engine, "web", 1.0)
    random = engine.random("arrivals")
    works = {
        "exponential": lambda: random.expovariate(1.0),
        "fixed": lambda: 1.0,
        "uniform": lambda: 2 * random.random(),
    }
    times: list[float] = []

    def arrive() -> None:
        began = engine.now
        server.start(works[draw](), lambda ok: times.append(engine.now - began))
        engine.after(random.expovariate(rate), arrive)

    end = engine.now + seconds
    arrive()
    engine.run_until(end)
    return sum(times) / len(times)


@pytest.mark.parametrize(
    ("rate", "draw"),
    [
        pytest.param(0.5, "exponential", id="at half load a request takes twice its work"),
        pytest.param(0.5, "fixed", id="which does not depend on the distribution: fixed work"),
        pytest.param(0.5, "uniform", id="which does not depend on the distribution: uniform work"),
        pytest.param(0.25, "exponential", id="at a quarter load it takes a third more"),
    ],
)
def test_mean_response_is_that_of_a_processor_sharing_queue(rate: float, draw: str) -> None:
    assert open_loop(rate, draw) == pytest.approx(1.0 / (1.0 - rate), rel=0.06)


@pytest.mark.parametrize(
    ("vcpus", "works", "ends"),
    [
        pytest.param(1.0, [1.0], [1.0], id="a request alone takes its work"),
        pytest.param(2.0, [1.0, 1.0], [1.0, 1.0], id="two requests on two CPUs do not disturb each other"),
        pytest.param(4.0, [1.0], [1.0], id="one request cannot use more than one CPU"),
        pytest.param(1.0, [1.0, 1.0], [2.0, 2.0], id="two equal requests on one CPU end together"),
        pytest.param(1.0, [1.0, 2.0], [2.0, 3.0], id="the shorter one ends first, then the longer one is alone"),
        pytest.param(2.0, [1.0, 1.0, 1.0, 1.0], [2.0] * 4, id="four requests share two CPUs"),
    ],
)
def test_requests_share_the_cpus_evenly(vcpus: float, works: list[float], ends: list[float]) -> None:
    engine = Engine(MORNING)
    server = WebServer(engine, "web", vcpus)
    begin = engine.now
    seen: list[float] = []
    for work in works:
        server.start(work, lambda ok: seen.append(engine.now - begin))
    engine.run_until(begin + 100.0)
    assert seen == pytest.approx(ends, rel=0.01)  # saturation costs up to half a per cent here


def test_cpu_per_request_grows_as_measured() -> None:
    """Between 10 and 15 per cent at 32 requests per CPU, nothing for one, and no more beyond what was measured."""
    assert inflation(1.0) == 1.0
    assert 1.08 <= inflation(32.0) <= 1.15
    assert inflation(500.0) == inflation(32.0)
    assert inflation(2.0) == pytest.approx(1.0 + saturation())


def test_a_later_short_request_overtakes_and_delays_the_first() -> None:
    engine = Engine(MORNING)
    server = WebServer(engine, "web", 1.0)
    begin = engine.now
    ends: dict[str, float] = {}
    server.start(10.0, lambda ok: ends.setdefault("long", engine.now - begin))
    engine.at(begin + 4.0, server.start, 1.0, lambda ok: ends.setdefault("short", engine.now - begin))
    engine.run_until(begin + 60.0)
    assert ends == {"short": pytest.approx(6.0, rel=0.01), "long": pytest.approx(11.0, rel=0.01)}


def test_stop_cuts_what_runs_in_order_and_keeps_what_was_served() -> None:
    engine = Engine(MORNING)
    server = WebServer(engine, "web", 2.0)
    told: list[tuple[int, bool]] = []
    for number in range(5):
        server.start(100.0 - number, lambda ok, number=number: told.append((number, ok)))  # type: ignore[misc]
    engine.run_until(engine.now + 10.0)
    assert server.stop() == 5
    assert told == [(number, False) for number in range(5)]
    assert (server.active, server.running) == (0, False)
    engine.run_until(engine.now + 1000.0)
    assert server.busy == pytest.approx(20.0)
    assert len(told) == 5
    server.start(1.0, lambda ok: told.append((99, ok)))
    assert told[-1] == (99, False)


def test_a_server_without_its_mount_fails_at_once_and_works_for_nothing() -> None:
    engine = Engine(MORNING)
    server = WebServer(engine, "web", 2.0)
    server.mounted = False
    told: list[bool] = []
    server.start(1.0, told.append)
    assert told == [False]
    assert server.busy == 0.0


def test_utilisation_of_an_interval_is_a_difference_of_busy() -> None:
    engine = Engine(MORNING)
    server = WebServer(engine, "web", 2.0)
    server.start(30.0, lambda ok: None)
    engine.run_until(engine.now + 60.0)
    before = server.busy
    assert before / (2.0 * 60.0) == pytest.approx(0.25)
    engine.run_until(engine.now + 60.0)
    assert server.busy == before


def test_a_server_needs_cpu() -> None:
    with pytest.raises(ValueError, match="web-1"):
        WebServer(Engine(MORNING), "web-1", 0.0)


arrivals = st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(1e-4, 5.0)), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None)
@given(
    arrivals=arrivals, vcpus=st.sampled_from([0.5, 1.0, 2.0, 3.0, 8.0]), killed_after=st.none() | st.floats(0.0, 60.0)
)
def test_every_request_ends_exactly_once_and_no_cpu_is_invented(
    arrivals: list[tuple[float, float]], vcpus: float, killed_after: float | None
) -> None:
    engine = Engine(MORNING)
    server = WebServer(engine, "web", vcpus)
    begin = time = engine.now
    ends: dict[int, list[bool]] = {}
    for number, (gap, work) in enumerate(arrivals):
        time += gap
        ends[number] = []
        engine.at(time, server.start, work, ends[number].append)
    if killed_after is not None:
        engine.at(begin + killed_after, server.stop)
    for second in range(0, 2000, 20):
        engine.run_until(begin + second)
        assert server.busy <= vcpus * (engine.now - begin) + 1e-6
        assert server.busy <= inflation(60 / vcpus) * sum(work for _, work in arrivals) + 1e-3
    assert all(len(told) == 1 for told in ends.values())
    assert server.active == 0
    if killed_after is None:
        assert all(told == [True] for told in ends.values())
        assert server.busy >= sum(work for _, work in arrivals) - 1e-3
