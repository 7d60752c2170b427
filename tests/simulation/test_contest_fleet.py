"""The fluid model of a fleet: against what was measured, against the request-by-request twin, and its own rules."""

import csv
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.values import Peak
from simulator.cloud.autoscaling import TargetTracking
from simulator.contest.campus import LIVES, Campus, Demand, come
from simulator.contest.fleet import BIN, Fleet
from simulator.contest.policies import Leases, Scaling
from simulator.contest.serving import SLOW, mean_time, slow_share, stretch
from simulator.contest.timetable import Term
from simulator.engine import Engine
from simulator.traffic import Balancer, Exam, Meter, WebServer
from simulator.traffic import Campus as TwinCampus
from simulator.traffic.costs import ATTEMPT_PAGE, inflation
from simulator.traffic.measured import closed_rows
from tests.simulation.contest_values import HOUR, MONDAY, site, steady

DATA = Path(__file__).parents[2] / "simulator" / "data" / "capacity.csv"
OPEN = [
    row
    for row in csv.DictReader(DATA.read_text("utf-8").splitlines())
    if (row["mode"], row["scenario"]) == ("open_poisson", "quiz_attempt_get") and float(row["web_cpu_cores"]) < 0.75
]


@pytest.mark.parametrize("row", OPEN, ids=lambda row: f"{row['web_cpu_cores']} of the core are busy")
def test_random_arrivals_wait_as_measured(row: dict[str, str]):
    """Mean within 30 %, and the 95th percentile, for the measured mean, within 45 %."""
    alone, measured = ATTEMPT_PAGE.cpu + ATTEMPT_PAGE.wait, float(row["mean_ms"]) / 1e3
    assert mean_time(alone, stretch(float(row["web_cpu_cores"]), 1.0), 0.0) == pytest.approx(measured, rel=0.30)
    for factor, low, high in ((1.45, 0.0, 0.05), (1 / 1.45, 0.05, 1.0)):
        scale = SLOW / (float(row["p95_ms"]) / 1e3 * factor)  # so that the percentile lies at what is called slow
        assert low <= slow_share(alone * scale, measured / alone, 0.0) <= high


CROWDS = [row for row in closed_rows() if row.users >= 4]


@pytest.mark.parametrize("row", CROWDS, ids=lambda row: f"{row.users} users of {row.scenario}")
def test_an_overload_is_shared_as_measured(row):
    """Who meets so many others takes so many times the CPU that one alone took, a little inflated: within 20 %."""
    own = next(r.web_cpu for r in closed_rows() if (r.scenario, r.users) == (row.scenario, 1))
    modelled = mean_time(own * inflation(row.users), stretch(0.0, 1.0), row.users - 1.0)
    assert modelled == pytest.approx(row.mean, rel=0.20)


def twin_slow_share(students: int, servers: int) -> float:
    """The share of slow requests of an exam's students, request by request."""
    engine = Engine(MONDAY, 0)
    balancer, meter = Balancer(engine), Meter(engine)
    for number in range(servers):
        balancer.register(f"web-{number}", WebServer(engine, f"web-{number}", 2.0))
    opens = engine.now + 3600.0
    TwinCampus(engine, balancer, meter).hold(Exam("exam", opens, opens + 1800.0, students, 1800.0))
    engine.run_until(opens + 2100.0)
    return meter.figures()["slow_share"]


def exam(students: int, hours: int = 2) -> Campus:
    """The same exam's students in the fluid model, and nobody else."""
    peak = Peak(
        MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=1.5), students, "exam", "calendar", "exam", "exam"
    )
    campus = Campus(site(), Term(MONDAY, history=0), (peak,), Demand.none(hours * HOUR))
    come(campus, peak, students, ((60.0, 1.0),), Random(1))
    return campus


def test_too_few_servers_at_an_exam_are_as_slow_as_in_the_twin():
    fluid = Fleet(exam(1500), [3] * 2 * HOUR).play().slow_share
    assert fluid > 0.01
    assert fluid == pytest.approx(twin_slow_share(1500, 3), rel=0.35)


