"""Recorded answers of a Moodle become peaks: unset times, one-sided quizzes, errors, and whatever is no answer."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.calendar import moodle
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
    assert planned(quiz()) == [Peak(at(9), at(11), 150, "exam", "answers", "Midterm", key)]


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
        ("a hidden quiz counts: it is shown when its time comes", {"visible": False}, [(at(9), at(11), "exam")]),
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
    assert found.key.startswith("77/")


def test_the_first_file_wins_for_a_quiz_that_a_student_s_answer_repeats_with_his_own_times():
    answers = read({"quizzes": [quiz()]}, {"quizzes": [quiz(timeclose=ELEVEN + 3600)]})
    assert answers.quizzes[5]["timeclose"] == ELEVEN


def test_the_site_s_front_page_is_no_course():
    assert read({"quizzes": [quiz()]}, COURSES).courses == {2: "MATH1"}


def test_quizzes_of_several_answers_are_all_planned():
    answers = read({"quizzes": [quiz()]}, {"quizzes": [quiz(id=6)], "warnings": []}, {"events": []}, PEOPLE)
    assert len(moodle.peaks(answers, SOURCE)) == 2


# ---------------------------------------------------------------- warnings


def test_without_enrolment_nothing_is_planned_and_the_plan_says_so():
    answers = read({"quizzes": [quiz()]}, [])
    assert moodle.peaks(answers, SOURCE) == []
    [said] = moodle.enrolment_warnings(answers, SOURCE)
    assert said == "answers: nobody is enrolled by its answers, and 'participants' is not set: nothing is planned"


def test_of_several_enrolments_the_largest_counts_and_the_plan_says_so():
    answers = read({"quizzes": [quiz()]}, PEOPLE[:20], PEOPLE)
    assert [p.participants for p in moodle.peaks(answers, SOURCE)] == [150]
    [said] = moodle.enrolment_warnings(answers, SOURCE)
    assert "2 enrolment answers" in said


@pytest.mark.parametrize("participants", [None, 30], ids=["enrolled", "given"])
def test_nothing_to_say_where_participants_are_known(participants: int | None):
    source = CalendarSource(moodle="answers", participants=participants)
    assert moodle.enrolment_warnings(read({"quizzes": [quiz()]}, PEOPLE), source) == ()


REFUSAL = {"exception": "moodle_exception", "errorcode": "invalidtoken", "message": "Invalid token - token expired"}


def test_an_error_answer_beside_good_ones_is_a_warning():
    answers = read({"quizzes": [quiz()]}, REFUSAL)
    assert answers.warnings == ("1.json: Moodle answered invalidtoken: Invalid token - token expired",)
    assert list(answers.quizzes) == [5]


# ---------------------------------------------------------------- what is no answer


@pytest.mark.parametrize(
    ("says", "files", "told"),
    [
        ("no files", {}, "answers: no answer of mod_quiz_get_quizzes_by_courses in it"),
        ("an error answer only", {"q.json": json.dumps(REFUSAL).encode()}, "(q.json: Moodle answered invalidtoken"),
        ("no quizzes", {"q.json": b'{"quizzes": []}'}, "no answer of mod_quiz"),
        ("quizzes that are no list", {"q.json": b'{"quizzes": {"id": 5}}'}, "no answer of mod_quiz"),
        ("a text", {"q.json": b'"hello"'}, "no answer of mod_quiz"),
        ("null", {"q.json": b"null"}, "no answer of mod_quiz"),
        ("quizzes without times", {"q.json": b'{"quizzes": [{"id": 5}, 7, null]}'}, "no answer of mod_quiz"),
        ("a log-in page", {"q.json": b"<html>Log in</html>"}, "answers/q.json: not JSON: "),
        ("an empty file", {"q.json": b""}, "answers/q.json: not JSON: "),
        ("another encoding", {"q.json": '{"name": "Prüfung"}'.encode("latin-1")}, "answers/q.json: not JSON: "),
        ("brackets without end", {"q.json": b"[" * 100_000}, "answers/q.json: not JSON: "),
        ("more than anybody answers", {"q.json": b" " * (moodle.LARGEST + 1)}, "answers/q.json: larger than 10 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused_in_a_sentence(says: str, files: dict[str, bytes], told: str):
    with pytest.raises(CalendarError) as caught:
        moodle.read_answers(files, "answers")
    assert told in str(caught.value), says


ODD = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
WORDS = st.sampled_from(
    ["id", "shortname", "course", "timeopen", "timeclose", "timelimit", "quizzes", "format", "name"]
)
JSON = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5), max_leaves=12
)


@given(JSON, st.dictionaries(WORDS, JSON, max_size=6))
def test_answers_of_any_shape_are_passed_over_or_planned(answer: Any, odd: dict[str, Any]):
    answers = read({"quizzes": [quiz(), {**quiz(id=6), **odd}]}, answer, PEOPLE)
    found = moodle.peaks(answers, SOURCE)
    assert all(p.start <= p.end and p.participants > 0 for p in found)


def test_the_example_s_answers_are_the_exams_that_its_readers_know():
    answers = moodle.read_answers({p.name: p.read_bytes() for p in EXAMPLE.glob("*.json")}, "moodle")
    found = {p.title: p for p in moodle.peaks(answers, CalendarSource(moodle="moodle", participants_factor=10))}
    midterm = found["Midterm exam"]
    assert (midterm.start.isoformat(), midterm.end - midterm.start) == ("2026-11-24T09:00:00+00:00", 2 * HOUR)
    assert (midterm.kind, midterm.participants, midterm.key.split("/")[0]) == ("exam", 2020, "GEN_S1")
    assert "Load quiz (always open)" not in found
    assert found["Weekly quiz 1 (short window)"].end - found["Weekly quiz 1 (short window)"].start == 15 * MINUTE
