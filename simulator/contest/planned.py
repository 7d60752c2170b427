"""Firstbell in the contest: the real planner, which knows the calendar and learns from the weeks before.

Everything here is the product's: what it learns, how it plans. It is asked anew each week (really every quarter of an
hour); in between its scheduled actions run, each up to two minutes late.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from firstbell.capacity.planning import LATE, make_plan
from firstbell.capacity.values import Learned, Peak
from firstbell.learning import estimates, outcomes
from firstbell.learning.outcomes import Outcome, Used
from simulator.contest.campus import STEP, Campus

NEAR = timedelta(hours=6)  # what is further from a peak does not concern it
NOT_LIMITED = 9.0  # the share that an outcome was planned with: nothing was at its limit, the demand is known


def floors(campus: Campus, random: Random) -> list[int]:
    """MinSize at each played step."""
    found: list[int] = []
    for week in range(campus.term.weeks):
        start = campus.term.opens + timedelta(weeks=week)
        plan = make_plan(campus.site, campus.peaks, start, start + timedelta(weeks=1), learned=learned(campus, start))
        begin = campus.step(start.timestamp())
        own = [plan.steps[0].instances] * (7 * 86400 // STEP)
        for step in plan.steps[1:]:
            at = campus.step(step.at.timestamp() + random.uniform(0.0, LATE.total_seconds())) - begin
            own[at:] = [step.instances] * len(own[at:])
        found += own
    return found


def learned(campus: Campus, now: datetime) -> Learned:
    """What the weeks up to `now` have taught: the ordinary week, and from the peaks' outcomes the turnout."""
    site, past = campus.site, [p for p in campus.peaks if p.end < now]
    left_out = [span for peak in past for span in outcomes.spans(peak, site)]
    points = _used(campus, now)
    usual = estimates.baseline(points, site.zone, left_out, site.fleet.baseline_vcpus)
    return Learned(usual, site.fleet.lead, estimates.factors(site, _outcomes(campus, past, usual, points)))


def _used(campus: Campus, now: datetime) -> list[Used]:
    steps = int(outcomes.PERIOD.total_seconds()) // STEP
    all_ = campus.demand.vcpus(steps)[: campus.step(now.timestamp()) // steps]
    return [Used(campus.term.start + n * outcomes.PERIOD, vcpus) for n, vcpus in enumerate(all_)]


def _outcomes(campus: Campus, past: Sequence[Peak], usual: Sequence[float], points: Sequence[Used]) -> list[Outcome]:
    each = NEAR // outcomes.PERIOD
    found = []
    for peak in past:
        at = (peak.start - campus.term.start) // outcomes.PERIOD
        near = [p for p in past if abs(p.start - peak.start) < NEAR]
        around = points[max(0, at - each) : at + each]
        judged = outcomes.judge(peak, near, around, campus.site, usual, NOT_LIMITED)
        if isinstance(judged, Outcome):
            found.append(judged)
    return found
