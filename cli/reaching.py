"""What a person should see in a plan, and a group does not need: whose floors reach into it, why it rests so high."""

from collections.abc import Iterable
from dataclasses import replace

from firstbell.capacity.planning import LATE, Demand, lead_time
from firstbell.capacity.values import Learned, Peak, Plan, Step
from firstbell.site import Site


def peaks(site: Site, around: Iterable[Peak], plan: Plan, learned: Learned) -> tuple[Peak, ...]:
    """The plan's peaks, and those of `around` that are outside its time but want instances within it."""
    early = lead_time(site, learned) + LATE
    of_peaks = Demand.of(site, sorted(set(around)), plan.start, plan.end, learned).of_peaks
    within = {
        peak
        for peak, phases in of_peaks
        if any(phase.start - early < plan.end and phase.end > plan.start for phase in phases)
    }
    return tuple(sorted(within | set(plan.peaks)))


def steps(site: Site, plan: Plan) -> tuple[Step, ...]:
    """The plan's steps; where nothing is planned and the group's own MinSize is above the site's, it is the reason."""
    if plan.resting is None or plan.resting <= site.fleet.min_instances:
        return plan.steps
    why = (f"nothing is planned; {plan.resting} is the group's own MinSize (the site's is {site.fleet.min_instances})",)
    idle = ("nothing is planned",)
    return tuple(
        replace(s, reasons=why) if s.reasons == idle and s.instances == plan.resting else s for s in plan.steps
    )
