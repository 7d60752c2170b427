"""The term file: good ones are read with their defaults, and every mistake is named with its key, value and line."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.calendar.term_file import json_schema, read_peak, read_term, write_peaks
from firstbell.calendar.term_values import (
    MOST_ENTRIES,
    ExamPeriod,
    Holiday,
    Lecture,
    Period,
    PlannedPeak,
    Semester,
    Term,
)
from firstbell.calendar.values import CalendarError
from firstbell.yaml_file import LARGEST, FileError

ROOT = Path(__file__).parents[2]
LECTURE = "terms: [{name: W, start: 2026-10-12, end: 2027-02-05}]\nlectures:\n- "  # the third line begun


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(CalendarError) as caught:
        read_term(text, "term.yaml")
    lines = str(caught.value).splitlines()
    assert all(line.startswith("term.yaml: ") for line in lines)
    return [line.removeprefix("term.yaml: ") for line in lines]


def test_everything_can_be_said():
    text = """\
terms: [{name: Winter 2026, start: 2026-10-12, end: 2027-02-05, participants: 8000, at: "09:00"}]
teaching_weeks: [{start: 2026-10-12, end: 2026-12-18}]
exam_periods:
- {name: Exams, start: 2027-02-08, end: 2027-02-19, sittings: ["09:00-11:00", 13:00 – 15:00], days: [mon, sat],
   participants: 1200, course: X}
