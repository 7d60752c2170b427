"""A Moodle's own web-service answers (recorded as JSON files) to peaks: quizzes with their times, courses, enrolments.

Moodle answers errors with HTTP 200 and an `errorcode`; a `timeopen` or `timeclose` of 0 means unset (Moodle's
mod/quiz/classes/external). Answers are told apart by their shape, so that the files may have any names. Pure.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from firstbell.calendar.peaks import key_of
from firstbell.calendar.values import CalendarError
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource, Kind

LARGEST = 10 * 1024 * 1024
SITTING = timedelta(hours=4)  # a window that short is sat through by everybody at once
UNSET_LASTS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the recorded answers say: quizzes by id, short names and participants by course id, and complaints."""

    quizzes: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    courses: dict[int, str] = field(default_factory=dict)
    enrolled: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


def read_answers(files: Mapping[str, bytes], origin: str) -> Answers:
    """Read recorded answers by file name. Raises CalendarError when one is no JSON or none has a quiz."""
    answers = Answers()
    for name in sorted(files):
        answers = _take(answers, name, _json(files[name], f"{origin}/{name}"))
    if not answers.quizzes:
        told = f" ({'; '.join(answers.warnings)})" if answers.warnings else ""
        raise CalendarError(f"{origin}: no answer of mod_quiz_get_quizzes_by_courses in it{told}")
    return answers


def _json(text: bytes, origin: str) -> Any:
    if len(text) > LARGEST:
        raise CalendarError(f"{origin}: larger than {LARGEST // 2**20} MiB")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CalendarError(f"{origin}: not JSON: {error}") from error


def _take(answers: Answers, name: str, answer: Any) -> Answers:
    if isinstance(answer, dict) and "errorcode" in answer:
        said = f"{name}: Moodle answered {answer['errorcode']}: {answer.get('message', '')}"
        return replace(answers, warnings=(*answers.warnings, said))
    if isinstance(answer, dict) and isinstance(answer.get("quizzes"), list):
        quizzes = {q["id"]: q for q in answer["quizzes"] if _is_quiz(q)}
        return replace(answers, quizzes=quizzes | answers.quizzes)  # the first file wins: a student's times are his own
    if (
        isinstance(answer, list)
        and answer
        and all(isinstance(i, dict) and isinstance(i.get("id"), int) for i in answer)
    ):
        if all("shortname" in item for item in answer):
            found = {c["id"]: str(c["shortname"]) for c in answer if c.get("format") != "site"}
            return replace(answers, courses=answers.courses | found)
        return replace(answers, enrolled=(*answers.enrolled, len(answer)))
    return answers  # calendar events, assignments, site info: not needed yet


def _is_quiz(quiz: Any) -> bool:
    return isinstance(quiz, dict) and all(
        isinstance(quiz.get(key), int) for key in ("id", "course", "timeopen", "timeclose")
    )


def peaks(answers: Answers, source: CalendarSource) -> list[Peak]:
    """One peak for each quiz that opens or closes at a set time."""
    people = max(answers.enrolled, default=source.participants or 0)
    count = round((people if source.participants is None else source.participants) * source.participants_factor)
    found = [_peak(quiz, answers, source, count) for quiz in answers.quizzes.values()]
    return [peak for peak in found if peak is not None and peak.participants > 0]


def _peak(quiz: Mapping[str, Any], answers: Answers, source: CalendarSource, participants: int) -> Peak | None:
    opens, closes = _time(quiz["timeopen"]), _time(quiz["timeclose"])
    limit = _limit(quiz.get("timelimit")) or UNSET_LASTS
    kind: Kind
    match opens, closes:
        case datetime(), datetime():
            kind = source.kind or ("exam" if closes - opens <= SITTING else "quiz")
        case datetime(), None:
            kind, closes = "quiz", opens + limit
        case None, datetime():
            kind, opens = "deadline", closes - UNSET_LASTS
        case _:
            return None
    course = answers.courses.get(quiz["course"], str(quiz["course"]))
    title = str(quiz.get("name", "quiz"))
    peak = Peak(opens, max(opens, closes), participants, kind, source.name, title, "")
    return replace(peak, key=key_of(course, peak))


def _limit(seconds: object) -> timedelta | None:
    return timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds <= 31_536_000 else None  # a year


def _time(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 32_503_680_000 else None  # year 3000


def enrolment_warnings(answers: Answers, source: CalendarSource) -> Sequence[str]:
    """What a plan should say about where its participants come from."""
    if source.participants is None and not answers.enrolled:
        return (f"{source.name}: nobody is enrolled by its answers, and 'participants' is not set: nothing is planned",)
    if source.participants is None and len(answers.enrolled) > 1:
        return (f"{source.name}: {len(answers.enrolled)} enrolment answers: the largest counts for every course",)
    return ()
