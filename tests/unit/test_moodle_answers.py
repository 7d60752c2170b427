"""Recorded answers of a Moodle become peaks: unset times, one-sided quizzes, errors, and whatever is no answer."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.calendar import moodle, moodle_answers
from firstbell.calendar.values import CalendarError
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource
from tests.unit.campus_values import HOUR, MINUTE, at

EXAMPLE = Path(__file__).parents[2] / "examples" / "exam_morning" / "moodle"
SOURCE = CalendarSource(moodle="answers")
NINE, ELEVEN = (int(at(h).timestamp()) for h in (9, 11))
COURSES = [{"id": 1, "shortname": "lms", "format": "site"}, {"id": 2, "shortname": "MATH1", "format": "topics"}]
PEOPLE = [{"id": n} for n in range(150)]


def quiz(**more: Any) -> dict[str, Any]:
    return {"id": 5, "course": 2, "name": "Midterm", "timeopen": NINE, "timeclose": ELEVEN, "timelimit": 5400} | more


def read(*answers: Any) -> moodle.Answers:
    """The answers as files, in the order of their names."""
    return moodle.read_answers({f"{n}.json": json.dumps(a).encode() for n, a in enumerate(answers)}, "answers")


def planned(*quizzes: dict[str, Any], source: CalendarSource = SOURCE) -> list[Peak]:
    return moodle.peaks(read({"quizzes": list(quizzes)}, COURSES, PEOPLE), source)


def test_a_quiz_with_both_times_is_a_peak_of_its_course_with_all_who_are_enrolled():
    key = "MATH1/20260504T090000Z/20260504T110000Z"
    assert planned(quiz()) == [Peak(at(9), at(11), 150, "exam", "answers", "Midterm", key, 5400, "MATH1")]


DAY_LATER = int(at(33).timestamp())


@pytest.mark.parametrize(
    ("says", "change", "expected"),
    [
        ("two hours are sat through: an exam", {}, [(at(9), at(11), "exam")]),
        ("four hours still are", {"timeclose": NINE + 14_400}, [(at(9), at(13), "exam")]),
        ("a day is a window: a quiz", {"timeclose": DAY_LATER}, [(at(9), at(33), "quiz")]),
        ("without times it is always open, and no peak", {"timeopen": 0, "timeclose": 0}, []),
        ("a negative time is unset", {"timeopen": -1, "timeclose": 0}, []),
        ("a time after the year 3000 is unset", {"timeopen": 0, "timeclose": 99_999_999_999}, []),
        ("only opening: people come then, for its time limit", {"timeclose": 0}, [(at(9), at(10, 30), "quiz")]),
        ("only opening and no limit: an hour", {"timeclose": 0, "timelimit": 0}, [(at(9), at(10), "quiz")]),
        ("a limit that is null is none", {"timeclose": 0, "timelimit": None}, [(at(9), at(10), "quiz")]),
        ("a limit that is a text is none", {"timeclose": 0, "timelimit": "90"}, [(at(9), at(10), "quiz")]),
        ("a limit out of this world is none", {"timeclose": 0, "timelimit": 10**30}, [(at(9), at(10), "quiz")]),
        ("only closing: a deadline", {"timeopen": 0}, [(at(10), at(11), "deadline")]),
        ("a close before the opening is a moment", {"timeclose": NINE - 60}, [(at(9), at(9), "exam")]),
        ("a hidden quiz is none", {"visible": False}, []),
    ],
)
def test_times(says: str, change: dict[str, Any], expected: list[tuple[datetime, datetime, str]]):
    assert [(p.start, p.end, p.kind) for p in planned(quiz(**change))] == expected, says


@pytest.mark.parametrize(
    ("says", "source", "expected"),
    [
        ("the enrolled", CalendarSource(moodle="m"), 150),
        ("the operator knows better", CalendarSource(moodle="m", participants=40), 40),
        ("either is multiplied", CalendarSource(moodle="m", participants_factor=10), 1500),
        ("and rounded", CalendarSource(moodle="m", participants=3, participants_factor=0.5), 2),
    ],
)
def test_participants(says: str, source: CalendarSource, expected: int):
    assert [p.participants for p in planned(quiz(), source=source)] == [expected], says


def test_the_source_s_kind_is_for_quizzes_with_both_times():
    source = CalendarSource(moodle="m", kind="lecture")
    assert [p.kind for p in planned(quiz(), quiz(id=6, timeclose=0), source=source)] == ["lecture", "quiz"]


def test_a_course_whose_name_is_unknown_goes_by_its_number():
    [found] = moodle.peaks(read({"quizzes": [quiz(course=77)]}, PEOPLE), SOURCE)
    assert (found.key[:3], found.course) == ("77/", "77")


def test_the_first_file_wins_for_a_quiz_that_a_student_s_answer_repeats_with_his_own_times():
    answers = read({"quizzes": [quiz()]}, {"quizzes": [quiz(timeclose=ELEVEN + 3600)]})
    assert answers.quizzes[5].closes == ELEVEN


def test_the_site_s_front_page_is_no_course():
    assert read({"quizzes": [quiz()]}, COURSES).courses == {2: "MATH1"}


def test_quizzes_of_several_answers_are_all_planned():
    answers = read({"quizzes": [quiz()]}, {"quizzes": [quiz(id=6)], "warnings": []}, {"events": []}, PEOPLE)
    assert len(moodle.peaks(answers, SOURCE)) == 2


# ---------------------------------------------------------------- whose course, whose time


def named(**files: Any) -> moodle.Answers:
    """Answers under the names that a fetch gives them; `_` is a dot."""
    given = {"quizzes": {"quizzes": [quiz()]}, "courses": COURSES} | files
    return moodle.read_answers(
        {f"{n.replace('__', '.')}.json": json.dumps(a).encode() for n, a in given.items()}, "answers"
    )


def test_each_course_has_its_own_participants():
    answers = named(
        quizzes={"quizzes": [quiz(), quiz(id=6, course=3), quiz(id=7, course=4), quiz(id=8, course=5)]},
        core_enrol_get_enrolled_users__2=PEOPLE,
        core_enrol_get_enrolled_users__3={"counted": 30},
        core_enrol_get_users_courses=[{"id": 4, "shortname": "ART", "enrolledusercount": 12}],
    )
    assert [p.participants for p in moodle.peaks(answers, SOURCE)] == [150, 30, 12, 150], "the last course is unknown"


def test_a_course_without_people_has_no_peaks_and_the_plan_names_it():
    answers = named(core_enrol_get_enrolled_users__2=[], core_enrol_get_enrolled_users__3={"counted": 30})
    assert moodle.peaks(answers, SOURCE) == []
    [said] = moodle.warnings(answers, SOURCE, at(0), at(24))
    assert said.startswith("answers: nobody is to be seen in MATH1: nothing is planned there; if that is wrong, ")
    assert moodle.warnings(answers, SOURCE, at(12), at(24)) == (), "what is over needs nobody"


def test_where_many_are_known_an_unknown_course_is_none_of_the_few_largest():
    counts: dict[str, Any] = {f"core_enrol_get_enrolled_users__{n}": {"counted": n} for n in range(100, 199)}
    answers = named(**counts, core_enrol_get_enrolled_users__999={"counted": 5000})
    assert [p.participants for p in moodle.peaks(answers, SOURCE)] == [194]


ALL = (at(9), at(11))
AFTERNOON = {"timeopen": int(at(13).timestamp()), "timeclose": int(at(15).timestamp())}
USER: dict[str, Any] = {"quiz": 5, "groupid": None, "timeopen": None, "timeclose": None, "timelimit": None}
GROUP = USER | {"groupid": 7}
UNKNOWN, LONG = USER | AFTERNOON | {"groupid": 8}, {"timelimit": 7200}
LATE = AFTERNOON | LONG


@pytest.mark.parametrize(
    ("says", "overrides", "expected"),
    [
        ("a user in the afternoon", [USER | AFTERNOON], [(*ALL, 149), (at(13), at(15), 1)]),
        ("two users at one time are one peak", [USER | AFTERNOON] * 2, [(*ALL, 148), (at(13), at(15), 2)]),
        ("a later end alone", [USER | {"timeclose": ELEVEN + 1800}], [(*ALL, 149), (at(9), at(11, 30), 1)]),
        ("a longer time alone starts with the others", [USER | LONG], [(*ALL, 150)]),
        ("the same times are no others", [USER | {"timeopen": NINE}], [(*ALL, 150)]),
        ("a group whose size is known", [GROUP | AFTERNOON], [(*ALL, 110), (at(13), at(15), 40)]),
        ("of an unknown size it may be everybody", [UNKNOWN], [(*ALL, 150), (at(13), at(15), 150)]),
        ("two of unknown size are no more", [UNKNOWN] * 2, [(*ALL, 150), (at(13), at(15), 150)]),
        ("two at one time are one peak", [GROUP | AFTERNOON, USER | LATE], [(*ALL, 109), (at(13), at(15), 41)]),
        ("everybody is elsewhere", [GROUP | AFTERNOON] * 4, [(at(13), at(15), 150)]),
        ("without a time they come whenever they like", [GROUP | {"timeopen": 0, "timeclose": 0}], [(*ALL, 110)]),
        ("an end that is taken away", [GROUP | {"timeclose": 0}], [(*ALL, 110), (at(9), at(10, 30), 40)]),
        ("another quiz's", [GROUP | AFTERNOON | {"quiz": 6}], [(*ALL, 150)]),
        ("nonsense", [None, 7, {}, {"quiz": "5"}, USER | {"timeopen": "x", "timeclose": "y"}], [(*ALL, 149)]),
    ],
)  # fmt: skip
def test_other_times_of_a_quiz(says: str, overrides: list[Any], expected: list[tuple[datetime, datetime, int]]):
    answers = named(
        mod_quiz_get_overrides__5={"overrides": overrides},
        core_enrol_get_enrolled_users__2=PEOPLE,
        core_enrol_get_enrolled_users__2__7={"counted": 40},
    )
    found = moodle.peaks(answers, SOURCE)
    assert [(p.start, p.end, p.participants) for p in found] == expected, says
    assert [p.title for p in found if (p.start, p.end) != ALL] == ["Midterm (other times)"] * (
        len(expected) - (expected[0][:2] == ALL)
    )


OVERRIDES = st.lists(
    st.fixed_dictionaries(
        {
            "quiz": st.just(5),
            "groupid": st.sampled_from([None, 7, 8]),
            "timeopen": st.sampled_from([None, NINE, NINE - 3600, NINE + 7200]),
            "timeclose": st.sampled_from([None, ELEVEN, ELEVEN + 3600]),
            "timelimit": st.sampled_from([None, 0, 600]),
        }
    ),
    max_size=12,
)


@given(OVERRIDES, st.integers(0, 60), st.integers(0, 40))
def test_the_peaks_of_a_quiz_have_together_everybody_at_least(overrides: list[Any], enrolled: int, size: int):
    answers = named(
        mod_quiz_get_overrides__5={"overrides": overrides},
        core_enrol_get_enrolled_users__2={"counted": enrolled},
        core_enrol_get_enrolled_users__2__7={"counted": size},
    )
    found = moodle.peaks(answers, SOURCE)
    assert sum(p.participants for p in found) >= enrolled
    assert all(p.participants <= max(enrolled, len(overrides), size * len(overrides)) for p in found)
    assert len({p.key for p in found}) == len(found), "or they would count as one sitting"


# ---------------------------------------------------------------- assignments


def assigned(**more: Any) -> dict[str, Any]:
    work = {"id": 3, "name": "Essay &amp; more", "duedate": ELEVEN, "cutoffdate": 0} | more
    return {"courses": [{"id": 2, "shortname": "MATH1", "assignments": [work]}]}


@pytest.mark.parametrize(
    ("says", "change", "expected"),
    [
        ("its due date", {}, [at(11)]),
        ("the due date, not the cut-off", {"cutoffdate": DAY_LATER}, [at(11)]),
        ("without one, the cut-off", {"duedate": 0, "cutoffdate": DAY_LATER}, [at(33)]),
        ("neither", {"duedate": 0}, []),
        ("no moment", {"duedate": "soon"}, []),
        ("out of this world", {"duedate": 10**12}, []),
        ("no assignment", {"id": None}, []),
    ],
)
def test_an_assignment_is_a_deadline_of_its_course(says: str, change: dict[str, Any], expected: list[datetime]):
    answers = read({"quizzes": []}, COURSES, PEOPLE, assigned(**change))
    found = moodle.peaks(answers, CalendarSource(moodle="answers", kind="exam"))
    assert [p.end for p in found] == expected, says
    for p in found:
        assert (p.kind, p.participants, p.title, p.end - p.start) == ("deadline", 150, "Essay & more", HOUR)
        assert p.key == f"MATH1/{p.end:%Y%m%dT%H%M%SZ}"


# ---------------------------------------------------------------- what is hidden


def test_nothing_of_a_hidden_course_is_planned():
    hidden = [COURSES[1] | {"visible": 0}]
    assert moodle.peaks(read({"quizzes": [quiz()]}, hidden, PEOPLE, assigned()), SOURCE) == []


def test_hidden_quizzes_of_the_plan_s_time_are_named_five_at_most():
    hidden = [quiz(id=n, name=f"Q&amp;{n}", visible=False) for n in range(1, 8)]
    answers = read({"quizzes": [*hidden, quiz(id=9)]}, COURSES, PEOPLE)
    names = ", ".join(f"'Q&{n}' (MATH1)" for n in range(1, 6))
    assert moodle.warnings(answers, SOURCE, at(0), at(24)) == (
        f"answers: hidden, and so not planned: {names} and 2 more",
    )
    assert moodle.warnings(answers, SOURCE, at(24), at(48)) == ()


# ---------------------------------------------------------------- warnings


def test_without_enrolment_nothing_is_planned_and_the_plan_says_so():
    answers = read({"quizzes": [quiz()]}, [])
    assert moodle.peaks(answers, SOURCE) == []
    [said] = moodle.warnings(answers, SOURCE, at(0), at(24))
    assert said == "answers: nobody is enrolled by its answers, and 'participants' is not set: nothing is planned"


def test_of_several_enrolments_the_largest_counts_and_the_plan_says_so():
    answers = read({"quizzes": [quiz()]}, PEOPLE[:20], PEOPLE)
    assert [p.participants for p in moodle.peaks(answers, SOURCE)] == [150]
    [said] = moodle.warnings(answers, SOURCE, at(0), at(24))
    assert "2 enrolment answers" in said


@pytest.mark.parametrize("participants", [None, 30], ids=["enrolled", "given"])
def test_nothing_to_say_where_participants_are_known(participants: int | None):
    source = CalendarSource(moodle="answers", participants=participants)
    assert moodle.warnings(read({"quizzes": [quiz()]}, PEOPLE), source, at(0), at(24)) == ()


REFUSAL = {"exception": "moodle_exception", "errorcode": "invalidtoken", "message": "Invalid token - token expired"}


def test_an_error_answer_beside_good_ones_is_a_warning():
    answers = read({"quizzes": [quiz()]}, REFUSAL)
    assert answers.warnings == (
        "1.json: Moodle answered invalidtoken: Invalid token - token expired; make a new token and store it where"
        " 'token' points, see docs/moodle-web-service.md",
    )
    assert list(answers.quizzes) == [5]


# ---------------------------------------------------------------- what is no answer


@pytest.mark.parametrize(
    ("says", "files", "told"),
    [
        ("no files", {}, "answers: no answer of mod_quiz_get_quizzes_by_courses in it"),
        ("an error answer only", {"q.json": json.dumps(REFUSAL).encode()}, "(q.json: Moodle answered invalidtoken"),
        ("quizzes that are no list", {"q.json": b'{"quizzes": {"id": 5}}'}, "no answer of mod_quiz"),
        ("a text", {"q.json": b'"hello"'}, "no answer of mod_quiz"),
        ("null", {"q.json": b"null"}, "no answer of mod_quiz"),
        ("quizzes without times", {"q.json": b'{"quizzes": [{"id": 5}, 7, null]}'}, "no answer of mod_quiz"),
        ("a log-in page", {"q.json": b"<html>Log in</html>"}, "answers/q.json: not JSON: "),
        ("an empty file", {"q.json": b""}, "answers/q.json: not JSON: "),
        ("another encoding", {"q.json": '{"name": "Prüfung"}'.encode("latin-1")}, "answers/q.json: not JSON: "),
        ("brackets without end", {"q.json": b"[" * 100_000}, "answers/q.json: not JSON: "),
        ("more than anybody answers", {"q.json": b" " * (moodle_answers.LARGEST + 1)}, "q.json: larger than 10 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused_in_a_sentence(says: str, files: dict[str, bytes], told: str):
    with pytest.raises(CalendarError) as caught:
        moodle.read_answers(files, "answers")
    assert told in str(caught.value), says


ODD = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
KEYS = """id shortname course timeopen timeclose timelimit quizzes format name courses quiz assignments overrides
duedate groupid visible enrolledusercount counted notes release"""
WORDS = st.sampled_from(KEYS.split())
JSON = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=12
)


def test_no_quizzes_at_all_is_an_answer():
    assert moodle.peaks(read({"quizzes": [], "warnings": []}, PEOPLE), SOURCE) == []


@given(JSON, st.dictionaries(WORDS, JSON, max_size=6))
def test_answers_of_any_shape_are_passed_over_or_planned(answer: Any, odd: dict[str, Any]):
    answers = read({"quizzes": [quiz(), {**quiz(id=6), **odd}]}, answer, {"overrides": [odd]}, assigned(**odd), PEOPLE)
    found = moodle.peaks(answers, SOURCE)
    moodle.warnings(answers, SOURCE, at(0), at(24))
    moodle.advice(answers, found)
    assert all(p.start <= p.end and p.participants > 0 for p in found)


def test_the_example_s_answers_are_the_exams_that_its_readers_know():
    answers = moodle.read_answers({p.name: p.read_bytes() for p in EXAMPLE.glob("*.json")}, "moodle")
    found = {p.title: p for p in moodle.peaks(answers, CalendarSource(moodle="moodle", participants_factor=10))}
    midterm = found["Midterm exam"]
    assert (midterm.start.isoformat(), midterm.end - midterm.start) == ("2026-11-24T09:00:00+00:00", 2 * HOUR)
    assert (midterm.kind, midterm.participants, midterm.key.split("/")[0]) == ("exam", 2020, "GEN_S1")
    assert "Load quiz (always open)" not in found
    assert found["Weekly quiz 1 (short window)"].end - found["Weekly quiz 1 (short window)"].start == 15 * MINUTE
