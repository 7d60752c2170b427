"""Capacity of a group: bounds, who may change it, where instances go and which one goes, health, failing launches."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Gateway, Ground
from simulator.cloud.autoscaling import LAUNCHING, AutoScaling, GroupSettings, Hook
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
ZONES = ("eu-central-1a", "eu-central-1b", "eu-central-1c")


class Twin:
    """A group "moodle" with 2 ≤ desired ≤ 8 in three zones, driven through a real client."""

    def __init__(self) -> None:
        self.engine = Engine(START, seed=5)
        self.events: list[dict] = []
        self.scaling = AutoScaling(Ground(self.engine, self.events.append))
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.scaling.operations())

    def create(self, desired: int = 4, **settings: Any) -> None:
        self.scaling.create(GroupSettings("moodle", 2, 8, desired, ZONES, **settings), started=True)
        self.client = boto3.client("autoscaling")

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    @property
    def group(self) -> dict:
        return self.client.describe_auto_scaling_groups(AutoScalingGroupNames=["moodle"])["AutoScalingGroups"][0]

    @property
    def sizes(self) -> tuple[int, int, int]:
        group = self.group
        return group["MinSize"], group["DesiredCapacity"], group["MaxSize"]

    @property
    def ids(self) -> list[str]:
        return [each["InstanceId"] for each in self.group["Instances"]]

    @property
    def in_service(self) -> list[dict]:
        return [each for each in self.group["Instances"] if each["LifecycleState"] == "InService"]

    def set_desired(self, desired: int, **options: Any) -> None:
        self.client.set_desired_capacity(AutoScalingGroupName="moodle", DesiredCapacity=desired, **options)

    def update(self, **sizes: int) -> None:
        self.client.update_auto_scaling_group(AutoScalingGroupName="moodle", **sizes)


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin()
    with twin.gateway.installed():
        yield twin


REFUSED = [
    ("desired above max", lambda twin: twin.set_desired(9), "New SetDesiredCapacity value 9 is above max value 8"),
    ("desired below min", lambda twin: twin.set_desired(1), "New SetDesiredCapacity value 1 is below min value 2"),
    (
        "min above max",
        lambda twin: twin.update(MinSize=9),
        "Max bound, 8, must be greater than or equal to min bound, 9",
    ),
    (
        "an update's desired outside of the bounds",
        lambda twin: twin.update(MinSize=3, DesiredCapacity=2),
        "Desired capacity:2 must be between the specified min size:3 and max size:8",
    ),
]


@pytest.mark.parametrize(("why", "call", "message"), REFUSED, ids=[why for why, *_ in REFUSED])
def test_sizes_out_of_bounds_are_refused_and_nothing_changes(twin: Twin, why: str, call: Any, message: str):
    twin.create()
    with pytest.raises(ClientError, match=message) as raised:
        call(twin)
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    assert twin.sizes == (2, 4, 8)


UPDATES = [
    ("a min above desired raises desired", {"MinSize": 6}, (6, 6, 8)),
    ("a max below desired lowers desired", {"MaxSize": 3}, (2, 3, 3)),
    ("a min below desired leaves it alone", {"MinSize": 3}, (3, 4, 8)),
    ("all three at once", {"MinSize": 1, "DesiredCapacity": 5, "MaxSize": 5}, (1, 5, 5)),
]


@pytest.mark.parametrize(("why", "update", "sizes"), UPDATES, ids=[why for why, *_ in UPDATES])
def test_updates_move_desired_into_the_bounds_and_the_fleet_follows(twin: Twin, why: str, update: dict, sizes: tuple):
    twin.create()
    twin.update(**update)
    assert twin.sizes == sizes
    twin.run(600)
    assert len(twin.in_service) == sizes[1]


def test_an_unknown_group_is_refused_when_named_and_absent_when_described(twin: Twin):
    twin.create()
    with pytest.raises(ClientError, match="AutoScalingGroup name not found"):
        twin.client.set_desired_capacity(AutoScalingGroupName="other", DesiredCapacity=1)
    assert twin.client.describe_auto_scaling_groups(AutoScalingGroupNames=["other"])["AutoScalingGroups"] == []


def test_honouring_the_cooldown_refuses_while_an_activity_runs_and_for_the_cooldown_after_it(twin: Twin):
    twin.create(default_instance_warmup=None)
    twin.set_desired(5, HonorCooldown=True)
    twin.run(10)
    with pytest.raises(twin.client.exceptions.ScalingActivityInProgressFault, match="blocks this action"):
        twin.set_desired(6, HonorCooldown=True)
    twin.run(120)
    with pytest.raises(twin.client.exceptions.ScalingActivityInProgressFault):
        twin.set_desired(6, HonorCooldown=True)
    twin.set_desired(6)  # without it, nothing waits
    twin.run(600)
    twin.set_desired(7, HonorCooldown=True)
    assert twin.sizes == (2, 7, 8)


def test_launches_spread_over_the_zones(twin: Twin):
    twin.create(desired=2)
    twin.set_desired(8)
    twin.run(300)
    assert sorted(Counter(each["AvailabilityZone"] for each in twin.in_service).values()) == [2, 3, 3]


def test_scale_in_takes_the_oldest_instance_of_the_fullest_zone_and_spares_the_protected(twin: Twin):
    twin.create(desired=4)  # two of the four are in the first zone
    crowded = [each["InstanceId"] for each in twin.in_service if each["AvailabilityZone"] == ZONES[0]]
    twin.client.set_instance_protection(
        AutoScalingGroupName="moodle", InstanceIds=[crowded[0]], ProtectedFromScaleIn=True
    )
    twin.set_desired(3)
    twin.run(300)
    assert crowded[1] not in twin.ids
    assert crowded[0] in twin.ids


def test_protected_instances_stay_until_the_protection_ends(twin: Twin):
    twin.create(desired=3, new_instances_protected=True)
    twin.set_desired(2)
    twin.run(600)
    assert len(twin.in_service) == 3
    twin.client.set_instance_protection(AutoScalingGroupName="moodle", InstanceIds=twin.ids, ProtectedFromScaleIn=False)
    twin.run(600)
    assert len(twin.in_service) == 2


def test_instances_that_wait_for_a_hook_count_as_capacity(twin: Twin):
    twin.create(desired=2, hooks=(Hook("admit", LAUNCHING),))
    twin.set_desired(4)
    twin.run(1800)
    assert len(twin.ids) == 4
    assert twin.sizes == (2, 4, 8)


def test_scale_in_below_what_is_pending_keeps_what_is_in_service(twin: Twin):
    twin.create(desired=2, hooks=(Hook("admit", LAUNCHING, 600, "CONTINUE"),))
    twin.set_desired(4)
    twin.run(120)
    twin.set_desired(2)
    twin.run(120)
    assert len(twin.in_service) == 2
    twin.run(1200)
    assert len(twin.in_service) == len(twin.ids) == 2


def test_terminating_an_instance_replaces_it_unless_desired_is_decremented(twin: Twin):
    twin.create(desired=3)
    victim, other, _ = twin.ids
    activity = twin.client.terminate_instance_in_auto_scaling_group(
        InstanceId=victim, ShouldDecrementDesiredCapacity=False
    )["Activity"]
    assert f"instance {victim} was taken out of service in response to a user request" in activity["Cause"]
    twin.run(300)
    assert len(twin.in_service) == 3
    twin.client.terminate_instance_in_auto_scaling_group(InstanceId=other, ShouldDecrementDesiredCapacity=True)
    twin.run(300)
    assert twin.sizes == (2, 2, 8)
    assert len(twin.in_service) == 2
    with pytest.raises(ClientError, match=r"desiredSize equals minSize \(2\)"):
        twin.client.terminate_instance_in_auto_scaling_group(
            InstanceId=twin.ids[0], ShouldDecrementDesiredCapacity=True
        )
    with pytest.raises(ClientError, match="No managed instance found for instance ID: i-0dead"):
        twin.client.terminate_instance_in_auto_scaling_group(InstanceId="i-0dead", ShouldDecrementDesiredCapacity=False)


def test_unhealthy_instances_are_all_replaced_at_once(twin: Twin):
    twin.create(desired=4)
    before = set(twin.ids)
    for instance_id in before:
        twin.client.set_instance_health(InstanceId=instance_id, HealthStatus="Unhealthy")
    twin.run(31)
    assert twin.in_service == []  # nothing throttles it
    twin.run(300)
    assert len(twin.in_service) == 4
    assert before.isdisjoint(twin.ids)
    causes = [activity["Cause"] for activity in twin.client.describe_scaling_activities()["Activities"]]
    assert any(cause.endswith("taken out of service in response to a user health-check.") for cause in causes)
    assert any(
        cause.endswith("launched in response to an unhealthy instance needing to be replaced.") for cause in causes
    )


def test_the_grace_period_shields_a_new_instance_unless_told_otherwise(twin: Twin):
    twin.create(desired=2)
    twin.set_desired(3)
    twin.run(120)
    young = twin.ids[-1]
    twin.client.set_instance_health(InstanceId=young, HealthStatus="Unhealthy")
    twin.run(60)
    assert young in twin.ids
    twin.client.set_instance_health(InstanceId=young, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    twin.run(120)
    assert young not in twin.ids


def test_a_dead_instance_is_replaced(twin: Twin):
    twin.create(desired=2)
    dead = twin.ids[0]
    twin.scaling.fail_health(dead, "EC2")
    twin.run(300)
    assert dead not in twin.ids
    assert len(twin.in_service) == 2


SUSPENSIONS = [
    ("Launch", "no instance is launched", 5, 4, 5),
    ("Terminate", "no instance is terminated", 3, 4, 3),
]


@pytest.mark.parametrize(("process", "why", "desired", "meanwhile", "finally_"), SUSPENSIONS)
def test_suspended_processes_rest_until_they_are_resumed(
    twin: Twin, process: str, why: str, desired: int, meanwhile: int, finally_: int
):
    twin.create(desired=4)
    twin.client.suspend_processes(AutoScalingGroupName="moodle", ScalingProcesses=[process])
    twin.set_desired(desired)
    twin.run(600)
    assert len(twin.in_service) == meanwhile
    assert [each["ProcessName"] for each in twin.group["SuspendedProcesses"]] == [process]
    twin.client.resume_processes(AutoScalingGroupName="moodle", ScalingProcesses=[process])
    twin.run(600)
    assert len(twin.in_service) == finally_
    assert twin.group["SuspendedProcesses"] == []


def test_insufficient_capacity_shows_only_in_the_activities_and_is_retried(twin: Twin):
    twin.create(desired=2)
    twin.scaling.refuse_launches("moodle")
    twin.set_desired(4)
    twin.run(300)
    failed = [activity for activity in twin.client.describe_scaling_activities()["Activities"] if "EndTime" in activity]
    assert failed[0]["StatusCode"] == "Failed"
    assert "We currently do not have sufficient c7g.large capacity" in failed[0]["StatusMessage"]
    assert failed[0]["Description"].startswith("Launching a new EC2 instance.  Status Reason: We currently")
    assert {event["detail-type"] for event in twin.events} == {"EC2 Instance Launch Unsuccessful"}
    assert len(twin.in_service) == 2
    twin.scaling.allow_launches("moodle")
    twin.run(1200)
    assert len(twin.in_service) == 4


def test_a_zone_without_capacity_is_made_up_for_in_the_others(twin: Twin):
    twin.create(desired=2)
    twin.scaling.refuse_launches("moodle", zones=(ZONES[2],))
    twin.set_desired(6)
    twin.run(300)
    assert len(twin.in_service) == 6
    assert ZONES[2] not in {each["AvailabilityZone"] for each in twin.in_service}


def test_a_balanced_only_group_waits_for_the_zone_until_it_may_use_others(twin: Twin):
    twin.create(desired=2, distribution="balanced-only")
    twin.scaling.refuse_launches("moodle", zones=(ZONES[2],))
    twin.set_desired(6)
    twin.run(300)
    zones = Counter(each["AvailabilityZone"] for each in twin.in_service)
    assert zones == {ZONES[0]: 2, ZONES[1]: 2}, "the third zone's two are waited for"
    strategy: Any = {"CapacityDistributionStrategy": "balanced-best-effort"}
    twin.client.update_auto_scaling_group(AutoScalingGroupName="moodle", AvailabilityZoneDistribution=strategy)
    twin.run(300)
    assert len(twin.in_service) == 6
    assert twin.group["AvailabilityZoneDistribution"] == strategy


def test_a_balanced_only_group_goes_on_when_its_zone_has_capacity_again(twin: Twin):
    twin.create(desired=2, distribution="balanced-only")
    twin.scaling.refuse_launches("moodle", zones=ZONES[1:])
    twin.set_desired(6)
    twin.run(300)
    twin.scaling.allow_launches("moodle", zones=ZONES[1:])
    twin.run(1200)
    assert sorted(Counter(each["AvailabilityZone"] for each in twin.in_service).values()) == [2, 2, 2]


def test_activities_can_be_asked_for_from_a_moment_on(twin: Twin):
    twin.create(desired=2)
    twin.run(600)
    begin = twin.engine.utc
    twin.set_desired(3)
    twin.run(300)
    bound: Any = [{"Name": "StartTimeLowerBound", "Values": [f"{begin:%Y-%m-%dT%H:%M:%SZ}"]}]
    found = twin.client.describe_scaling_activities(AutoScalingGroupName="moodle", Filters=bound)["Activities"]
    assert len(found) == 1
    assert len(twin.client.describe_scaling_activities(AutoScalingGroupName="moodle")["Activities"]) == 3


def test_an_instance_refresh_is_described(twin: Twin):
    twin.create()
    assert twin.client.describe_instance_refreshes(AutoScalingGroupName="moodle")["InstanceRefreshes"] == []
    twin.scaling.begin_refresh("moodle")
    twin.scaling.end_refresh("moodle")
    twin.scaling.begin_refresh("moodle")
    found = twin.client.describe_instance_refreshes(AutoScalingGroupName="moodle")["InstanceRefreshes"]
    assert [each["Status"] for each in found] == ["InProgress", "Successful"]


def test_what_takes_instances_away_is_described(twin: Twin):
    twin.create(max_instance_lifetime=86_400, capacity_rebalance=True, on_demand_share=20)
    distribution = twin.group["MixedInstancesPolicy"]["InstancesDistribution"]
    assert distribution == {"OnDemandBaseCapacity": 0, "OnDemandPercentageAboveBaseCapacity": 20}
    assert (twin.group["MaxInstanceLifetime"], twin.group["CapacityRebalance"]) == (86_400, True)


def test_a_day_of_failing_launches_suspends_the_group(twin: Twin):
    twin.create(desired=2)
    twin.scaling.refuse_launches("moodle")
    twin.set_desired(4)
    twin.run(26 * 3600)
    assert [each["ProcessName"] for each in twin.group["SuspendedProcesses"]] == ["Launch"]


def test_long_answers_come_in_pages(twin: Twin):
    twin.create(desired=8)
    pages = twin.client.get_paginator("describe_auto_scaling_instances").paginate(PaginationConfig={"PageSize": 3})
    listed = [[each["InstanceId"] for each in page["AutoScalingInstances"]] for page in pages]
    assert [len(page) for page in listed] == [3, 3, 2]
    assert list(chain.from_iterable(listed)) == twin.ids
