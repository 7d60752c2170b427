"""The term that everybody knows beforehand: lectures, quizzes, deadlines and exams of many courses, as peaks.

Made up, with sizes and times that universities have; all times are UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from firstbell.capacity.values import Peak
from firstbell.site import Kind

FOR_A_COURSE = 65  # students of the campus; a student has about five courses
SLOTS = (8.25, 10.25, 12.25, 14.25, 16.25)  # hours of a day
SITTINGS = (9.0, 13.0, 16.5)
DEADLINES = (66.0, 108.0, 167.98)  # hours of a week: Wednesday 18:00, Friday 12:00, Sunday 23:59


@dataclass(frozen=True, slots=True)
class Term:
    """`history` weeks from Monday `start` on, then `weeks` that are played; the last of these is the exams' week."""

    start: datetime
    history: int = 4
    weeks: int = 3

    @property
    def opens(self) -> datetime:
        """When the played weeks begin."""
        return self.start + timedelta(weeks=self.history)

    @property
    def end(self) -> datetime:
        """When they end."""
        return self.opens + timedelta(weeks=self.weeks)


def peaks(term: Term, students: int, random: Random) -> tuple[Peak, ...]:
    """The calendar of teaching, of midterm exams in the week before the last, and of exams in the last.

    Sizes are log-normal. A course meets twice a week; of five, one has a quiz in the second meeting, and two an exam in
    Moodle; every third has a weekly deadline.
    """
    found: list[Peak] = []
    for number in range(students // FOR_A_COURSE):
        size = round(min(students / 4, max(20.0, 240.0 * random.lognormvariate(0.0, 0.8))))
        meets = [24.0 * random.randrange(5) + random.choice(SLOTS) for _ in range(2)]
        for week in range(term.history + term.weeks):
            left = term.history + term.weeks - 1 - week
            for kind, hour, hours in _week(number, meets, left, random):
                start = term.start + timedelta(weeks=week, hours=hour)
                title = f"{kind} of course {number}"
                key = f"{title}/{start:%Y%m%dT%H%M}"
                found.append(Peak(start, start + timedelta(hours=hours), size, kind, "timetable", title, key))
    return tuple(sorted(found))


def _week(number: int, meets: list[float], left: int, random: Random) -> Iterator[tuple[Kind, float, float]]:
    """What a course has in the week that `left` more follow: kinds with their hour of the week and hours of length."""
    examined, quizzed = number % 5 < 2, number % 5 == 0
    if left == 0:
        if examined:
            yield "exam", 24.0 * random.randrange(5) + random.choice(SITTINGS), random.choice((1.5, 2.0))
        return
    yield "lecture", meets[0], 1.5
    if left == 1 and examined:
        yield "exam", meets[1], 1.5
    else:
        yield ("quiz", meets[1], 0.5) if quizzed else ("lecture", meets[1], 1.5)
    if number % 3 == 0:
        yield "deadline", DEADLINES[number // 3 % 3], 0.0
