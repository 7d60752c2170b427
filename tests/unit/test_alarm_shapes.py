"""Alarms of every kind as DescribeAlarms answers (held against botocore's own shapes), in as many pages as it likes."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from firstbell.alarms.values import Alarm
from firstbell.aws import clients, metrics

SINCE, WORDED = datetime(2026, 10, 12, 5, 55, tzinfo=UTC), datetime(2026, 10, 12, 6, 30, tzinfo=UTC)
LB = [{"Name": "LoadBalancer", "Value": "app/moodle/0123456789abcdef"}]


def stat(key: str, name: str, returns: bool = False) -> dict[str, Any]:
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": LB}
    return {"Id": key, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": returns}


def standing(name: str, state: str = "ALARM") -> dict[str, Any]:
    return {
        "AlarmName": name,
        "StateValue": state,
        "StateUpdatedTimestamp": WORDED,
        "StateTransitionedTimestamp": SINCE,
    }


METRIC = standing("cpu") | {
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "web"}],
    "Threshold": 50.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "missing",
}
LOW = METRIC | {"AlarmName": "low", "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "notBreaching"}
MATH = standing("failing") | {
    "Metrics": [
        {"Id": "share", "Expression": "100 * e / r", "ReturnData": True},
        stat("e", "HTTPCode_ELB_5XX_Count"),
        stat("r", "RequestCount"),
    ],
    "Threshold": 2.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
BAND = standing("odd", "INSUFFICIENT_DATA") | {
    "Metrics": [stat("m1", "RequestCount", True), {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)"}],
    "ThresholdMetricId": "ad1",
    "ComparisonOperator": "LessThanLowerOrGreaterThanUpperThreshold",
}
MANY = standing("hot") | {
    "Metrics": [{"Id": "q1", "Expression": "SELECT MAX(CPUUtilization) FROM x", "Period": 60, "ReturnData": True}],
    "Threshold": 90.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
OVER = standing("slow", "OK") | {"AlarmRule": 'ALARM("p95") AND (ALARM(cpu) OR ALARM(database))'}
BALANCER = (("LoadBalancer", "app/moodle/0123456789abcdef"),)
GROUP = (("AutoScalingGroupName", "web"),)
EXPECTED = [
    Alarm("cpu", "ALARM", SINCE, "AWS/EC2/CPUUtilization", GROUP, 50.0),
    Alarm("low", "ALARM", SINCE, "AWS/EC2/CPUUtilization", GROUP, 50.0, above=False, missing="notBreaching"),
    Alarm("failing", "ALARM", SINCE, "AWS/ApplicationELB/HTTPCode_ELB_5XX_Count", BALANCER, 2.0, "math"),
    Alarm("odd", "INSUFFICIENT_DATA", SINCE, "AWS/ApplicationELB/RequestCount", BALANCER, 0.0, "anomaly"),
    Alarm("hot", "ALARM", SINCE, "SELECT MAX(CPUUtilization) FROM x", (), 90.0, "math"),
    Alarm("slow", "OK", SINCE, "", (), 0.0, "composite", children=("p95", "cpu", "database")),
]


@pytest.mark.parametrize("pages", [1, 2])
def test_every_kind_of_alarm_is_read(pages: int) -> None:
    found = [METRIC, LOW, MATH, BAND, MANY]
    asked = {"AlarmNamePrefix": "firstbell-", "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    with Stubber(clients.cloudwatch()) as answers:
        if pages == 2:
            answers.add_response("describe_alarms", {"MetricAlarms": found[:3], "NextToken": "more"}, asked)
            asked, found = asked | {"NextToken": "more"}, found[3:]
        answers.add_response("describe_alarms", {"MetricAlarms": found, "CompositeAlarms": [OVER]}, asked)
        assert list(metrics.alarms("firstbell-")) == EXPECTED
