"""The main job, end to end: the exam morning with the real handlers, against the compared policies."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from simulator.results import Result
from simulator.run import simulate
from simulator.scenario import Scenario, load

OPENS = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def morning() -> Scenario:
    """The demo's scenario, cut to what matters; its rush comes at 07:05 UTC, its exam opens at 09:00."""
    return replace(load("exam-morning"), start=datetime(2026, 11, 24, 6, 45, tzinfo=UTC), hours=5)


@pytest.fixture(scope="module")
def firstbell(morning: Scenario) -> Result:
    """The morning under Firstbell."""
    return simulate(morning, "firstbell", seed=1)


def told(result: Result, words: str) -> list[str]:
    """The timeline's lines that contain `words`, with their reasons."""
    return [f"{h.what}: {h.why}" for h in result.timeline if words in h.what]


def test_no_student_waits_at_the_synchronised_start(firstbell: Result) -> None:
    assert firstbell.figures["start_p95"] < 1.0
    assert firstbell.figures["slow_share"] < 0.0005
    assert firstbell.figures["failed"] == 0


def test_no_session_is_lost_and_no_invariant_is_broken(firstbell: Result) -> None:
    assert firstbell.figures["sessions_lost"] == 0
    assert firstbell.figures["violations"] == 0
    assert firstbell.figures["handler_failures"] == 0


def test_the_planned_instances_serve_before_the_log_ins_begin(firstbell: Result) -> None:
    before_log_in = [m.instances for m in firstbell.minutes if m.at < OPENS.replace(hour=8, minute=37)]
    assert before_log_in[-1] >= 10


def test_the_instance_with_the_dead_mount_is_abandoned_and_replaced(firstbell: Result) -> None:
    fault = next(h for h in firstbell.timeline if h.kind == "fault")
    dead = fault.what.split()[0]
    assert any(dead in line and "not_mounted" in line for line in told(firstbell, "abandoned"))
    assert any("was given up" in line for line in told(firstbell, "on-call is told"))
    assert max(m.instances for m in firstbell.minutes) >= 10


def test_the_unplanned_rush_is_answered_by_a_leased_floor(firstbell: Result) -> None:
    assert any("CPU" in line for line in told(firstbell, "a floor is leased"))
    assert any("saturated" in line for line in told(firstbell, "on-call is told"))


def test_the_fleet_shrinks_again_after_the_exam(firstbell: Result) -> None:
    assert firstbell.minutes[-1].instances < 10
    assert any("may go" in h.what for h in firstbell.timeline if h.at > OPENS.replace(hour=11))


@pytest.mark.parametrize("policy", ["fixed", "target-tracking"])
def test_the_compared_policies_fail_at_the_start(morning: Scenario, firstbell: Result, policy: str) -> None:
    other = simulate(morning, policy, seed=1)
    assert other.figures["start_p95"] > 5 * firstbell.figures["start_p95"]
    assert other.figures["slow_share"] > firstbell.figures["slow_share"]


def test_one_seed_is_one_run_and_another_seed_is_another(morning: Scenario) -> None:
    short = replace(morning, start=datetime(2026, 11, 24, 8, 20, tzinfo=UTC), hours=0.6)
    assert simulate(short, "firstbell", seed=7) == simulate(short, "firstbell", seed=7)
    assert simulate(short, "firstbell", seed=7) != simulate(short, "firstbell", seed=8)
