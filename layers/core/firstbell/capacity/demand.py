"""How many vCPUs a peak asks for, phase by phase: what its people do, what each step costs, how steeply they arrive.

The steps' costs come from the site (`Costs`, measured on a real Moodle); the arrival windows below from nine real class
onsets (steepest: three quarters within 120 s, median: 90 % within 8 minutes) and, for exams, the operators' own words:
everybody clicks "Start attempt" in the same minute.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.capacity.values import Peak
from firstbell.site import Costs, Kind

LOG_IN = timedelta(minutes=25)  # before an exam; 70 % of it in the last 12 minutes
LATE_LOG_IN = timedelta(minutes=12)
LATE_SHARE = 0.7
CLOSING = timedelta(minutes=4)  # around the end, when everybody submits
PAGE_EVERY = 150.0  # seconds between two saved pages of one participant
AUTOSAVE_EVERY = 60.0  # seconds, Moodle's default
LONG = timedelta(hours=4)  # a window longer than this is not sat through: people come at its beginning and its end
RUSH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Phase:
    """A constant demand of `vcpus` from `start` to `end`; `what` names it."""

    start: datetime
    end: datetime
    vcpus: float
    what: str


def starts_within(kind: Kind) -> timedelta:
    """Within what time after the start everybody has arrived."""
    return {
        "exam": timedelta(seconds=60),
        "quiz": timedelta(minutes=5),
        "lecture": timedelta(minutes=8),
        "deadline": RUSH,
        "term_start": timedelta(hours=2),
    }[kind]


def phases(peak: Peak, costs: Costs) -> list[Phase]:
    """What `peak` asks for over time, in vCPUs; empty without participants."""
    if peak.participants == 0:
        return []
    arrive = costs.login + costs.dashboard + costs.course
    match peak.kind:
        case "exam" | "quiz":
            return _sitting(peak, costs, arrive)
        case "lecture" | "term_start":
            return [_burst(peak, peak.start, starts_within(peak.kind), arrive + costs.course, costs, "arriving")]
        case "deadline":
            work = arrive + costs.submit + 2 * costs.save_page
            return [_burst(peak, peak.end - RUSH, RUSH, work, costs, "submitting before the deadline")]


def _sitting(peak: Peak, costs: Costs, arrive: float) -> list[Phase]:
    """Log-in, start, answering, closing: the phases of an exam, and of a quiz with a window that can be sat through."""
    start, end, attempt = peak.start, max(peak.end, peak.start), costs.quiz_view + costs.start_attempt
    per_second = costs.save_page / PAGE_EVERY + costs.autosave / AUTOSAVE_EVERY
    answering = peak.participants * per_second * costs.vcpu_factor / 1000
    if end - start > LONG:
        return [
            _burst(peak, start, RUSH, arrive + attempt, costs, "starting in the first hour"),
            _burst(peak, end - RUSH, RUSH, arrive + attempt + costs.submit, costs, "finishing in the last hour"),
        ]
    early = LOG_IN - LATE_LOG_IN
    return [
        _burst(peak, start - LOG_IN, early, arrive * (1 - LATE_SHARE), costs, "logging in"),
        _burst(peak, start - LATE_LOG_IN, LATE_LOG_IN, arrive * LATE_SHARE, costs, "logging in"),
        _burst(peak, start, starts_within(peak.kind), attempt, costs, "starting the attempt"),
        Phase(start, end, answering, "answering"),
        _burst(peak, end - CLOSING / 2, CLOSING, costs.submit, costs, "submitting"),
    ]


def _burst(peak: Peak, start: datetime, lasts: timedelta, cpu_ms: float, costs: Costs, what: str) -> Phase:
    """Everybody spends `cpu_ms` (of a whole core) some time within `lasts`."""
    vcpus = peak.participants * cpu_ms * costs.vcpu_factor / 1000 / lasts.total_seconds()
    return Phase(start, start + lasts, vcpus, what)


def highest(found: Iterable[Phase], start: datetime, end: datetime) -> tuple[float, tuple[Phase, ...]]:
    """The highest total demand between `start` and `end`, and the phases that make it."""
    inside = [p for p in found if p.start < end and start < p.end]
    best: tuple[float, tuple[Phase, ...]] = (0.0, ())
    for moment in sorted({max(p.start, start) for p in inside}):
        now = tuple(p for p in inside if p.start <= moment < p.end)
        best = max(best, (sum(p.vcpus for p in now), now), key=lambda found: found[0])
    return best
