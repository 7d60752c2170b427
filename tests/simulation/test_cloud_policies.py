"""Scaling policies: when target tracking and simple scaling grow and shrink a group, and what holds them back."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from simulator.cloud import Ground
from simulator.cloud.autoscaling import AutoScaling, GroupSettings, SimpleScaling, TargetTracking
from simulator.cloud.autoscaling.policies import Capacity, Decision
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
POLICY = TargetTracking(target=50.0)


def capacity(desired: int, warmed: int | None = None, changing: bool = False, since: float = 1e9) -> Capacity:
    return Capacity(desired, desired if warmed is None else warmed, changing, since)


DECISIONS: list[tuple[str, list[float | None], Capacity, Decision | None]] = [
    ("three points above the target grow in proportion", [70, 80, 90], capacity(4), Decision(8, "AlarmHigh")),
    ("two points are not enough", [40, 90, 90], capacity(4), None),
    ("a missing point is not above the target", [90, None, 90], capacity(4), None),
    ("no data, no decision", [90, 90, None], capacity(4), None),
    ("exactly at the target is not above it", [50, 50, 50], capacity(4), None),
    ("instances that warm up count as capacity", [90, 90, 90], capacity(8, warmed=4, changing=True), None),
    ("more is added if even those do not suffice", [90, 90, 90], capacity(6, 4, True), Decision(8, "AlarmHigh")),
    ("fifteen points below 90 % of the target take one away", [10] * 15, capacity(8), Decision(7, "AlarmLow")),
    ("fourteen do not", [48] + [10] * 14, capacity(8), None),
    ("just under the target is no reason to shrink", [46] * 15, capacity(8), None),
    ("no shrinking that would go above the target", [44] * 15, capacity(2), None),
    ("no shrinking while instances warm up", [10] * 15, capacity(8, 7, changing=True), None),
    ("no second step right after the first", [10] * 15, capacity(8, since=120), None),
]


@pytest.mark.parametrize(("why", "points", "state", "decision"), DECISIONS, ids=[why for why, *_ in DECISIONS])
def test_target_tracking_decides(why: str, points: list[float | None], state: Capacity, decision: Decision | None):
    assert POLICY.decide(points, state) == decision


def test_scale_in_can_be_disabled():
    assert TargetTracking(disable_scale_in=True).decide([10.0] * 15, capacity(8)) is None


SIMPLE = [
    ("above 75 % one more", [80.0] * 3, capacity(2), Decision(3, "AlarmHigh")),
    ("below 25 % one less", [20.0] * 3, capacity(3), Decision(2, "AlarmLow")),
    ("in between nothing", [50.0] * 3, capacity(3), None),
    ("nothing during the cooldown", [100.0] * 3, capacity(3, since=299), None),
]


@pytest.mark.parametrize(("why", "points", "state", "decision"), SIMPLE, ids=[why for why, *_ in SIMPLE])
def test_simple_scaling_decides(why: str, points: list[float | None], state: Capacity, decision: Decision | None):
    assert SimpleScaling().decide(points, state) == decision


def run(load: Callable[[float], float], minutes: int, policy: Any, started: int = 2) -> list[int]:
    """Desired capacity per minute under a load in "instances at 100 %" that is shared by those in service."""
    engine = Engine(START, seed=1)

    def cpu(instance_id: str) -> float:
        serving = len(scaling.group("moodle").in_service)
        return min(100.0, 100.0 * load(engine.now - START.timestamp()) / serving)

    scaling = AutoScaling(Ground(engine, lambda event: None), cpu=cpu)
    scaling.create(GroupSettings("moodle", 2, 12, started, ("a", "b"), policy=policy), started=True)
    desired = []
    for _ in range(minutes):
        engine.run_until(engine.now + 60)
        desired.append(scaling.group("moodle").desired)
    return desired


def test_a_group_grows_to_what_the_load_needs_and_no_further():
    desired = run(lambda seconds: 3.0, minutes=40, policy=POLICY)
    assert desired[:2] == [2, 2]
    assert desired[2] == 4  # both instances saturated: twice as many, whatever the load really needs
    assert desired[-1] == max(desired) == 6  # 3.0 instances' worth of load at a target of 50 %


def test_a_group_shrinks_one_by_one_and_never_below_its_minimum():
    desired = run(lambda seconds: 0.2, minutes=90, policy=POLICY, started=6)
    assert desired[13] == 6
    assert {before - after for before, after in pairwise(desired)} == {0, 1}
    assert desired[-1] == 2


def test_a_group_never_grows_beyond_its_maximum():
    assert run(lambda seconds: 50.0, minutes=60, policy=POLICY)[-1] == 12


def test_simple_scaling_takes_forty_minutes_from_two_to_ten():
    desired = run(lambda seconds: 50.0, minutes=60, policy=SimpleScaling())
    assert 35 <= desired.index(10) <= 45
