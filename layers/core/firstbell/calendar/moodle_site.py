"""The answers of a live Moodle, fetched by its web services: the files of a recorded folder, by name.

They are trimmed to what is needed: no name and no id of a person, no password, no token. What Moodle needs for it is
said in docs/moodle-web-service.md, tried on a Moodle 5.1.3.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from math import inf
from typing import Any

from firstbell import clock, web
from firstbell.calendar.moodle_answers import SEE, Answers, overrides_of, read_answers, seconds
from firstbell.calendar.moodle_talk import ONE, Ask, Conversation
from firstbell.calendar.values import CalendarError

INFO, COURSES = "core_webservice_get_site_info", "core_course_get_courses_by_field"
QUIZZES, OVERRIDES = "mod_quiz_get_quizzes_by_courses", "mod_quiz_get_overrides"
ASSIGNMENTS = "mod_assign_get_assignments"
ENROLLED, MINE = "core_enrol_get_enrolled_users_with_capability", "core_enrol_get_users_courses"
WITHOUT = {
    OVERRIDES: "other times for users and groups are not known there (Moodle 4.4 and later tell them)",
    ASSIGNMENTS: "no deadlines of assignments are planned there",
    ENROLLED: "a large one of the known enrolments counts there",
}
BY_QUIZZES, BY_ASSIGNMENTS = 0.6, 0.75  # the shares of all limits that may be used by then; the rest is for each thing
CHUNK = 100  # courses in one question
TOGETHER, PAGE = 10, 1000  # courses in one question for people, and people of each in one answer
AROUND = timedelta(days=14).total_seconds()  # an override may move a quiz that far
NAMED = 5


def fetch(
    url: str,
    token: str,
    private_hosts: tuple[str, ...],
    start: datetime,
    end: datetime,
    *,
    ask: Ask = web.fetch,
    now: Callable[[], datetime] = clock.now,
    one: float = ONE,
) -> dict[str, bytes]:
    """The answers of the Moodle at `url` that matter between `start` and `end` (UTC), by file name, for `read_answers`.

    What Moodle refuses, or the limits forbid to ask, is said in `notes.json`. Raises CalendarError when its quizzes
    are refused, and WebError when a question gets no answer within `one` seconds: then nothing of it is used.
    """
    talk = Conversation(url, token, private_hosts, ask, now, one)
    info = talk.must(INFO)
    talk.functions = frozenset(str(function.get("name")) for function in _dicts(info, "functions"))
    lacking = [name for name in (COURSES, QUIZZES) if name not in talk.functions]
    if lacking:
        raise CalendarError(f"{talk.origin}: the token's service lacks {' and '.join(lacking)}: add it, see {SEE}")
    since, until = start.timestamp(), end.timestamp()
    courses = _courses(talk, since)
    ids = [course["id"] for course in courses if course.get("visible", True)]
    files: dict[str, Any] = {
        INFO: {"release": str(info.get("release", ""))},
        COURSES: {"courses": courses},
        QUIZZES: {"quizzes": _quizzes(talk, ids, since - AROUND)},
        ASSIGNMENTS: {"courses": _assignments(talk, ids, since)},
        MINE: _mine(talk, str(info.get("userid", ""))),
    }
    files |= _each(talk, read_answers(_written(files), talk.origin), since, until)
    return _written(files | {"notes": {"notes": talk.said(WITHOUT)}})


def _written(files: Mapping[str, Any]) -> dict[str, bytes]:
    return {f"{name}.json": json.dumps(answer).encode() for name, answer in files.items()}


def _dicts(answer: Any, key: str = "") -> list[dict[str, Any]]:
    found = answer.get(key) if key and isinstance(answer, dict) else answer
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _trim(item: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: item[key] for key in keys if item.get(key) is not None}


def _latest(item: Mapping[str, Any], *keys: str) -> int:
    return max(seconds(item.get(key)) for key in keys)


# ---------------------------------------------------------------- the whole site


def _courses(talk: Conversation, since: float) -> list[dict[str, Any]]:
    """All courses but the front page; those that have ended come last, for the limits may cut them off."""
    found = [c for c in _dicts(talk.must(COURSES), "courses") if type(c.get("id")) is int and c.get("format") != "site"]
    found.sort(key=lambda course: max(0.0, since - (seconds(course.get("enddate")) or since)))
    return [_trim(course, "id", "shortname", "visible") for course in found]


def _quizzes(talk: Conversation, ids: list[int], since: float) -> list[dict[str, Any]]:
    """The quizzes that were not over at `since`. Ids are named, for an empty list means the owner's own courses."""
    found: list[dict[str, Any]] = []
    closed: list[str] = []
    for n in range(0, len(ids), CHUNK):
        if not talk.within(BY_QUIZZES):
            talk.notes.append(f"{len(ids) - n} courses were not asked for their quizzes: too many for one fetch")
            break
        answer = talk.must(QUIZZES, _listed(ids[n : n + CHUNK]))
        found += _dicts(answer, "quizzes")
        closed += [str(warning.get("itemid")) for warning in _dicts(answer, "warnings")]
    if not found and not closed:
        talk.notes.append("no course has a quiz; if that is wrong, the role of the token's owner lacks mod/quiz:view")
    if closed:
        talk.notes.append(
            f"{len(closed)} courses cannot be entered and are not planned (ids {', '.join(closed[:NAMED])}"
            f"{' …' if len(closed) > NAMED else ''}): the role of the token's owner lacks moodle/course:view; see {SEE}"
        )
    keys = ("id", "course", "name", "timeopen", "timeclose", "timelimit", "visible", "precreateattempts")
    return [
        _trim(quiz, *keys, "autosaveperiod") for quiz in found if not 0 < _latest(quiz, "timeopen", "timeclose") < since
    ]


