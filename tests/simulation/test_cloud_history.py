"""Weeks of metrics: the twin's CloudWatch has the past that it is given, forgets as AWS does, and answers in pages."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from firstbell.aws import clients, metrics
from simulator.cloud import Gateway, Ground, target_groups
from simulator.cloud.cloudwatch import CloudWatch, Metric
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GROUP = {"AutoScalingGroupName": "moodle"}
CPU = Metric.of("AWS/EC2", "CPUUtilization", "Average", GROUP)
COUNT = Metric.of("AWS/EC2", "CPUUtilization", "SampleCount", GROUP)
ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/moodle/0123456789abcdef"
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/moodle/fedcba9876543210"
REQUESTS = {"LoadBalancer": "app/moodle/fedcba9876543210", "TargetGroup": "targetgroup/moodle/0123456789abcdef"}


class Twin:
    def __init__(self) -> None:
        self.engine = Engine(START)
        self.watch = CloudWatch(Ground(self.engine, lambda event: None))
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.watch.operations(), target_groups.operations({ARN: BALANCER}))

    def seed(self, metric: Metric, values: dict[timedelta, float]) -> None:
        """Values by how long before the start their period began."""
        self.watch.seed(metric, [((START - ago).timestamp(), value) for ago, value in values.items()])


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin()
    clients.forget()
    with twin.gateway.installed():
        yield twin
    clients.forget()


def usage(start: datetime, end: datetime, period: int = 3600) -> metrics.Usage:
    return metrics.usage("moodle", REQUESTS, start, end, period)


def test_a_seeded_past_is_answered_together_with_what_is_sampled(twin: Twin):
    twin.watch.watch(CPU, lambda: 60.0)
    twin.watch.watch(COUNT, lambda: 2.0)
    twin.seed(CPU, {2 * HOUR: 20.0, HOUR: 40.0})
    twin.seed(COUNT, {2 * HOUR: 60.0, HOUR: 90.0})
    twin.engine.run_until((START + HOUR).timestamp())
    assert usage(START - DAY, START + HOUR).cpu == {
        START - 2 * HOUR: (20.0, 60.0),
        START - HOUR: (40.0, 90.0),
        START: (60.0, 120.0),
    }


def test_requests_are_those_of_the_target_group(twin: Twin):
    twin.seed(Metric.of("AWS/ApplicationELB", "RequestCount", "Sum", REQUESTS), {HOUR: 1234.0})
    assert metrics.request_dimensions([ARN]) == REQUESTS
    assert usage(START - DAY, START).requests == {START - HOUR: 1234.0}


@pytest.mark.parametrize(("period", "days"), [(60, 15), (300, 63)])
def test_short_periods_are_forgotten(twin: Twin, period: int, days: int):
    twin.seed(CPU, {days * DAY - HOUR: 1.0, days * DAY + HOUR: 2.0})
    twin.seed(COUNT, {days * DAY - HOUR: 60.0, days * DAY + HOUR: 60.0})
    assert [cpu for cpu, _ in usage(START - 100 * DAY, START, period).cpu.values()] == [1.0]
    assert [cpu for cpu, _ in usage(START - 100 * DAY, START, 3600).cpu.values()] == [1.0, 2.0] or period == 300


def test_a_period_with_half_of_the_data_is_left_out(twin: Twin):
    twin.seed(CPU, {2 * HOUR: 20.0, HOUR: 40.0})
    twin.seed(COUNT, {HOUR: 60.0})
    assert usage(START - DAY, START).cpu == {START - HOUR: (40.0, 60.0)}


def test_an_answer_in_pages_is_read_to_its_end(twin: Twin):
    def paged(params: dict[str, Any]) -> dict[str, Any]:
        page = int(params.get("NextToken", 0))
        results = [
            {"Id": q["Id"], "Timestamps": [START + page * HOUR], "Values": [float(page)], "StatusCode": "PartialData"}
            for q in params["MetricDataQueries"]
        ]
        return {"MetricDataResults": results, **({"NextToken": str(page + 1)} if page < 2 else {})}

    twin.gateway.serve({("cloudwatch", "GetMetricData"): paged})
    found = usage(START, START + DAY)
    assert found.requests == {START + n * HOUR: float(n) for n in range(3)}
    assert found.cpu == {START + n * HOUR: (float(n), float(n)) for n in range(3)}


def test_an_unknown_target_group_is_refused(twin: Twin):
    with pytest.raises(ClientError, match="TargetGroupNotFound"):
        boto3.client("elbv2").describe_target_groups(TargetGroupArns=[ARN + "0"])
    [found] = boto3.client("elbv2").describe_target_groups()["TargetGroups"]
    assert (found["TargetGroupName"], found["LoadBalancerArns"]) == ("moodle", [BALANCER])
