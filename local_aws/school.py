"""A small Moodle to try things on: its Auto Scaling group, its site file and a calendar with an exam tomorrow."""

from datetime import datetime, timedelta
from typing import Any

from local_aws.cloud import Cloud

NAME = "smoke"
GROUP = "moodle-web"
ALARM_PREFIX = "firstbell-"
SITE = """\
name: smoke
timezone: UTC
fleet:
  auto_scaling_group: moodle-web
  vcpus_per_instance: 2
  min_instances: 1
  max_instances: 8
calendars:
  - ical: calendar.ics
    kind: exam
    participants: 300
oncall:
  channels:
    - webhook: {url}
"""
CALENDAR = """\
BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Firstbell//local AWS//EN\r
BEGIN:VEVENT\r
UID:exam@smoke\r
DTSTAMP:{start}\r
DTSTART:{start}\r
DTEND:{end}\r
SUMMARY:Exam\r
END:VEVENT\r
END:VCALENDAR\r
"""


def make_group(cloud: Cloud) -> None:
    """Make the group, with one web server in service."""
    scaling = cloud.client("autoscaling")
    scaling.create_launch_configuration(
        LaunchConfigurationName="web", ImageId="ami-12c6146b", InstanceType="t4g.medium"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        LaunchConfigurationName="web",
        MinSize=1,
        MaxSize=8,
        DesiredCapacity=1,
        AvailabilityZones=["eu-central-1a"],
    )


def upload(cloud: Cloud, url: str, now: datetime) -> None:
    """Put the calendar and then the site file, with `url` as its webhook, into the bucket."""
    exam = now.replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    calendar = CALENDAR.format(start=f"{exam:%Y%m%dT%H%M%SZ}", end=f"{exam + timedelta(hours=2):%Y%m%dT%H%M%SZ}")
    s3, bucket = cloud.client("s3"), cloud.outputs["SiteFilesBucket"]
    s3.put_object(Bucket=bucket, Key=f"sites/{NAME}/calendar.ics", Body=calendar.encode())
    s3.put_object(Bucket=bucket, Key=f"sites/{NAME}/site.yaml", Body=SITE.format(url=url).encode())


def raise_alarm(cloud: Cloud, name: str, now: datetime) -> dict[str, Any]:
    """Make a CPU alarm of the group that is on, as AWS would; returns the `detail` of the event AWS would send."""
    watch = cloud.client("cloudwatch")
    dimensions = [{"Name": "AutoScalingGroupName", "Value": GROUP}]
    metric: dict[str, Any] = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Dimensions": dimensions}
    watch.put_metric_data(
        Namespace="AWS/EC2",
        MetricData=[
            {
                "MetricName": "CPUUtilization",
                "Dimensions": dimensions,
                "Value": 96.0,
                "Timestamp": now - timedelta(seconds=s),
            }
            for s in (30, 90, 150)
        ],
    )
    watch.put_metric_alarm(
        AlarmName=name,
        **metric,
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=60,
        ComparisonOperator="GreaterThanThreshold",
    )
    reason = "Threshold Crossed: 1 datapoint (96.0) was greater than the threshold (60.0)."
    watch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=reason)
    moment = f"{now:%Y-%m-%dT%H:%M:%S}.000+0000"
    return {
        "alarmName": name,
        "state": {"value": "ALARM", "reason": reason, "timestamp": moment},
        "previousState": {"value": "OK", "reason": "", "timestamp": moment},
        "configuration": {"metrics": []},
    }
