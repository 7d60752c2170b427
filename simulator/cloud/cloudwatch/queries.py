"""Alarms and metric data in the shapes of the CloudWatch API and of its events."""

from collections.abc import Mapping

from simulator.cloud.cloudwatch.alarms import Alarm
from simulator.cloud.cloudwatch.formulas import Formula
from simulator.cloud.cloudwatch.metrics import Metric, Series, kept
from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Json, at_utc, epoch


def describe_alarm(alarm: Alarm, arn: str, value: str, reason: str, reason_data: str | None, since: float) -> Json:
    """One entry of MetricAlarms; a percentile is an ExtendedStatistic, a formula has its metrics in `Metrics`."""
    answer: Json = {
        "AlarmName": alarm.name,
        "AlarmArn": arn,
        "AlarmDescription": alarm.description,
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        "StateValue": value,
        "StateReason": reason,
        "StateUpdatedTimestamp": at_utc(since),
        "StateTransitionedTimestamp": at_utc(since),
        "EvaluationPeriods": alarm.evaluation_periods,
        "DatapointsToAlarm": alarm.needed,
        "Threshold": alarm.threshold,
        "ComparisonOperator": alarm.comparison,
        "TreatMissingData": alarm.missing,
    }
    answer |= _queried(alarm.metric, alarm.period)
    return answer if reason_data is None else {**answer, "StateReasonData": reason_data}


def _queried(metric: Metric | Formula, period: int) -> Json:
    if isinstance(metric, Metric):
        statistic = "ExtendedStatistic" if metric.stat.startswith("p") else "Statistic"
        return {**_metric(metric), statistic: metric.stat, "Period": period}
    expressions = [{"Id": n, "Expression": e, "ReturnData": n == metric.returned} for n, e in metric.expressions]
    stats = [(n, {"Metric": _metric(m), "Period": period, "Stat": m.stat}) for n, m in metric.metrics]
    return {"Metrics": [*expressions, *({"Id": n, "MetricStat": stat, "ReturnData": False} for n, stat in stats)]}


def _metric(metric: Metric) -> Json:
    dimensions = [{"Name": name, "Value": each} for name, each in metric.dimensions]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


def alarm_event_configuration(alarm: Alarm, metric_id: str) -> Json:
    """The configuration in an alarm's event; a plain metric has an id that CloudWatch made up."""
    metric = alarm.metric
    if isinstance(metric, Metric):
        metrics: list[Json] = [_in_event(metric_id, metric, alarm.period, returned=True)]
    else:
        metrics = [{"id": n, "expression": e, "returnData": n == metric.returned} for n, e in metric.expressions]
        metrics += [_in_event(n, m, alarm.period, returned=False) for n, m in metric.metrics]
    return {"description": alarm.description, "metrics": metrics}


def _in_event(metric_id: str, metric: Metric, period: int, returned: bool) -> Json:
    of = {"namespace": metric.namespace, "name": metric.name, "dimensions": dict(metric.dimensions)}
    return {
        "id": metric_id,
        "metricStat": {"metric": of, "period": period, "stat": metric.stat},
        "returnData": returned,
    }


def metric_data(series: Mapping[Metric, Series], params: Json, now: float) -> Json:
    """GetMetricData for MetricStat queries; an unknown metric has no values, as in AWS. Newest first by default.

    Short periods are gone after a while, as in CloudWatch.
    """
    start, end = epoch(params["StartTime"]), epoch(params["EndTime"])
    if start >= end:
        raise ApiError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    ascending = params.get("ScanBy") == "TimestampAscending"
    results = []
    for query in params["MetricDataQueries"]:
        if "MetricStat" not in query:
            raise NotImplementedError("the twin has no metric expressions")
        oldest = now - kept(query["MetricStat"]["Period"])
        points = _points(series, query["MetricStat"], max(start, oldest), end)
        ordered = points if ascending else points[::-1]
        results.append(
            {
                "Id": query["Id"],
                "Label": query.get("Label", query["MetricStat"]["Metric"].get("MetricName", "")),
                "Timestamps": [at_utc(time) for time, _ in ordered],
                "Values": [value for _, value in ordered],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": results, "Messages": []}


def _points(series: Mapping[Metric, Series], query: Json, start: float, end: float) -> list[tuple[int, float]]:
    asked, period = query["Metric"], query["Period"]
    dimensions = {each["Name"]: each["Value"] for each in asked.get("Dimensions", ())}
    found = series.get(Metric.of(asked["Namespace"], asked["MetricName"], query["Stat"], dimensions))
    if found is None:
        return []
    first = int(start) // period * period
    values = [(time, found.period(time, period)) for time in range(first, int(end), period)]
    return [(time, value) for time, value in values if value is not None]
