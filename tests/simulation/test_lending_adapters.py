"""What the adapters of loans ask of AWS and make of its answers, against botocore's own shapes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firstbell.aws import autoscaling, balancer, clients, filesystem, rds, reservations, scheduler
from simulator.cloud import ApiError, Gateway
from simulator.engine import Engine

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=2, minutes=1, seconds=30)
OFFICE = scheduler.Office(
    "returns", "arn:aws-cn:iam::123456789012:role/returns", "arn:aws-cn:sqs:cn-north-1:123456789012:letters"
)
WHAT = reservations.Capacity("m7g.large", "Linux/UNIX", "arn:aws:resource-groups:eu-central-1:123456789012:group/exams")


class Aws:
    """Answers calls as a test says, and keeps what was asked."""

    def __init__(self) -> None:
        self.gateway = Gateway(Engine(NOW))
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def answers(self, service: str, operation: str, answer: Any) -> None:
        def serve(params: dict[str, Any]) -> Any:
            self.asked.append((operation, dict(params)))
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.gateway.serve({(service, operation): serve})

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


@pytest.fixture
def aws() -> Iterator[Aws]:
    made = Aws()
    clients.forget()
    with made.gateway.installed():
        yield made
    clients.forget()


# ---------------------------------------------------------------- bookings

MISSING = ApiError("ResourceNotFoundException", "Schedule x does not exist.", 404)
MADE = {"ScheduleArn": "arn:aws:scheduler:eu-central-1:123456789012:schedule/returns/x"}


def book(at: datetime = LATER) -> None:
    scheduler.book(OFFICE, "x", at, "elbv2", "ModifyCapacityReservation", {"ResetCapacityReservation": True})


def test_a_booking_is_moved_if_there_is_one(aws: Aws) -> None:
    aws.answers("scheduler", "UpdateSchedule", MADE)
    book()
    [(_, asked)] = aws.asked
    assert asked["ScheduleExpression"] == "at(2026-05-04T10:01:30)"
    assert asked["ActionAfterCompletion"] == "DELETE"
    assert asked["Target"] == {
        "Arn": "arn:aws-cn:scheduler:::aws-sdk:elasticloadbalancingv2:modifyCapacityReservation",
        "RoleArn": OFFICE.role,
        "Input": '{"ResetCapacityReservation": true}',
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185},
        "DeadLetterConfig": {"Arn": OFFICE.dead_letters},
    }


def test_a_booking_is_made_if_there_is_none(aws: Aws) -> None:
    aws.answers("scheduler", "UpdateSchedule", MISSING)
    aws.answers("scheduler", "CreateSchedule", MADE)
    book()
    assert aws.names == ["UpdateSchedule", "CreateSchedule"]
    assert {k: v for k, v in aws.asked[0][1].items() if k != "ClientToken"} == {
        k: v for k, v in aws.asked[1][1].items() if k != "ClientToken"
    }


def test_of_two_runs_that_book_at_once_the_slower_one_moves(aws: Aws) -> None:
    updates = iter([MISSING, None])

    def update(params: dict[str, Any]) -> dict[str, Any]:
        error = next(updates)
        if error:
            raise error
        return MADE

    aws.gateway.serve({("scheduler", "UpdateSchedule"): update})
    aws.answers("scheduler", "CreateSchedule", ApiError("ConflictException", "Schedule x already exists.", 409))
    book()
    assert next(updates, "all asked") == "all asked"


def test_times_are_booked_in_utc(aws: Aws) -> None:
    aws.answers("scheduler", "UpdateSchedule", MADE)
    book(datetime.fromisoformat("2026-05-04T12:00:00+02:00"))
    assert aws.asked[0][1]["ScheduleExpression"] == "at(2026-05-04T10:00:00)"
    aws.answers("scheduler", "GetSchedule", {"ScheduleExpression": "at(2026-05-04T10:00:00)"})
    assert scheduler.booked("returns", "x") == NOW + timedelta(hours=2)


def test_what_is_not_booked_is_none_and_needs_no_removal(aws: Aws) -> None:
    aws.answers("scheduler", "GetSchedule", MISSING)
    aws.answers("scheduler", "DeleteSchedule", MISSING)
    assert scheduler.booked("returns", "x") is None
    scheduler.unbook("returns", "x")


@pytest.mark.parametrize(
    "call", [lambda: scheduler.booked("returns", "x"), lambda: scheduler.unbook("returns", "x"), book]
)
def test_any_other_refusal_is_a_failure(aws: Aws, call: Any) -> None:
    for operation in ("GetSchedule", "DeleteSchedule", "UpdateSchedule"):
        aws.answers("scheduler", operation, ApiError("AccessDeniedException", "no", 403))
    with pytest.raises(Exception, match="AccessDenied"):
        call()


# ---------------------------------------------------------------- settings

SIZES = {"MinSize": 2, "PoolState": "Running"}
FULL = {
    "MinSize": 2,
    "MaxGroupPreparedCapacity": -1,
    "PoolState": "Running",
    "InstanceReusePolicy": {"ReuseOnScaleIn": False},
}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"Instances": []}, (None, False)),
        ({"WarmPoolConfiguration": {**SIZES, "Status": "PendingDelete"}, "Instances": []}, (None, True)),
        ({"WarmPoolConfiguration": SIZES, "Instances": []}, (FULL, False)),
        (
            {"WarmPoolConfiguration": {**FULL, "MaxGroupPreparedCapacity": 9}},
            ({**FULL, "MaxGroupPreparedCapacity": 9}, False),
        ),
    ],
    ids=["none", "being deleted", "what is not said", "all"],
)
def test_a_warm_pool_is_read_as_it_would_be_written(aws: Aws, answer: Any, expected: Any) -> None:
    aws.answers("autoscaling", "DescribeWarmPool", answer)
    assert autoscaling.warm_pool("web") == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"DecreaseRequestsRemaining": 2, "CapacityReservationState": []}, balancer.Reserved(0, False, 2)),
        (
            {
                "DecreaseRequestsRemaining": 0,
                "MinimumLoadBalancerCapacity": {"CapacityUnits": 120},
                "CapacityReservationState": [{"State": {"Code": "provisioned"}}, {"State": {"Code": "pending"}}],
            },
            balancer.Reserved(120, True, 0),
        ),
    ],
    ids=["nothing", "one zone of two still pending"],
)
def test_reserved_units_are_read(aws: Aws, answer: Any, expected: Any) -> None:
    aws.answers("elbv2", "DescribeCapacityReservation", answer)
    assert balancer.reserved_capacity("arn") == expected


def cluster(**fields: Any) -> Any:
    return {"DBClusters": [{"DBClusterIdentifier": "moodle", "Status": "available", **fields}]}


def test_the_range_of_a_cluster_is_read_and_one_without_is_said(aws: Aws) -> None:
    scaling = {"MinCapacity": 0.0, "MaxCapacity": 8.0, "SecondsUntilAutoPause": 300}
    aws.answers("rds", "DescribeDBClusters", cluster(ServerlessV2ScalingConfiguration=scaling))
    assert rds.capacity_range("moodle") == (scaling, True)
    aws.answers("rds", "DescribeDBClusters", cluster())
    with pytest.raises(ValueError, match="moodle is no Aurora Serverless v2 cluster"):
        rds.capacity_range("moodle")


def test_throughput_is_read_as_it_would_be_written(aws: Aws) -> None:
    of = {"OwnerId": "123456789012", "CreationToken": "x", "FileSystemId": "fs-01234567", "CreationTime": NOW}
    rest = {"NumberOfMountTargets": 1, "SizeInBytes": {"Value": 1}, "PerformanceMode": "generalPurpose", "Tags": []}
    how = {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 20.0}
    described = {**of, **rest, **how, "LifeCycleState": "updating"}
    aws.answers("efs", "DescribeFileSystems", {"FileSystems": [described]})
    assert filesystem.throughput("fs-01234567") == (how, False)


# ---------------------------------------------------------------- reservations

FOUND = {
    "CapacityReservationId": "cr-0123456789abcdef0",
    "CapacityReservationArn": "arn:aws:ec2:eu-central-1:123456789012:capacity-reservation/cr-0123456789abcdef0",
    "TotalInstanceCount": 3,
    "EndDate": LATER,
}


def there(aws: Aws, *found: Any) -> None:
    aws.answers("ec2", "DescribeCapacityReservations", {"CapacityReservations": list(found)})
    aws.answers("ec2", "CreateCapacityReservation", {"CapacityReservation": FOUND})
    aws.answers("ec2", "ModifyCapacityReservation", {"Return": True})
    aws.answers("ec2", "CancelCapacityReservation", {"Return": True})
    aws.answers("resource-groups", "GroupResources", {"Succeeded": [FOUND["CapacityReservationArn"]]})


def test_a_reservation_is_made_with_an_end_targeted_tagged_and_found_by_launches(aws: Aws) -> None:
    there(aws)
    reservations.reserve("campus", "eu-central-1a", WHAT, 3, LATER, NOW)
    (_, asked), (_, made), (_, joined) = aws.asked
    assert {f["Name"]: f["Values"] for f in asked["Filters"]} == {
        "tag:firstbell-site": ["campus"],
        "availability-zone": ["eu-central-1a"],
        "state": ["active", "pending"],
    }
    assert (made["InstanceMatchCriteria"], made["EndDateType"], made["EndDate"]) == ("targeted", "limited", LATER)
    assert made["TagSpecifications"][0]["Tags"] == [{"Key": "firstbell-site", "Value": "campus"}]
    assert joined == {"Group": WHAT.group, "ResourceArns": [FOUND["CapacityReservationArn"]]}
    assert len(made["ClientToken"]) == 64


def test_asking_again_has_the_same_token_and_another_zone_another(aws: Aws) -> None:
    there(aws)
    for zone, at in (("a", NOW), ("a", NOW), ("b", NOW), ("a", LATER)):
        reservations.reserve("campus", zone, WHAT, 3, LATER, at)
    one, two, *others = [asked["ClientToken"] for name, asked in aws.asked if name == "CreateCapacityReservation"]
    assert one == two
    assert len({one, *others}) == 3


def test_one_that_is_there_is_changed_only_where_it_differs(aws: Aws) -> None:
    there(aws, FOUND)
    reservations.reserve("campus", "a", WHAT, 3, LATER, NOW)
    assert aws.names == ["DescribeCapacityReservations", "GroupResources"]
    reservations.reserve("campus", "a", WHAT, 5, LATER, NOW)
    assert (
        "ModifyCapacityReservation",
        {"CapacityReservationId": FOUND["CapacityReservationId"], "InstanceCount": 5},
    ) in (aws.asked)


def test_a_group_that_takes_it_not_is_a_failure_with_its_reason(aws: Aws) -> None:
    there(aws)
    failed = {"ResourceArn": FOUND["CapacityReservationArn"], "ErrorMessage": "not of this type"}
    aws.answers("resource-groups", "GroupResources", {"Failed": [failed]})
    with pytest.raises(RuntimeError, match="not of this type"):
        reservations.reserve("campus", "a", WHAT, 3, LATER, NOW)


def test_what_is_not_there_is_neither_extended_nor_cancelled(aws: Aws) -> None:
    there(aws)
    reservations.extend("campus", "a", LATER)
    reservations.cancel("campus", "a")
    assert set(aws.names) == {"DescribeCapacityReservations"}
    there(aws, FOUND)
    reservations.extend("campus", "a", LATER)
    reservations.cancel("campus", "a")
    assert {"ModifyCapacityReservation", "CancelCapacityReservation"} < set(aws.names)


@pytest.mark.parametrize(("groups", "expected"), [([], False), ([WHAT.group], True), (["arn:other"], False)])
def test_it_is_in_effect_when_launches_find_it(aws: Aws, groups: list[str], expected: bool) -> None:
    there(aws, FOUND)
    answer = {"CapacityReservationGroups": [{"GroupArn": arn} for arn in groups]}
    aws.answers("ec2", "GetGroupsForCapacityReservation", answer)
    found = reservations.find("campus", "a")
    assert found is not None
    assert (found.count, found.end) == (3, LATER)
    assert reservations.in_effect(found, WHAT.group) is expected
