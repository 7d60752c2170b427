"""Advice about Moodle's own settings: only where it flattens a planned peak, and only what is not done already."""

from typing import Any

import pytest

from firstbell.calendar.moodle import advice
from firstbell.calendar.moodle_answers import Answers, Quiz
from firstbell.capacity.values import Peak
from firstbell.site import Kind
from tests.unit.campus_values import HOUR, at

NINE, ELEVEN = (int(at(hour).timestamp()) for hour in (9, 11))
KEY = "MATH1/20260504T090000Z/20260504T110000Z"
BIG = Peak(at(9), at(11), 800, "exam", "moodle", "Midterm", KEY, 0, "MATH1")
NAMED = "'Midterm' (MATH1, 2026-05-04 09:00 UTC, 800 participants)"


def answers(release: str = "5.1.3 (Build: 20260216)", **more: Any) -> Answers:
    return Answers({5: Quiz(5, 2, "Midterm", NINE, ELEVEN, **more)}, courses={2: "MATH1"}, release=release)


def about(word: str, said: tuple[str, ...]) -> list[str]:
    return [sentence for sentence in said if word in sentence]


@pytest.mark.parametrize(
    ("says", "given", "advised"),
    [
        ("it is off", answers(precreated=False), True),
        ("it is not known", answers(), True),
        ("it is on", answers(precreated=True), False),
        ("Moodle cannot yet", answers("4.5.2 (Build: 20250210)", precreated=False), False),
        ("the first that can", answers("5.0", precreated=False), True),
        ("a later one", answers("10.2.1", precreated=False), True),
        ("the release is unknown", answers("", precreated=False), False),
        ("a release that says nothing", answers("five", precreated=False), False),
        ("the peak is of another source only", Answers(release="5.1"), False),
    ],
)
def test_attempts_created_beforehand(says: str, given: Answers, advised: bool):
    assert bool(about("create the attempts", advice(given, [BIG]))) == advised, says


def test_what_moodle_does_not_tell_is_advised_with_care():
    [known] = about("create", advice(answers(precreated=False), [BIG]))
    [unknown] = about("create", advice(answers(), [BIG]))
    assert f"let Moodle create the attempts of {NAMED} before the start" in known
    assert "unless it does already" in unknown
    assert "unless" not in known


@pytest.mark.parametrize(
    ("says", "kind", "hours", "people", "advised"),
    [
        ("a large exam", "exam", 2, 500, True),
        ("a small one", "exam", 2, 499, False),
        ("a quiz starts less steeply", "quiz", 2, 5000, False),
        ("a day is no sitting", "exam", 24, 5000, False),
        ("a lecture is no exam", "lecture", 2, 5000, False),
    ],
)
def test_a_staggered_start(says: str, kind: Kind, hours: int, people: int, advised: bool):
    peak = Peak(at(9), at(9 + hours), people, kind, "moodle", "Midterm", KEY, 0, "MATH1")
    assert bool(about("five minutes apart", advice(Answers(), [peak]))) == advised, says


@pytest.mark.parametrize(
    ("says", "period", "advised"),
    [("often", 10, True), ("the default", 60, False), ("off", 0, False), ("unknown", None, False)],
)
def test_the_autosave_period(says: str, period: int | None, advised: bool):
    said = about("Auto-save delay", advice(answers(autosave=period), [BIG]))
    assert bool(said) == advised, says
    assert not about("Auto-save delay", advice(answers(autosave=period), [])), "nothing is planned"


def due(course: str, people: int = 200, hour: float = 22) -> Peak:
    return Peak(at(hour) - HOUR, at(hour), people, "deadline", "moodle", "Essay", f"{course}/{hour}", 0, course)


@pytest.mark.parametrize(
    ("says", "peaks", "advised"),
    [
        ("four courses", [due(c) for c in "ABCD"], True),
        ("three", [due(c) for c in "ABC"], False),
        ("three, one of them twice", [due(c) for c in "ABCC"], False),
        ("four at different times", [due("A"), due("B"), due("C"), due("D", hour=23)], False),
        ("few people", [due(c, 20) for c in "ABCD"], False),
        ("four exams end together", [BIG] * 4, False),
    ],
)
def test_a_deadline_that_courses_share(says: str, peaks: list[Peak], advised: bool):
    assert bool(about("deadlines", advice(Answers(), peaks))) == advised, says


def test_the_sentence_names_some_of_the_courses_and_all_of_the_people():
    assert advice(Answers(), [due(c) for c in "FEDCBA"]) == (
        "move some of the 6 deadlines at 2026-05-04 22:00 UTC by an hour or more (A, B, C, D …; 1,200 participants):"
        " all hand in within the hour before",
    )


def test_the_largest_are_named_and_the_others_counted():
    many = [Peak(at(9), at(11), 500 + n, "exam", "m", f"E{n}", f"E{n}", 0, f"C{n}") for n in range(5)]
    [said] = advice(Answers(), many)
    assert said.index("'E4'") < said.index("'E3'") < said.index("'E2'") < said.index("and 2 more")


def test_nothing_is_advised_where_nothing_is_planned():
    assert advice(answers(precreated=False, autosave=5), []) == ()
