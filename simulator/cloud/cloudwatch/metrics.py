"""Metrics: one reading a minute from a callback, kept for GetMetricData and for alarms."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

MINUTE = 60
DAY = 86400
RETENTION = ((1, 10_800), (60, 15 * DAY), (300, 63 * DAY), (3600, 455 * DAY))
"""For how many seconds CloudWatch keeps data points of a period, and of longer ones (GetMetricData)."""
KEPT = 63 * DAY  # seconds of points that the twin keeps, whatever their period


def kept(period: int) -> int:
    """For how many seconds data points of `period` seconds can be asked for."""
    return max(seconds for shortest, seconds in RETENTION if shortest <= period)


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

    def seed(self, points: Iterable[tuple[float, float]]) -> None:
        """Put points of a time before the first sample in front: (start, value of the time until the next point)."""
        times, values = zip(*sorted(points), strict=True)
        self._times[:0] = [int(time) for time in times]
        self._values[:0] = values

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