def test_enough_servers_at_an_exam_are_enough_in_both():
    assert Fleet(exam(1500), [6] * 2 * HOUR).play().slow_share < 1e-4
    assert twin_slow_share(1500, 6) == 0.0


def test_everybody_who_comes_is_counted_however_many_lives_are_drawn():
    few, many = exam(LIVES // 2), exam(20 * LIVES)
    assert sum(few.demand.joins) == pytest.approx(LIVES // 2)
    assert sum(many.demand.joins) == sum(many.demand.leaves) == pytest.approx(20 * LIVES)


def test_sessions_are_sticky_so_servers_that_come_after_the_log_in_hardly_help():
    """Nine servers more, five minutes before the log-ins begin or before the start."""
    early = [3] * (HOUR // 3) + [12] * (2 * HOUR - HOUR // 3)
    late = [3] * (HOUR - 30) + [12] * (HOUR + 30)
    few, helped, hardly = (Fleet(exam(1500), floors).play().slow for floors in ([3] * 2 * HOUR, early, late))
    assert helped < few / 100
    assert hardly > few / 3


def test_a_launch_is_paid_at_once_and_serves_after_the_lead_time():
    """29 steps (of ten seconds) after it was asked for it does not serve yet, and is paid; after 30 it does."""
    for steps, serving in ((30, 1), (31, 2)):
        outcome = Fleet(steady([1.0] * (60 + steps)), [1] * 60 + [2] * steps).play()
        assert outcome.instance_hours == pytest.approx((60 + 2 * steps) / 360)
        assert outcome.most == serving


def test_what_takes_over_a_minute_is_given_up_and_a_day_later_all_is_well():
    outcome = Fleet(steady([20.0] * 360 + [0.5] * 720), [1] * 1080).play()
    assert outcome.slow == pytest.approx(20.0 * 3600 / 0.1, rel=0.02), "all of the overload, and little after it"
    assert max(n for n, count in enumerate(outcome.times) if count) * BIN == 60.0


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0.0, 30.0)), min_size=1, max_size=12))
def test_servers_come_and_go_and_nobody_gets_lost(hours):
    """Sessions stay as many as came, and every request is counted once, whatever the fleet does."""
    campus = steady([vcpus for _, vcpus in hours for _ in range(60)])
    campus.demand.joins[:] = [7.0] * len(campus.demand.joins)
    fleet = Fleet(campus, [count for count, _ in hours for _ in range(60)])
    outcome = fleet.play()
    assert sum(c.sessions for c in fleet.cohorts) == pytest.approx(sum(campus.demand.joins))
    assert sum(outcome.times) == pytest.approx(outcome.requests)
    assert 0.0 <= outcome.slow <= outcome.requests * (1 + 1e-9)
    assert fleet.serving == sum(c.servers for c in fleet.cohorts)


@pytest.mark.parametrize(
    ("vcpus", "most"),
    [
        pytest.param(1.95, 2, id="below its target it adds nothing"),
        pytest.param(2.6, 3, id="above it, it adds what brings it there"),
        pytest.param(7.0, 7, id="an overload shows as 100 %: it doubles, and doubles again"),
    ],
)
def test_target_tracking_keeps_its_target(vcpus: float, most: int):
    outcome = Fleet(steady([vcpus] * 4 * HOUR), [2] * 4 * HOUR, Scaling(TargetTracking(50.0))).play()
    assert outcome.most == pytest.approx(most, abs=1 if vcpus > 4 else 0)


def test_firstbells_lease_ends_after_an_hour_but_not_in_an_exam():
    rush = [3.0] * 60 + [0.2] * (4 * HOUR - 60)
    outcome = Fleet(campus := steady(rush), [1] * 4 * HOUR, Leases(campus)).play()
    assert outcome.most > 1
    start = MONDAY + timedelta(minutes=30)
    long = Peak(start, start + timedelta(hours=3), 1, "exam", "calendar", "exam", "exam")
    held = Fleet(campus := steady(rush, peaks=(long,)), [1] * 4 * HOUR, Leases(campus)).play()
    assert held.instance_hours > outcome.instance_hours + 1.5
