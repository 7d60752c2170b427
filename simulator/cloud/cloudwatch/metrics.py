"""Metrics: one reading a minute from a callback, kept for GetMetricData and for alarms."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MINUTE = 60
KEPT = 15 * 86400  # seconds of one-minute data points that CloudWatch keeps (metrics retention)

Read = Callable[[], float | None]
"""The reading of the last minute; None when there was nothing to measure, which makes no data point."""


@dataclass(frozen=True)
class Metric:
    """A metric and the statistic of it that is read: "Average", "Sum", "Maximum", "Minimum" or a percentile ("p95")."""

    namespace: str
    name: str
    stat: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, stat: str, dimensions: Mapping[str, str]) -> "Metric":
        """A metric with its dimensions in whatever order."""
        return cls(namespace, name, stat, tuple(sorted(dimensions.items())))


class Series:
    """The data points of a metric: (start of the minute in seconds since the epoch, value)."""

    def __init__(self, metric: Metric, read: Read) -> None:
        self.metric = metric
        self._read = read
        self._times: list[int] = []
        self._values: list[float] = []

    def sample(self, now: float) -> None:
        """Read the minute that ends at `now`."""
        value = self._read()
        if value is None:
            return
        self._times.append(int(now) - MINUTE)
        self._values.append(float(value))
        if self._times[0] < now - 2 * KEPT:
            keep = bisect_left(self._times, int(now) - KEPT)
            del self._times[:keep], self._values[:keep]

    def period(self, start: int, length: int) -> float | None:
        """The statistic of the period [start, start + length), None without data.

        A percentile of several minutes is taken as the mean of those of the minutes: the twin keeps no raw values.
        """
        first, last = bisect_left(self._times, start), bisect_left(self._times, start + length)
        values = self._values[first:last]
        if not values:
            return None
        match self.metric.stat:
            case "Sum" | "SampleCount":
                return sum(values)
            case "Maximum":
                return max(values)
            case "Minimum":
                return min(values)
            case _:
                return sum(values) / len(values)
