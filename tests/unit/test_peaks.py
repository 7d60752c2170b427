"""Events become peaks by the operator's rules; a quiz that two sources know, or two moments tell, counts once."""

import re
from dataclasses import replace
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.calendar import ical, moodle
from firstbell.calendar.peaks import key_of, merge, of_events, pair_moments
from firstbell.calendar.values import Event
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource, Kind, Rule
from tests.unit.campus_values import DAY, at, peak

EXAMPLE = Path(__file__).parents[2] / "examples" / "exam_morning"
HOST = "moodle.example.edu"


NINE, ELEVEN = at(9), at(11)


def event(title: str = "Exam", start: datetime = NINE, end: datetime = ELEVEN, *categories: str) -> Event:
    return Event("7", start, end, title, "", categories)


def source(*rules: Rule, **more: object) -> CalendarSource:
    return CalendarSource(**({"ical": "term.ics", "participants": 100, "rules": rules} | more))


EXAM, QUIZ = Rule("(?i)exam", kind="exam"), Rule(category="^Q", kind="quiz", participants=7)


@pytest.mark.parametrize(
    ("says", "found", "given", "expected"),
    [
        ("a rule's title makes it a kind", source(EXAM), event("Final EXAM"), [("exam", 100)]),
        ("without a rule that matches, and without a kind, it is no peak", source(EXAM), event("Party"), []),
        ("the source's kind is for the rest", source(EXAM, kind="lecture"), event("Party"), [("lecture", 100)]),
        ("a rule's category is searched in each", source(QUIZ), event("x", at(9), at(10), "A", "Q1"), [("quiz", 7)]),
        ("a category that is wanted and missing does not match", source(QUIZ), event("x"), []),
        ("all conditions of a rule must hold", source(Rule("x", "Q", "quiz")), event("y", at(9), at(10), "Q"), []),
        ("the first rule that matches decides", source(Rule(ignore=True), EXAM), event(), []),
        ("a rule that ignores beats the source's kind", source(Rule("Exam", ignore=True), kind="quiz"), event(), []),
        ("a rule without kind takes the source's", source(Rule(participants=9), kind="quiz"), event(), [("quiz", 9)]),
        ("a rule's participants beat the source's", source(Rule(kind="exam", participants=3)), event(), [("exam", 3)]),
        ("zero participants of a rule are none", source(Rule(kind="exam", participants=0)), event(), []),
        ("participants are multiplied", source(EXAM, participants_factor=2.5), event(), [("exam", 250)]),
        ("a factor of nothing leaves nobody", source(EXAM, participants_factor=0.0), event(), []),
    ],
)  # fmt: skip
def test_rules(says: str, found: CalendarSource, given: Event, expected: list[tuple[str, int]]):
    assert [(p.kind, p.participants) for p in of_events([given], found)] == expected, says


def test_a_peak_has_the_event_s_times_title_and_source():
    moodles = replace(event("Final exam", at(9), at(11), "MATH1"), uid=f"7@{HOST}")
    [found] = of_events([moodles], source(EXAM))
    key = "MATH1/20260504T090000Z/20260504T110000Z"
    assert found == Peak(at(9), at(11), 100, "exam", "term.ics", "Final exam", key, course="MATH1")


def test_an_event_without_title_is_called_by_its_kind():
    assert [p.title for p in of_events([event("")], source(kind="quiz"))] == ["quiz"]


@pytest.mark.parametrize(
    ("says", "kind", "end"),
    [("a moment is taken for an hour", "exam", at(10)), ("a deadline stays a moment", "deadline", at(9))],
)
def test_a_moment_without_partner(says: str, kind: str, end: datetime):
    [found] = of_events([event("x", at(9), at(9))], source(kind=kind))
    assert (found.start, found.end) == (at(9), end), says


# ---------------------------------------------------------------- Moodle's "opens" and "closes"


def moment(
    number: int | str, start: datetime, title: str, host: str = HOST, text: str = "", course: str = "M1"
) -> Event:
    return Event(f"{number}@{host}" if host else str(number), start, start, title, text, (course,))