holidays: [{name: Christmas, start: 2026-12-21, end: 2027-01-01}, {start: 2026-11-01, end: 2026-11-01}]
lectures:
- {name: Maths, days: [mon, wed], at: 13:15, minutes: 45, participants: 3000, weeks: odd, term: Winter 2026, course: M1}
peaks:
- {title: A, start: 2026-12-01T09:00, end: 2026-12-01 11:00:30, participants: 900, kind: quiz, expires: 2026-12-03}
- {title: B, start: 2026-12-01T09:00:00Z, end: 2026-12-01T11:00+01:00, course: B1, expires: 2026-12-03T12:00}
- {title: C, start: 2026-12-01T09:00, minutes: 45}
"""
    start = at("2026-12-01T09:00")
    assert read_term(text, "term.yaml") == Term(
        terms=(
            Semester(name="Winter 2026", start=date(2026, 10, 12), end=date(2027, 2, 5), participants=8000, at=time(9)),
        ),
        teaching_weeks=(Period(date(2026, 10, 12), date(2026, 12, 18)),),
        exam_periods=(
            ExamPeriod(
                name="Exams",
                start=date(2027, 2, 8),
                end=date(2027, 2, 19),
                sittings=((time(9), time(11)), (time(13), time(15))),
                days=("mon", "sat"),
                participants=1200,
                course="X",
            ),
        ),
        holidays=(
            Holiday(date(2026, 12, 21), date(2027, 1, 1), "Christmas"),
            Holiday(date(2026, 11, 1), date(2026, 11, 1)),
        ),
        lectures=(Lecture("Maths", ("mon", "wed"), time(13, 15), 45, 3000, "odd", "Winter 2026", "M1"),),
        peaks=(
            PlannedPeak("A", start, at("2026-12-01T11:00:30"), None, 900, "quiz", expires=at("2026-12-04T00:00")),
            PlannedPeak(
                "B",
                start.replace(tzinfo=UTC),
                at("2026-12-01T11:00+01:00"),
                course="B1",
                expires=at("2026-12-03T12:00"),
            ),
            PlannedPeak("C", start, minutes=45),
        ),
    )


def test_every_key_is_optional():
    assert read_term("{}", "term.yaml") == Term()


def test_the_example_is_good_and_shows_every_key():
    term = read_term((ROOT / "examples" / "term.yaml").read_bytes(), "term.yaml")
    assert all((term.terms, term.teaching_weeks, term.exam_periods, term.holidays, term.lectures, term.peaks))


@pytest.mark.parametrize(
    ("says", "text", "expected"),
    [
        ("nothing", "", "line 1, expected a mapping with keys such as lectures and peaks"),
        ("no YAML", "terms: [", "line 1, this is not YAML: expected the node content, but found '<stream end>'"),
        ("an unknown key", "lecture: []", "line 1, lecture: is not a key of the term file; did you mean lectures?"),
        (
            "an unknown key of an entry",
            LECTURE + "{name: M, days: [mon], at: 08:15, minute: 5}",
            "line 3, lectures[0].minute: is not a key of the term file; did you mean minutes?",
        ),
        ("a key twice", "peaks: []\nholidays: []\npeaks: []", "line 3, peaks: is there twice"),
        ("a list that is none", "peaks: {}", "line 1, peaks: {} is wrong: it should be a list"),
        ("an entry that is none", "peaks: [x]", "line 1, peaks[0]: 'x' is wrong: it should be a mapping"),
        ("no name", LECTURE + "{days: [mon], at: 08:15}", "line 3, lectures[0].name: is missing"),
        (
            "an empty name",
            LECTURE + "{name: ' ', days: [mon], at: 08:15}",
            "line 3, lectures[0].name: ' ' is wrong: expected 1 to 200 characters on one line",
        ),
        (
            "a name on two lines",
            LECTURE + '{name: "a\\nb", days: [mon], at: 08:15}',
            "line 3, lectures[0].name: 'a\\nb' is wrong: expected 1 to 200 characters on one line",
        ),
        (
            "no such weekday",
            LECTURE + "{name: M, days: [mo], at: 08:15}",
            "line 3, lectures[0].days[0]: 'mo' is wrong: input should be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'"
            " or 'sun'",
        ),
        (
            "no weekdays",
            LECTURE + "{name: M, days: [], at: 08:15}",
            "line 3, lectures[0]: 'days' is empty: expected a list such as [mon, tue]",
        ),
        (
            "an hour that there is not",
            LECTURE + "{name: M, days: [mon], at: 24:15}",
            "line 3, lectures[0].at: '24:15' is wrong: hour must be in 0..23",
        ),
        (
            "a time in words",
            LECTURE + "{name: M, days: [mon], at: noon}",
            "line 3, lectures[0].at: 'noon' is not a time of the day such as \"08:15\"",
        ),
        (
            "a number for a time",
            LECTURE + "{name: M, days: [mon], at: 815}",
            'line 3, lectures[0].at: 815 is not a time of the day such as "08:15"',
        ),
        (
            "a lecture of two days",
            LECTURE + "{name: M, days: [mon], at: 08:15, minutes: 2880}",
            "line 3, lectures[0].minutes: 2880 is wrong: input should be less than or equal to 1440",
        ),
        (
            "nobody",
            LECTURE + "{name: M, days: [mon], at: 08:15, participants: 0}",
            "line 3, lectures[0].participants: 0 is wrong: input should be greater than or equal to 1",
        ),
        (
            "weeks of another kind",
            LECTURE + "{name: M, days: [mon], at: 08:15, weeks: A}",
            "line 3, lectures[0].weeks: 'A' is wrong: input should be 'all', 'odd' or 'even'",
        ),
        (
            "a term that there is not",
            LECTURE + "{name: M, days: [mon], at: 08:15, term: S}",
            "line 3, lectures[0].term: 'S' is no term; the terms are W",
        ),
        (
            "a term where there are none",
            "teaching_weeks: [{start: 2026-10-12, end: 2026-10-13}]\nlectures:\n- {name: M, days: [mon], at: 08:15,\n"
            "   term: S}",
            "line 4, lectures[0].term: 'S' is no term; there are no 'terms'",
        ),
        (
            "lectures for ever",
            "lectures: [{name: M, days: [mon], at: 08:15}]",
            "line 1, lectures: they need 'terms' or 'teaching_weeks', which say from when until when they are",
        ),
        (
            "two terms of one name",
            "terms:\n- {name: W, start: 2026-10-12, end: 2027-02-05}\n- {name: W, start: 2027-10-12, end: 2028-02-05}",
            "line 3, terms[1].name: 'W' is the name of another term already",
        ),
        (
            "a term that ends before it begins",
            "terms:\n- {name: W, start: 2026-10-12, end: 2026-02-05}",
            "line 2, terms[0]: it ends on 2026-02-05, before it begins on 2026-10-12",
        ),
        (
            "a day that there is not",
            "holidays:\n- {start: 2027-02-29, end: 2027-03-01}",
            "line 2, holidays[0].start: '2027-02-29' is wrong: day is out of range for month",
        ),
        (
            "a day of another country",
            "holidays:\n- {start: 24.12.2026, end: 2027-03-01}",
            "line 2, holidays[0].start: '24.12.2026' is not a day such as 2026-10-12",
        ),
        (
            "a number for a day, which pydantic would take for seconds",
            "holidays:\n- {start: 20261224, end: 2027-03-01}",
            "line 2, holidays[0].start: 20261224 is not a day such as 2026-10-12",
        ),
        (
            "a year far away",
            "holidays:\n- {start: 2026-12-24, end: 9999-12-31}",
            "line 2, holidays[0].end: '9999-12-31' is wrong: the year 9999 is not between 1990 and 2100",
        ),
        (
            "no sittings",
            "exam_periods:\n- {name: E, start: 2027-02-08, end: 2027-02-19, sittings: []}",
            "line 2, exam_periods[0]: 'sittings' is empty: expected a list such as [\"09:00-11:00\"]",
        ),
        (
            "a sitting over midnight",
            "exam_periods:\n- {name: E, start: 2027-02-08, end: 2027-02-19, sittings: [22:00-01:00]}",
            "line 2, exam_periods[0].sittings[0]: '22:00-01:00' is wrong: it ends before it begins; one that lasts over"
            " midnight is an entry of 'peaks'",
        ),
        (
            "a sitting without an end",
            "exam_periods:\n- {name: E, start: 2027-02-08, end: 2027-02-19, sittings: ['09:00']}",
            "line 2, exam_periods[0].sittings[0]: '09:00' is not a sitting such as \"09:00-11:00\"",
        ),
        (
            "a peak without an end",
            "peaks:\n- {title: E, start: 2026-12-01T09:00}",
            "line 2, peaks[0]: it needs one of 'end' and 'minutes', and not both",
        ),
        (
            "a peak with two ends",
            "peaks:\n- {title: E, start: 2026-12-01T09:00, end: 2026-12-01T10:00, minutes: 60}",
            "line 2, peaks[0]: it needs one of 'end' and 'minutes', and not both",
        ),
        (
            "a peak that ends before it begins",
            "peaks:\n- {title: E, start: 2026-12-01T09:00, end: 2026-12-01T08:00}",
            "line 2, peaks[0]: it ends at 2026-12-01 08:00, but begins at 2026-12-01 09:00",
        ),
        (
            "a peak of two years",
            "peaks:\n- {title: E, start: 2026-12-01T09:00, end: 2028-12-01T09:00}",
            "line 2, peaks[0]: it lasts 731 days, more than 366; is the year right?",
        ),
        (
            "a peak that is forgotten before it ends",
            "peaks:\n- {title: E, start: 2026-12-01T09:00, minutes: 60, expires: 2026-11-30}",
            "line 2, peaks[0]: it expires at 2026-12-01 00:00, before it ends",
        ),
        (
            "a day where a time is wanted",
            "peaks:\n- {title: E, start: 2026-12-01, minutes: 60}",
            "line 2, peaks[0].start: '2026-12-01' is not a time such as 2026-12-01T09:00",
        ),
        (
            "a kind that there is not",
            "peaks:\n- {title: E, start: 2026-12-01T09:00, minutes: 60, kind: party}",
            "line 2, peaks[0].kind: 'party' is wrong: input should be 'exam', 'quiz', 'deadline', 'lecture' or"
            " 'term_start'",
        ),
        ("an alias", "peaks: &p []\nholidays: *p", "aliases (*name) are not allowed: write the value out"),
        ("brackets without end", "[" * 20_000, "nested more than 20 levels deep: not a term file"),
        ("300 KiB", "#" * (LARGEST + 1), "larger than 256 KiB: not a term file"),
        (
            "too many entries",
            "holidays:\n" + "- {start: 2026-12-24, end: 2026-12-24}\n" * (MOST_ENTRIES + 1),
            "line 1, 1,001 entries, more than 1,000; make several term files of it",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(says: str, text: str, expected: str):
    assert problems(text) == [expected], says


def test_the_sittings_count_as_entries():
    sittings = ", ".join(["09:00-10:00"] * MOST_ENTRIES)
    text = f"exam_periods: [{{name: E, start: 2027-02-08, end: 2027-02-19, sittings: [{sittings}]}}]"
    assert "1,001 entries" in problems(text)[0]


def test_all_mistakes_are_named_at_once():
    text = "terms:\n- {name: W}\npeaks:\n- {title: E, start: x, minutes: 0}\nzzz: 1\n"
    assert [p.split(": ")[0] for p in problems(text)] == [
        "line 2, terms[0].start",
        "line 2, terms[0].end",
        "line 4, peaks[0].start",
        "line 4, peaks[0].minutes",
        "line 5, zzz",
    ]


def test_a_peak_from_elsewhere_is_checked_key_by_key():
    with pytest.raises(FileError) as caught:
        read_peak({"title": "E", "start": "2026-12-01T09:00", "minutes": 60, "participants": 0, "kind": "party"})
    assert [(p.key, p.line) for p in caught.value.problems] == [("participants", 0), ("kind", 0)]


LINES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]) | st.sampled_from(" #:'\"-"), min_size=1
)
TITLES = LINES.map(lambda text: f"x{text}"[:200])
MOMENTS = st.datetimes(at("1991-01-01"), at("2098-01-01")).map(lambda moment: moment.replace(microsecond=0))
OFFSETS = st.none() | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@st.composite
def planned_peaks(draw: st.DrawFn) -> PlannedPeak:
    start = draw(MOMENTS).replace(tzinfo=draw(OFFSETS))
    minutes = draw(st.integers(1, 5000))
    end = start + timedelta(minutes=minutes)
    lasts: Any = draw(st.sampled_from([{"minutes": minutes}, {"end": end}]))
    return PlannedPeak(
        title=draw(TITLES),
        start=start,
        participants=draw(st.none() | st.integers(1, 1_000_000)),
        kind=draw(st.sampled_from([None, "exam", "deadline"])),
        course=draw(st.just("") | TITLES),
        expires=draw(st.none() | st.just(end + timedelta(days=1))),
        **lasts,
    )


@given(st.lists(planned_peaks(), max_size=5).map(tuple))
def test_what_is_written_is_read_again(peaks: tuple[PlannedPeak, ...]):
    assert read_term(write_peaks(peaks), "peaks.yaml") == Term(peaks=peaks)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: (LECTURE + text).encode()))
def test_any_bytes_are_a_term_or_a_calendar_error(text: bytes):
    try:
        found: Any = read_term(text, "term.yaml")
    except CalendarError as error:
        found = str(error)
    assert found


# ---------------------------------------------------------------- the JSON Schema


def test_the_schema_in_the_documentation_is_the_present_one():
    assert json.loads((ROOT / "docs" / "term.schema.json").read_text("utf-8")) == json_schema()


def test_every_part_is_described_and_takes_no_unknown_key():
    schema = json_schema()
    assert schema["title"] == "Firstbell term file"
    for name, part in {**schema["$defs"], "Term": schema}.items():
        assert part["description"], name
        assert part["additionalProperties"] is False, name
        assert all("description" in value for value in part["properties"].values()), name
