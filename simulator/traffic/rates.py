"""Arrival rates over time: functions from seconds since the epoch to requests per second, to be combined freely."""

from bisect import bisect_right
from collections.abc import Callable

Rate = Callable[[float], float]

# Requests by hour of day in a real Moodle course's log (95,626 requests), relative to its busiest hour.
_HOURS = (
    *(0.06, 0.03, 0.03, 0.02, 0.09, 0.32, 0.39, 0.65, 0.87, 1.00, 0.86, 0.78),
    *(0.72, 0.80, 0.82, 0.72, 0.78, 0.78, 0.56, 0.59, 0.45, 0.39, 0.17, 0.08),
)


def constant(rate: float) -> Rate:
    """Return the rate that is the same at all times."""
    return lambda _: rate


def pieces(*steps: tuple[float, float]) -> Rate:
    """Return the step function through (time, rate from then on), in order of time; 0 before the first."""
    times = [time for time, _ in steps]
    rates = [0.0, *(rate for _, rate in steps)]
    if times != sorted(times):
        raise ValueError("the steps of a rate must be in order of time")
    return lambda time: rates[bisect_right(times, time)]


def spike(at: float, rate: float, lasts: float) -> Rate:
    """Return a step to `rate` at `at` that is over after `lasts` seconds: something went viral."""
    return pieces((at, rate), (at + lasts, 0.0))


def daily(peak: float, utc_offset: float = 0.0) -> Rate:
    """Return the rhythm of a day with `peak` requests per second in its busiest hour; `utc_offset` in hours."""

    def rate(time: float) -> float:
        # the middle of an hour has that hour's value, in between it is interpolated
        hour, part = divmod(time / 3600.0 + utc_offset - 0.5, 1.0)
        now, after = _HOURS[int(hour) % 24], _HOURS[(int(hour) + 1) % 24]
        return peak * (now + part * (after - now))

    return rate


def total(*rates: Rate) -> Rate:
    """Return the sum of several rates."""
    return lambda time: sum(rate(time) for rate in rates)
