"""Settings of Moodle that would flatten a planned peak and cost nothing, as plain sentences. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

from firstbell.calendar.moodle_answers import Answers, Quiz
from firstbell.calendar.peaks import key_of
from firstbell.capacity.demand import LONG, is_sat_through
from firstbell.capacity.values import Peak

MANY = 500  # participants; at 170 to 250 exam takers for each vCPU, fewer are not worth a change
SHARED = 4  # courses with one deadline
AUTOSAVE = 60  # seconds, Moodle's default (mod/quiz/settings.php)
PRECREATES = 5.0  # the release since which attempts can be created beforehand (mod/quiz/classes/task)
NAMED = 3  # the largest, in one sentence


def advice(answers: Answers, peaks: Sequence[Peak]) -> tuple[str, ...]:
    """What to change in Moodle for `peaks`, those of the plan's window: a sentence each, the largest peaks first."""
    large = [peak for peak in peaks if peak.participants >= MANY and is_sat_through(peak)]
    sat = [peak for peak in large if peak.end - peak.start <= LONG["quiz"]]  # nobody sits together for longer
    sat.sort(key=lambda p: (-p.participants, p.start, p.title))
    return (*_precreate(answers, sat), *_stagger(sat), *_autosave(answers, sat), *_deadlines(peaks))


def _precreate(answers: Answers, sat: Sequence[Peak]) -> list[str]:
    release = re.match(r"[0-9]+\.[0-9]+", answers.release)
    if release is None or float(release[0]) < PRECREATES:
        return []
    may = {_key(quiz, answers): quiz.precreated for quiz in answers.quizzes.values() if quiz.opens}
    found = [peak for peak in sat if may.get(peak.key, True) is not True]
    if not found:
        return []
    unless = " unless it does already" if any(may[peak.key] is None for peak in found) else ""
    return [
        f"let Moodle create the attempts of {_named(found)} before the start, which then asks for less{unless} (site"
        " setting 'Pre-create attempts period', and 'Pre-create attempts' in the quiz)"
    ]


def _key(quiz: Quiz, answers: Answers) -> str:
    moments = (datetime.fromtimestamp(moment, UTC) for moment in (quiz.opens, quiz.closes) if moment)
    return key_of(answers.course(quiz.course), *moments)


def _stagger(sat: Sequence[Peak]) -> list[str]:
    found = [peak for peak in sat if peak.kind == "exam"]
    if not found:
        return []
    return [
        f"let groups start five minutes apart (group overrides) in {_named(found)}: everybody in the same minute asks"
        " for most"
    ]


def _autosave(answers: Answers, sat: Sequence[Peak]) -> list[str]:
    known = [quiz.autosave for quiz in answers.quizzes.values() if quiz.autosave]
    if not sat or not known or min(known) >= AUTOSAVE:
        return []
    return [
        f"raise the site setting 'Auto-save delay' of quizzes from {min(known)} s to {AUTOSAVE} s, Moodle's default:"
        f" everybody's browser saves that often throughout {_named(sat)}"
    ]


def _deadlines(peaks: Iterable[Peak]) -> list[str]:
    said = []
    deadlines = sorted((p for p in peaks if p.kind == "deadline"), key=lambda p: (p.end, p.course, p.key))
    for end, found in groupby(deadlines, key=lambda p: p.end):
        courses = {peak.course or peak.key: peak.participants for peak in found}
        people, named = sum(courses.values()), ", ".join([*courses][:SHARED]) + (" …" if len(courses) > SHARED else "")
        if len(courses) >= SHARED and people >= MANY:
            said.append(
                f"move some of the {len(courses)} deadlines at {end:%Y-%m-%d %H:%M} UTC by an hour or more ({named};"
                f" {people:,} participants): all hand in within the hour before"
            )
    return said


def _named(found: Sequence[Peak]) -> str:
    named = [
        f"{p.title!r} ({p.course or 'no course'}, {p.start:%Y-%m-%d %H:%M} UTC, {p.participants:,} participants)"
        for p in found[:NAMED]
    ]
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(named) + more