OPENS, CLOSES = moment(1, at(9), "Midterm opens"), moment(2, at(11), "Midterm closes")


def test_opens_and_closes_are_one_quiz_named_by_what_both_titles_begin_with():
    [found] = pair_moments([OPENS, CLOSES])
    assert (found.uid, found.start, found.end, found.title) == (OPENS.uid, at(9), at(11), "Midterm")


@pytest.mark.parametrize(
    ("says", "other"),
    [
        ("another number", moment(3, at(11), "Midterm closes")),
        ("another host", moment(2, at(11), "Midterm closes", "other.example.edu")),
        ("no host", moment(2, at(11), "Midterm closes", "")),
        ("no number", moment("abc", at(11), "Midterm closes")),
        ("a number out of this world", moment("9" * 5000, at(11), "Midterm closes")),
        ("another course", moment(2, at(11), "Midterm closes", course="M2")),
        ("another description", moment(2, at(11), "Midterm closes", text="Bring a pen")),
        ("nothing in common in the title", moment(2, at(11), "Essay is due")),
        ("a close before the opening", moment(2, at(8), "Midterm closes")),
        ("a close in the same moment", moment(2, at(9), "Midterm closes")),
        ("a close more than a day later", moment(2, at(34), "Midterm closes")),
        ("a duration", Event(f"2@{HOST}", at(10), at(11), "Midterm closes", "", ("M1",))),
    ],
)
def test_what_is_no_pair_stays_as_it_is(says: str, other: Event):
    assert set(pair_moments([OPENS, other])) == {OPENS, other}, says


def test_three_in_a_row_make_one_pair_and_leave_one():
    third = moment(3, at(12), "Midterm review")
    found = pair_moments([OPENS, CLOSES, third])
    assert [(e.start, e.end) for e in found] == [(at(9), at(11)), (at(12), at(12))]


def test_the_order_in_the_file_does_not_matter():
    other = [moment(5, at(9), "Quiz öffnet"), moment(6, at(10), "Quiz schließt")]
    assert len({tuple(pair_moments(list(p))) for p in permutations([OPENS, CLOSES, *other])}) == 1


def export(text: bytes) -> list[Event]:
    start = datetime.fromisoformat("2026-11-20T00:00:00+00:00")
    return ical.read_calendar(text, ZoneInfo("Europe/Berlin"), start, start + 200 * DAY, "calendar.ics")[0]


WORDS = {"opens": "wird geöffnet", "closes": "schließt", "is due": "ist fällig", "starts": "beginnt"}


def translated(text: str) -> str:
    return re.sub("|".join(WORDS), lambda m: WORDS[m[0]], text)


def test_a_moodle_export_in_another_language_has_the_same_pairs():
    text = (EXAMPLE / "calendar.ics").read_bytes()
    german = translated(text.decode()).encode()
    assert german != text
    pairs, paare = ([e for e in pair_moments(export(t)) if not e.is_moment and "@" in e.uid] for t in (text, german))
    assert [(e.uid, e.start, e.end, e.title) for e in paare] == [(e.uid, e.start, e.end, e.title) for e in pairs]
    assert {"Midterm exam", "Weekly quiz 1 (short window)", "Final exam"} <= {e.title for e in pairs}


def test_what_moodle_exports_one_sided_stays_a_moment():
    titles = {e.title for e in pair_moments(export((EXAMPLE / "calendar.ics").read_bytes())) if e.is_moment}
    assert {"Open only, no close opens", "Close only, no open closes", "Essay 1 is due", "Term 2 starts"} <= titles


# ---------------------------------------------------------------- one sitting from several sources


