"""Standby and termination by hand: who may, what the balancer and the hooks see, who is replaced, who is paid for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Gateway, Ground
from simulator.cloud.autoscaling import TERMINATING, AutoScaling, GroupSettings, Hook, Instance, World
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
RELEASE = Hook("release", TERMINATING, heartbeat_timeout=900, default_result="CONTINUE")
WEB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"
DRAINS = 300.0


class Twin:
    """A group "moodle" of 2 ≤ 3 ≤ 5 in service behind a balancer, and what the world was told."""

    def __init__(self) -> None:
        self.engine = Engine(START, seed=5)
        self.events: list[dict] = []
        self.told: list[tuple[str, str]] = []
        self.draining_until: dict[str, float] = {}
        world = World(
            on_in_service=lambda i: self.told.append(("register", i.instance_id)),
            on_deregister=self.deregister,
            draining=lambda i: self.engine.now < self.draining_until.get(i.instance_id, 0.0),
            on_stop=lambda i: self.told.append(("stop", i.instance_id)),
        )
        self.scaling = AutoScaling(Ground(self.engine, self.events.append), world)
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.scaling.operations())

    def deregister(self, instance: Instance) -> None:
        self.told.append(("deregister", instance.instance_id))
        self.draining_until[instance.instance_id] = self.engine.now + DRAINS

    def create(self, **settings: Any) -> list[str]:
        sizes: Any = {"min_size": 2, "max_size": 5, "desired": 3} | settings
        zones = ("eu-central-1a", "eu-central-1b")
        self.scaling.create(GroupSettings("moodle", zones=zones, target_group_arns=(WEB,), **sizes), started=True)
        self.client = boto3.client("autoscaling")
        self.told.clear()
        return list(self.states)

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    @property
    def group(self) -> dict:
        return self.client.describe_auto_scaling_groups(AutoScalingGroupNames=["moodle"])["AutoScalingGroups"][0]

    @property
    def states(self) -> dict[str, str]:
        return {i["InstanceId"]: i["LifecycleState"] for i in self.group["Instances"]}

    def count(self, state: str) -> int:
        return list(self.states.values()).count(state)

    def enter(self, *ids: str, lower: bool = False) -> dict:
        return self.client.enter_standby(
            AutoScalingGroupName="moodle", InstanceIds=list(ids), ShouldDecrementDesiredCapacity=lower
        )

    def exit(self, *ids: str) -> dict:
        return self.client.exit_standby(AutoScalingGroupName="moodle", InstanceIds=list(ids))

    def terminate(self, instance_id: str, lower: bool = False) -> dict:
        return self.client.terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=lower
        )["Activity"]


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin()
    with twin.gateway.installed():
        yield twin


@contextmanager
def refused(message: str) -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert message in error["Message"]


def test_an_instance_drains_before_it_is_on_standby_and_is_replaced_meanwhile(twin: Twin):
    first = twin.create(hooks=(RELEASE,))[0]
    twin.enter(first)
    assert twin.states[first] == "EnteringStandby"
    twin.run(120)
    assert (twin.states[first], twin.count("InService")) == ("EnteringStandby", 3)
    twin.run(DRAINS)
    assert twin.states[first] == "Standby"
    assert twin.told[0] == ("deregister", first)
    assert (twin.group["DesiredCapacity"], len(twin.states)) == (3, 4)
    assert not [e for e in twin.events if first in str(e)], "no hook has a part in it"


def test_with_a_lower_desired_size_nothing_replaces_it(twin: Twin):
    first = twin.create()[0]
    [activity] = twin.enter(first, lower=True)["Activities"]
    assert (activity["StatusCode"], activity["Progress"]) == ("InProgress", 50)
    assert activity["Description"] == f"Moving EC2 instance to Standby: {first}"
    assert activity["Cause"] == (
        f"At 2026-05-04T08:00:00Z instance {first} was moved to standby in response to a user request, "
        "shrinking the capacity from 3 to 2."
    )
    twin.run(900)
    assert (twin.states[first], twin.group["DesiredCapacity"], len(twin.states)) == ("Standby", 2, 3)
    newest = twin.client.describe_scaling_activities(AutoScalingGroupName="moodle")["Activities"][0]
    assert (newest["Description"], newest["StatusCode"]) == (activity["Description"], "Successful")


def test_it_comes_back_without_hooks_and_the_desired_size_grows_again(twin: Twin):
    first = twin.create(hooks=(RELEASE,))[0]
    twin.enter(first, lower=True)
    twin.run(600)
    [activity] = twin.exit(first)["Activities"]
    assert (activity["StatusCode"], activity["Progress"]) == ("PreInService", 30)
    assert activity["Description"] == f"Moving EC2 instance out of Standby: {first}"
    assert activity["Cause"].endswith(
        "out of standby in response to a user request, increasing the capacity from 2 to 3."
    )
    assert twin.states[first] == "Pending"
    twin.run(5)
    assert (twin.states[first], twin.group["DesiredCapacity"]) == ("InService", 3)
    assert twin.told == [("deregister", first), ("register", first)]
    twin.run(900)
    assert list(twin.states.values()) == ["InService"] * 3


REFUSED = [
    (
        "below MinSize with a lower desired size",
        lambda t, ids: t.enter(*ids[:2], lower=True),
        "AutoScalingGroup moodle has min-size=2, max-size=5, and desired-size=3. To place into standby 2 instances, "
        "please update the AutoScalingGroup sizes appropriately.",
    ),
    (
        "one that is on its way already",
        lambda t, ids: (t.enter(ids[0]), t.enter(ids[1], ids[0])),
        "is not in InService.",
    ),
    ("one that serves cannot come back", lambda t, ids: t.exit(ids[0]), "is not in Standby."),
    ("one of no group", lambda t, ids: t.enter("i-00"), "The instance i-00 is not part of Auto Scaling group moodle."),
    ("more than twenty", lambda t, ids: t.enter(*[f"i-{n}" for n in range(21)]), "length less than or equal to 20"),
]


@pytest.mark.parametrize(("why", "call", "message"), REFUSED, ids=[why for why, *_ in REFUSED])
def test_refused_whole(twin: Twin, why: str, call: Any, message: str):
    ids = twin.create()
    with refused(message):
        call(twin, ids)
    assert twin.states[ids[1]] == "InService"
    assert twin.group["DesiredCapacity"] == 3


def test_it_cannot_come_back_above_the_maximum(twin: Twin):
    first = twin.create(max_size=3)[0]
    twin.enter(first)
    twin.run(600)
    with refused("max-size=3, and desired-size=3. To place into service 1 instance,"):
        twin.exit(first)
    twin.client.update_auto_scaling_group(AutoScalingGroupName="moodle", MaxSize=4)
    twin.exit(first)
    twin.run(600)
    assert list(twin.states.values()) == ["InService"] * 4


def test_scale_in_and_health_checks_leave_it_alone(twin: Twin):
    first = twin.create()[0]
    twin.enter(first)
    twin.run(600)
    twin.scaling.fail_health(first, "EC2")
    twin.client.set_desired_capacity(AutoScalingGroupName="moodle", DesiredCapacity=2)
    twin.run(1200)
    assert (twin.states[first], twin.count("InService"), len(twin.states)) == ("Standby", 2, 3)


def test_a_standby_that_spot_took_stays_healthy_until_it_comes_back_and_is_replaced_then(twin: Twin):
    first = twin.create()[0]
    twin.enter(first, lower=True)
    twin.run(600)
    twin.scaling.interrupt([first])
    twin.run(600)
    described = next(i for i in twin.group["Instances"] if i["InstanceId"] == first)
    assert (described["LifecycleState"], described["HealthStatus"]) == ("Standby", "Healthy")
    twin.exit(first)
    twin.run(900)
    assert first not in twin.states
    assert list(twin.states.values()) == ["InService"] * 3


def test_the_time_on_standby_is_paid(twin: Twin):
    first = twin.create()[0]
    twin.enter(first)
    twin.run(3600)
    instance = next(i for i in twin.scaling.instances("moodle") if i.instance_id == first)
    assert instance.paid(START.timestamp(), twin.engine.now) == 3600.0


# ---------------------------------------------------------------- termination by hand


def test_a_standby_is_terminated_through_the_hook_and_nothing_more_replaces_it(twin: Twin):
    first = twin.create(hooks=(RELEASE,))[0]
    twin.enter(first)
    twin.run(600)
    twin.terminate(first)
    twin.run(1)
    assert twin.states[first] == "Terminating:Wait"  # it has drained long ago
    twin.client.complete_lifecycle_action(
        AutoScalingGroupName="moodle", LifecycleHookName="release", InstanceId=first, LifecycleActionResult="CONTINUE"
    )
    twin.run(600)
    assert list(twin.states.values()) == ["InService"] * 3
    assert twin.told.count(("deregister", first)) == 1


def test_one_that_still_drains_on_its_way_to_standby_drains_to_the_end(twin: Twin):
    first = twin.create()[0]
    twin.enter(first)
    twin.run(100)
    twin.terminate(first)
    twin.run(100)
    assert twin.states[first] == "Terminating"
    twin.run(400)
    assert first not in twin.states
    assert twin.told.count(("deregister", first)) == 1


TERMINATED = [
    ("one in service is replaced", False, 3),
    ("or the desired size is lowered", True, 2),
]


@pytest.mark.parametrize(("says", "lower", "left"), TERMINATED, ids=[c[0] for c in TERMINATED])
def test_terminating(twin: Twin, says: str, lower: bool, left: int):
    first = twin.create()[0]
    activity = twin.terminate(first, lower)
    assert activity["Description"] == f"Terminating EC2 instance: {first}"
    assert activity["Cause"].endswith(", shrinking the capacity from 3 to 2." if lower else "to a user request.")
    twin.run(900)
    assert (twin.group["DesiredCapacity"], len(twin.states)) == (left, left)
    assert first not in twin.states


def test_terminating_twice_lowers_the_desired_size_once(twin: Twin):
    first = twin.create(desired=4)[0]
    assert twin.terminate(first, lower=True)["ActivityId"] == twin.terminate(first, lower=True)["ActivityId"]
    assert twin.group["DesiredCapacity"] == 3


def test_terminating_below_the_minimum_or_an_unknown_instance_is_refused(twin: Twin):
    first = twin.create(desired=2)[0]
    with refused("Currently, desiredSize equals minSize (2). Terminating instance without replacement will violate"):
        twin.terminate(first, lower=True)
    with refused("Instance Id not found - No managed instance found for instance ID: i-00"):
        twin.terminate("i-00")
    assert twin.states[first] == "InService"
