"""What a Moodle's web services answered, as JSON files by name (recorded, or by `moodle_site`), to values. Pure.

Answers are told apart by their shape, so that files may have any names; only how many are enrolled says nothing of its
course: that is in the name, `core_enrol_get_enrolled_users.<course>.json`, or `….<course>.<group>.json` for a group.
Moodle answers errors with HTTP 200 and an `errorcode`; a time of 0 is unset (mod/quiz/classes/external.php).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from firstbell.calendar.values import CalendarError

LARGEST = 10 * 1024 * 1024
_YEAR_3000 = 32_503_680_000
_A_YEAR = 31_536_000
_COUNT = re.compile(r"core_enrol_get_enrolled_users(?:_with_capability)?\.([0-9]{1,18})(?:\.([0-9]{1,18}))?\.json")
SEE = "docs/moodle-web-service.md"
CURES = {
    "invalidtoken": "make a new token and store it where 'token' points",
    "accessexception": "the service must be enabled, have this function, and its owner be authorised and allowed REST",
    "nopermissions": "the role of the token's owner lacks this capability",
    "errorcoursecontextnotvalid": "the role of the token's owner lacks moodle/course:view",
    "servicerequireslogin": "make the token for the service itself",
    "passwordisexpired": "change the password of the token's owner",
    "wsaccessusersuspended": "the token's owner is suspended",
    "invalidrecordunknown": "this Moodle has no such function, or has no longer what was asked for",
    "sitemaintenance": "this passes",
    "upgraderunning": "this passes",
}


@dataclass(frozen=True, slots=True)
class Override:
    """Other times of a quiz for one user (`group` 0) or for a group; None where the quiz's own hold."""

    group: int
    opens: int | None
    closes: int | None


