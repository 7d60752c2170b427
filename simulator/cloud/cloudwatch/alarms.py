"""Alarms: M out of N data points against a threshold, with the treatment of missing data. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.cloud.cloudwatch.formulas import Formula
from simulator.cloud.cloudwatch.metrics import Metric, Series

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"

WORDS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


@dataclass(frozen=True)
class Alarm:
    """An alarm on a metric or a formula; `period` in seconds.

    `missing` is one of missing, ignore, breaching and notBreaching.
    """

    name: str
    metric: Metric | Formula
    threshold: float
    comparison: str = "GreaterThanThreshold"
    period: int = 60
    evaluation_periods: int = 3
    datapoints_to_alarm: int | None = None
    missing: str = "missing"
    description: str = ""

    @property
    def evaluation_range(self) -> int:
        """How many periods CloudWatch looks at: some more than N, in its examples two."""
        return self.evaluation_periods + 2

    @property
    def needed(self) -> int:
        """M of "M out of N"."""
        return self.datapoints_to_alarm or self.evaluation_periods

    def points(self, series: Mapping[Metric, Series], starts: Sequence[int]) -> list[float | None]:
        """The data points of the periods that begin at `starts`; None where there is none."""
        if isinstance(self.metric, Formula):
            return [self.metric.value(series, start, self.period) for start in starts]
        found = series.get(self.metric)
        return [found.period(start, self.period) if found else None for start in starts]

    def breaches(self, value: float) -> bool:
        """Whether a data point is on the bad side of the threshold."""
        match self.comparison:
            case "GreaterThanThreshold":
                return value > self.threshold
            case "GreaterThanOrEqualToThreshold":
                return value >= self.threshold
            case "LessThanThreshold":
                return value < self.threshold
            case "LessThanOrEqualToThreshold":
                return value <= self.threshold
        raise ValueError(f"unknown comparison {self.comparison}")

    def considered(self, points: Sequence[float | None]) -> list[float]:
        """The data points that count: the latest N that exist among the N + 2 of the evaluation range."""
        real = [point for point in points[-self.evaluation_range :] if point is not None]
        return real[-self.evaluation_periods :]

    def evaluate(self, points: Sequence[float | None], state: str) -> str:
        """The state after `points` (None: missing, the newest last), `state` being the present one.

        Only what is then still missing of N is filled in, as `missing` says ("Configuring how CloudWatch alarms treat
        missing data", user guide).
        """
        real = self.considered(points)
        if not real:
            return {"missing": INSUFFICIENT, "ignore": state, "breaching": ALARM, "notBreaching": OK}[self.missing]
        lacking = self.evaluation_periods - len(real)
        breaching = sum(map(self.breaches, real))
        match self.missing:
            case "breaching":
                alarming = breaching + lacking >= self.needed
            case "notBreaching":
                alarming = breaching >= self.needed
            case "ignore":
                if breaching < self.needed <= breaching + lacking:
                    return state
                alarming = breaching >= self.needed
            case _:
                alarming = breaching >= min(self.needed, len(real))
        return ALARM if alarming else OK

    def reason(self, points: Sequence[tuple[str, float]], old: str, new: str) -> str:
        """Why the state changed, in CloudWatch's words; `points` are (day and time, value), the newest last."""
        if new == INSUFFICIENT:
            return f"Insufficient Data: {self.evaluation_periods} datapoints were unknown."
        shown = [(time, value) for time, value in points if self.breaches(value) == (new == ALARM)] or list(points)
        count, total = len(shown), self.evaluation_periods
        listed = ", ".join(f"{value} ({time})" for time, value in reversed(shown))
        verb = "was" if count == 1 else "were"
        negation = "" if new == ALARM else "not "
        least = self.needed if new == ALARM else total - self.needed + 1
        noun = "datapoint" if least == 1 else "datapoints"
        return (
            f"Threshold Crossed: {count} out of the last {total} datapoints [{listed}] {verb} {negation}"
            f"{WORDS[self.comparison]} the threshold ({self.threshold}) "
            f"(minimum {least} {noun} for {old} -> {new} transition)."
        )
