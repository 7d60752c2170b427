"""What really happens on the campus: who comes, when, and what it costs; drawn, and unknown to every planner.

Students live the lives of `simulator.traffic.lives` at the measured costs, but are never kept waiting: a fluid model
has nobody who waits. Lectures and quizzes begin as measured class onsets do, two minutes before to five after the hour;
at exams people log in before, and start together. Who comes is drawn from the site's turnout; half of the variance is
the campus's own for each kind, which a planner that learns can know. Nobody measured how submissions lie before a
deadline: assumed is half of them hours before, half in the last hour, 20 minutes before on average.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import sqrt
from random import Random

from firstbell.capacity.values import Peak
from firstbell.site import Kind, Site, Turnout
from simulator.contest.shapes import Shape, Trace, class_shapes, hum, moment
from simulator.contest.timetable import Term, peaks
from simulator.traffic.costs import COURSE, DASHBOARD, LOGIN, QUIZ_VIEW, SAVE_NEXT, SUBMIT, VCPU_FACTOR, Step
from simulator.traffic.lives import Background, Exam, Life, sit, visit
from simulator.traffic.rates import constant

STEP = 10  # seconds
LIVES = 250  # are drawn for one peak; of a larger one each counts for several students
A_DAY = 90.0  # requests of each student without an appointment: 8 a second in the busiest hour of 4,000 students
LOGIN_WORK = LOGIN.cpu * VCPU_FACTOR  # vCPU seconds

_IN_CLASS = Background("class", constant(0.0), more=(COURSE, QUIZ_VIEW), mean_more=1.0)
_SUBMITTING = Background(
    "deadline", constant(0.0), (LOGIN, DASHBOARD, COURSE, SAVE_NEXT, SAVE_NEXT, SUBMIT), (), think=60.0
)
_HUMMING = Background("hum", constant(0.0))


@dataclass(frozen=True, slots=True)
class Demand:
    """What arrives in each step: sessions that begin (with a log-in) and end, other requests and their vCPU seconds."""

    joins: list[float]
    leaves: list[float]
    requests: list[float]
    work: list[float]

    @classmethod
    def none(cls, steps: int) -> "Demand":
        """Nobody."""
        return cls(*([0.0] * steps for _ in range(4)))

    def vcpus(self, span: int) -> list[float]:
        """The average vCPUs asked for in each `span` steps."""
        each = [LOGIN_WORK * joins + work for joins, work in zip(self.joins, self.work, strict=True)]
        return [sum(each[n : n + span]) / (span * STEP) for n in range(0, len(each), span)]

    def add(self, step: int, page: Step, weight: float) -> None:
        """Add so many requests for a page."""
        if page is LOGIN:
            self.joins[step] += weight
        else:
            self.requests[step] += weight
            self.work[step] += weight * page.cpu * VCPU_FACTOR


@dataclass(frozen=True, slots=True)
class Campus:
    """A site, its term, the calendar that its planners know, and the demand from the term's start, unknown to them."""

    site: Site
    term: Term
    peaks: tuple[Peak, ...]
    demand: Demand

    @property
    def opens(self) -> int:
        """The step in which the played weeks begin."""
        return self.step(self.term.opens.timestamp())

    def step(self, time: float) -> int:
        """The step of a time, in seconds since the epoch; the first or last one for what is outside of the term."""
        step = int(time - self.term.start.timestamp()) // STEP
        return min(max(step, 0), len(self.demand.joins) - 1)


def draw(site: Site, term: Term, students: int, seed: int, traces: Sequence[Trace] = ()) -> Campus:
    """A campus of so many students; traces, if there are any, give the hum, and more class onsets than the measured."""
    known = peaks(term, students, Random(f"{seed}/timetable"))
    campus = Campus(site, term, known, Demand.none(int((term.end - term.start).total_seconds()) // STEP))
    minutes = hum(traces, students * A_DAY / 1440, term.history + term.weeks, Random(f"{seed}/hum"))
    _add_hum(campus.demand, minutes, Random(f"{seed}/noise"))
    random, shapes, means = Random(f"{seed}/campus"), class_shapes(traces), dict[Kind, float]()
    for peak in known:
        turnout: Turnout = getattr(site.participation, peak.kind)
        spread = turnout.deviation / sqrt(2)
        mean = means.setdefault(peak.kind, random.gauss(turnout.mean, spread))
        comers = peak.participants * min(1.0, max(0.0, random.gauss(mean, spread)))
        come(campus, peak, comers, random.choice(shapes), Random(f"{seed}/{peak.key}"))
    return campus


def _add_hum(demand: Demand, minutes: Sequence[float], random: Random) -> None:
    """Sessions of the twin's kind, as a stream with a Poisson process's noise."""
    each, some = _HUMMING.requests_per_session, _HUMMING.mean_more / len(_HUMMING.more)
    work = VCPU_FACTOR * (sum(page.cpu for page in _HUMMING.pages[1:]) + some * sum(page.cpu for page in _HUMMING.more))
    stay = round(each * _HUMMING.think / STEP)
    for step in range(len(demand.joins)):
        mean = minutes[step * STEP // 60] * STEP / 60 / each
        sessions = max(0.0, random.gauss(mean, sqrt(mean)))
        demand.joins[step] += sessions
        demand.requests[step] += sessions * (each - 1.0)
        demand.work[step] += sessions * work
        demand.leaves[min(step + stay, len(demand.leaves) - 1)] += sessions


def come(campus: Campus, peak: Peak, comers: float, shape: Shape, random: Random) -> None:
    """Let everybody who comes to a peak live; those of a class arrive as `shape` says."""
    lives = min(LIVES, round(comers))
    late = random.uniform(-120.0, 300.0)
    for _ in range(lives):
        step = campus.step(peak.start.timestamp())
        for time, page in _unhurried(peak, late + moment(shape, random.random()) + random.uniform(0.0, 60.0), random):
            step = campus.step(time)
            campus.demand.add(step, page, comers / lives)
        campus.demand.leaves[step] += comers / lives


def _unhurried(peak: Peak, delay: float, random: Random) -> Iterator[tuple[float, Step]]:
    """The clicks of somebody who never waits, and comes to a class `delay` seconds after its start."""
    now = peak.start.timestamp()
    exam = partial(Exam, peak.title, closes=peak.end.timestamp(), students=1, time_limit=8 * 3600.0)

    def clock() -> float:
        return now

    life: Life
    match peak.kind:
        case "exam":
            life = sit(exam(now), clock, random)
        case "quiz":
            now = min(now + delay, peak.end.timestamp() - 60.0)
            life = sit(exam(now, login_lead=0.0, start_sigma=20.0), clock, random)
        case "deadline":
            now -= random.choice((random.lognormvariate(10.0, 1.0), random.expovariate(1 / 1200)))
            life = visit(_SUBMITTING, clock, random)
        case "lecture" | "term_start":
            now += delay
            life = visit(_IN_CLASS, clock, random)
    for time, page in life:
        now = time
        yield time, page
