"""CloudWatch: alarms over the twin's own metrics, their events in AWS's format, and metric data."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import boto3
import pytest

from simulator.cloud import Gateway, Ground
from simulator.cloud.cloudwatch import Alarm, CloudWatch, Formula, Metric
from simulator.cloud.cloudwatch.metrics import Series
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
CPU = Metric.of("AWS/EC2", "CPUUtilization", "Average", {"AutoScalingGroupName": "moodle"})
LATENCY = Metric.of("AWS/ApplicationELB", "TargetResponseTime", "p95", {"LoadBalancer": "app/moodle/1"})
HIGH = Alarm("moodle-cpu-high", CPU, threshold=80.0, description="The web servers are busy.")


class Twin:
    """A CloudWatch that reads CPU from `readings`, minute by minute (the last one stays)."""

    def __init__(self, readings: list[float | None]) -> None:
        self.engine = Engine(START, seed=2)
        self.events: list[dict] = []
        self.readings = list(readings)
        self.watch = CloudWatch(Ground(self.engine, self.events.append))
        self.watch.watch(CPU, self.read)
        self.watch.watch(LATENCY, lambda: 0.25)
        self.watch.add_alarm(HIGH)
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.watch.operations())

    def read(self) -> float | None:
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]

    @cached_property
    def client(self) -> Any:
        return boto3.client("cloudwatch")

    def minutes(self, count: int) -> None:
        self.engine.run_until(self.engine.now + 60 * count)

    def alarms(self, **options: Any) -> list[dict]:
        return self.client.describe_alarms(**options)["MetricAlarms"]


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin([20.0, 30.0, 30.0, 90.0, 95.0, 99.5, 10.0])
    with twin.gateway.installed():
        yield twin


def test_an_alarm_goes_through_its_states(twin: Twin):
    states = []
    for _ in range(9):
        states.append(twin.alarms()[0]["StateValue"])
        twin.minutes(1)  # a minute's data point is evaluated some seconds after the minute
    assert states == ["INSUFFICIENT_DATA"] * 2 + ["OK"] * 5 + ["ALARM", "OK"]
    assert [event["detail"]["state"]["value"] for event in twin.events] == ["OK", "ALARM", "OK"]


def test_an_alarm_event_has_the_documented_format(twin: Twin):
    twin.minutes(7)
    event = twin.events[1]
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["source"] == "aws.cloudwatch"
    assert event["resources"] == ["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:moodle-cpu-high"]
    detail = event["detail"]
    assert set(detail) == {"alarmName", "configuration", "previousState", "state"}
    assert detail["alarmName"] == "moodle-cpu-high"
    assert detail["state"] == {
        "value": "ALARM",
        "reason": "Threshold Crossed: 3 out of the last 3 datapoints [99.5 (04/05/26 08:05:00), "
        "95.0 (04/05/26 08:04:00), 90.0 (04/05/26 08:03:00)] were greater than the threshold (80.0) "
        "(minimum 3 datapoints for OK -> ALARM transition).",
        "reasonData": '{"version":"1.0","queryDate":"2026-05-04T08:06:05.000+0000",'
        '"startDate":"2026-05-04T08:03:00.000+0000",'
        '"statistic":"Average","period":60,"recentDatapoints":[90.0,95.0,99.5],"threshold":80.0}',
        "timestamp": "2026-05-04T08:06:05.000+0000",
    }
    assert detail["previousState"]["value"] == "OK"
    (metric,) = detail["configuration"]["metrics"]
    assert metric["returnData"] is True
    assert metric["metricStat"] == {
        "metric": {
            "namespace": "AWS/EC2",
            "name": "CPUUtilization",
            "dimensions": {"AutoScalingGroupName": "moodle"},
        },
        "period": 60,
        "stat": "Average",
    }


BAD, FINE = 90.0, 10.0  # a breaching and a harmless data point
MISSING: list[tuple[str, list[float | None], str, int, str]] = [
    ("three of three breach", [BAD, BAD, BAD], "missing", 3, "ALARM"),
    ("two of three are not enough for 3 out of 3", [BAD, FINE, BAD], "missing", 3, "OK"),
    ("two of three are enough for 2 out of 3", [BAD, FINE, BAD], "missing", 2, "ALARM"),
    ("older points make up for missing ones", [BAD, BAD, None, BAD], "missing", 3, "ALARM"),
    ("nothing at all is insufficient", [None] * 5, "missing", 3, "INSUFFICIENT_DATA"),
    ("nothing at all counts as harmless", [None] * 5, "notBreaching", 3, "OK"),
    ("nothing at all counts as a breach", [None] * 5, "breaching", 3, "ALARM"),
    ("nothing at all leaves the state alone", [None] * 5, "ignore", 3, "OK"),
    ("one breach and nothing else alarms", [None, None, None, None, BAD], "missing", 3, "ALARM"),
    ("one breach and harmless gaps", [None, None, None, None, BAD], "notBreaching", 3, "OK"),
    ("one breach and gaps that count", [None, None, None, None, BAD], "breaching", 3, "ALARM"),
    ("one breach and gaps that are ignored", [None, None, None, None, BAD], "ignore", 3, "OK"),
]


@pytest.mark.parametrize(("why", "points", "missing", "needed", "state"), MISSING, ids=[why for why, *_ in MISSING])
def test_data_points_decide(why: str, points: list[float | None], missing: str, needed: int, state: str):
    alarm = Alarm("a", CPU, 80.0, evaluation_periods=3, datapoints_to_alarm=needed, missing=missing)
    assert alarm.evaluate(points, "OK") == state


COMPARISONS = [
    ("GreaterThanThreshold", False, True),
    ("GreaterThanOrEqualToThreshold", True, True),
    ("LessThanThreshold", False, False),
    ("LessThanOrEqualToThreshold", True, False),
]


@pytest.mark.parametrize(("comparison", "at", "above"), COMPARISONS)
def test_comparisons(comparison: str, at: bool, above: bool):
    alarm = Alarm("a", CPU, 80.0, comparison)
    assert (alarm.breaches(80.0), alarm.breaches(80.1)) == (at, above)


def test_alarms_are_found_by_name_prefix_and_state(twin: Twin):
    twin.watch.add_alarm(Alarm("moodle-slow", LATENCY, threshold=1.0))
    twin.watch.add_alarm(Alarm("other", LATENCY, threshold=0.1))
    twin.minutes(4)
    assert [alarm["AlarmName"] for alarm in twin.alarms(AlarmNamePrefix="moodle-")] == [
        "moodle-cpu-high",
        "moodle-slow",
    ]
    assert [alarm["AlarmName"] for alarm in twin.alarms(StateValue="ALARM")] == ["other"]
    (slow,) = twin.alarms(AlarmNames=["moodle-slow"])
    assert slow["ExtendedStatistic"] == "p95"
    assert slow["Dimensions"] == [{"Name": "LoadBalancer", "Value": "app/moodle/1"}]
    assert twin.alarms(AlarmTypes=["CompositeAlarm"]) == []


def data(twin: Twin, period: int = 60, stat: str = "Average", **options: Any) -> tuple[list[datetime], list[float]]:
    query = {
        "Id": "cpu",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/EC2",
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "moodle"}],
            },
            "Period": period,
            "Stat": stat,
        },
    }
    answer = twin.client.get_metric_data(
        MetricDataQueries=[query], StartTime=START, EndTime=START + timedelta(minutes=6), **options
    )
    (result,) = answer["MetricDataResults"]
    return result["Timestamps"], result["Values"]


def test_metric_data_comes_newest_first_unless_asked_otherwise(twin: Twin):
    twin.minutes(6)
    times, values = data(twin)
    assert values == [99.5, 95.0, 90.0, 30.0, 30.0, 20.0]
    assert times[-1] == START
    assert data(twin, ScanBy="TimestampAscending")[1] == values[::-1]


def test_metric_data_is_averaged_over_longer_periods_and_empty_for_unknown_metrics(twin: Twin):
    twin.minutes(6)
    assert data(twin, period=180)[1] == [pytest.approx(94.8333, abs=1e-3), pytest.approx(26.6667, abs=1e-3)]
    assert data(twin, stat="Maximum") == ([], [])


# ---------------------------------------------------------------- metric math

BAD_COUNT = Metric.of("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum", {"LoadBalancer": "app/moodle/1"})
ALL_COUNT = Metric.of("AWS/ApplicationELB", "RequestCount", "Sum", {"LoadBalancer": "app/moodle/1"})
SHARE = Formula(
    "share",
    (("share", "IF(failed >= 10, 100 * failed / requests, 0)"), ("failed", "FILL(bad, 0)")),
    (("bad", BAD_COUNT), ("requests", ALL_COUNT)),
)
SHARES: list[tuple[str, float | None, float | None, float | None]] = [
    ("a tenth failed", 20, 200, 10),
    ("few failures are none", 9, 10, 0),
    ("no failure is no data, and filled in", None, 200, 0),
    ("a division by nothing has no result", 20, 0, None),
    ("what lacks data lacks a result", 20, None, None),
]


@pytest.mark.parametrize(("bad", "requests", "share"), [s[1:] for s in SHARES], ids=[s[0] for s in SHARES])
def test_a_formula_is_computed_from_its_metrics(bad: float | None, requests: float | None, share: float | None):
    series = {BAD_COUNT: Series(BAD_COUNT, lambda: bad), ALL_COUNT: Series(ALL_COUNT, lambda: requests)}
    for each in series.values():
        each.sample(60.0)
    assert SHARE.value(series, 0, 60) == share


@pytest.mark.parametrize("expression", ["SEARCH('x', 'Sum')", "bad ** 2", "MAX(METRICS())", "IF(bad, 1)", "'bad'"])
def test_metric_math_that_the_twin_does_not_know_is_refused(expression: str):
    formula = Formula("it", (("it", expression),), (("bad", BAD_COUNT),))
    series = Series(BAD_COUNT, lambda: 1.0)
    series.sample(60.0)
    with pytest.raises(NotImplementedError, match="metric math"):
        formula.value({BAD_COUNT: series}, 0, 60)


def test_an_alarm_on_a_formula_has_its_metrics_in_the_api_and_in_its_event(twin: Twin):
    twin.watch.watch(BAD_COUNT, lambda: 50.0)
    twin.watch.watch(ALL_COUNT, lambda: 100.0)
    twin.watch.add_alarm(Alarm("moodle-failing", SHARE, threshold=5.0, evaluation_periods=1))
    twin.minutes(2)
    [failing] = twin.alarms(AlarmNames=["moodle-failing"])
    assert failing["StateValue"] == "ALARM"
    assert "MetricName" not in failing
    returned = {query["Id"]: query["ReturnData"] for query in failing["Metrics"]}
    assert returned == {"share": True, "failed": False, "bad": False, "requests": False}
    [event] = [e for e in twin.events if e["detail"]["alarmName"] == "moodle-failing"]
    assert {m["id"]: "expression" in m for m in event["detail"]["configuration"]["metrics"]} == {
        **dict.fromkeys(("share", "failed"), True),
        **dict.fromkeys(("bad", "requests"), False),
    }
    assert "statistic" not in event["detail"]["state"]["reasonData"]


def test_a_state_that_somebody_sets_lasts_until_the_next_evaluation(twin: Twin):
    twin.minutes(3)
    twin.watch.set_state("moodle-cpu-high", "ALARM", "A test.")
    assert [alarm["StateReason"] for alarm in twin.alarms(StateValue="ALARM")] == ["A test."]
    twin.minutes(1)
    assert twin.alarms(StateValue="ALARM") == []
    assert [e["detail"]["state"]["value"] for e in twin.events] == ["OK", "ALARM", "OK"]