def test_the_export_and_the_web_service_agree_on_the_sittings():
    """The example's quizzes, once by each way: the same keys, so that each counts once."""
    folder = EXAMPLE / "moodle"
    answers = moodle.read_answers({p.name: p.read_bytes() for p in folder.glob("*.json")}, "moodle")
    by_service = moodle.peaks(answers, CalendarSource(moodle="moodle"))
    by_export = of_events(export((EXAMPLE / "calendar.ics").read_bytes()), source(kind="quiz"))
    both = {p.key for p in by_service} & {p.key for p in by_export}
    assert {p.title for p in by_service if p.key in both} >= {
        "Midterm exam",
        "Weekly quiz 1 (short window)",
        "Final exam",
    }
    assert len(merge(by_service, by_export)) == len(by_service) + len(by_export) - len(both)


def twice(people: int, kind: str, other_people: int, other_kind: str) -> tuple[Peak, ...]:
    return merge([peak(at(9), at(11), people, kind)], [peak(at(9), at(11), other_people, other_kind)])


@pytest.mark.parametrize(
    ("says", "one", "other", "expected"),
    [
        ("the higher participation counts", (100, "exam"), (200, "exam"), (200, "exam")),
        ("the kind that asks for more counts", (100, "lecture"), (100, "exam"), (100, "exam")),
        ("more people do not make an exam a lecture", (100, "exam"), (200, "lecture"), (200, "exam")),
        ("a quiz asks for more than a deadline", (100, "deadline"), (100, "quiz"), (100, "quiz")),
    ],
)
def test_the_same_sitting_twice(says: str, one: tuple[int, str], other: tuple[int, str], expected: tuple[int, str]):
    for found in (twice(*one, *other), twice(*other, *one)):
        assert [(p.participants, p.kind) for p in found] == [expected], says


def test_different_times_or_courses_are_different_sittings():
    found = [peak(at(9), at(11), 5, title="A"), peak(at(9), at(11), 5, title="B"), peak(at(9), at(12), 5, title="A")]
    assert len(merge(found)) == 3


def test_a_key_is_the_course_and_the_times():
    assert key_of("M1", at(9), at(11)) == "M1/20260504T090000Z/20260504T110000Z"
    assert key_of("M/1", at(9)) == "M/1/20260504T090000Z"


def sitting(course: str, start: float, end: float, known: str, people: int = 100, kind: Kind = "quiz") -> Peak:
    """A peak of which a source knows both moments, or one of them only."""
    moments = {"both": (at(start), at(end)), "opening": (at(start),), "closing": (at(end),)}[known]
    return replace(peak(at(start), at(end), people, kind), key=key_of(course, *moments), course=course)


@pytest.mark.parametrize(
    ("says", "one", "other", "count"),
    [
        ("an opening alone is the quiz that opens then", ("M/1", 9, 57, "both"), ("M/1", 9, 10, "opening"), 1),
        ("a closing alone is the quiz that closes then", ("M1", 9, 57, "both"), ("M1", 56, 57, "closing"), 1),
        ("one half known twice is one", ("M1", 9, 10, "opening"), ("M1", 9, 10, "opening"), 1),
        ("another course's is another one", ("M1", 9, 57, "both"), ("M2", 9, 10, "opening"), 2),
        ("another time's is another one", ("M1", 9, 57, "both"), ("M1", 10, 11, "opening"), 2),
    ],
)
def test_a_half_known_sitting(says: str, one: Any, other: Any, count: int):
    for found in ([sitting(*one), sitting(*other, 300)], [sitting(*other, 300), sitting(*one)]):
        merged = merge(found[:1], found[1:])
        assert len(merged) == count, says
        assert max(p.participants for p in merged) == 300
        whole = [p for p in found if p.key.count("Z") == 2] or found
        assert min(p.start for p in merged) <= min(p.start for p in whole)
        assert max(p.end for p in merged) >= max(p.end for p in whole)


def test_what_is_half_known_as_an_exam_is_no_less_than_an_exam():
    exam, quiz = sitting("M1", 9, 10, "opening", 700, "exam"), sitting("M1", 9, 9.25, "both", 300)
    [merged] = merge([exam], [quiz])
    assert (merged.kind, merged.participants) == ("exam", 700)


