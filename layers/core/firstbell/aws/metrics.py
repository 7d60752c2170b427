"""CloudWatch: alarms as they stand now, and metrics' latest values."""

from datetime import UTC, datetime, timedelta

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
