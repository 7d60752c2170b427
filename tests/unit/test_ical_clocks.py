"""iCalendar events in the weeks in which the clocks change, in zones all over the world: by table, and by property."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.calendar import zones
from firstbell.calendar.ical import read_calendar
from firstbell.calendar.values import Event
from tests.unit.calendar_texts import calendar
from tests.unit.campus_values import DAY, HOUR, MINUTE

# A campus that invents its own time, with Berlin's clock changes, under a name that nobody knows.
OWN = """BEGIN:VTIMEZONE
TZID:Own
BEGIN:DAYLIGHT
DTSTART:20200329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:20201025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20361026T010000Z
END:STANDARD
END:VTIMEZONE"""
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


def year(text: bytes, zone: str) -> tuple[list[Event], list[str]]:
    """The events of 2026, and the warnings."""
    return read_calendar(text, ZoneInfo(zone), START, END, "term.ics")


def span(event: Event) -> str:
    return f"{event.start:%m-%d %H:%M}-{event.end:%m-%d %H:%M}"


CHANGES = [  # says, zone, event, UTC, how many notes
    ("a skipped time begins at the earlier reading and ends at the later one", "Europe/Berlin",
     "DTSTART{}:20260329T023000\nDTEND{}:20260329T024500", "03-29 00:30-03-29 01:45", 2),
    ("what ends in the skipped hour", "Europe/Berlin",
     "DTSTART{}:20260329T013000\nDTEND{}:20260329T023000", "03-29 00:30-03-29 01:30", 1),
    ("what begins in it", "Europe/Berlin",
     "DTSTART{}:20260329T023000\nDTEND{}:20260329T033000", "03-29 00:30-03-29 01:30", 1),
    ("a time that comes twice begins at the first and ends at the second", "Europe/Berlin",
     "DTSTART{}:20261025T023000\nDTEND{}:20261025T024500", "10-25 00:30-10-25 01:45", 2),
    ("what only spans the change is in no doubt", "Europe/Berlin",
     "DTSTART{}:20261025T013000\nDTEND{}:20261025T033000", "10-24 23:30-10-25 02:30", 0),
    ("a moment stays a moment", "Europe/Berlin", "DTSTART{}:20261025T023000\nDTEND{}:20261025T023000",
     "10-25 00:30-10-25 00:30", 1),
    ("hours are hours, whatever the clocks do", "Europe/Berlin",
     "DTSTART{}:20260329T013000\nDURATION:PT3H", "03-29 00:30-03-29 03:30", 0),
    ("in autumn too", "Europe/Berlin", "DTSTART{}:20261025T013000\nDURATION:PT3H", "10-24 23:30-10-25 02:30", 0),
    ("but a day is a day on the wall", "Europe/Berlin",
     "DTSTART{}:20260328T120000\nDURATION:P1D", "03-28 11:00-03-29 10:00", 0),
    ("half an hour is skipped", "Australia/Lord_Howe",
     "DTSTART{}:20261004T021500\nDTEND{}:20261004T022000", "10-03 15:15-10-03 15:50", 2),
    ("half an hour comes twice", "Australia/Lord_Howe",
     "DTSTART{}:20260405T014500\nDTEND{}:20260405T015000", "04-04 14:45-04-04 15:20", 2),
    ("west of Greenwich", "America/New_York",
     "DTSTART{}:20260308T023000\nDTEND{}:20260308T033000", "03-08 06:30-03-08 07:30", 1),
    ("midnight is skipped", "America/Santiago",
     "DTSTART{}:20260906T003000\nDTEND{}:20260906T013000", "09-06 03:30-09-06 04:30", 1),
    ("a fast of a month", "Africa/Casablanca",
     "DTSTART{}:20260322T023000\nDTEND{}:20260322T033000", "03-22 01:30-03-22 02:30", 1),
    ("a day that begins with a skipped midnight", "Asia/Beirut",
     "DTSTART;VALUE=DATE:20260329", "03-28 21:00-03-29 21:00", 1),
    ("a day that ends with one", "Asia/Beirut", "DTSTART;VALUE=DATE:20260328", "03-27 22:00-03-28 22:00", 1),
    ("a day of 25 hours", "Europe/Berlin", "DTSTART;VALUE=DATE:20261025", "10-24 22:00-10-25 23:00", 0),
]  # fmt: skip


@pytest.mark.parametrize(("says", "zone", "event", "expected", "notes"), CHANGES, ids=[c[0] for c in CHANGES])
def test_times_at_a_change_floating_and_named_alike(says: str, zone: str, event: str, expected: str, notes: int):
    kinds = ["", f";TZID={zone}"] + [";TZID=Own"] * (zone == "Europe/Berlin")
    for kind in kinds:
        text = calendar(event.format(kind, kind) + "\nSUMMARY:Exam", head=OWN)
        home = "Asia/Tokyo" if kind and "VALUE=DATE" not in event else zone
        [found], said = year(text, home)
        assert span(found) == expected, (says, kind)
        assert len(said) == notes
        named = "Own" if kind == ";TZID=Own" else zone
        assert all(s.startswith("term.ics: 'Exam': 2026-") and f" in {named} (the clocks change)" in s for s in said)


def test_the_same_doubt_is_named_once():
    events = ["DTSTART:20260329T023000\nSUMMARY:Exam"] * 3
    assert len(year(calendar(*events), "Europe/Berlin")[1]) == 1


def test_a_doubt_outside_the_window_or_of_what_is_cancelled_is_not_named():
    away = calendar("DTSTART:20250330T023000", "DTSTART:20260329T023000\nSTATUS:CANCELLED")
    assert year(away, "Europe/Berlin") == ([], [])


def test_an_occurrence_of_a_series_may_fall_into_the_skipped_hour():
    found, said = year(calendar("DTSTART:20260328T023000\nRRULE:FREQ=DAILY;COUNT=3"), "Europe/Berlin")
    assert [span(e)[:11] for e in found] == ["03-28 01:30", "03-29 00:30", "03-30 00:30"]
    assert len(said) == 1


# ---------------------------------------------------------------- properties

ZONES = st.sampled_from(
    [
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca",
        "Asia/Beirut", "Africa/Cairo", "Pacific/Chatham", "America/Sao_Paulo",
    ]
)  # fmt: skip
DAYS = ((2, 15), (3, 8), (3, 22), (3, 29), (4, 5), (4, 24), (9, 6), (9, 27), (10, 4), (10, 25), (10, 30), (11, 1))
WEEKS = st.sampled_from([datetime(2026, month, day) for month, day in DAYS])  # noqa: DTZ001 - on the wall
NEAR = st.builds(lambda week, steps: week + steps * 5 * MINUTE, WEEKS, st.integers(-4 * 288, 4 * 288))
FIELDS = st.sampled_from(["", ";TZID={}"])


@settings(max_examples=150, deadline=None)
@given(ZONES, NEAR, st.integers(0, 300), FIELDS)
def test_any_time_near_a_change_begins_at_its_earlier_and_ends_at_its_later_reading(
    zone: str, local: datetime, lasts: int, field: str
):
    here, kind = ZoneInfo(zone), field.format(zone)
    ends = local + lasts * MINUTE
    [found], said = year(calendar(f"DTSTART{kind}:{local:%Y%m%dT%H%M%S}\nDTEND{kind}:{ends:%Y%m%dT%H%M%S}"), zone)
    readings = {local.replace(tzinfo=here, fold=fold).astimezone(UTC) for fold in (0, 1)}
    assert found.start == min(readings)
    assert found.end == (zones.ends(ends, here) if lasts else found.start)
    doubtful = [moment for moment in {local, ends} if zones.begins(moment, here) != zones.ends(moment, here)]
    assert len(said) == len(doubtful)


@settings(max_examples=60, deadline=None)
@given(ZONES, WEEKS, st.integers(0, 6), FIELDS)
def test_a_weekly_lecture_at_nine_stays_at_nine(zone: str, week: datetime, day: int, field: str):
    kind = field.format(zone)
    first = week - 28 * DAY + day * DAY + 9 * HOUR
    rule = "RRULE:FREQ=WEEKLY;COUNT=8"
    text = calendar(f"DTSTART{kind}:{first:%Y%m%dT%H%M%S}\nDTEND{kind}:{first + 90 * MINUTE:%Y%m%dT%H%M%S}\n{rule}")
    found, said = year(text, zone)
    here = [(e.start.astimezone(ZoneInfo(zone)), e.end.astimezone(ZoneInfo(zone))) for e in found]
    assert [start.replace(tzinfo=None) for start, _ in here] == [first + n * 7 * DAY for n in range(8)]
    assert all(end.replace(tzinfo=None) - start.replace(tzinfo=None) == timedelta(minutes=90) for start, end in here)
    assert said == []


@settings(max_examples=60, deadline=None)
@given(ZONES, WEEKS, st.integers(-3, 3))
def test_a_whole_day_leaves_no_moment_of_it_out(zone: str, week: datetime, day: int):
    date = week + day * DAY
    [found], _ = year(calendar(f"DTSTART;VALUE=DATE:{date:%Y%m%d}"), zone)
    here = ZoneInfo(zone)
    for hours in range(-15, 40):
        moment = date.replace(tzinfo=UTC) + hours * HOUR
        if moment.astimezone(here).date() == date.date():
            assert found.start <= moment < found.end
    assert 23 * HOUR <= found.end - found.start <= 26 * HOUR


@settings(max_examples=40, deadline=None)
@given(NEAR, st.integers(0, 300))
def test_a_definition_in_the_file_is_as_good_as_the_zone_that_it_defines(local: datetime, lasts: int):
    event = f"DTSTART;TZID={{}}:{local:%Y%m%dT%H%M%S}\nDTEND;TZID={{}}:{local + lasts * MINUTE:%Y%m%dT%H%M%S}"
    known, defined = (
        year(calendar(event.format(name, name), head=OWN), "Asia/Tokyo") for name in ("Europe/Berlin", "Own")
    )
    assert known[0] == defined[0]
    assert [s.replace("Europe/Berlin", "Own") for s in known[1]] == defined[1]
