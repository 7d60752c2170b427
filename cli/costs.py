"""What a plan costs, and what it is to be compared with."""

from dataclasses import dataclass
from itertools import pairwise

from firstbell.capacity.values import Plan
from firstbell.site import Fleet


@dataclass(frozen=True, slots=True)
class Cost:
    """Instance-hours and US dollars of a plan; `always_least` and `always_most` are those of a fixed fleet."""

    instance_hours: float
    usd: float
    hourly_usd: float
    always_least: float
    always_most: float


def of_plan(plan: Plan, fleet: Fleet) -> Cost:
    """The cost of the planned floor from the plan's start to its end, at the site file's price of an instance-hour."""
    edges = [step.at for step in plan.steps] + [plan.end]
    used = sum(
        (end - start).total_seconds() / 3600 * step.instances
        for (start, end), step in zip(pairwise(edges), plan.steps, strict=True)
    )
    hours = (plan.end - plan.start).total_seconds() / 3600
    price = fleet.instance_price
    return Cost(
        round(used, 2),
        round(used * price, 2),
        price,
        round(hours * fleet.min_instances * price, 2),
        round(hours * fleet.max_instances * price, 2),
    )