def test_a_lecture_at_a_quiz_s_opening_is_not_that_quiz():
    lecture = sitting("M1", 9, 10, "opening", kind="lecture")
    assert len(merge([sitting("M1", 9, 57, "both")], [lecture])) == 2


def test_a_deadline_at_an_exam_s_opening_takes_nothing_from_the_exam():
    """A quiz from 09:00 to 12:30 and an assignment of its course that is due at 09:00, from the same Moodle."""
    quiz, due = sitting("M1", 9, 12.5, "both"), sitting("M1", 8, 9, "closing", kind="deadline")
    assert set(merge([quiz, due])) == {quiz, due}
    exported = sitting("M1", 9, 9, "opening", kind="deadline")
    merged = merge([quiz, due], [exported])
    assert [(p.start, p.end) for p in merged if p.kind == "quiz"] == [(at(9), at(12.5))]


@pytest.mark.parametrize("category", ["Exam", ""])
def test_different_exams_at_one_time_add_up_whatever_their_category(category: str):
    found = [
        Event(uid, at(9), at(11), title, "", (category,) if category else ())
        for uid, title in (("a", "Law"), ("b", "Medicine"), ("", "Physics"), ("", "History"))
    ]
    assert len(merge(of_events(found, source(kind="exam")))) == 4
    assert len(merge(of_events(found, source(kind="exam")), of_events(found, source(kind="exam")))) == 4, (
        "both have the same four"
    )


@pytest.mark.parametrize(
    ("opens", "closes", "title"),
    [
        ("Midterm exam opens", "Midterm exam closes", "Midterm exam"),
        ("Ouverture de Test", "Fermeture de Test", "de Test"),
        ("期中考试开放", "期中考试关闭", "期中考试"),
    ],
)
def test_a_quiz_s_two_moments_are_one_in_any_language(opens: str, closes: str, title: str):
    moments = [
        Event(f"{n}@{HOST}", at(9 + 3 * n), at(9 + 3 * n), t, "", ("M1",)) for n, t in enumerate((opens, closes))
    ]
    [joined] = pair_moments(moments)
    assert (joined.title, joined.start, joined.end) == (title, at(9), at(12))


def test_a_rule_may_ask_for_the_calendar_s_own_name():
    found = [replace(event(), calendar="Exams 2026"), replace(event(), uid="2", calendar="Canteen")]
    rules = (Rule(calendar="(?i)exam", kind="exam"), Rule(ignore=True))
    assert [p.kind for p in of_events(found, source(rules=rules))] == ["exam"]


EVENTS = st.lists(
    st.builds(
        lambda number, start, lasts, host, title: Event(f"{number}@{host}", at(start), at(start + lasts), title),
        st.integers(0, 8),
        st.integers(0, 30),
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from("ab"),
        st.sampled_from(["Quiz opens", "Quiz closes", "Essay", ""]),
    ),
    max_size=8,
    unique_by=lambda e: e.uid,
)


@given(EVENTS)
def test_pairing_loses_no_moment_and_uses_none_twice(found: list[Event]):
    joined = pair_moments(found)
    covered = [m for e in joined for m in ({e.start, e.end} if e not in found else {e.start})]
    assert len(joined) + sum(e not in found for e in joined) == len(found)
    assert sorted(covered) == sorted(e.start for e in found)
    assert joined == sorted(joined, key=lambda e: (e.start, e.end, e.uid))


@pytest.mark.parametrize(
    ("says", "kind", "start", "end"),
    [
        ("a quiz of which only one moment is known is sat before or after it", "quiz", at(8), at(10)),
        ("a deadline is at its moment", "deadline", at(9), at(9)),
        ("a term starts at its moment", "term_start", at(9), at(10)),
    ],
)
def test_a_lone_moment_of_a_moodle(says: str, kind: Kind, start: datetime, end: datetime):
    [found] = of_events([Event(f"7@{HOST}", at(9), at(9), "Quiz closes", "", ("M1",))], source(kind=kind))
    assert (found.start, found.end, found.key) == (start, end, "M1/20260504T090000Z"), says
