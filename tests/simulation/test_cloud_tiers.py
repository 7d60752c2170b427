"""The twin's other tiers refuse what AWS refuses, and its one-off schedules make real calls at their time."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Faults, Gateway, Ground
from simulator.cloud.aurora import Aurora
from simulator.cloud.efs import Efs
from simulator.cloud.reservations import Reservations
from simulator.cloud.reserved_units import ReservedUnits
from simulator.cloud.schedules import Schedules
from simulator.engine import Engine
from tests.simulation.lending_world import BALANCER, CLUSTER, FILES, START

HOUR, DAY = 3600.0, 86_400.0


class Twin:
    """The models, and the calls that tests make."""

    def __init__(self) -> None:
        self.engine = Engine(START)
        self.gateway = Gateway(self.engine)
        ground = Ground(self.engine, lambda event: None)
        self.schedules = Schedules(ground, frozenset({"returns"}))
        self.reservations = Reservations(ground)
        models = (
            *(self.schedules, self.reservations, ReservedUnits(ground, (BALANCER,))),
            *(Efs(ground, (FILES,)), Aurora(ground, {CLUSTER: (0.5, 8.0)})),
        )
        for model in models:
            self.gateway.serve(model.operations())

    def later(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)


@pytest.fixture
def twin() -> Iterator[Twin]:
    made = Twin()
    with made.gateway.installed():
        yield made


@contextmanager
def refused(code: str, status: int = 400) -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def units(count: int | None, arn: str = BALANCER) -> Any:
    how: Any = (
        {"MinimumLoadBalancerCapacity": {"CapacityUnits": count}} if count else {"ResetCapacityReservation": True}
    )
    return boto3.client("elbv2").modify_capacity_reservation(LoadBalancerArn=arn, **how)


def throughput(mode: str, mibps: float | None = None) -> Any:
    how: Any = {"ProvisionedThroughputInMibps": mibps} if mibps else {}
    return boto3.client("efs").update_file_system(FileSystemId=FILES, ThroughputMode=mode, **how)  # type: ignore[arg-type]


def scaling(least: float, most: float) -> Any:
    how: Any = {"MinCapacity": least, "MaxCapacity": most}
    return boto3.client("rds").modify_db_cluster(DBClusterIdentifier=CLUSTER, ServerlessV2ScalingConfiguration=how)


def test_units_are_provisioned_one_request_after_the_other_and_lowered_twice_a_day(twin: Twin) -> None:
    assert units(200)["DecreaseRequestsRemaining"] == 2
    with refused("PriorRequestNotComplete", 429):
        units(300)
    for wanted in (None, 200, None, 200):
        twin.later(HOUR)
        units(wanted)
    twin.later(HOUR)
    with refused("CapacityDecreaseRequestLimitExceeded"):
        units(None)
    units(300)
    twin.later(DAY)
    assert units(None)["DecreaseRequestsRemaining"] == 1


def test_units_have_a_least_and_a_most(twin: Twin) -> None:
    with refused("InvalidConfigurationRequest"):
        units(99)
    with refused("CapacityUnitsLimitExceeded"):
        units(1501)
    with refused("LoadBalancerNotFound"):
        units(200, "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/other/0")
    with refused("InvalidConfigurationRequest"):
        boto3.client("elbv2").modify_capacity_reservation(LoadBalancerArn=BALANCER)


def test_throughput_is_raised_at_any_time_and_lowered_after_a_day(twin: Twin) -> None:
    throughput("provisioned", 20)
    with refused("IncorrectFileSystemLifeCycleState", 409):
        throughput("provisioned", 30)
    twin.later(HOUR)
    throughput("provisioned", 30)
    twin.later(23 * HOUR)
    for mode, mibps in (("bursting", None), ("elastic", None), ("provisioned", 20.0)):
        with refused("TooManyRequests", 429):
            throughput(mode, mibps)
    twin.later(HOUR + 1)
    throughput("bursting")
    twin.later(HOUR)
    with refused("TooManyRequests", 429):
        throughput("provisioned", 20)


def test_a_cluster_takes_half_steps_and_one_change_at_a_time(twin: Twin) -> None:
    assert scaling(2.5, 8)["DBCluster"]["Status"] == "modifying"
    with refused("InvalidDBClusterStateFault"):
        scaling(3, 8)
    twin.later(HOUR)
    for least, most in ((2.3, 8), (9, 8), (1, 300)):
        with refused("InvalidParameterValue"):
            scaling(least, most)


def reserve(token: str = "a", zone: str = "eu-central-1a", hours: float = 2) -> Any:
    made = boto3.client("ec2").create_capacity_reservation(
        ClientToken=token,
        InstanceType="m7g.large",
        InstancePlatform="Linux/UNIX",
        AvailabilityZone=zone,
        InstanceCount=2,
        InstanceMatchCriteria="targeted",
        EndDateType="limited",
        EndDate=START + timedelta(hours=hours),
        TagSpecifications=[{"ResourceType": "capacity-reservation", "Tags": [{"Key": "firstbell-site", "Value": "x"}]}],
    )
    return made["CapacityReservation"]


def test_a_reservation_is_made_once_for_a_token_and_ends_within_an_hour_of_its_end(twin: Twin) -> None:
    assert reserve()["CapacityReservationId"] == reserve()["CapacityReservationId"]
    assert reserve("b")["CapacityReservationId"] != reserve()["CapacityReservationId"]
    twin.later(2 * HOUR)
    assert [r.state for r in twin.reservations.all] == ["active", "active"]
    twin.later(HOUR)
    assert [r.state for r in twin.reservations.all] == ["expired", "expired"]


def test_an_end_that_is_moved_is_the_only_one(twin: Twin) -> None:
    name = reserve()["CapacityReservationId"]
    end = START + timedelta(hours=6)
    boto3.client("ec2").modify_capacity_reservation(CapacityReservationId=name, EndDate=end, EndDateType="limited")
    twin.later(4 * HOUR)
    assert len(twin.reservations.active) == 1
    twin.later(3 * HOUR)
    assert twin.reservations.active == []


def test_a_zone_without_capacity_refuses(twin: Twin) -> None:
    twin.reservations.full = {"eu-central-1b"}
    with refused("InsufficientInstanceCapacity", 500):
        reserve(zone="eu-central-1b")


# ---------------------------------------------------------------- schedules


def book(at: str, api: str, parameters: dict[str, Any], name: str = "x", group: str = "returns") -> dict[str, Any]:
    """The parameters of a schedule that calls an API at a time of START's day."""
    return {
        "Name": name,
        "GroupName": group,
        "ScheduleExpression": f"at(2026-05-04T{at}:00)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": f"arn:aws:scheduler:::aws-sdk:{api}",
            "RoleArn": "arn:aws:iam::123456789012:role/returns",
            "Input": json.dumps(parameters),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185},
            "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-central-1:123456789012:letters"},
        },
    }


