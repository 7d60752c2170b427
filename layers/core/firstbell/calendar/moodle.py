"""A Moodle's quizzes and assignments to peaks: with whom, when, and for whom at other times. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from math import ceil

from firstbell.calendar.moodle_advice import advice
from firstbell.calendar.moodle_answers import Answers, Assignment, Quiz, read_answers
from firstbell.calendar.peaks import key_of
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource, Kind

__all__ = ["Answers", "advice", "peaks", "read_answers", "warnings"]

SITTING = timedelta(hours=4)  # a window that short is sat through by everybody at once
UNSET_LASTS = timedelta(hours=1)
ASSUMED = 0.95  # the quantile of the known enrolments; of fewer than twenty, the largest
NAMED = 5  # in one warning


def peaks(answers: Answers, source: CalendarSource) -> list[Peak]:
    """One peak for each quiz that opens or closes at a set time, one for each of its other times, and the deadlines.

    What is hidden, or in a hidden course, is none. The peaks of a quiz have together at least the course's enrolment.
    """
    shown = [quiz for quiz in answers.quizzes.values() if quiz.visible and quiz.course not in answers.hidden]
    found = [peak for quiz in shown for peak in _of_quiz(quiz, answers, source)]
    found += [
        _of_assignment(assignment, answers, source)
        for assignment in answers.assignments.values()
        if assignment.due and assignment.course not in answers.hidden
    ]
    return [peak for peak in found if peak.participants > 0]


def _of_quiz(quiz: Quiz, answers: Answers, source: CalendarSource) -> Iterator[Peak]:
    everybody = _enrolled(answers, source, quiz.course)
    own, others, away = (quiz.opens, quiz.closes), Counter[tuple[int, int]](), 0
    for override in answers.overrides.get(quiz.id, ()):
        times = quiz.times(override)
        if times != own:  # else they come with the others, and may have longer
            known = answers.groups.get(override.group) if override.group else 1
            others[times] += everybody if known is None else known
            away += known or 0  # a group of unknown size may come at either time
    yield from _peak(quiz, own, max(0, everybody - away), answers, source)
    for times, people in others.items():
        yield from _peak(quiz, times, min(people, everybody or people), answers, source)


def _enrolled(answers: Answers, source: CalendarSource, course: int) -> int:
    """Who takes part in something of a course; where that is not known, a large one of the enrolments that are."""
    if source.participants is not None:
        return source.participants
    if course in answers.enrolled:
        return answers.enrolled[course]
    known = sorted(count for count in (*answers.enrolled.values(), *answers.others) if count)
    return known[ceil(len(known) * ASSUMED) - 1] if known else 0


def _peak(quiz: Quiz, times: tuple[int, int], people: int, answers: Answers, source: CalendarSource) -> Iterator[Peak]:
    opens, closes = (datetime.fromtimestamp(moment, UTC) if moment else None for moment in times)
    kind: Kind
    match opens, closes:
        case datetime(), datetime():
            closes = max(opens, closes)
            start, end, moments = opens, closes, [opens, closes]
            kind = source.kind or ("exam" if closes - opens <= SITTING else "quiz")
        case datetime(), None:
            start, end, moments = opens, opens + (timedelta(seconds=quiz.limit) or UNSET_LASTS), [opens]
            kind = "quiz"
        case None, datetime():
            start, end, moments = closes - UNSET_LASTS, closes, [closes]
            kind = "deadline"
        case _:
            return
    title = unescape(quiz.name) + ("" if times == (quiz.opens, quiz.closes) else " (other times)")
    count, name = round(people * source.participants_factor), answers.course(quiz.course)
    yield Peak(start, end, count, kind, source.label, title, key_of(name, *moments), quiz.limit, name)


def _of_assignment(assignment: Assignment, answers: Answers, source: CalendarSource) -> Peak:
    due, name = datetime.fromtimestamp(assignment.due, UTC), answers.course(assignment.course)
    people = round(_enrolled(answers, source, assignment.course) * source.participants_factor)
    title = unescape(assignment.name)
    return Peak(due - UNSET_LASTS, due, people, "deadline", source.label, title, key_of(name, due), 0, name)


def warnings(answers: Answers, source: CalendarSource, start: datetime, end: datetime) -> tuple[str, ...]:
    """What a plan from `start` to `end` should say: where its participants come from, and what is not planned."""
    inside = [quiz for quiz in answers.quizzes.values() if _inside(start, end, quiz.opens, quiz.closes)]
    hidden = [f"{unescape(quiz.name)!r} ({answers.course(quiz.course)})" for quiz in inside if not quiz.visible]
    said = [f"hidden, and so not planned: {_named(hidden)}"] if hidden else []
    courses = {quiz.course for quiz in inside if quiz.visible}
    courses |= {a.course for a in answers.assignments.values() if _inside(start, end, a.due)}
    if source.participants is None and courses:
        said += _of_enrolment(answers, courses)
    return tuple(f"{source.label}: {sentence}" for sentence in said)


def _inside(start: datetime, end: datetime, *moments: int) -> bool:
    return any(start.timestamp() <= moment < end.timestamp() for moment in moments if moment)


def _of_enrolment(answers: Answers, courses: set[int]) -> list[str]:
    said = []
    if not answers.others and not any(answers.enrolled.values()):
        said.append("nobody is enrolled by its answers, and 'participants' is not set: nothing is planned")
    if len(answers.others) > 1:
        said.append(f"{len(answers.others)} enrolment answers: the largest counts for every course")
    empty = [answers.course(course) for course in sorted(courses) if answers.enrolled.get(course) == 0]
    if empty:
        said.append(
            f"nobody is to be seen in {_named(empty)}: nothing is planned there; if that is wrong, the role of the"
            " token's owner lacks moodle/user:viewdetails"
        )
    return said


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
