"""What a term file says: the single definition of its keys, with their defaults and limits; `term_file` reads it.

A day is a whole local one, and a period includes its last day. Times without an offset are of the site's zone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, get_args

from firstbell.calendar.written import CLOCK, DAY, EXPIRY, MOMENT, SITTING, Sitting
from firstbell.site import Kind
from firstbell.site.checks import Help, Matching, Strict, Within

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
MOST_ENTRIES = 1_000  # sittings included; reading them takes half a second
LONGEST = timedelta(days=366)

_LINE = r"[^\x00-\x20\x7f-\x9f\u2028\u2029][^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,199}"
_SHOWN = "%Y-%m-%d %H:%M"
_DEFAULT = "default: 'participants' of the site file's calendar."
Name = Annotated[str, Matching(_LINE, "1 to 200 characters on one line")]
Course = Annotated[
    str,
    Matching(f"(?:{_LINE})?", "at most 200 characters on one line"),
    Help("Short name of its course in Moodle: what Moodle's own calendar has of it too is counted once."),
]
People = Annotated[int | None, Within(1, 1_000_000), Help(f"How many take part; {_DEFAULT}")]
Weekdays = Annotated[tuple[Weekday, ...], Help("The days of the week on which it is.")]


@dataclass(frozen=True)
class Period(Strict):
    """Whole days, the first and the last included."""

    start: Annotated[date, DAY, Help("First day.")]
    end: Annotated[date, DAY, Help("Last day, included.")]

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"it ends on {self.end}, before it begins on {self.start}")

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end


@dataclass(frozen=True)
class Semester(Period):
    """A term: its first morning is a peak, and lectures are between its first and its last day."""

    name: Annotated[Name, Help("What it is called.")]
    participants: Annotated[
        int | None, Within(0, 1_000_000), Help(f"How many come on the first morning; 0: no peak; {_DEFAULT}")
    ] = None
    at: Annotated[time, CLOCK, Help("When its first day begins.")] = time(8)


@dataclass(frozen=True)
class ExamPeriod(Period):
    """Days on which exams are sat; each sitting is a peak."""

    name: Annotated[Name, Help("What it is called.")]
    sittings: Annotated[tuple[Annotated[Sitting, SITTING], ...], Help("From when to when, on each of its days.")]
    days: Weekdays = ("mon", "tue", "wed", "thu", "fri")
    participants: People = None
    course: Course = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(self.sittings, "sittings", '["09:00-11:00"]')
        _need(self.days, "days", "[mon, tue]")


@dataclass(frozen=True)
class Holiday(Period):
    """Days without lectures and sittings, which say nothing about ordinary ones."""

    name: Annotated[str, Help("What it is called.")] = ""


@dataclass(frozen=True)
class Lecture(Strict):
    """A row of the timetable: a peak in each of its weeks."""

    name: Annotated[Name, Help("What it is called.")]
    days: Weekdays
    at: Annotated[time, CLOCK, Help("When it begins.")]
    minutes: Annotated[int, Within(1, 1440), Help("How long it lasts.")] = 90
    participants: People = None
    weeks: Annotated[
        Literal["all", "odd", "even"],
        Help("By the week's ISO 8601 number. After a year's week 53 comes week 1: two odd ones in a row."),
    ] = "all"
    term: Annotated[str, Help("Name of the term in which it is; default: every term.")] = ""
    course: Course = ""

    def __post_init__(self) -> None:
        _need(self.days, "days", "[mon, tue]")


@dataclass(frozen=True)
class PlannedPeak(Strict):
    """A peak of its own: what no timetable has. Holidays do not matter to it."""

    title: Annotated[Name, Help("What it is called.")]
    start: Annotated[datetime, MOMENT, Help("When it begins: local time, or with an offset or Z.")]
    end: Annotated[datetime | None, MOMENT, Help("When it ends; or say how many minutes it lasts.")] = None
    minutes: Annotated[int | None, Within(1, LONGEST.days * 1440), Help("How long it lasts.")] = None
    participants: People = None
    kind: Annotated[Kind | None, Help("What it is; default: 'kind' of the site file's calendar, or exam.")] = None
    course: Course = ""
    expires: Annotated[datetime | None, EXPIRY, Help("From then on it is not planned; a day lasts to its end.")] = None

    def __post_init__(self) -> None:
        if (self.end is None) == (self.minutes is None):
            raise ValueError("it needs one of 'end' and 'minutes', and not both")
        lasts = _between(self.start, self.end)
        if lasts is not None and lasts <= timedelta(0):
            raise ValueError(f"it ends at {self.end:{_SHOWN}}, but begins at {self.start:{_SHOWN}}")
        if lasts is not None and lasts > LONGEST:
            raise ValueError(f"it lasts {lasts.days} days, more than {LONGEST.days}; is the year right?")
        outlasts = _between(self.end or self.start, self.expires)
        if outlasts is not None and outlasts < timedelta(0):
            raise ValueError(f"it expires at {self.expires:{_SHOWN}}, before it ends")


@dataclass(frozen=True)
class Term(Strict):
    """A term file: what a university plans, without an iCalendar file. All of it is optional."""

    terms: Annotated[tuple[Semester, ...], Help("The terms.")] = ()
    teaching_weeks: Annotated[tuple[Period, ...], Help("When given, lectures are in these only.")] = ()
    exam_periods: Annotated[tuple[ExamPeriod, ...], Help("When exams are sat.")] = ()
    holidays: Annotated[tuple[Holiday, ...], Help("Days without lectures and sittings.")] = ()
    lectures: Annotated[tuple[Lecture, ...], Help("The timetable.")] = ()
    peaks: Annotated[tuple[PlannedPeak, ...], Help("Everything else that many people do at one time.")] = ()


def mistakes(term: Term) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with a term file that no entry shows on its own: where, and the sentence."""
    lists = (getattr(term, f.name) for f in fields(term))
    entries = sum(map(len, lists)) + sum(len(period.sittings) for period in term.exam_periods)
    if entries > MOST_ENTRIES:
        yield (), f"{entries:,} entries, more than {MOST_ENTRIES:,}; make several term files of it"
    names = [semester.name for semester in term.terms]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield ("terms", number, "name"), f"{name!r} is the name of another term already"
    for number, lecture in enumerate(term.lectures):
        if lecture.term and lecture.term not in names:
            there = f"the terms are {', '.join(names)}" if names else "there are no 'terms'"
            yield ("lectures", number, "term"), f"{lecture.term!r} is no term; {there}"
    if term.lectures and not term.terms and not term.teaching_weeks:
        yield ("lectures",), "they need 'terms' or 'teaching_weeks', which say from when until when they are"


def _need(given: tuple[object, ...], key: str, like: str) -> None:
    if not given:
        raise ValueError(f"{key!r} is empty: expected a list such as {like}")


def _between(first: datetime, second: datetime | None) -> timedelta | None:
    """How much later the second is; unknown without one, and while only one of them has an offset."""
    return None if second is None or (first.tzinfo is None) != (second.tzinfo is None) else second - first
