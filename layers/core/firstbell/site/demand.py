"""What people's clicks cost, how they arrive, and how many come: the numbers behind demand, each with its source.

The costs were measured on a real Moodle 5.1.3 (PHP 8.2, OPcache) on one whole core. A lecture's profile is the mean of
nine real class onsets (7 % within one minute, 52 % within 5, 85 % within 10), a quiz's is like the steepest of them; an
exam's is what operators report: everybody clicks "Start attempt" in the same minute.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from firstbell.site.checks import Help, Strict, Within

Profile = tuple[tuple[Annotated[float, Within(0, 86_400)], Annotated[float, Within(0, 1)]], ...]
"""How people arrive: (seconds, share that has arrived by then), ascending, the last share being 1; linear between."""


@dataclass(frozen=True)
class Costs(Strict):
    """CPU milliseconds of each step on one whole core, measured on a Moodle 5.1.3 with PHP 8.2 and OPcache."""

    login: Annotated[float, Within(0, 60_000)] = 111.0
    dashboard: Annotated[float, Within(0, 60_000)] = 70.0
    course: Annotated[float, Within(0, 60_000)] = 80.0
    quiz_view: Annotated[float, Within(0, 60_000)] = 41.0
    start_attempt: Annotated[float, Within(0, 60_000)] = 95.0
    save_page: Annotated[float, Within(0, 60_000)] = 52.0
    autosave: Annotated[float, Within(0, 60_000)] = 7.2
    submit: Annotated[float, Within(0, 60_000)] = 93.0
    request: Annotated[float, Within(0, 60_000), Help("An average request, static files included.")] = 30.0
    vcpu_factor: Annotated[float, Within(0.1, 20), Help("vCPU milliseconds for one millisecond of a whole core.")] = 2.0


@dataclass(frozen=True)
class Arrivals(Strict):
    """How steeply people arrive, and how often they click: each profile is a list of [seconds, share] pairs."""

    log_in: Annotated[Profile, Help("Before an exam or quiz: its end is the start.")] = ((780, 0.3), (1500, 1.0))
    exam: Annotated[Profile, Help("After an exam's start.")] = ((60, 1.0),)
    quiz: Annotated[Profile, Help("After a quiz's start.")] = ((60, 0.25), (180, 0.75), (300, 1.0))
    lecture: Annotated[Profile, Help("After a lecture's start.")] = ((60, 0.07), (300, 0.5), (600, 0.85), (1200, 1.0))
    deadline: Annotated[Profile, Help("Before a deadline: its end is the deadline.")] = (
        (1800, 0.25),
        (3000, 0.6),
        (3600, 1.0),
    )
    term_start: Annotated[Profile, Help("After a term's start.")] = ((7200, 1.0),)
    closing: Annotated[Profile, Help("Of the submissions: its middle is the end.")] = ((240, 1.0),)
    page_every: Annotated[float, Within(5, 3600), Help("Seconds between two saved pages of one participant.")] = 150.0
    autosave_every: Annotated[float, Within(5, 3600), Help("Seconds between two autosaves (Moodle's default).")] = 60.0

    def __post_init__(self) -> None:
        for name in ("log_in", "exam", "quiz", "lecture", "deadline", "term_start", "closing"):
            _check(name, getattr(self, name))


def _check(name: str, profile: Profile) -> None:
    rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(((0.0, 0.0), *profile)))
    if not rising or not profile or profile[-1][1] != 1 or not 0 < profile[-1][0] <= 86_400:
        raise ValueError(
            f"{name}: expected [seconds, share] pairs that rise to a share of 1 within a day,"
            " such as [[60, 0.5], [120, 1]]"
        )


@dataclass(frozen=True)
class Turnout(Strict):
    """The share of the invited who come: a mean and a standard deviation, until outcomes have taught better."""

    mean: Annotated[float, Within(0.01, 2), Help("The mean share; over 1 where more come than are invited.")]
    deviation: Annotated[float, Within(0, 1), Help("The standard deviation of the share from peak to peak.")]


@dataclass(frozen=True)
class Participation(Strict):
    """Participation is a distribution: what is planned for is its quantile."""

    quantile: Annotated[float, Within(0.5, 0.999), Help("The share of all peaks that must fit.")] = 0.95
    exam: Turnout = Turnout(0.92, 0.05)
    quiz: Turnout = Turnout(0.85, 0.08)
    lecture: Turnout = Turnout(0.6, 0.15)
    deadline: Turnout = Turnout(0.8, 0.1)
    term_start: Turnout = Turnout(0.7, 0.15)
