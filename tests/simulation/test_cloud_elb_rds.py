"""Target groups over a balancer, and database snapshots that take their time."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Gateway, Ground
from simulator.cloud.elb import Elb
from simulator.cloud.rds import Rds
from simulator.engine import Engine

START = datetime(2026, 5, 4, 1, 0, tzinfo=UTC)
WEB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"


class Balancer:
    """A balancer that holds states."""

    def __init__(self, **states: str) -> None:
        self.held = {name.replace("_", "-"): state for name, state in states.items()}

    def states(self) -> dict[str, str]:
        return dict(self.held)

    def deregister(self, name: str) -> None:
        self.held[name] = "draining"


@pytest.fixture
def engine() -> Engine:
    return Engine(START, seed=4)


@pytest.fixture
def balancer(engine: Engine) -> Iterator[Balancer]:
    balancer = Balancer(i_1="healthy", i_2="unhealthy", i_3="initial", i_4="draining", i_5="unused")
    gateway = Gateway(engine)
    gateway.serve(Elb({WEB: balancer}, register=lambda arn, name: balancer.held.update({name: "initial"})).operations())
    with gateway.installed():
        yield balancer


def health(*targets: str) -> dict[str, tuple[str, str | None]]:
    asked = {"Targets": [{"Id": target} for target in targets]} if targets else {}
    answer = boto3.client("elbv2").describe_target_health(TargetGroupArn=WEB, **asked)
    return {
        each["Target"]["Id"]: (each["TargetHealth"]["State"], each["TargetHealth"].get("Reason"))
        for each in answer["TargetHealthDescriptions"]
    }


def test_registered_targets_are_described_with_the_reasons_of_aws(balancer: Balancer):
    assert health() == {
        "i-1": ("healthy", None),
        "i-2": ("unhealthy", "Target.FailedHealthChecks"),
        "i-3": ("initial", "Elb.RegistrationInProgress"),
        "i-4": ("draining", "Target.DeregistrationInProgress"),
    }


def test_a_target_that_is_not_registered_is_unused_when_asked_for(balancer: Balancer):
    assert health("i-9", "i-1") == {"i-9": ("unused", "Target.NotRegistered"), "i-1": ("healthy", None)}


def test_deregistering_drains_a_target_and_passes_over_unknown_ones(balancer: Balancer):
    boto3.client("elbv2").deregister_targets(TargetGroupArn=WEB, Targets=[{"Id": "i-1"}, {"Id": "i-9"}])
    assert balancer.held["i-1"] == "draining"
    assert "i-9" not in balancer.held


def test_registering_begins_with_initial(balancer: Balancer):
    boto3.client("elbv2").register_targets(TargetGroupArn=WEB, Targets=[{"Id": "i-9"}, {"Id": "i-1"}])
    assert (balancer.held["i-9"], balancer.held["i-1"]) == ("initial", "healthy")


def test_an_unknown_target_group_is_refused(balancer: Balancer):
    client = boto3.client("elbv2")
    with pytest.raises(client.exceptions.TargetGroupNotFoundException):
        client.describe_target_health(TargetGroupArn=WEB + "0")


@pytest.fixture
def rds(engine: Engine) -> Iterator[Rds]:
    rds = Rds(Ground(engine, lambda event: None), {"moodle": "mariadb"})
    gateway = Gateway(engine)
    gateway.serve(rds.operations())
    with gateway.installed():
        yield rds


def snapshots(**which: str) -> list[tuple[str, str, int]]:
    answer = boto3.client("rds").describe_db_snapshots(**which)["DBSnapshots"]
    return [(each["DBSnapshotIdentifier"], each["Status"], each["PercentProgress"]) for each in answer]


def test_a_snapshot_becomes_available_after_minutes(rds: Rds, engine: Engine):
    client = boto3.client("rds")
    created = client.create_db_snapshot(DBSnapshotIdentifier="night", DBInstanceIdentifier="moodle")["DBSnapshot"]
    assert (created["Status"], created["PercentProgress"]) == ("creating", 0)
    engine.run_until(engine.now + 120)
    assert snapshots(DBSnapshotIdentifier="night")[0][1] == "creating"
    engine.run_until(engine.now + 720)
    assert snapshots(DBInstanceIdentifier="moodle") == [("night", "available", 100)]
    assert snapshots(DBInstanceIdentifier="other") == []


def test_a_snapshot_can_fail(rds: Rds, engine: Engine):
    rds.next_fails = True
    boto3.client("rds").create_db_snapshot(DBSnapshotIdentifier="night", DBInstanceIdentifier="moodle")
    engine.run_until(engine.now + 900)
    assert snapshots()[0][1] == "failed"


def test_snapshots_carry_tags(rds: Rds):
    client = boto3.client("rds")
    arn = client.create_db_snapshot(
        DBSnapshotIdentifier="night", DBInstanceIdentifier="moodle", Tags=[{"Key": "a", "Value": "1"}]
    )["DBSnapshot"]["DBSnapshotArn"]
    client.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "b", "Value": "2"}])
    (described,) = client.describe_db_snapshots()["DBSnapshots"]
    assert described["TagList"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]


ERRORS = [
    ("a database that does not exist", "new", "other", "DBInstanceNotFound"),
    ("a name that is taken", "taken", "moodle", "DBSnapshotAlreadyExists"),
]


@pytest.mark.parametrize(("why", "name", "database", "code"), ERRORS, ids=[why for why, *_ in ERRORS])
def test_refused_snapshots(rds: Rds, why: str, name: str, database: str, code: str):
    client = boto3.client("rds")
    client.create_db_snapshot(DBSnapshotIdentifier="taken", DBInstanceIdentifier="moodle")
    with pytest.raises(ClientError) as raised:
        client.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier=database)
    assert raised.value.response["Error"]["Code"] == code


def test_an_unknown_snapshot_has_the_error_code_of_the_api(rds: Rds):
    client = boto3.client("rds")
    with pytest.raises(client.exceptions.DBSnapshotNotFoundFault) as raised:
        client.describe_db_snapshots(DBSnapshotIdentifier="none")
    assert raised.value.response["Error"]["Code"] == "DBSnapshotNotFound"
