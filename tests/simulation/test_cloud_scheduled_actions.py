"""Scheduled actions: put, refused, listed, run late, removed, and what they do to a group's sizes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Gateway, Ground
from simulator.cloud.autoscaling import AutoScaling, GroupSettings
from simulator.cloud.autoscaling.cron import next_time
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


class Twin:
    """A group "moodle" with sizes 1 ≤ 2 ≤ 10."""

    def __init__(self, seed: int = 0) -> None:
        self.engine = Engine(START, seed)
        self.scaling = AutoScaling(Ground(self.engine, lambda event: None))
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.scaling.operations())
        self.scaling.create(GroupSettings("moodle", 1, 10, 2, ("eu-central-1a",)), started=True)

    @cached_property
    def client(self) -> Any:
        return boto3.client("autoscaling")

    def put(self, name: str, minutes: float = 10, **sizes: Any) -> None:
        self.client.put_scheduled_update_group_action(
            AutoScalingGroupName="moodle",
            ScheduledActionName=name,
            StartTime=START + timedelta(minutes=minutes),
            **(sizes or {"MinSize": 4}),
        )

    def batch_put(self, *names: str, first_minute: int = 10) -> list[dict]:
        return self.client.batch_put_scheduled_update_group_action(
            AutoScalingGroupName="moodle",
            ScheduledUpdateGroupActions=[
                {"ScheduledActionName": name, "StartTime": START + timedelta(minutes=first_minute + n), "MinSize": 2}
                for n, name in enumerate(names)
            ],
        )["FailedScheduledUpdateGroupActions"]

    def listed(self, **options: Any) -> list[str]:
        pages = self.client.get_paginator("describe_scheduled_actions").paginate(
            AutoScalingGroupName="moodle", **options
        )
        return [action["ScheduledActionName"] for page in pages for action in page["ScheduledUpdateGroupActions"]]

    def run_to(self, minutes: float) -> None:
        self.engine.run_until((START + timedelta(minutes=minutes)).timestamp())

    @property
    def sizes(self) -> tuple[int, int, int]:
        group = self.scaling.group("moodle")
        return group.min_size, group.desired, group.max_size


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin()
    with twin.gateway.installed():
        yield twin


EFFECTS = [
    ("a raised min raises desired", {"MinSize": 4}, (4, 4, 10)),
    ("a lowered min leaves desired alone", {"MinSize": 0}, (0, 2, 10)),
    ("a lowered max lowers desired", {"MinSize": 1, "MaxSize": 1}, (1, 1, 1)),
    ("an explicit desired is taken", {"DesiredCapacity": 7}, (1, 7, 10)),
    ("a min above the group's max at that moment changes nothing", {"MinSize": 11}, (1, 2, 10)),
]


@pytest.mark.parametrize(("why", "sizes", "expected"), EFFECTS, ids=[why for why, *_ in EFFECTS])
def test_what_an_action_does(twin: Twin, why: str, sizes: dict[str, int], expected: tuple[int, int, int]):
    twin.put("action", **sizes)
    twin.run_to(10)
    assert twin.sizes == (1, 2, 10)
    twin.run_to(13)
    assert twin.sizes == expected
    assert twin.listed() == []  # a one-off is gone once it ran


def test_the_fleet_follows_a_raised_min(twin: Twin):
    twin.put("exam", MinSize=5)
    twin.run_to(20)
    assert len(twin.scaling.group("moodle").in_service) == 5
    launch = twin.client.describe_scaling_activities()["Activities"][0]
    assert "a scheduled action update of AutoScalingGroup constraints to min: 5, max: 10, desired: 5" in launch["Cause"]


def lateness(seed: int) -> float:
    twin = Twin(seed)
    with twin.gateway.installed():
        twin.put("exam")
        due = START.timestamp() + 600
        while twin.sizes[0] == 1 and twin.engine.now < due + 600:
            twin.engine.run_until(twin.engine.now + 1)
        return twin.engine.now - due


def test_actions_run_up_to_two_minutes_late_and_differently_for_each_seed():
    late = [lateness(seed) for seed in range(12)]
    assert all(0 <= seconds <= 121 for seconds in late)
    assert max(late) > 60
    assert len(set(late)) > 6


REFUSALS = [
    ("a start in the past", {"minutes": -1}, "ValidationError", "Given start time is in the past"),
    ("another action with this start", {"minutes": 30}, "AlreadyExists", "scheduled start time already exists"),
    ("max below min", {"MinSize": 4, "MaxSize": 3}, "ValidationError", "Max size must be greater"),
    ("desired below min", {"MinSize": 4, "DesiredCapacity": 3}, "ValidationError", "Desired capacity must be greater"),
    ("desired above max", {"MaxSize": 4, "DesiredCapacity": 5}, "ValidationError", "Desired capacity must be less"),
    ("an end before the start", {"EndTime": START, "MinSize": 2}, "ValidationError", "End time must be after"),
]


@pytest.mark.parametrize(("why", "action", "code", "message"), REFUSALS, ids=[why for why, *_ in REFUSALS])
def test_refusals(twin: Twin, why: str, action: dict[str, Any], code: str, message: str):
    twin.put("taken", minutes=30)
    with pytest.raises(ClientError, match=message) as raised:
        twin.put("new", **action)
    assert raised.value.response["Error"]["Code"] == code
    assert twin.listed() == ["taken"]


def test_a_put_of_the_same_name_replaces_the_action_also_at_the_same_start(twin: Twin):
    twin.put("exam", MinSize=4)
    twin.put("exam", MinSize=6)
    twin.run_to(13)
    assert twin.sizes == (6, 6, 10)


def test_a_batch_does_what_it_can_and_lists_what_failed(twin: Twin):
    twin.put("taken", minutes=11)
    failed = twin.batch_put("a", "b", "c")
    assert failed == [
        {
            "ScheduledActionName": "b",
            "ErrorCode": "AlreadyExists",
            "ErrorMessage": "Scheduled action with this scheduled start time already exists",
        }
    ]
    assert twin.listed() == ["a", "taken", "c"]


def test_a_batch_of_more_than_fifty_is_refused_as_a_whole(twin: Twin):
    with pytest.raises(ClientError, match="less than or equal to 50") as raised:
        twin.batch_put(*(f"action-{n}" for n in range(51)))
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    assert twin.listed() == []


def test_a_group_has_room_for_125_actions(twin: Twin):
    for batch in range(3):
        names = [f"action-{batch}-{n}" for n in range(50)]
        failed = twin.batch_put(*names, first_minute=10 + 50 * batch)
    assert {failure["ErrorCode"] for failure in failed} == {"LimitExceeded"}
    assert len(failed) == 25
    assert len(twin.listed()) == 125
    twin.batch_put("action-0-0", first_minute=9)  # replacing one is still possible
    assert len(twin.listed()) == 125


def test_deleted_actions_do_not_run_and_a_second_deletion_is_an_error(twin: Twin):
    twin.put("exam")
    client = twin.client
    client.delete_scheduled_action(AutoScalingGroupName="moodle", ScheduledActionName="exam")
    twin.run_to(20)
    assert twin.sizes == (1, 2, 10)
    with pytest.raises(ClientError, match="Scheduled action name not found"):
        client.delete_scheduled_action(AutoScalingGroupName="moodle", ScheduledActionName="exam")
    failed = client.batch_delete_scheduled_action(AutoScalingGroupName="moodle", ScheduledActionNames=["exam"])
    assert [failure["ErrorCode"] for failure in failed["FailedScheduledActions"]] == ["ValidationError"]


def test_suspended_actions_neither_run_nor_are_replayed(twin: Twin):
    twin.put("during", minutes=10, MinSize=4)
    twin.put("after", minutes=30, MinSize=3)
    client = twin.client
    client.suspend_processes(AutoScalingGroupName="moodle", ScalingProcesses=["ScheduledActions"])
    twin.run_to(20)
    client.resume_processes(AutoScalingGroupName="moodle", ScalingProcesses=["ScheduledActions"])
    twin.run_to(25)
    assert twin.sizes == (1, 2, 10)
    twin.run_to(33)
    assert twin.sizes == (3, 3, 10)


def test_actions_are_listed_by_name_and_by_time(twin: Twin):
    twin.batch_put("a", "b", "c")
    assert twin.listed(ScheduledActionNames=["c", "a", "unknown"]) == ["a", "c"]
    assert twin.listed(StartTime=START + timedelta(minutes=11)) == ["b", "c"]
    assert twin.listed(EndTime=START + timedelta(minutes=11)) == ["a", "b"]


def test_a_recurrence_runs_again_and_again_until_its_end(twin: Twin):
    twin.client.put_scheduled_update_group_action(
        AutoScalingGroupName="moodle",
        ScheduledActionName="mornings",
        Recurrence="30 8 * * MON-FRI",
        TimeZone="Europe/Berlin",
        EndTime=datetime(2026, 5, 6, 12, 0, tzinfo=UTC),
        MinSize=3,
    )
    group = twin.scaling.group("moodle")
    raised = []
    for day in (5, 6, 7):  # 08:30 in Berlin is 06:30 UTC in May
        twin.engine.run_until(datetime(2026, 5, day, 6, 29, tzinfo=UTC).timestamp())
        group.min_size = 1
        twin.engine.run_until(datetime(2026, 5, day, 6, 33, tzinfo=UTC).timestamp())
        raised.append(group.min_size)
    assert raised == [3, 3, 1]
    assert twin.listed() == []


CRON = [
    ("every day at noon", "0 12 * * *", "UTC", (2026, 5, 4, 8), (2026, 5, 4, 12, 0)),
    ("strictly after the given instant", "0 8 * * *", "UTC", (2026, 5, 4, 8), (2026, 5, 5, 8, 0)),
    ("on weekdays only", "0 7 * * 1-5", "UTC", (2026, 5, 8, 8), (2026, 5, 11, 7, 0)),
    ("Sunday is both 0 and 7", "0 7 * * 7", "UTC", (2026, 5, 4, 8), (2026, 5, 10, 7, 0)),
    ("every quarter of an hour", "*/15 * * * *", "UTC", (2026, 5, 4, 8), (2026, 5, 4, 8, 15)),
    ("day or weekday when both are given", "0 0 20 * FRI", "UTC", (2026, 5, 4, 8), (2026, 5, 8, 0, 0)),
    ("in local time", "0 9 1 10 *", "Europe/Berlin", (2026, 5, 4, 8), (2026, 10, 1, 7, 0)),
    ("an hour that spring skips is skipped", "30 2 * * *", "Europe/Berlin", (2026, 3, 28, 2), (2026, 3, 30, 0, 30)),
]


@pytest.mark.parametrize(("why", "expression", "zone", "after", "expected"), CRON, ids=[why for why, *_ in CRON])
def test_recurrences(why: str, expression: str, zone: str, after: tuple[int, ...], expected: tuple[int, ...]):
    assert next_time(expression, datetime(*after, tzinfo=UTC), zone) == datetime(*expected, tzinfo=UTC)


@pytest.mark.parametrize("expression", ["0 8 * *", "61 8 * * *", "0 8 30 2 *", "x 8 * * *"])
def test_recurrences_that_make_no_sense_are_refused(twin: Twin, expression: str):
    with pytest.raises(ClientError, match="Given recurrence string"):
        twin.client.put_scheduled_update_group_action(
            AutoScalingGroupName="moodle", ScheduledActionName="odd", Recurrence=expression, MinSize=2
        )
