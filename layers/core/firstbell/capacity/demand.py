"""How many vCPUs a peak asks for, phase by phase: what its people do, what each step costs, how steeply they arrive.

Every number is the site's (`Costs`, `Arrivals`, `Participation`, with their sources); here is only how they combine.
An exam has three separate rushes: the log-in before the start, the start itself, and the closing submission.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import NormalDist

from firstbell.capacity.values import Learned, Peak
from firstbell.site import Kind, Profile, Site, Turnout

LONG = {"quiz": timedelta(hours=4), "exam": timedelta(hours=25)}
"""A window longer than this is not sat through: people come at its beginning and its end. What somebody calls an exam
is held for up to a whole day (25 hours when the clocks change): a calendar may say the day only."""
RUSH = timedelta(hours=1)
LEAST_SHARE, MOST_SHARE = 0.5, 1.5  # of the invited: no prior and no outcome plans for fewer or more


@dataclass(frozen=True, slots=True)
class Phase:
    """A constant demand of `vcpus` from `start` to `end`; `what` names it."""

    start: datetime
    end: datetime
    vcpus: float
    what: str


def is_sat_through(peak: Peak) -> bool:
    """Whether its people stay from the start to the end: an exam or quiz whose window is short."""
    return peak.kind in LONG and peak.end - peak.start <= LONG[peak.kind]


def share(site: Site, learned: Learned, kind: Kind) -> float:
    """The share of the invited to plan for: learned from outcomes, or the site's turnout, at the site's quantile."""
    for factor in learned.factors:
        if factor.kind == kind:
            return factor.share
    turnout: Turnout = getattr(site.participation, kind)
    planned = turnout.mean + NormalDist().inv_cdf(site.participation.quantile) * turnout.deviation
    return min(MOST_SHARE, max(LEAST_SHARE, planned))


def phases(peak: Peak, site: Site, share: float = 1.0) -> list[Phase]:
    """What `peak` asks for over time, in vCPUs, when `share` of its participants come; empty without participants."""
    costs, arrivals = site.costs, site.arrivals
    people = peak.participants * share * costs.vcpu_factor / 1000  # vCPU seconds for each CPU millisecond of a step
    arrive = costs.login + costs.dashboard + costs.course
    if people == 0:
        return []
    match peak.kind:
        case "exam" | "quiz" if is_sat_through(peak):
            return _sitting(peak, site, people, arrive)
        case "exam" | "quiz":
            sit = min(timedelta(seconds=peak.limit) if peak.limit else RUSH, RUSH)
            whole = arrive + costs.quiz_view + costs.start_attempt + _per_second(site) * sit.total_seconds()
            first = _burst(peak.start, ((RUSH.total_seconds(), 1.0),), people * whole, "starting in the first hour")
            last = _before(peak.end, arrivals.deadline, people * (whole + costs.submit), "finishing in the last hour")
            return [*first, *last]
        case "lecture":
            return _burst(peak.start, arrivals.lecture, people * (arrive + costs.course), "arriving")
        case "term_start":
            return _burst(peak.start, arrivals.term_start, people * (arrive + costs.course), "arriving")
        case "deadline":
            work = arrive + costs.submit + 2 * costs.save_page
            return _before(peak.end, arrivals.deadline, people * work, "submitting before the deadline")


def _sitting(peak: Peak, site: Site, people: float, arrive: float) -> list[Phase]:
    """Log-in, start, answering, closing: the phases of what is sat through."""
    costs, arrivals = site.costs, site.arrivals
    start, end = peak.start, max(peak.end, peak.start)
    closes = min(end, start + timedelta(seconds=peak.limit)) if peak.limit else end
    opening = arrivals.exam if peak.kind == "exam" else arrivals.quiz
    middle = timedelta(seconds=arrivals.closing[-1][0] / 2)
    return [
        *_before(start, arrivals.log_in, people * arrive, "logging in"),
        *_burst(start, opening, people * (costs.quiz_view + costs.start_attempt), "starting the attempt"),
        Phase(start, end + middle, people * _per_second(site), "answering"),
        *_burst(closes - middle, arrivals.closing, people * costs.submit, "submitting"),
    ]


def _per_second(site: Site) -> float:
    """CPU milliseconds that one person who answers costs each second."""
    costs, arrivals = site.costs, site.arrivals
    return costs.save_page / arrivals.page_every + costs.autosave / arrivals.autosave_every


def _burst(start: datetime, profile: Profile, work: float, what: str) -> list[Phase]:
    """All do `work` vCPU seconds together, and begin it from `start` on as the profile says."""
    return [
        Phase(start + timedelta(seconds=a), start + timedelta(seconds=b), work * (after - before) / (b - a), what)
        for (a, before), (b, after) in pairwise(((0.0, 0.0), *profile))
        if after > before
    ]


def _before(end: datetime, profile: Profile, work: float, what: str) -> list[Phase]:
    """The same, with the profile's end at `end`."""
    return _burst(end - timedelta(seconds=profile[-1][0]), profile, work, what)
