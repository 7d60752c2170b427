"""CloudWatch as the rest of the twin uses it: metrics to watch, alarms to evaluate, events, and the API."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.cloud.cloudwatch.alarms import INSUFFICIENT, Alarm
from simulator.cloud.cloudwatch.metrics import MINUTE, Metric, Read, Series
from simulator.cloud.cloudwatch.queries import alarm_event_configuration, describe_alarm, metric_data
from simulator.cloud.ground import Ground, Identifiers, Json, Operations, page, with_token

INITIAL = "Unchecked: Initial alarm creation"
EVALUATION_DELAY = 5.0  # seconds between the end of a minute and its evaluation


@dataclass(slots=True, eq=False)
class Standing:
    """An alarm and its state; `since` in seconds since the epoch, the reasons as CloudWatch words them."""

    alarm: Alarm
    metric_id: str
    since: float
    value: str = INSUFFICIENT
    reason: str = INITIAL
    reason_data: str | None = None


class CloudWatch:
    """Samples its metrics at each full minute and evaluates its alarms a few seconds later, in virtual time."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._engine = ground.engine
        self._series: dict[Metric, Series] = {}
        self.alarms: dict[str, Standing] = {}
        self._ids = Identifiers(ground.engine, "cloudwatch")
        first = self._engine.now - self._engine.now % MINUTE + MINUTE
        self._engine.every(MINUTE, self._sample, first=first)
        self._engine.every(MINUTE, self._evaluate, first=first + EVALUATION_DELAY)

    def watch(self, metric: Metric, read: Read) -> None:
        """Add a metric; `read()` is called at the end of every minute."""
        self._series[metric] = Series(metric, read)

    def seed(self, metric: Metric, points: Iterable[tuple[float, float]]) -> None:
        """Give a metric a history from before the run: (start in seconds since the epoch, value), such as of hours.

        A metric that nobody watches has nothing but this history.
        """
        self._series.setdefault(metric, Series(metric, lambda: None)).seed(points)

    def add_alarm(self, alarm: Alarm) -> None:
        """Add an alarm on metrics (watched already or not); it begins in INSUFFICIENT_DATA."""
        self.alarms[alarm.name] = Standing(alarm, self._ids.uuid(), self._engine.now)

    def set_state(self, name: str, value: str, reason: str) -> None:
        """Let an alarm change its state as SetAlarmState does: until its next evaluation finds otherwise."""
        self._change(self.alarms[name], value, reason, None)

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {
            ("cloudwatch", "DescribeAlarms"): self.describe_alarms,
            ("cloudwatch", "GetMetricData"): lambda params: metric_data(self._series, params, self._engine.now),
        }

    def describe_alarms(self, params: Json) -> Json:
        """DescribeAlarms: metric alarms by name, prefix and state."""
        names, prefix, state = params.get("AlarmNames"), params.get("AlarmNamePrefix"), params.get("StateValue")
        standings = [
            standing
            for name, standing in sorted(self.alarms.items())
            if (not names or name in names)
            and (prefix is None or name.startswith(prefix))
            and state in (None, standing.value)
            and "MetricAlarm" in params.get("AlarmTypes", ["MetricAlarm"])
        ]
        chosen, token = page(standings, params, "MaxRecords", 50, 100)
        described = [
            describe_alarm(each.alarm, self._arn(each), each.value, each.reason, each.reason_data, each.since)
            for each in chosen
        ]
        return with_token({"MetricAlarms": described, "CompositeAlarms": []}, token)

    def _sample(self) -> None:
        for series in self._series.values():
            series.sample(self._engine.now)

    def _evaluate(self) -> None:
        for standing in self.alarms.values():
            self._evaluate_alarm(standing)

    def _evaluate_alarm(self, standing: Standing) -> None:
        alarm = standing.alarm
        end = int(self._engine.now) // alarm.period * alarm.period
        starts = [end - alarm.period * back for back in range(alarm.evaluation_range, 0, -1)]
        points = alarm.points(self._series, starts)
        value = alarm.evaluate(points, standing.value)
        if value == standing.value:
            return
        known = [(start, point) for start, point in zip(starts, points, strict=True) if point is not None]
        known = known[-alarm.evaluation_periods :]
        shown = [(f"{datetime.fromtimestamp(start, UTC):%d/%m/%y %H:%M:%S}", point) for start, point in known]
        self._change(standing, value, alarm.reason(shown, standing.value, value), self._reason_data(alarm, known))

    def _change(self, standing: Standing, value: str, reason: str, reason_data: str | None) -> None:
        """Change the state, and tell EventBridge."""
        alarm, previous = standing.alarm, _state(standing)
        standing.value, standing.since = value, self._engine.now
        standing.reason, standing.reason_data = reason, reason_data
        detail: Json = {
            "alarmName": alarm.name,
            "state": _state(standing),
            "previousState": previous,
            "configuration": alarm_event_configuration(alarm, standing.metric_id),
        }
        self._ground.publish("aws.cloudwatch", "CloudWatch Alarm State Change", [self._arn(standing)], detail)

    def _reason_data(self, alarm: Alarm, known: list[tuple[int, float]]) -> str:
        data: Json = {"version": "1.0", "queryDate": _stamp(self._engine.now)}
        if known:
            data["startDate"] = _stamp(known[0][0])
        if isinstance(alarm.metric, Metric):
            data["statistic"] = alarm.metric.stat
        data |= {
            "period": alarm.period,
            "recentDatapoints": [point for _, point in known],
            "threshold": alarm.threshold,
        }
        return json.dumps(data, separators=(",", ":"))

    def _arn(self, standing: Standing) -> str:
        return self._ground.account.arn("cloudwatch", f"alarm:{standing.alarm.name}")


def _state(standing: Standing) -> Json:
    state = {"value": standing.value, "reason": standing.reason, "timestamp": _stamp(standing.since)}
    return state if standing.reason_data is None else {**state, "reasonData": standing.reason_data}


def _stamp(seconds: float) -> str:
    """A time as the alarm events write it: 2019-10-01T13:56:40.987+0000."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{int(seconds * 1000) % 1000:03d}+0000"
