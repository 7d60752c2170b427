"""How a loaded server answers: processor sharing, as measured on a real Moodle (simulator/data/capacity.csv).

With n CPUs that random arrivals keep busy to rho, a request takes 1 / (1 - rho ** n) of its own time on average: for
one CPU that is the measured S / (1 - rho). In an overload all wait in proportion to their own time, since all share the
CPUs (simulator/data/burst.csv: a log-in of 111 ms takes 4.4 s when a save of 52 ms takes 1.4 s).
"""

from math import exp

SLOW = 2.0  # seconds
GIVEN_UP = 60.0  # seconds: the balancer's idle time-out
BUSIEST = 0.9  # of a CPU, by random arrivals: beyond it nothing is steady, and the backlog says how long it takes


def stretch(rho: float, vcpus: float) -> float:
    """How many times its own time a request takes on average when random arrivals use `rho` of the CPUs."""
    return 1.0 / (1.0 - float(min(rho, BUSIEST) ** vcpus))


def mean_time(own: float, stretched: float, waiting: float) -> float:
    """The mean seconds of requests of `own` seconds; `waiting` requests for each CPU are ahead of them."""
    return own * (stretched + waiting)


def slow_share(own: float, stretched: float, waiting: float) -> float:
    """The share of requests of `own` seconds that take over SLOW seconds.

    What is ahead delays all the same; what random arrivals add is exponential, which meets the measured 95th
    percentiles of open runs within a third, up to 90 % CPU.
    """
    left = SLOW - own * (1.0 + waiting)
    if left <= 0.0:
        return 1.0
    mean = own * (stretched - 1.0)
    return exp(-left / mean) if left < 30.0 * mean else 0.0
