"""CloudWatch: alarms as they stand now, metrics' latest values, and what a group has used over the last weeks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from firstbell.alarms.values import Alarm
from firstbell.aws import clients

_EPOCH = datetime.fromtimestamp(0, UTC)


def alarms(prefix: str) -> tuple[Alarm, ...]:
    """The metric alarms whose names begin with `prefix`."""
    pages = clients.cloudwatch().get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    return tuple(
        Alarm(
            name=a["AlarmName"],
            state=a.get("StateValue", "INSUFFICIENT_DATA"),
            since=a.get("StateUpdatedTimestamp", _EPOCH).astimezone(UTC),
            metric=f"{a.get('Namespace', '')}/{a.get('MetricName', '')}",
            dimensions=tuple(sorted((d["Name"], d["Value"]) for d in a.get("Dimensions", []))),
            threshold=a.get("Threshold", 0.0),
        )
        for page in pages
        for a in page["MetricAlarms"]
    )


def average_cpu(group: str, now: datetime, minutes: int = 15) -> float | None:
    """The newest average CPU of a group's instances in percent, or None without a point in `minutes`.

    A point is of one minute with EC2's detailed monitoring. With basic monitoring it is of five, bears the time when
    these began, and comes minutes after they ended: the newest may well be ten minutes old.
    """
    answer = clients.cloudwatch().get_metric_data(
        MetricDataQueries=[
            {
                "Id": "cpu",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/EC2",
                        "MetricName": "CPUUtilization",
                        "Dimensions": [{"Name": "AutoScalingGroupName", "Value": group}],
                    },
                    "Period": 60,
                    "Stat": "Average",
                },
            }
        ],
        StartTime=now - timedelta(minutes=minutes),
        EndTime=now,
        ScanBy="TimestampDescending",
    )
    values = answer["MetricDataResults"][0]["Values"]
    return values[0] if values else None


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
