"""What a user does, as generators of (earliest time of a click, step): the next is asked for when the last is answered.

So the loop is closed: a slow page delays everything that its user does afterwards. All randomness of an exam's student
is a stream of the student's own: the same students do the same things whatever the servers are like.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log
from random import Random

from simulator.traffic.costs import (
    ATTEMPT_PAGE,
    AUTOSAVE,
    COURSE,
    DASHBOARD,
    LOGIN,
    QUIZ_VIEW,
    SAVE_NEXT,
    START,
    SUBMIT,
    Step,
)
from simulator.traffic.rates import Rate

Life = Iterator[tuple[float, Step]]
Clock = Callable[[], float]

_THINK = log(5.0), 0.5  # between two clicks on the way to the quiz: median 5 s
_PAGE_SIGMA = 0.6


@dataclass(frozen=True)
class Exam:
    """A quiz that all its students begin at the same time; `opens` and `closes` in seconds since the epoch.

    Durations are seconds. Log-ins are spread over `login_lead` before `opens` as Beta(2, 5), counted backwards: half of
    them in the last 6.6 of 25 minutes and 87 % in the last 12, as steep as measured class onsets (80 % within 7-13
    minutes). "Start attempt" follows the opening by a half-normal delay of `start_sigma`. `early` students are finished
    well before their time is over, `last_minute` in its last minute, the others mostly in the last ten.
    """

    title: str
    opens: float
    closes: float
    students: int
    time_limit: float
    login_lead: float = 1500.0
    start_sigma: float = 40.0
    page_time: float = 150.0
    autosave: float = 60.0
    early: float = 0.25
    last_minute: float = 0.10

    def __post_init__(self) -> None:
        if self.closes <= self.opens:
            raise ValueError(f"{self.title}: an exam must close after it opens")


@dataclass(frozen=True)
class Background:
    """A Poisson stream of short sessions; `rate(time)` is in requests per second, time in seconds since the epoch.

    A session opens `pages`, then on average `mean_more` of `more`; `think` seconds between its clicks on average.
    A viral moment is a Background whose rate has a step (`rates.spike`).
    """

    title: str
    rate: Rate
    pages: tuple[Step, ...] = (LOGIN, DASHBOARD, COURSE)
    more: tuple[Step, ...] = (COURSE, QUIZ_VIEW, ATTEMPT_PAGE)
    mean_more: float = 3.0
    think: float = 15.0

    @property
    def requests_per_session(self) -> float:
        """Requests of a session on average, so that session arrivals add up to `rate`."""
        return len(self.pages) + (self.mean_more if self.more else 0.0)


def sit(exam: Exam, now: Clock, random: Random) -> Life:
    """Live through one student's exam."""
    click = exam.opens + abs(random.gauss(0.0, exam.start_sigma))
    look = click - random.uniform(5.0, 60.0)
    haste = random.random()
    yield exam.opens - exam.login_lead * random.betavariate(2.0, 5.0), LOGIN
    yield now() + random.lognormvariate(*_THINK), DASHBOARD
    yield now() + random.lognormvariate(*_THINK), COURSE
    yield max(now() + random.lognormvariate(*_THINK), look), QUIZ_VIEW
    if now() >= exam.closes:
        return  # came, or was kept waiting, until it was too late
    yield max(now() + random.uniform(1.0, 4.0), click), START
    deadline = min(now() + exam.time_limit, exam.closes)
    left = _left_at_submission(exam, haste, max(0.0, deadline - now()), random)
    yield from _answer(exam, now, random, deadline - left)


def _left_at_submission(exam: Exam, haste: float, time: float, random: Random) -> float:
    """Return how many of the `time` seconds that a student has are left when the attempt is submitted."""
    if haste < exam.early:
        return time * random.uniform(0.1, 0.5)
    if haste < exam.early + exam.last_minute:
        return random.uniform(0.0, min(60.0, time))
    return min(60.0 + random.expovariate(1 / 240.0), time * 0.5)


def _answer(exam: Exam, now: Clock, random: Random, end: float) -> Life:
    """Answer page after page until `end`, then submit."""
    median = log(exam.page_time) - _PAGE_SIGMA**2 / 2  # so that the mean is page_time
    while True:
        turn = now() + random.lognormvariate(median, _PAGE_SIGMA)
        save = now() + exam.autosave
        while save < min(turn, end):
            yield save, AUTOSAVE
            save = max(save, now()) + exam.autosave
        if turn >= end:
            break
        yield turn, SAVE_NEXT
    yield end, SUBMIT


def visit(background: Background, now: Clock, random: Random) -> Life:
    """Live through one session of a background stream."""
    rate = 1 / background.think
    yield now(), background.pages[0]
    for page in background.pages[1:]:
        yield now() + random.expovariate(rate), page
    another = background.mean_more / (1.0 + background.mean_more)
    while background.more and random.random() < another:
        yield now() + random.expovariate(rate), random.choice(background.more)