def _assignments(talk: Conversation, ids: list[int], since: float) -> list[dict[str, Any]]:
    """The courses' assignments that are due after `since`."""
    found: list[dict[str, Any]] = []
    for n in range(0, len(ids), CHUNK):
        chunk = _listed(ids[n : n + CHUNK]) | {"includenotenrolledcourses": "1"}
        for course in _dicts(talk.may(ASSIGNMENTS, chunk, BY_ASSIGNMENTS), "courses"):
            due = [a for a in _dicts(course, "assignments") if _latest(a, "duedate", "cutoffdate") >= since]
            kept = [_trim(assignment, "id", "name", "duedate", "cutoffdate") for assignment in due]
            found.append(_trim(course, "id", "shortname") | {"assignments": kept})
    return found


def _listed(ids: list[int]) -> dict[str, str]:
    return {f"courseids[{n}]": str(id_) for n, id_ in enumerate(ids)}


def _mine(talk: Conversation, owner: str) -> list[dict[str, Any]]:
    """The courses in which the token's owner is enrolled: Moodle counts in them, and lists nobody."""
    found = talk.may(MINE, {"userid": owner, "returnusercount": "1"})
    return [_trim(course, "id", "shortname", "enrolledusercount") for course in _dicts(found)]


# ---------------------------------------------------------------- each thing, the nearest first


def _away(opens: int, closes: int, start: float, end: float) -> float:
    """How many seconds outside the window; endless without a time."""
    return max(start - (closes or opens), (opens or closes) - end, 0.0) if opens or closes else inf


def _each(talk: Conversation, answers: Answers, start: float, end: float) -> dict[str, Any]:
    """How many people have something in the window, and the overrides of the quizzes around it, by file name."""
    quizzes = [quiz for quiz in answers.quizzes.values() if quiz.visible]
    things = [(_away(q.opens, q.closes, start, end), q.opens or q.closes, q.course, q.id) for q in quizzes]
    things += [(_away(a.due, a.due, start, end), a.due, a.course, 0) for a in answers.assignments.values()]
    files: dict[str, Any] = {}
    counts = _Counts(talk, answers.enrolled)
    counts.take(course for away, _, course, _ in sorted(things) if away == 0)
    for away, _, course, id_ in sorted(things):
        if id_ == 0 or away > AROUND or (away and not talk.within()):
            continue
        found = _overrides(talk, id_)
        overrides = overrides_of(found).get(id_, ())
        if overrides:
            files[f"{OVERRIDES}.{id_}"] = {"overrides": found}
        if away == 0 or any(_away(*answers.quizzes[id_].times(o), start, end) == 0 for o in overrides):
            counts.take([course])
            for group in {override.group for override in overrides if override.group}:
                counts.take([course], group)
    return files | counts.files


def _overrides(talk: Conversation, quiz: int) -> list[dict[str, Any]]:
    """Without whose they are: only that it is a user's, or which group's."""
    found = _dicts(talk.may(OVERRIDES, {"quizid": str(quiz)}), "overrides")
    return [_trim(item, "quiz", "groupid", "timeopen", "timeclose") for item in found]


class _Counts:
    """How many people courses and groups have, each asked once; `files` are the answers by name."""

    def __init__(self, talk: Conversation, known: Iterable[int]) -> None:
        self.files: dict[str, Any] = {}
        self._talk = talk
        self._tried = {(course, 0) for course in known}

    def take(self, courses: Iterable[int], group: int = 0) -> None:
        """Count these courses, or a group of theirs, unless that is known or was tried."""
        new = [course for course in dict.fromkeys(courses) if (course, group) not in self._tried]
        self._tried |= {(course, group) for course in new}
        for n in range(0, len(new), TOGETHER):
            self._count(new[n : n + TOGETHER], group)

    def _count(self, courses: list[int], group: int) -> None:
        counted: Counter[int] = Counter()
        left, start = courses, 0
        while left:
            found = self._talk.may(ENROLLED, _people(left, group, start))
            if found is None and len(courses) > 1 and self._talk.within():  # a course just deleted spoils it for others
                for course in courses:
                    self._count([course], group)
                return
            sizes = {item.get("courseid"): len(_dicts(item, "users")) for item in _dicts(found)}
            counted.update({course: sizes[course] for course in left if course in sizes})
            left, start = [c for c in left if sizes.get(c, 0) >= PAGE / 2], start + PAGE  # some may not be seen
        self.files |= {
            f"{ENROLLED}.{course}" + (f".{group}" if group else ""): {"counted": count}
            for course, count in counted.items()
        }


def _people(courses: list[int], group: int, start: int) -> dict[str, str]:
    form: dict[str, str] = {}
    for n, course in enumerate(courses):
        form |= {f"coursecapabilities[{n}][courseid]": str(course)}
        form |= {f"coursecapabilities[{n}][capabilities][0]": "mod/quiz:attempt"}
    options = {"onlyactive": "1", "userfields": "id", "limitfrom": str(start), "limitnumber": str(PAGE)}
    for n, (name, value) in enumerate((options | ({"groupid": str(group)} if group else {})).items()):
        form |= {f"options[{n}][name]": name, f"options[{n}][value]": value}
    return form
