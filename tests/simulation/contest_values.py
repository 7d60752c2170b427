"""Values that the tests of the contest share: a small site, and campuses whose demand is written by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime

from firstbell.capacity.values import Peak
from firstbell.site import Fleet, Site
from simulator.contest.campus import STEP, Campus, Demand
from simulator.contest.timetable import Term

MONDAY = datetime(2026, 10, 5, tzinfo=UTC)
HOUR = 3600 // STEP


def site(**fleet: int) -> Site:
    """A site of two-vCPU instances that take five minutes to serve."""
    return Site("campus", "UTC", Fleet("web", **({"max_instances": 100} | fleet)))


def steady(vcpus: Sequence[float], request: float = 0.1, peaks: tuple[Peak, ...] = ()) -> Campus:
    """A campus whose demand is given in vCPUs for each step, in requests of `request` vCPU seconds; no history."""
    demand = Demand.none(len(vcpus))
    demand.work[:] = [each * STEP for each in vcpus]
    demand.requests[:] = [work / request for work in demand.work]
    return Campus(site(), Term(MONDAY, history=0), peaks, demand)
