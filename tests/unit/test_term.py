"""A term file's entries as peaks: odd and even weeks, holidays, clock changes, bounds, expiry, and who takes part."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.calendar import term
from firstbell.calendar.peaks import merge
from firstbell.calendar.term_values import (
    WEEKDAYS,
    ExamPeriod,
    Holiday,
    Lecture,
    Period,
    PlannedPeak,
    Semester,
    Term,
)
from firstbell.calendar.values import CalendarError
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource

BERLIN = ZoneInfo("Europe/Berlin")
SOURCE = CalendarSource(term="term.yaml", participants=500)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEARS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
DAILY = Lecture("Daily", WEEKDAYS, time(9))
WINTER = Semester(date(2026, 10, 12), date(2027, 2, 5), "Winter", participants=0)
SUMMER = Semester(date(2027, 4, 12), date(2027, 7, 16), "Summer", participants=0)


def at(text: str) -> datetime:
    """A time as it is written: local unless it has an offset."""
    return datetime.fromisoformat(text)


def expanded(
    plan: Term,
    source: CalendarSource = SOURCE,
    zone: ZoneInfo = BERLIN,
    window: tuple[datetime, datetime] = YEARS,
    now: datetime = NOW,
) -> list[Peak]:
    return term.peaks(plan, source, zone, *window, now)[0]


def warnings(plan: Term, source: CalendarSource = SOURCE, zone: ZoneInfo = BERLIN) -> list[str]:
    return term.peaks(plan, source, zone, *YEARS, NOW)[1]


def days(plan: Term, zone: ZoneInfo = BERLIN) -> list[str]:
    return [f"{peak.start.astimezone(zone):%Y-%m-%d}" for peak in expanded(plan, zone=zone)]


def week(first: str, last: str) -> Period:
    return Period(date.fromisoformat(first), date.fromisoformat(last))


def test_a_lecture_is_a_peak_at_its_local_time():
    plan = Term(terms=(WINTER,), lectures=(Lecture("Maths", ("mon",), time(8, 15), 90, 3000, course="M1"),))
    first = expanded(plan)[0]
    start = datetime(2026, 10, 12, 6, 15, tzinfo=UTC)
    key = "M1/20261012T061500Z/20261012T074500Z"
    end = start + timedelta(minutes=90)
    assert first == Peak(start, end, 3000, "lecture", "term.yaml", "Maths", key, course="M1")


@pytest.mark.parametrize(
    ("says", "weeks", "expected"),
    [
        ("every week", "all", ["12-21", "12-28", "01-04", "01-11", "01-18"]),
        ("the odd ones: 53 and then 1, 3", "odd", ["12-28", "01-04", "01-18"]),
        ("the even ones: 52 and then 2", "even", ["12-21", "01-11"]),
    ],
)
def test_odd_and_even_weeks_are_those_of_iso_8601(says, weeks, expected):
    lecture = Lecture("M", ("mon",), time(9), weeks=weeks)
    plan = Term(teaching_weeks=(week("2026-12-21", "2027-01-24"),), lectures=(lecture,))
    assert [day[5:] for day in days(plan)] == expected, says


@pytest.mark.parametrize(
    ("says", "plan", "expected"),
    [
        (
            "from the first to the last day of the term, both included",
            Term(terms=(Semester(date(2026, 10, 12), date(2026, 10, 14), "W", participants=0),)),
            ["2026-10-12", "2026-10-13", "2026-10-14"],
        ),
        (
            "without terms, in the teaching weeks",
            Term(teaching_weeks=(week("2026-10-12", "2026-10-13"), week("2026-11-02", "2026-11-02"))),
            ["2026-10-12", "2026-10-13", "2026-11-02"],
        ),
        (
            "with both, where they overlap",
            Term(terms=(WINTER,), teaching_weeks=(week("2026-10-10", "2026-10-13"),)),
            ["2026-10-12", "2026-10-13"],
        ),
        (
            "not on a holiday, which includes its last day",
            Term(
                terms=(WINTER,),
                teaching_weeks=(week("2026-12-18", "2027-01-03"),),
                holidays=(Holiday(date(2026, 12, 19), date(2027, 1, 1)),),
            ),
            ["2026-12-18", "2027-01-02", "2027-01-03"],
        ),
        (
            "once where two terms overlap",
            Term(
                terms=(WINTER, replace(WINTER, name="Law", start=date(2026, 11, 2), end=date(2026, 11, 3))),
                teaching_weeks=(week("2026-11-02", "2026-11-02"),),
            ),
            ["2026-11-02"],
        ),
    ],
)
def test_lectures_are_bounded(says: str, plan: Term, expected: list[str]):
    assert days(replace(plan, lectures=(DAILY,))) == expected, says


def test_a_lecture_of_one_term_is_in_that_term_only():
    lectures = (replace(DAILY, days=("mon",), term="Summer"), replace(DAILY, days=("mon",), name="Both"))
    found = expanded(Term(terms=(WINTER, SUMMER), lectures=lectures))
    assert {p.start.year for p in found if p.title == "Daily"} == {2027}
    assert {p.start.month for p in found if p.title == "Both"} == {10, 11, 12, 1, 2, 4, 5, 6, 7}


def test_the_first_morning_of_a_term_is_a_peak_even_on_a_holiday():
    plan = Term(
        terms=(replace(WINTER, participants=8000), replace(SUMMER, participants=None, at=time(9))),
        holidays=(Holiday(date(2026, 10, 12), date(2026, 10, 12)),),
    )
    assert [(p.title, p.start.hour, p.participants, p.kind) for p in expanded(plan)] == [
        ("Winter", 6, 8000, "term_start"),
        ("Summer", 7, 500, "term_start"),
    ]


def test_a_term_that_nobody_begins_is_no_peak_and_needs_no_word():
    assert term.peaks(Term(terms=(WINTER,)), CalendarSource(term="t"), BERLIN, *YEARS, NOW) == ([], [])


def test_each_sitting_of_an_exam_period_is_an_exam_but_not_on_its_free_days():
    sittings = ((time(9), time(11)), (time(13), time(15)))
    period = ExamPeriod(date(2027, 2, 11), date(2027, 2, 17), "Exams", sittings, participants=1200)
    found = expanded(Term(exam_periods=(period,), holidays=(Holiday(date(2027, 2, 15), date(2027, 2, 15)),)))
    assert [f"{p.start:%a %H:%M}-{p.end:%H:%M}" for p in found] == [
        f"{day} {time}" for day in ("Thu", "Fri", "Tue", "Wed") for time in ("08:00-10:00", "12:00-14:00")
    ]
    assert {(p.kind, p.participants, p.title) for p in found} == {("exam", 1200, "Exams")}


def test_a_sitting_that_is_listed_twice_counts_once():
    sitting = (time(9), time(11))
    period = ExamPeriod(date(2027, 2, 11), date(2027, 2, 11), "Exams", (sitting, sitting))
    assert len(expanded(Term(exam_periods=(period,)))) == 1


# ---------------------------------------------------------------- peaks of their own


ENTRANCE = PlannedPeak("Entrance", at("2026-12-24T09:00"), at("2026-12-24T11:00"), participants=900)


def test_a_peak_of_its_own_is_planned_on_holidays_too():
    plan = Term(peaks=(ENTRANCE,), holidays=(Holiday(date(2026, 12, 24), date(2026, 12, 24)),))
    assert [(p.start.hour, p.end.hour, p.kind) for p in expanded(plan)] == [(8, 10, "exam")]


@pytest.mark.parametrize(
    ("says", "start", "end", "expected"),
    [
        ("local times are those of the site", "2026-12-01T09:00", "2026-12-01T11:00", ["08:00", "10:00"]),
        ("Z is UTC", "2026-12-01T09:00Z", "2026-12-01T11:00Z", ["09:00", "11:00"]),
        ("an offset is an offset", "2026-12-01T09:00-05:00", "2026-12-01T11:00-05:00", ["14:00", "16:00"]),
        ("both kinds may meet", "2026-12-01T09:00+00:00", "2026-12-01T11:00", ["09:00", "10:00"]),
    ],
)
def test_an_offset_is_honoured(says, start, end, expected):
    [found] = expanded(Term(peaks=(PlannedPeak("E", at(start), at(end)),)))
    assert [f"{moment:%H:%M}" for moment in (found.start, found.end)] == expected, says


def test_the_minutes_of_a_peak_are_as_good_as_its_end():
    by_minutes = replace(ENTRANCE, end=None, minutes=120)
    assert expanded(Term(peaks=(by_minutes,))) == expanded(Term(peaks=(ENTRANCE,)))


def test_what_ends_before_it_begins_is_said_and_not_planned():
    plan = Term(peaks=(PlannedPeak("E", at("2026-12-01T11:00Z"), at("2026-12-01T11:30")),))
    assert expanded(plan) == []
    assert warnings(plan) == ["term.yaml: 'E': it ends before it begins and is not planned"]


@pytest.mark.parametrize(
    ("says", "expires", "now", "planned"),
    [
        ("it never expires", None, "2027-06-01T00:00Z", True),
        ("not yet", "2026-12-25T00:00", "2026-12-24T22:59Z", True),
        ("at that moment, by the site's clock", "2026-12-25T00:00", "2026-12-24T23:00Z", False),
        ("by an offset", "2026-12-25T00:00Z", "2026-12-24T23:00Z", True),
    ],
)
def test_what_has_expired_is_not_planned(says, expires, now, planned):
    peak = replace(ENTRANCE, expires=at(expires) if expires else None)
    assert bool(expanded(Term(peaks=(peak,)), now=at(now))) == planned, says


@pytest.mark.parametrize(
    ("says", "own", "of_source", "expected"),
    [
        ("its own kind", "deadline", "quiz", "deadline"),
        ("the source's", None, "quiz", "quiz"),
        ("an exam, if nobody says", None, None, "exam"),
    ],
)
def test_the_kind_of_a_peak(says, own, of_source, expected):
    [found] = expanded(Term(peaks=(replace(ENTRANCE, kind=own),)), replace(SOURCE, kind=of_source))
    assert found.kind == expected, says


# ---------------------------------------------------------------- who takes part


@pytest.mark.parametrize(
    ("says", "own", "source", "expected"),
    [
        ("its own number", 900, SOURCE, 900),
        ("the source's", None, SOURCE, 500),
        ("multiplied", 900, replace(SOURCE, participants_factor=1.5), 1350),
        ("the source's, multiplied", None, replace(SOURCE, participants_factor=0.5), 250),
    ],
)
def test_who_takes_part(says: str, own: int | None, source: CalendarSource, expected: int):
    assert [p.participants for p in expanded(Term(peaks=(replace(ENTRANCE, participants=own),)), source)] == [expected]


def test_entries_without_participants_are_said_once_and_not_planned():
    plan = Term(
        terms=(replace(WINTER, participants=None),), lectures=(DAILY, replace(DAILY, name="B")), peaks=(ENTRANCE,)
    )
    nobody = CalendarSource(term="term.yaml")
    assert [p.title for p in expanded(plan, nobody)] == ["Entrance"]
    assert warnings(plan, nobody) == [
        "term.yaml: no 'participants' for 'Winter', 'Daily', 'B', nor in the site file: not planned"
    ]
    more = replace(plan, peaks=(replace(ENTRANCE, participants=None),))
    assert "'Winter', 'Daily', 'B' and 1 more, nor" in warnings(more, nobody)[0]


def test_two_entries_of_one_name_and_time_are_two_peaks():
    plan = Term(peaks=(ENTRANCE, replace(ENTRANCE, participants=300)))
    assert sum(p.participants for p in merge(expanded(plan))) == 1200


def test_the_course_makes_a_sitting_the_same_as_moodles():
    [own] = expanded(Term(peaks=(replace(ENTRANCE, course="ENT1"),)))
    moodles = replace(own, participants=950, source="moodle", title="Quiz")
    assert [p.participants for p in merge([own], [moodles])] == [950]


# ---------------------------------------------------------------- clock changes


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("America/New_York", "2026-03-08"),
        ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
        ("America/Santiago", "2026-09-06"),  # at midnight
        ("Africa/Cairo", "2026-04-24"),  # at midnight, on a Friday
        ("Asia/Kathmandu", "2026-03-29"),  # never, and 5:45 from UTC
        ("Pacific/Kiritimati", "2026-03-29"),  # a day ahead
    ],
)
def test_a_daily_lecture_stays_at_its_local_time_over_a_clock_change(zone: str, change: str):
    day = date.fromisoformat(change)
    place = ZoneInfo(zone)
    weeks = Period(day - timedelta(days=7), day + timedelta(days=7))
    found = expanded(Term(teaching_weeks=(weeks,), lectures=(DAILY,)), zone=place)
    local = [peak.start.astimezone(place) for peak in found]
    assert [moment.date() for moment in local] == [weeks.start + timedelta(days=n) for n in range(15)]
    assert {moment.time() for moment in local} == {time(9)}
    assert {peak.end - peak.start for peak in found} == {timedelta(minutes=90)}


@pytest.mark.parametrize(
    ("says", "zone", "day", "clock", "begins", "ends"),
    [
        ("does not exist", "Europe/Berlin", "2026-03-29", time(2, 30), "03-29 00:30", "03-29 02:00"),
        ("exists twice", "Europe/Berlin", "2026-10-25", time(2, 30), "10-25 00:30", "10-25 02:00"),
        ("does not exist", "America/New_York", "2026-03-08", time(2, 30), "03-08 06:30", "03-08 08:00"),
        ("does not exist", "America/Santiago", "2026-09-06", time(0, 30), "09-06 03:30", "09-06 05:00"),
        ("exists twice", "Australia/Lord_Howe", "2026-04-05", time(1, 45), "04-04 14:45", "04-04 15:45"),
    ],
)
def test_a_doubtful_time_is_planned_for_either_reading_and_said(says, zone, day, clock, begins, ends):
    weeks = week(day, day)
    plan = Term(teaching_weeks=(weeks,), lectures=(Lecture("Night", WEEKDAYS, clock, 30),))
    [found] = expanded(plan, zone=ZoneInfo(zone))
    assert [f"{moment:%m-%d %H:%M}" for moment in (found.start, found.end)] == [begins, ends]
    [said] = warnings(plan, zone=ZoneInfo(zone))
    assert said.startswith(f"term.yaml: 'Night': {day} {clock:%H:%M} {says} in {zone}")


@pytest.mark.parametrize(
    ("says", "zone", "day", "clock", "minutes", "start", "end"),
    [
        ("it began the day before", "Europe/Berlin", "2026-11-02", time(23, 30), 600, "11-03T08:00", "11-03T20:00"),
        (
            "its end in the gap at midnight",
            "America/Nuuk",
            "2026-03-28",
            time(23, 30),
            1440,
            "03-30T01:20",
            "03-30T09:00",
        ),
        ("its beginning in it", "America/Santiago", "2026-09-06", time(0, 30), 30, "09-05T12:00", "09-06T03:45"),
    ],
)
def test_what_reaches_into_the_time_from_another_day_is_found(says, zone, day, clock, minutes, start, end):
    plan = Term(teaching_weeks=(week(day, day),), lectures=(Lecture("Night", WEEKDAYS, clock, minutes),))
    window = at(f"2026-{start}Z"), at(f"2026-{end}Z")
    found = expanded(plan, zone=ZoneInfo(zone), window=window)
    assert found == expanded(plan, zone=ZoneInfo(zone)), says
    assert len(found) == 1, says


def test_the_readings_of_a_sitting_are_those_of_a_beginning_and_an_end():
    period = ExamPeriod(date(2026, 10, 25), date(2026, 10, 25), "E", ((time(2), time(2, 45)),), days=("sun",))
    [found] = expanded(Term(exam_periods=(period,)))
    assert (found.start.hour, f"{found.end:%H:%M}") == (0, "01:45")
    assert len(warnings(Term(exam_periods=(period,)))) == 2


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        ("Europe/Berlin", "2026-12-20T23:00", "2027-01-01T23:00"),
        ("America/New_York", "2026-12-21T05:00", "2027-01-02T05:00"),
        ("Pacific/Kiritimati", "2026-12-20T10:00", "2027-01-01T10:00"),
    ],
)
def test_holidays_are_whole_local_days(zone, start, end):
    plan = Term(holidays=(Holiday(date(2026, 12, 21), date(2027, 1, 1), "Christmas"),))
    assert term.holidays(plan, ZoneInfo(zone)) == ((at(f"{start}Z"), at(f"{end}Z")),)


def test_a_holiday_whose_midnight_does_not_exist_begins_with_its_day():
    plan = Term(holidays=(Holiday(date(2026, 9, 6), date(2026, 9, 6)),))
    [(start, end)] = term.holidays(plan, ZoneInfo("America/Santiago"))
    assert (start, end) == (at("2026-09-06T03:00Z"), at("2026-09-07T03:00Z"))


def test_holidays_are_told_by_their_beginning():
    plan = Term(holidays=(Holiday(date(2027, 5, 17), date(2027, 5, 17)), Holiday(date(2026, 12, 24), date(2027, 1, 1))))
    found = term.holidays(plan, BERLIN)
    assert list(found) == sorted(found)


def test_too_many_peaks_are_refused_with_a_cure():
    plan = Term(terms=(WINTER,), lectures=tuple(replace(DAILY, name=f"L{n}") for n in range(100)))
    with pytest.raises(
        CalendarError, match="more than 10,000 peaks from 2026-01-01 to 2028-01-01; make one lecture of"
    ):
        expanded(plan)


# ---------------------------------------------------------------- properties


DATES = st.dates(date(2026, 10, 1), date(2026, 11, 15))
CLOCKS = st.times(time(0), time(23, 59)).map(lambda t: t.replace(minute=t.minute // 15 * 15, second=0, microsecond=0))
NAMES = st.sampled_from("ABC")
DAYS = st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True).map(tuple)
PEOPLE = st.none() | st.integers(1, 5000)
SPANS = st.tuples(DATES, st.integers(0, 20)).map(lambda s: (s[0], s[0] + timedelta(days=s[1])))
LECTURES = st.builds(
    Lecture, NAMES, DAYS, CLOCKS, st.integers(1, 1440), PEOPLE, st.sampled_from(["all", "odd", "even"])
)
SITTINGS = st.tuples(CLOCKS, CLOCKS).filter(lambda s: s[0] < s[1])
EXAMS = st.builds(
    lambda span, *rest: ExamPeriod(*span, *rest), SPANS, NAMES, st.lists(SITTINGS, min_size=1, max_size=2).map(tuple)
)
OWN = st.builds(
    lambda day, clock, minutes, title, people: PlannedPeak(
        title, datetime.combine(day, clock), minutes=minutes, participants=people
    ),
    DATES,
    CLOCKS,
    st.integers(1, 3000),
    NAMES,
    PEOPLE,
)
TERMS = st.builds(
    Term,
    terms=st.just((WINTER,)),
    exam_periods=st.lists(EXAMS, max_size=2).map(tuple),
    holidays=st.lists(SPANS.map(lambda span: Holiday(*span)), max_size=2).map(tuple),
    lectures=st.lists(LECTURES, max_size=4).map(tuple),
    peaks=st.lists(OWN, max_size=3).map(tuple),
)
ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Kiritimati"]
).map(ZoneInfo)
INSTANTS = st.datetimes(at("2026-10-05"), at("2026-11-10")).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))


@given(TERMS, ZONES, st.data())
def test_what_is_found_in_a_time_is_all_that_touches_it_and_what_its_halves_have(
    plan: Term, zone: ZoneInfo, data: st.DataObject
):
    everything = expanded(plan, zone=zone)
    edges = sorted({moment for peak in everything for moment in (peak.start, peak.end)})
    moments = INSTANTS | st.sampled_from(edges) if edges else INSTANTS
    first, middle, last = data.draw(st.lists(moments, min_size=3, max_size=3, unique=True).map(sorted))
    whole, said = term.peaks(plan, SOURCE, zone, first, last, NOW)
    before, said_before = term.peaks(plan, SOURCE, zone, first, middle, NOW)
    after, said_after = term.peaks(plan, SOURCE, zone, middle, last, NOW)
    assert whole == [peak for peak in everything if peak.end >= first and peak.start < last]
    assert set(whole) == set(before) | set(after)
    assert set(said) == set(said_before) | set(said_after)


@given(TERMS, ZONES, LECTURES | EXAMS | OWN)
def test_one_entry_more_takes_no_peak_away(plan: Term, zone: ZoneInfo, entry: Lecture | ExamPeriod | PlannedPeak):
    match entry:
        case Lecture():
            more = replace(plan, lectures=(*plan.lectures, entry))
        case ExamPeriod():
            more = replace(plan, exam_periods=(*plan.exam_periods, entry))
        case PlannedPeak():
            more = replace(plan, peaks=(*plan.peaks, entry))
    before, after = expanded(plan, zone=zone), expanded(more, zone=zone)
    assert sum(p.participants for p in merge(before)) <= sum(p.participants for p in merge(after))
    assert {replace(p, key="") for p in before} <= {replace(p, key="") for p in after}


@given(TERMS, ZONES)
def test_no_two_peaks_of_a_file_count_as_one(plan: Term, zone: ZoneInfo):
    found = expanded(plan, zone=zone)
    assert len({peak.key for peak in found}) == len(found)
