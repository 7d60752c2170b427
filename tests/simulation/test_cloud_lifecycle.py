"""The lifecycle of instances: states, hooks and their timeouts, abandoned launches, draining, events, activities."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Gateway, Ground
from simulator.cloud.autoscaling import LAUNCHING, TERMINATING, AutoScaling, GroupSettings, Hook, Instance, World
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
ADMIT = Hook("admit", LAUNCHING, heartbeat_timeout=300, default_result="ABANDON", metadata='{"site": "moodle"}')
RELEASE = Hook("release", TERMINATING, heartbeat_timeout=600, default_result="CONTINUE")


class Twin:
    """A group of up to six instances in two zones, the events it emitted and the calls to the world."""

    def __init__(self) -> None:
        self.engine = Engine(START, seed=3)
        self.events: list[dict] = []
        self.told: list[tuple[str, str]] = []
        self.draining_until: dict[str, float] = {}
        world = World(
            on_boot=lambda instance: self.tell("boot", instance),
            on_in_service=lambda instance: self.tell("in service", instance),
            on_deregister=lambda instance: self.tell("deregister", instance),
            draining=lambda instance: self.engine.now < self.draining_until.get(instance.instance_id, 0.0),
            on_gone=lambda instance: self.tell("gone", instance),
        )
        self.scaling = AutoScaling(Ground(self.engine, self.events.append), world)
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.scaling.operations())

    @cached_property
    def client(self) -> Any:
        return boto3.client("autoscaling")

    def tell(self, what: str, instance: Instance) -> None:
        self.told.append((what, instance.instance_id))

    def create(self, desired: int = 1, hooks: tuple[Hook, ...] = (), started: bool = False, warmup: int = 300) -> None:
        self.scaling.create(
            GroupSettings(
                "moodle",
                0,
                6,
                desired,
                ("eu-central-1a", "eu-central-1b"),
                hooks,
                target_group_arns=("arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1",),
                default_instance_warmup=warmup,
            ),
            started,
        )

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    @property
    def states(self) -> list[str]:
        group = self.client.describe_auto_scaling_groups(AutoScalingGroupNames=["moodle"])
        return [each["LifecycleState"] for each in group["AutoScalingGroups"][0]["Instances"]]

    @property
    def first(self) -> str:
        return next(iter(self.scaling.instances("moodle"))).instance_id

    @property
    def activities(self) -> list[dict]:
        return self.client.describe_scaling_activities(AutoScalingGroupName="moodle")["Activities"]

    def complete(self, hook: str, result: str, **which: str) -> None:
        self.client.complete_lifecycle_action(
            AutoScalingGroupName="moodle", LifecycleHookName=hook, LifecycleActionResult=result, **which
        )

    def events_of(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["detail-type"] == kind]


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin()
    with twin.gateway.installed():
        yield twin


def test_without_hooks_an_instance_boots_and_enters_service(twin: Twin):
    twin.create()
    twin.run(2)
    assert twin.states == ["Pending"]
    twin.run(120)
    assert twin.states == ["InService"]
    assert twin.told == [("boot", twin.first), ("in service", twin.first)]


def test_a_launch_hook_keeps_an_instance_waiting_until_it_is_completed(twin: Twin):
    twin.create(hooks=(ADMIT,))
    twin.run(120)
    assert twin.states == ["Pending:Wait"]
    twin.complete("admit", "CONTINUE", InstanceId=twin.first)
    assert twin.states == ["Pending:Proceed"]
    twin.run(5)
    assert twin.states == ["InService"]


def test_an_action_can_be_completed_by_its_token_alone(twin: Twin):
    twin.create(hooks=(ADMIT,))
    twin.run(120)
    token = twin.events_of("EC2 Instance-launch Lifecycle Action")[0]["detail"]["LifecycleActionToken"]
    twin.complete("admit", "CONTINUE", LifecycleActionToken=token)
    twin.run(5)
    assert twin.states == ["InService"]


def test_all_hooks_of_a_transition_must_be_completed(twin: Twin):
    twin.create(hooks=(ADMIT, Hook("other", LAUNCHING)))
    twin.run(120)
    twin.complete("admit", "CONTINUE", InstanceId=twin.first)
    assert twin.states == ["Pending:Wait"]
    twin.complete("other", "CONTINUE", InstanceId=twin.first)
    assert twin.states == ["Pending:Proceed"]


def test_a_hook_that_times_out_takes_its_default_result(twin: Twin):
    twin.create(hooks=(Hook("admit", LAUNCHING, 300, "CONTINUE"),))
    twin.run(299)
    assert twin.states == ["Pending:Wait"]
    twin.run(120)
    assert twin.states == ["InService"]


def test_an_abandoned_launch_is_terminated_through_the_terminate_hook_and_replaced(twin: Twin):
    twin.create(hooks=(ADMIT, RELEASE))
    twin.run(120)
    bad = twin.first
    twin.complete("admit", "ABANDON", InstanceId=bad)
    twin.run(1)
    assert twin.states[0] == "Terminating:Wait"
    assert ("deregister", bad) not in twin.told  # it never was in the target group
    twin.run(120)
    assert twin.states == ["Terminating:Wait", "Pending:Wait"]
    twin.complete("release", "CONTINUE", InstanceId=bad)
    twin.run(120)
    assert twin.states == ["Pending:Wait"]
    assert twin.first != bad
    assert ("gone", bad) in twin.told


@pytest.mark.parametrize(
    ("how", "message"),
    [("abandoned by a call", "Lifecycle Action Completed with ABANDON Result"), ("timed out", "Heartbeat Timeout")],
)
def test_an_abandoned_launch_shows_as_a_cancelled_activity_and_an_unsuccessful_event(
    twin: Twin, how: str, message: str
):
    twin.create(hooks=(ADMIT,))
    twin.run(120)
    bad = twin.first
    if how == "timed out":
        twin.run(300)
    else:
        twin.complete("admit", "ABANDON", InstanceId=bad)
    cancelled = next(activity for activity in twin.activities if activity["StatusCode"] == "Cancelled")
    assert cancelled["Description"] == f"Launching a new EC2 instance: {bad}"
    assert cancelled["StatusMessage"].endswith(f"was abandoned: {message}")
    detail = twin.events_of("EC2 Instance Launch Unsuccessful")[0]["detail"]
    assert (detail["EC2InstanceId"], detail["StatusCode"]) == (bad, "Failed")
    assert detail["StatusMessage"] == cancelled["StatusMessage"]


def test_a_completion_after_the_timeout_is_refused_in_the_words_of_aws(twin: Twin):
    twin.create(hooks=(Hook("admit", LAUNCHING, 300, "CONTINUE"),))
    twin.run(600)
    with pytest.raises(ClientError, match=f"No active Lifecycle Action found with instance ID {twin.first}") as raised:
        twin.complete("admit", "CONTINUE", InstanceId=twin.first)
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="No active Lifecycle Action found with token 0000"):
        twin.complete("admit", "CONTINUE", LifecycleActionToken="0000" + 32 * "1")


def test_a_result_that_is_neither_continue_nor_abandon_is_refused(twin: Twin):
    twin.create(hooks=(ADMIT,))
    twin.run(120)
    with pytest.raises(ClientError, match="CONTINUE or ABANDON"):
        twin.complete("admit", "MAYBE", InstanceId=twin.first)
    assert twin.states == ["Pending:Wait"]


def test_heartbeats_restart_the_timeout_but_not_beyond_the_global_timeout(twin: Twin):
    twin.create(hooks=(Hook("admit", LAUNCHING, heartbeat_timeout=60, default_result="CONTINUE"),))
    twin.run(60)
    waiting_since = twin.scaling.instances("moodle")[0].waits[0].started
    ended = waiting_since + 3 * 100 * 60  # where a hook without a global timeout would still wait
    while twin.states == ["Pending:Wait"] and twin.engine.now < ended:
        twin.client.record_lifecycle_action_heartbeat(
            AutoScalingGroupName="moodle", LifecycleHookName="admit", InstanceId=twin.first
        )
        twin.run(50)
    assert 100 * 60 <= twin.engine.now - waiting_since <= 100 * 60 + 60


GLOBAL_TIMEOUTS = [("100 × the heartbeat timeout", 300, 30_000), ("48 hours when that is less", 3600, 172_800)]


@pytest.mark.parametrize(("why", "heartbeat", "expected"), GLOBAL_TIMEOUTS, ids=[why for why, *_ in GLOBAL_TIMEOUTS])
def test_described_hooks_have_the_global_timeout(twin: Twin, why: str, heartbeat: int, expected: int):
    twin.create(hooks=(Hook("admit", LAUNCHING, heartbeat),))
    hooks = twin.client.describe_lifecycle_hooks(AutoScalingGroupName="moodle")["LifecycleHooks"]
    assert [(hook["HeartbeatTimeout"], hook["GlobalTimeout"], hook["DefaultResult"]) for hook in hooks] == [
        (heartbeat, expected, "ABANDON")
    ]


def test_a_terminating_instance_drains_before_its_hook_and_shuts_down_after_it(twin: Twin):
    twin.create(hooks=(RELEASE,), started=True)
    instance_id = twin.first
    twin.draining_until[instance_id] = twin.engine.now + 130
    twin.client.set_desired_capacity(AutoScalingGroupName="moodle", DesiredCapacity=0)
    twin.run(100)
    assert twin.states == ["Terminating"]
    assert twin.told[-1] == ("deregister", instance_id)
    assert twin.activities[0]["StatusCode"] == "WaitingForELBConnectionDraining"
    twin.run(60)
    assert twin.states == ["Terminating:Wait"]
    assert twin.activities[0]["StatusCode"] == "MidLifecycleAction"
    twin.complete("release", "ABANDON", InstanceId=instance_id)  # either result lets it terminate
    assert twin.states == ["Terminating:Proceed"]
    twin.run(200)
    assert twin.states == []
    assert twin.told[-1] == ("gone", instance_id)
    assert twin.activities[0]["StatusCode"] == "Successful"


def test_the_activity_of_a_launch_passes_through_the_documented_status_codes(twin: Twin):
    twin.create(hooks=(ADMIT,))
    seen = []
    for seconds in (2, 120, 0, 5, 300):
        if seconds == 0:
            twin.complete("admit", "CONTINUE", InstanceId=twin.first)
        twin.run(seconds)
        seen.append(twin.activities[0]["StatusCode"])
    assert seen == [
        "PreInService",
        "MidLifecycleAction",
        "MidLifecycleAction",
        "WaitingForInstanceWarmup",
        "Successful",
    ]
    activity = twin.activities[0]
    assert activity["Progress"] == 100
    assert activity["Description"] == f"Launching a new EC2 instance: {twin.first}"
    assert activity["Cause"].endswith(
        "an instance was started in response to a difference between desired and actual capacity, "
        "increasing the capacity from 0 to 1."
    )


def test_a_launch_lifecycle_event_has_the_documented_envelope(twin: Twin):
    twin.create(hooks=(ADMIT,))
    twin.run(120)
    event = twin.events_of("EC2 Instance-launch Lifecycle Action")[0]
    group = twin.client.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert {key: value for key, value in event.items() if key not in ("id", "time", "detail")} == {
        "version": "0",
        "detail-type": "EC2 Instance-launch Lifecycle Action",
        "source": "aws.autoscaling",
        "account": "123456789012",
        "region": "eu-central-1",
        "resources": [group["AutoScalingGroupARN"]],
    }
    assert datetime.fromisoformat(event["time"]) > START
    assert event["detail"] == {
        "LifecycleActionToken": twin.scaling.instances("moodle")[0].waits[0].token,
        "AutoScalingGroupName": "moodle",
        "LifecycleHookName": "admit",
        "EC2InstanceId": twin.first,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "NotificationMetadata": '{"site": "moodle"}',
        "Origin": "EC2",
        "Destination": "AutoScalingGroup",
    }


DETAIL_FIELDS = {
    "StatusCode",
    "Description",
    "AutoScalingGroupName",
    "ActivityId",
    "Details",
    "RequestId",
    "StatusMessage",
    "EndTime",
    "EC2InstanceId",
    "StartTime",
    "Cause",
    "Origin",
    "Destination",
}


def test_launch_and_terminate_events_have_the_documented_fields(twin: Twin):
    twin.create(hooks=(RELEASE,))
    twin.run(120)
    twin.client.set_desired_capacity(AutoScalingGroupName="moodle", DesiredCapacity=0)
    twin.run(900)
    assert [event["detail-type"] for event in twin.events] == [
        "EC2 Instance Launch Successful",
        "EC2 Instance-terminate Lifecycle Action",
        "EC2 Instance Terminate Successful",
    ]
    launched, waited, terminated = (event["detail"] for event in twin.events)
    assert set(launched) == set(terminated) == DETAIL_FIELDS
    assert (launched["StatusCode"], launched["Origin"], launched["Destination"]) == (
        "InProgress",
        "EC2",
        "AutoScalingGroup",
    )
    assert (terminated["Origin"], terminated["Destination"]) == ("AutoScalingGroup", "EC2")
    assert waited["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert twin.events[2]["resources"][1].endswith(f":instance/{launched['EC2InstanceId']}")