LOWER = {"DbClusterIdentifier": CLUSTER, "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 8.0}}


def least() -> float:
    [found] = boto3.client("rds").describe_db_clusters(DBClusterIdentifier=CLUSTER)["DBClusters"]
    return found["ServerlessV2ScalingConfiguration"]["MinCapacity"]


def test_a_schedule_makes_its_call_within_a_minute_and_is_gone(twin: Twin) -> None:
    scaling(4, 8)
    boto3.client("scheduler").create_schedule(**book("08:00", "rds:modifyDBCluster", LOWER))
    twin.later(2 * HOUR - 1)
    assert (least(), twin.schedules.names) == (4.0, ["x"])
    twin.later(61)
    assert (least(), twin.schedules.names) == (0.5, [])


def test_a_schedule_that_is_moved_or_deleted_does_not_run_at_its_old_time(twin: Twin) -> None:
    scaling(4, 8)
    client = boto3.client("scheduler")
    client.create_schedule(**book("08:00", "rds:modifyDBCluster", LOWER))
    client.update_schedule(**book("09:00", "rds:modifyDBCluster", LOWER))
    twin.later(2.5 * HOUR)
    assert least() == 4.0
    client.delete_schedule(GroupName="returns", Name="x")
    twin.later(2 * HOUR)
    assert least() == 4.0


def test_a_call_that_fails_for_a_while_is_made_again_and_one_that_fails_for_good_is_a_dead_letter(twin: Twin) -> None:
    scaling(4, 8)
    boto3.client("scheduler").create_schedule(**book("08:00", "rds:modifyDBCluster", LOWER))
    twin.gateway.faults = Faults(broken={"rds.ModifyDBCluster": 1.0})
    twin.later(2.5 * HOUR)
    twin.gateway.faults = Faults()
    twin.later(0.5 * HOUR)
    assert (least(), twin.schedules.dead_letters) == (0.5, [])
    other = {**LOWER, "DbClusterIdentifier": "other"}
    boto3.client("scheduler").create_schedule(**book("10:00", "rds:modifyDBCluster", other))
    twin.later(3 * HOUR)
    assert len(twin.schedules.dead_letters) == 1
    assert twin.schedules.names == []


REFUSED: list[tuple[str, Callable[[], Any], str, int]] = [
    (
        "the API's own spelling",
        lambda: book("08:00", "rds:modifyDBCluster", {"DBClusterIdentifier": "x"}),
        "Validation",
        400,
    ),
    ("boto3's name of the service", lambda: book("08:00", "elbv2:modifyCapacityReservation", {}), "Validation", 400),
    ("an operation that there is not", lambda: book("08:00", "rds:modifyCluster", {}), "Validation", 400),
    (
        "a group that there is not",
        lambda: book("08:00", "rds:modifyDBCluster", {}, group="no"),
        "ResourceNotFound",
        404,
    ),
]


@pytest.mark.parametrize(("says", "schedule", "code", "status"), REFUSED, ids=[c[0] for c in REFUSED])
def test_what_cannot_be_called_cannot_be_booked(twin: Twin, says: str, schedule: Any, code: str, status: int) -> None:
    with refused(f"{code}Exception", status):
        boto3.client("scheduler").create_schedule(**schedule())


def test_a_name_is_taken_once_and_what_is_not_there_is_not_found(twin: Twin) -> None:
    client = boto3.client("scheduler")
    with refused("ResourceNotFoundException", 404):
        client.update_schedule(**book("08:00", "rds:modifyDBCluster", LOWER))
    client.create_schedule(**book("08:00", "rds:modifyDBCluster", LOWER))
    with refused("ConflictException", 409):
        client.create_schedule(**book("08:00", "rds:modifyDBCluster", LOWER))
    for ask in (client.get_schedule, client.delete_schedule):
        with refused("ResourceNotFoundException", 404):
            ask(GroupName="returns", Name="y")
