"""The alarms of a site as they are deployed: read from infrastructure/alarms.yaml, with the site's own parameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firstbell.alarms.tiers import named
from firstbell.site import Site
from simulator import cloudformation
from simulator.cloud.cloudwatch import Alarm, Formula, Metric

TEMPLATE = Path(__file__).parent.parent / "infrastructure" / "alarms.yaml"


def of_site(site: Site, load_balancer: str, target_group: str) -> tuple[Alarm, ...]:
    """The alarms of the stack that watches `site`; the balancer's and the target group's ends of their ARNs."""
    things: dict[str, str] = {}
    for name, value in named(site):
        things.setdefault(name, value)
    cluster = things.get("DBClusterIdentifier", "")
    parameters = {
        "Site": site.name,
        "AutoScalingGroupName": site.fleet.auto_scaling_group,
        "BurstableWeb": "yes" if is_burstable(site) else "no",
        "LoadBalancer": load_balancer,
        "TargetGroup": target_group,
        "SlowSeconds": site.reaction.p95_ms / 1000,
        "Database": things.get("DBInstanceIdentifier", "") or cluster,
        "DatabaseKind": "instance" if "DBInstanceIdentifier" in things else "aurora",
        "DatabaseConnections": site.reaction.max_connections,
        "NfsServer": site.moodledata.server,
        "FileSystem": things.get("FileSystemId", ""),
    }
    return deployed(parameters)


def is_burstable(site: Site) -> bool:
    """Whether the web servers are of a type with CPU credits, as far as the site file says."""
    return site.fleet.instance_type.startswith(("t2.", "t3.", "t3a.", "t4g."))


def deployed(parameters: Mapping[str, Any]) -> tuple[Alarm, ...]:
    """The metric alarms of a stack with `parameters`. Raises KeyError when one without a default is missing."""
    template = cloudformation.load(TEMPLATE)
    known = cloudformation.known(template, parameters)
    return tuple(
        _alarm(cloudformation.resolve(resource["Properties"], known))
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
        and ("Condition" not in resource or known[resource["Condition"]])
    )


def _alarm(properties: dict[str, Any]) -> Alarm:
    queries: list[dict[str, Any]] = properties.get("Metrics", [])
    return Alarm(
        name=properties["AlarmName"],
        metric=_formula(queries) if queries else _metric(properties, _statistic(properties)),
        threshold=float(properties["Threshold"]),
        comparison=properties["ComparisonOperator"],
        period=properties.get("Period") or next(q["MetricStat"]["Period"] for q in queries if "MetricStat" in q),
        evaluation_periods=properties["EvaluationPeriods"],
        datapoints_to_alarm=properties.get("DatapointsToAlarm"),
        missing=properties["TreatMissingData"],
        description=properties["AlarmDescription"],
    )


def _statistic(properties: dict[str, Any]) -> str:
    found: str = properties.get("Statistic") or properties["ExtendedStatistic"]
    return found


def _metric(of: dict[str, Any], statistic: str) -> Metric:
    dimensions = {each["Name"]: each["Value"] for each in of.get("Dimensions", ())}
    return Metric.of(of["Namespace"], of["MetricName"], statistic, dimensions)


def _formula(queries: list[dict[str, Any]]) -> Formula:
    return Formula(
        returned=next(q["Id"] for q in queries if q.get("ReturnData", True)),
        expressions=tuple((q["Id"], q["Expression"]) for q in queries if "Expression" in q),
        metrics=tuple(
            (q["Id"], _metric(q["MetricStat"]["Metric"], q["MetricStat"]["Stat"])) for q in queries if "MetricStat" in q
        ),
    )
