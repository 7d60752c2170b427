"""What the adapters make fit for AWS: subjects that SNS takes, documents that fit an item, points that come late."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from firstbell.alarms.tiers import MEASURES, SPAN, read
from firstbell.aws import metrics, topic
from firstbell.aws.table import READABLE, Table
from tests.unit.state_table import state_table

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
LARGEST_ITEM = 400 * 1024  # DynamoDB's limit


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    with state_table(monkeypatch) as found:
        yield found


def heard(table: Table, subject: str) -> str:
    """The subject with which a message arrives; `table` keeps AWS in memory."""
    arn = boto3.client("sns").create_topic(Name="told")["TopicArn"]
    queue = boto3.client("sqs").create_queue(QueueName="heard")["QueueUrl"]
    boto3.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=_arn(queue))
    topic.publish(arn, "text", subject)
    [message] = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    return str(json.loads(message["Body"]).get("Subject", ""))


def _arn(queue: str) -> str:
    found = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])


@pytest.mark.parametrize(
    ("subject", "arrives"),
    [
        ("Not ready for Mathe\tI\r\n(Übung)\x07", "Not ready for Mathe I (?bung)"),
        ("x" * 300, "x" * 99),
        (" \n ", ""),
    ],
)
def test_a_subject_is_made_of_what_sns_takes(table: Table, subject: str, arrives: str) -> None:
    assert heard(table, subject) == arrives


@pytest.mark.parametrize("peaks", [1, 20_000])
def test_a_document_of_any_length_is_read_as_it_was_written(table: Table, peaks: int) -> None:
    plan = {"peaks": [{"title": f"Prüfung {n}", "start": NOW.isoformat()} for n in range(peaks)]}
    table.put("SITE#campus", "PLAN", plan)
    found = table.get("SITE#campus", "PLAN")
    assert found is not None
    assert found.data == plan
    assert [stored.data for stored in table.query("SITE#campus")] == [plan]


def test_a_plan_that_is_longer_than_an_item_fits_into_one(table: Table) -> None:
    plan = {"reasons": [f"quiz {n}: 120 quiz participants need up to 3.4 vCPUs (start)" for n in range(10_000)]}
    assert len(json.dumps(plan)) > LARGEST_ITEM > READABLE
    assert table.replace("SITE#campus", "PLAN", plan, version=0)
    assert not table.replace("SITE#campus", "PLAN", plan, version=0)
    item = boto3.client("dynamodb").get_item(TableName="state", Key={"pk": {"S": "SITE#campus"}, "sk": {"S": "PLAN"}})
    assert len(item["Item"]["data"]["B"]) < LARGEST_ITEM


def put_cpu(at: datetime, percent: float) -> None:
    group = {"Name": "AutoScalingGroupName", "Value": "web"}
    point: Any = {"MetricName": "CPUUtilization", "Dimensions": [group], "Timestamp": at, "Value": percent}
    boto3.client("cloudwatch").put_metric_data(Namespace="AWS/EC2", MetricData=[point])


def newest_cpu() -> float | None:
    asked = {"cpu": (MEASURES["cpu"], {"AutoScalingGroupName": "web"})}
    return read(metrics.series(asked, NOW - SPAN, NOW), NOW).cpu.now


def test_the_newest_cpu_counts_even_when_points_come_every_five_minutes_and_late(table: Table) -> None:
    assert table.name
    assert newest_cpu() is None
    put_cpu(NOW - timedelta(minutes=20), 10.0)
    assert newest_cpu() is None
    put_cpu(NOW - timedelta(minutes=11), 80.0)
    assert newest_cpu() == 80.0
    put_cpu(NOW - timedelta(minutes=6), 60.0)
    assert newest_cpu() == 60.0
