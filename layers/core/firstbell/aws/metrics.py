"""CloudWatch: alarms as they stand now, metrics' latest values, and what a group has used over the last weeks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from firstbell.alarms.tiers import Measure
from firstbell.alarms.values import Alarm, children
from firstbell.aws import clients

_EPOCH = datetime.fromtimestamp(0, UTC)


def alarms(prefix: str) -> tuple[Alarm, ...]:
    """The alarms whose names begin with `prefix`: of a metric, of a formula or an anomaly band, composite ones."""
    pages = (
        clients.cloudwatch()
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    found: list[Alarm] = []
    for page in pages:
        found += map(_metric_alarm, page.get("MetricAlarms", ()))
        found += map(_composite_alarm, page.get("CompositeAlarms", ()))
    return tuple(found)


def _metric_alarm(a: Any) -> Alarm:
    """A formula's metrics are in `Metrics`; a query over many metrics (Metrics Insights) names none of them."""
    queries = a.get("Metrics", [])
    of = [q["MetricStat"]["Metric"] for q in queries if "MetricStat" in q] if queries else [a]
    formula = next((q["Expression"] for q in queries if "Expression" in q), "")
    banded = "ThresholdMetricId" in a
    return Alarm(
        name=a["AlarmName"],
        state=a.get("StateValue", "INSUFFICIENT_DATA"),
        since=_since(a),
        metric=f"{of[0].get('Namespace', '')}/{of[0].get('MetricName', '')}" if of else formula,
        dimensions=tuple(sorted({(d["Name"], d["Value"]) for metric in of for d in metric.get("Dimensions", [])})),
        threshold=0.0 if banded else a.get("Threshold", 0.0),
        kind="anomaly" if banded else "math" if queries else "metric",
        above="Greater" in a.get("ComparisonOperator", "Greater"),
        missing=a.get("TreatMissingData", "missing"),
    )


def _composite_alarm(a: Any) -> Alarm:
    return Alarm(
        name=a["AlarmName"],
        state=a.get("StateValue", "INSUFFICIENT_DATA"),
        since=_since(a),
        metric="",
        dimensions=(),
        threshold=0.0,
        kind="composite",
        children=children(a.get("AlarmRule", "")),
    )


def _since(alarm: Any) -> datetime:
    """Since when it has its state; that it was evaluated again, or its reason reworded, is no change."""
    at: datetime = alarm.get("StateTransitionedTimestamp", alarm.get("StateUpdatedTimestamp", _EPOCH))
    return at.astimezone(UTC)


def series(
    asked: Mapping[str, tuple[Measure, Mapping[str, str]]], start: datetime, end: datetime, period: int = 60
) -> dict[str, dict[datetime, float]]:
    """The points of each measure by its name, with its dimensions, from `start` to `end`.

    Periods are of a minute, or as long as is said: what AWS publishes less often (basic monitoring and credits: every
    five minutes, and late) has fewer points. One call asks for 500 metrics at most, and is answered with 100,800 points
    a page.
    """
    wanted = {key: _statistic(m.namespace, m.name, of, m.stat, period) for key, (m, of) in asked.items()}
    return _points(wanted, start, end)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a group used, by the beginning (UTC) of each period that has data.

    `cpu` is the average in percent and the number of samples, over all instances; `requests` is their number.
    """

    cpu: Mapping[datetime, tuple[float, float]]
    requests: Mapping[datetime, float]


def usage(group: str, balancer: Mapping[str, str], start: datetime, end: datetime, period: int) -> Usage:
    """What a group used from `start` to `end` in periods of 300 or 3600 seconds, which should divide both.

    CloudWatch keeps periods of five minutes for 63 days and hours for 455, and gives 100,800 data points in a page: of
    the three statistics in periods of five minutes, 116 days. `balancer` are the dimensions of its requests; empty
    where it has none.
    """
    of_group = {"AutoScalingGroupName": group}
    wanted = {
        "cpu": _statistic("AWS/EC2", "CPUUtilization", of_group, "Average", period),
        "samples": _statistic("AWS/EC2", "CPUUtilization", of_group, "SampleCount", period),
    }
    if balancer:
        wanted["requests"] = _statistic("AWS/ApplicationELB", "RequestCount", balancer, "Sum", period)
    found = _points(wanted, start, end)
    samples = found["samples"]
    cpu = {at: (percent, samples[at]) for at, percent in found["cpu"].items() if at in samples}
    return Usage(cpu, found.get("requests", {}))


def samples_per_hour(instance: str, now: datetime) -> float | None:
    """How many samples of its CPU an instance gives in an hour: 60 or 12; None when its last hour does not tell.

    With detailed monitoring it is one a minute. With basic monitoring AWS documents five samples in each point of five
    minutes (CloudWatch user guide, EC2 metrics), others have seen one: so they are counted. A point that is still
    growing has fewer, but one of several has more than one only where there are five.
    """
    of_instance = {"InstanceId": instance}
    wanted = {"samples": _statistic("AWS/EC2", "CPUUtilization", of_instance, "SampleCount", 300)}
    counts = _points(wanted, now - timedelta(hours=1), now)["samples"]
    if counts and max(counts.values()) > 1:
        return 60.0
    return 12.0 if len(counts) > 2 else None


def request_dimensions(target_groups: Sequence[str]) -> dict[str, str]:
    """What identifies the requests to the first target group (by ARN) behind an application load balancer, if any."""
    if not target_groups:
        return {}
    answer = clients.balancer().describe_target_groups(TargetGroupArns=list(target_groups))
    for found in answer["TargetGroups"]:
        for balancer in found.get("LoadBalancerArns", []):
            _, is_application, name = balancer.partition(":loadbalancer/app/")
            if is_application:
                target_group = "targetgroup/" + found["TargetGroupArn"].partition(":targetgroup/")[2]
                return {"LoadBalancer": f"app/{name}", "TargetGroup": target_group}
    return {}


def _statistic(namespace: str, name: str, dimensions: Mapping[str, str], stat: str, period: int) -> Any:
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {"Metric": metric, "Period": period, "Stat": stat}


def _points(wanted: Mapping[str, Any], start: datetime, end: datetime) -> dict[str, dict[datetime, float]]:
    """The data points of each statistic; the answer to one metric may be spread over several pages."""
    queries: Any = [{"Id": key, "MetricStat": statistic} for key, statistic in wanted.items()]
    pages = (
        clients.cloudwatch()
        .get_paginator("get_metric_data")
        .paginate(MetricDataQueries=queries, StartTime=start, EndTime=end)
    )
    found: dict[str, dict[datetime, float]] = {key: {} for key in wanted}
    for page in pages:
        for result in page["MetricDataResults"]:
            moments = (at.astimezone(UTC) for at in result["Timestamps"])
            found[result["Id"]].update(zip(moments, result["Values"], strict=True))
    return found
