"""The warm pool acted out: instances go into it and come out of it through the hooks, and the stopped cost nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Gateway, Ground
from simulator.cloud.autoscaling import LAUNCHING, TERMINATING, AutoScaling, Duration, GroupSettings, Hook, World
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
ADMIT = Hook("admit", LAUNCHING, heartbeat_timeout=900)
RELEASE = Hook("release", TERMINATING, heartbeat_timeout=900, default_result="CONTINUE")
BOTH = (ADMIT, RELEASE)
WEB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"


class Twin:
    """A group "moodle" of 1 ≤ desired ≤ 8, one instance in service, that may get a warm pool."""

    def __init__(self) -> None:
        self.engine = Engine(START, seed=5)
        self.events: list[dict] = []
        self.told: list[tuple[str, str]] = []
        self.leaving: dict[str, float] = {}
        world = World(
            on_boot=lambda i: self.told.append(("boot", i.instance_id)),
            on_in_service=lambda i: self.told.append(("register", i.instance_id)),
            on_deregister=lambda i: self.leaving.update({i.instance_id: self.engine.now}),
            draining=lambda i: self.engine.now < self.leaving.get(i.instance_id, 0.0) + 60,
            on_stop=lambda i: self.told.append(("stop", i.instance_id)),
            on_gone=lambda i: self.told.append(("gone", i.instance_id)),
        )
        self.scaling = AutoScaling(Ground(self.engine, self.events.append), world)
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.scaling.operations())

    def create(self, hooks: tuple[Hook, ...] = (), desired: int = 1, **more: Any) -> None:
        zones = ("eu-central-1a", "eu-central-1b")
        settings = GroupSettings("moodle", 1, 8, desired, zones, hooks, target_group_arns=(WEB,), **more)
        self.scaling.create(settings, started=True)
        self.client = boto3.client("autoscaling")
        self.told.clear()

    def put(self, least: int = 2, most: int | None = None, state: str = "Stopped", reuse: bool = False) -> None:
        sizes: Any = {"MinSize": least, "MaxGroupPreparedCapacity": least if most is None else most}
        self.client.put_warm_pool(
            AutoScalingGroupName="moodle", PoolState=state, InstanceReusePolicy={"ReuseOnScaleIn": reuse}, **sizes
        )

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    def desire(self, desired: int) -> None:
        self.client.set_desired_capacity(AutoScalingGroupName="moodle", DesiredCapacity=desired)

    @property
    def group(self) -> dict:
        return self.client.describe_auto_scaling_groups(AutoScalingGroupNames=["moodle"])["AutoScalingGroups"][0]

    @property
    def states(self) -> list[str]:
        return [i["LifecycleState"] for i in self.group["Instances"]]

    @property
    def pool(self) -> list[str]:
        pages = self.client.get_paginator("describe_warm_pool").paginate(AutoScalingGroupName="moodle")
        return [i["LifecycleState"] for page in pages for i in page["Instances"]]

    def ids(self, state: str) -> list[str]:
        return [i.instance_id for i in self.scaling.instances("moodle") if i.state == state]

    def complete(self, hook: str, instance_id: str, result: str = "CONTINUE") -> None:
        self.client.complete_lifecycle_action(
            AutoScalingGroupName="moodle",
            LifecycleHookName=hook,
            InstanceId=instance_id,
            LifecycleActionResult=result,
        )

    def routes(self, instance_id: str) -> list[tuple[str, str, str]]:
        """What was told of an instance: the event, where it comes from and where it goes."""
        mine = [e for e in self.events if e["detail"].get("EC2InstanceId") == instance_id]
        short = {"EC2 Instance-launch Lifecycle Action": "launch?", "EC2 Instance-terminate Lifecycle Action": "end?"}
        return [
            (short.get(e["detail-type"], e["detail-type"]), e["detail"]["Origin"], e["detail"]["Destination"])
            for e in mine
        ]

    def descriptions(self, instance_id: str) -> list[tuple[str, str]]:
        found = self.client.describe_scaling_activities(AutoScalingGroupName="moodle")["Activities"]
        return [
            (a["Description"].split(":")[0], a["StatusCode"]) for a in found[::-1] if instance_id in a["Description"]
        ]


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin()
    with twin.gateway.installed():
        yield twin


@contextmanager
def refused(message: str) -> Iterator[None]:
    with pytest.raises(ClientError, match=message) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == "ValidationError"


# ---------------------------------------------------------------- into the pool


def test_a_launch_into_the_pool_waits_for_the_launch_hook_and_is_stopped(twin: Twin):
    twin.create(BOTH)
    twin.put(1)
    twin.run(2)
    assert twin.pool == ["Warmed:Pending"]
    twin.run(100)
    assert twin.pool == ["Warmed:Pending:Wait"]
    [warm] = twin.ids("Warmed:Pending:Wait")
    twin.complete("admit", warm)
    assert twin.pool == ["Warmed:Pending:Proceed"]
    twin.run(5)
    assert twin.pool == ["Warmed:Stopped"]
    assert twin.told == [("boot", warm), ("stop", warm)]
    assert twin.routes(warm) == [
        ("launch?", "EC2", "WarmPool"),
        ("EC2 Instance Launch Successful", "EC2", "WarmPool"),
    ]
    assert twin.descriptions(warm) == [("Launching a new EC2 instance into warm pool", "Successful")]


def test_the_group_tells_of_its_pool_but_does_not_list_it(twin: Twin):
    twin.create()
    assert "WarmPoolConfiguration" not in twin.group
    twin.put(2)
    twin.run(100)
    assert twin.states == ["InService"]
    assert twin.group["WarmPoolSize"] == 2
    assert twin.group["WarmPoolConfiguration"] == {
        "MinSize": 2,
        "MaxGroupPreparedCapacity": 2,
        "PoolState": "Stopped",
        "InstanceReusePolicy": {"ReuseOnScaleIn": False},
    }
    known = twin.client.describe_auto_scaling_instances()["AutoScalingInstances"]
    assert sorted(i["LifecycleState"] for i in known) == ["InService", "Warmed:Stopped", "Warmed:Stopped"]


SIZES = [
    ("MinSize where both are equal", 2, 2, 2),
    ("the prepared less the desired capacity", 0, 5, 4),
    ("MaxSize less the desired capacity where nothing is said", 0, -1, 7),
    ("none where more are desired than prepared", 0, 1, 0),
    ("but MinSize at least", 3, 2, 3),
]


@pytest.mark.parametrize(("says", "least", "most", "size"), SIZES, ids=[c[0] for c in SIZES])
def test_the_size_of_the_pool(twin: Twin, says: str, least: int, most: int, size: int):
    twin.create()
    twin.put(least, most)
    twin.run(300)
    assert twin.pool == ["Warmed:Stopped"] * size


def test_the_pool_is_listed_by_pages(twin: Twin):
    twin.create()
    twin.put(5)
    twin.run(300)
    page = twin.client.describe_warm_pool(AutoScalingGroupName="moodle", MaxRecords=3)
    assert len(page["Instances"]) == 3
    rest = twin.client.describe_warm_pool(AutoScalingGroupName="moodle", MaxRecords=3, NextToken=page["NextToken"])
    assert len(rest["Instances"]) == 2
    assert "NextToken" not in rest


def test_an_abandoned_warm_launch_is_terminated_through_the_hook_and_tried_again(twin: Twin):
    twin.create(BOTH)
    twin.put(1)
    twin.run(100)
    [bad] = twin.ids("Warmed:Pending:Wait")
    twin.complete("admit", bad, "ABANDON")
    twin.run(100)
    assert sorted(twin.pool) == ["Warmed:Pending:Wait", "Warmed:Terminating:Wait"]
    twin.complete("release", bad)
    assert "Warmed:Terminating:Proceed" in twin.pool
    twin.run(200)
    assert ("gone", bad) in twin.told
    assert twin.routes(bad) == [
        ("launch?", "EC2", "WarmPool"),
        ("EC2 Instance Launch Unsuccessful", "EC2", "WarmPool"),
        ("end?", "WarmPool", "EC2"),
        ("EC2 Instance Terminate Successful", "WarmPool", "EC2"),
    ]
    assert twin.states == ["InService"]


def test_without_capacity_the_pool_is_filled_later(twin: Twin):
    twin.create()
    twin.scaling.refuse_launches("moodle")
    twin.put(1)
    twin.run(30)
    assert twin.pool == []
    twin.scaling.allow_launches("moodle")
    twin.run(300)
    assert twin.pool == ["Warmed:Stopped"]
    failed = [e for e in twin.events if e["detail-type"] == "EC2 Instance Launch Unsuccessful"]
    assert {(e["detail"]["Origin"], e["detail"]["Destination"]) for e in failed} == {("EC2", "WarmPool")}


# ---------------------------------------------------------------- out of the pool


def prepared(twin: Twin, size: int = 2, **how: Any) -> list[str]:
    """A pool whose instances are ready."""
    twin.put(size, **how)
    twin.run(100)
    for instance_id in twin.ids("Warmed:Pending:Wait"):
        twin.complete("admit", instance_id)
    twin.run(100)
    twin.told.clear()
    twin.events.clear()
    return twin.ids("Warmed:Running" if how.get("state") == "Running" else "Warmed:Stopped")


def test_a_scale_out_starts_a_stopped_instance_which_passes_the_launch_hook_again(twin: Twin):
    twin.create(BOTH)
    warm = prepared(twin, 1)
    twin.desire(2)
    twin.run(2)
    assert twin.states == ["InService", "Pending"]
    assert twin.pool == ["Warmed:Pending"], "refilled"
    twin.run(60)
    assert twin.states == ["InService", "Pending:Wait"]
    twin.complete("admit", warm[0])
    twin.run(5)
    assert twin.states == ["InService", "InService"]
    assert twin.told[0] == ("boot", warm[0])
    assert ("register", warm[0]) in twin.told
    assert twin.routes(warm[0]) == [
        ("launch?", "WarmPool", "AutoScalingGroup"),
        ("EC2 Instance Launch Successful", "WarmPool", "AutoScalingGroup"),
    ]
    assert twin.descriptions(warm[0])[-1][0] == "Launching a new EC2 instance from warm pool"


def test_a_running_pool_instance_does_not_boot_again(twin: Twin):
    twin.create()
    warm = prepared(twin, 1, most=2, state="Running")
    assert twin.pool == ["Warmed:Running"]
    twin.desire(2)
    twin.run(3)
    assert twin.states == ["InService", "InService"]
    assert twin.told == [("register", warm[0])]


def test_beyond_the_pool_instances_are_launched_cold(twin: Twin):
    twin.create(BOTH)
    warm = prepared(twin, 1)
    twin.desire(4)
    twin.run(100)
    assert twin.states == ["InService"] + ["Pending:Wait"] * 3
    origins = {i: twin.routes(i)[0][1] for i in twin.ids("Pending:Wait")}
    assert sorted(origins.values()) == ["EC2", "EC2", "WarmPool"]
    assert origins[warm[0]] == "WarmPool"


def test_an_instance_that_is_not_prepared_yet_is_not_taken(twin: Twin):
    twin.create(BOTH)
    twin.put(1)
    twin.run(100)
    twin.desire(2)
    twin.run(100)
    assert (twin.states, twin.pool) == (["InService", "Pending:Wait"], ["Warmed:Pending:Wait"])


def test_where_the_zone_has_no_capacity_a_stopped_instance_stays(twin: Twin):
    twin.create()
    prepared(twin, 2)
    twin.scaling.refuse_launches("moodle")
    twin.desire(2)
    twin.run(30)
    assert (twin.states, twin.pool) == (["InService"], ["Warmed:Stopped"] * 2)


def test_one_that_is_abandoned_on_its_way_out_is_terminated_and_replaced(twin: Twin):
    twin.create(BOTH)
    first, second = prepared(twin, 2, most=3)
    twin.desire(2)
    twin.run(60)
    [bad] = twin.ids("Pending:Wait")
    twin.complete("admit", bad, "ABANDON")
    twin.run(60)
    assert twin.states.count("Pending:Wait") == 1
    assert {bad, *twin.ids("Pending:Wait")} == {first, second}
    assert twin.routes(bad)[1:] == [
        ("EC2 Instance Launch Unsuccessful", "WarmPool", "AutoScalingGroup"),
        ("end?", "AutoScalingGroup", "EC2"),
    ]


def test_a_warm_start_is_faster_than_a_cold_one(twin: Twin):
    assert GroupSettings("x", 0, 1, 0, ("a",)).restart.median < GroupSettings("x", 0, 1, 0, ("a",)).boot.median
    twin.create(boot=Duration(100.0, 0.01), restart=Duration(10.0, 0.01))
    prepared(twin, 1, most=2)
    twin.run(100)
    twin.desire(2)
    twin.run(20)
    assert twin.states == ["InService", "InService"]


# ---------------------------------------------------------------- back into the pool, and away


def test_scale_in_returns_to_the_pool_through_the_terminate_hook_where_the_policy_says_so(twin: Twin):
    twin.create(BOTH, desired=2)
    twin.put(0, 3, reuse=True)
    twin.run(100)
    twin.complete("admit", twin.ids("Warmed:Pending:Wait")[0])
    twin.run(10)
    twin.events.clear()
    twin.desire(1)
    twin.run(30)
    [back] = twin.ids("Warmed:Pending")
    assert twin.states == ["InService"]
    twin.run(60)
    assert twin.pool == ["Warmed:Pending:Wait", "Warmed:Stopped"]  # drained first
    twin.complete("release", back)
    twin.run(5)
    assert twin.pool == ["Warmed:Stopped", "Warmed:Stopped"]
    assert twin.told[-1] == ("stop", back)
    assert twin.routes(back) == [
        ("end?", "AutoScalingGroup", "WarmPool"),
        ("EC2 Instance Terminate Successful", "AutoScalingGroup", "WarmPool"),
    ]
    twin.desire(2)
    twin.run(60)
    assert twin.states == ["Pending:Wait", "InService"]


def test_an_abandoned_return_is_terminated(twin: Twin):
    twin.create((RELEASE,), desired=2)
    twin.put(0, 2, reuse=True)
    twin.desire(1)
    twin.run(100)
    [back] = twin.ids("Warmed:Pending:Wait")
    twin.complete("release", back, "ABANDON")
    twin.run(1)
    assert "Warmed:Terminating:Wait" in twin.pool
    assert twin.routes(back) == [("end?", "AutoScalingGroup", "WarmPool"), ("end?", "WarmPool", "EC2")]


GONE = [("without a reuse policy", False, 2), ("with a full pool", True, 0)]


@pytest.mark.parametrize(("why", "reuse", "room"), GONE, ids=[c[0] for c in GONE])
def test_scale_in_terminates(twin: Twin, why: str, reuse: bool, room: int):
    twin.create(desired=2)
    prepared(twin, 1, most=1 + room, reuse=reuse)
    victim = twin.ids("InService")[0]
    twin.desire(1)
    twin.run(300)
    assert ("gone", victim) in twin.told


def test_a_pool_that_shrinks_terminates_through_the_hook(twin: Twin):
    twin.create(BOTH)
    newest = prepared(twin, 2)[-1]
    twin.put(1)
    twin.run(3)
    assert twin.pool == ["Warmed:Stopped", "Warmed:Terminating:Wait"]
    assert twin.routes(newest) == [("end?", "WarmPool", "EC2")]
    twin.complete("release", newest)
    twin.run(200)
    assert twin.pool == ["Warmed:Stopped"]


def test_a_deleted_pool_waits_for_its_instances(twin: Twin):
    twin.create(BOTH)
    prepared(twin, 2)
    twin.client.delete_warm_pool(AutoScalingGroupName="moodle")
    twin.run(300)
    assert twin.group["WarmPoolConfiguration"]["Status"] == "PendingDelete"
    with refused("being deleted"):
        twin.put(1)
    for instance_id in twin.ids("Warmed:Terminating:Wait"):
        twin.complete("release", instance_id)
    twin.run(200)
    assert "WarmPoolConfiguration" not in twin.group
    assert (twin.states, twin.pool) == (["InService"], [])
    with refused("No warm pool"):
        twin.client.delete_warm_pool(AutoScalingGroupName="moodle")


def test_a_deletion_by_force_waits_for_no_hook(twin: Twin):
    twin.create(BOTH)
    prepared(twin, 1)
    twin.put(3)
    twin.run(100)
    assert twin.pool == ["Warmed:Stopped", "Warmed:Pending:Wait", "Warmed:Pending:Wait"]
    waiting = twin.ids("Warmed:Pending:Wait")[0]
    twin.client.delete_warm_pool(AutoScalingGroupName="moodle", ForceDelete=True)
    assert twin.pool == ["Warmed:Terminating:Proceed"] * 3
    with refused("No active Lifecycle Action found"):
        twin.complete("admit", waiting)
    twin.run(200)
    assert (twin.pool, "WarmPoolConfiguration" in twin.group) == ([], False)


def test_an_unhealthy_pool_instance_is_replaced(twin: Twin):
    twin.create()
    sick = prepared(twin, 1)[0]
    twin.client.set_instance_health(InstanceId=sick, HealthStatus="Unhealthy")
    twin.run(200)
    assert twin.pool == ["Warmed:Stopped"]
    assert ("gone", sick) in twin.told


def test_the_pools_instances_cannot_be_terminated_by_hand(twin: Twin):
    twin.create()
    warm = prepared(twin, 1)[0]
    with refused("is in a warm pool"):
        twin.client.terminate_instance_in_auto_scaling_group(InstanceId=warm, ShouldDecrementDesiredCapacity=False)


def test_stopped_instances_are_not_paid_for(twin: Twin):
    twin.create(boot=Duration(50.0, 0.001), restart=Duration(10.0, 0.001))
    twin.put(1, 2)
    twin.run(3600)
    begin = START.timestamp()
    warm = next(i for i in twin.scaling.instances("moodle") if i.pooled)
    assert warm.paid(begin, twin.engine.now) == pytest.approx(50, abs=1)
    twin.desire(2)
    twin.run(1000)
    assert warm.paid(begin, twin.engine.now) == pytest.approx(50 + 999, abs=1)
    assert warm.paid(twin.engine.now - 500, twin.engine.now) == 500.0


def test_hibernation_is_not_modelled(twin: Twin):
    twin.create()
    with pytest.raises(NotImplementedError, match="hibernate"):
        twin.put(1, state="Hibernated")