@dataclass(frozen=True, slots=True)
class Quiz:
    """One quiz. Times are seconds since 1970, `limit` and `autosave` are seconds; 0 is unset, None unknown."""

    id: int
    course: int
    name: str
    opens: int
    closes: int
    limit: int = 0
    visible: bool = True
    precreated: bool | None = None
    autosave: int | None = None

    def times(self, override: Override) -> tuple[int, int]:
        """When it opens and closes for those of an override."""
        return (
            self.opens if override.opens is None else override.opens,
            self.closes if override.closes is None else override.closes,
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment: `due` is its due date, or where it has none the last moment to submit; 0 is unset."""

    id: int
    course: int
    name: str
    due: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What the answers say together. Everything is by Moodle's ids, overrides by the quiz's.

    `courses` are short names; `enrolled` counts by course, `groups` by group; `others` are counts of unknown courses;
    `release` is Moodle's, such as `5.1.3 (Build: 20260216)`, empty if unknown.
    """

    quizzes: Mapping[int, Quiz] = field(default_factory=dict)
    overrides: Mapping[int, tuple[Override, ...]] = field(default_factory=dict)
    assignments: Mapping[int, Assignment] = field(default_factory=dict)
    courses: Mapping[int, str] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    enrolled: Mapping[int, int] = field(default_factory=dict)
    groups: Mapping[int, int] = field(default_factory=dict)
    others: tuple[int, ...] = ()
    release: str = ""
    warnings: tuple[str, ...] = ()
    answered: bool = False

    def course(self, id_: int) -> str:
        """A course's short name, as Moodle writes it everywhere (HTML entities included), or else its number."""
        return self.courses.get(id_, str(id_))


def read_answers(files: Mapping[str, bytes], origin: str) -> Answers:
    """Read answers by file name. Raises CalendarError when one is no JSON or none is an answer about quizzes."""
    answers = Answers()
    for name in sorted(files):
        answers = _take(answers, name, _json(files[name], f"{origin}/{name}"))
    if not answers.answered:
        told = f" ({'; '.join(answers.warnings)})" if answers.warnings else ""
        raise CalendarError(f"{origin}: no answer of mod_quiz_get_quizzes_by_courses in it{told}")
    return answers


def refusal(name: str, answer: Mapping[str, Any]) -> str:
    """The sentence for an error answer: what Moodle said, and the cure where it is known."""
    code, message = (" ".join(str(answer.get(key, "")).split())[:200] for key in ("errorcode", "message"))
    cure = f"; {CURES[code]}, see {SEE}" if code in CURES else ""
    return f"{name}: Moodle answered {code}: {message.removesuffix('.')}{cure}"


def _json(text: bytes, origin: str) -> Any:
    if len(text) > LARGEST:
        raise CalendarError(f"{origin}: larger than {LARGEST // 2**20} MiB")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CalendarError(f"{origin}: not JSON: {error}") from error


def _take(answers: Answers, name: str, answer: Any) -> Answers:
    match answer:
        case {"errorcode": _}:
            return replace(answers, warnings=(*answers.warnings, refusal(name, answer)))
        case {"quizzes": list(found)}:
            quizzes = {quiz.id: quiz for item in found if (quiz := _quiz(item)) is not None}
            # The first file wins: in a student's answer the times are his own.
            return replace(
                answers, quizzes={**quizzes, **answers.quizzes}, answered=answers.answered or bool(quizzes) or not found
            )
        case {"overrides": list(found)}:
            return replace(answers, overrides={**answers.overrides, **overrides_of(found)})
        case {"courses": list(found)}:
            return _courses(answers, found)
        case {"notes": list(found)}:
            return replace(answers, warnings=(*answers.warnings, *map(str, found)))
        case {"release": str(release)}:
            return replace(answers, release=release)
        case {"counted": int(count)}:
            return _counted(answers, name, count)
        case list(found) if all(_is(item, "id") for item in found):
            if found and all("shortname" in item for item in found):
                return _courses(answers, found)
            return _counted(answers, name, len(found))
        case _:
            return answers  # calendar events and others that nothing here needs


def _is(item: Any, *numbers: str) -> bool:
    return isinstance(item, dict) and all(type(item.get(key)) is int for key in numbers)


def seconds(value: object) -> int:
    """A moment as Moodle gives it, 0 where it is unset or out of this world."""
    return value if type(value) is int and 0 < value < _YEAR_3000 else 0


def _limit(value: object) -> int:
    return value if type(value) is int and 0 < value <= _A_YEAR else 0


def _quiz(item: Any) -> Quiz | None:
    if not _is(item, "id", "course", "timeopen", "timeclose"):
        return None
    precreated, autosave = item.get("precreateattempts"), item.get("autosaveperiod")
    return Quiz(
        item["id"],
        item["course"],
        str(item.get("name", "quiz")),
        seconds(item["timeopen"]),
        seconds(item["timeclose"]),
        _limit(item.get("timelimit")),
        visible=bool(item.get("visible", True)),
        precreated=None if precreated is None else bool(precreated),
        autosave=_limit(autosave) if type(autosave) is int else None,
    )


def overrides_of(found: Iterable[Any]) -> dict[int, tuple[Override, ...]]:
    """The overrides in an answer of mod_quiz_get_overrides, by quiz."""
    by_quiz: dict[int, tuple[Override, ...]] = {}
    for item in found:
        if _is(item, "quiz"):
            group = item.get("groupid")
            opens, closes = (None if item.get(key) is None else seconds(item[key]) for key in ("timeopen", "timeclose"))
            one = Override(group if type(group) is int else 0, opens, closes)
            by_quiz[item["quiz"]] = (*by_quiz.get(item["quiz"], ()), one)
    return by_quiz


def _courses(answers: Answers, found: Iterable[Any]) -> Answers:
    """Courses, with what else their answer says of them: whether they are hidden, enrolments, assignments."""
    known = [item for item in found if _is(item, "id") and "shortname" in item and item.get("format") != "site"]
    listed = ((item["id"], a) for item in known for a in _list(item, "assignments") if _is(a, "id"))
    return replace(
        answers,
        courses={**answers.courses, **{item["id"]: str(item["shortname"]) for item in known}},
        hidden=answers.hidden | {item["id"] for item in known if not item.get("visible", True)},
        enrolled={
            **answers.enrolled,
            **{i["id"]: i["enrolledusercount"] for i in known if _is(i, "enrolledusercount")},
        },
        assignments={**answers.assignments, **{a["id"]: _assignment(course, a) for course, a in listed}},
    )


def _list(item: Mapping[str, Any], key: str) -> list[Any]:
    found = item.get(key)
    return found if isinstance(found, list) else []


def _assignment(course: int, item: Mapping[str, Any]) -> Assignment:
    due = seconds(item.get("duedate")) or seconds(item.get("cutoffdate"))
    return Assignment(item["id"], course, str(item.get("name", "assignment")), due)


def _counted(answers: Answers, name: str, count: int) -> Answers:
    found = _COUNT.fullmatch(name)
    if found is None:
        return replace(answers, others=(*answers.others, count)) if count else answers
    course, group = found.groups()
    if group:
        return replace(answers, groups={**answers.groups, int(group): count})
    return replace(answers, enrolled={**answers.enrolled, int(course): count})
