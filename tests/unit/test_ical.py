"""iCalendar text to events: the oddities of real exports, the hours that clocks skip or repeat, and what is refused."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.calendar.ical import A_DAY, LARGEST, MOST, read_calendar, read_events
from firstbell.calendar.values import CalendarError, Event
from tests.unit.campus_values import DAY, HOUR, MINUTE, MONDAY

BERLIN = ZoneInfo("Europe/Berlin")
EXPORT = Path(__file__).parents[2] / "examples" / "exam_morning" / "calendar.ics"


def calendar(*events: str, end_of_line: str = "\r\n", head: str = "") -> bytes:
    """A calendar of events, each given as its lines; one without a UID gets its number."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN", *head.splitlines()]
    for number, event in enumerate(events):
        own = [] if "UID:" in event else [f"UID:{number}"]
        lines += ["BEGIN:VEVENT", *own, "DTSTAMP:20260101T000000Z", *event.splitlines(), "END:VEVENT"]
    return (end_of_line.join([*lines, "END:VCALENDAR"]) + end_of_line).encode()


def read(
    text: bytes, zone: ZoneInfo = BERLIN, start: datetime = MONDAY, end: datetime = MONDAY + 14 * DAY
) -> list[Event]:
    return read_events(text, zone, start, end, "term.ics")


def times(text: bytes, zone: ZoneInfo = BERLIN) -> list[str]:
    """The events as `day hour:minute-day hour:minute` in May 2026, UTC."""
    return [f"{e.start:%d %H:%M}-{e.end:%d %H:%M}" for e in read(text, zone)]


TOKYO = """BEGIN:VTIMEZONE
TZID:Campus Time
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0900
TZOFFSETTO:+0900
END:STANDARD
END:VTIMEZONE"""


@pytest.mark.parametrize(
    ("says", "event", "expected"),
    [
        ("UTC", "DTSTART:20260505T080000Z\nDTEND:20260505T090000Z", ["05 08:00-05 09:00"]),
        ("a floating time is the site's", "DTSTART:20260505T080000\nDTEND:20260505T090000", ["05 06:00-05 07:00"]),
        (
            "a named zone is its own",
            "DTSTART;TZID=America/New_York:20260505T080000\nDTEND;TZID=America/New_York:20260505T090000",
            ["05 12:00-05 13:00"],
        ),
        (
            "an event may begin and end in two zones",
            "DTSTART;TZID=Asia/Tokyo:20260505T080000\nDTEND:20260505T000000Z",
            ["04 23:00-05 00:00"],
        ),
        ("a day is the site's day", "DTSTART;VALUE=DATE:20260505\nDTEND;VALUE=DATE:20260506", ["04 22:00-05 22:00"]),
        ("a day without end lasts the day", "DTSTART;VALUE=DATE:20260505", ["04 22:00-05 22:00"]),
        ("a time without end lasts no time", "DTSTART:20260505T080000Z", ["05 08:00-05 08:00"]),
        ("a duration", "DTSTART:20260505T080000Z\nDURATION:PT1H30M", ["05 08:00-05 09:30"]),
        ("a duration in days", "DTSTART;VALUE=DATE:20260505\nDURATION:P2D", ["04 22:00-06 22:00"]),
        (
            "an end before the start is no negative time",
            "DTSTART:20260505T080000Z\nDTEND:20260505T070000Z",
            ["05 07:00-05 08:00"],
        ),
        ("a cancelled event does not happen", "DTSTART:20260505T080000Z\nSTATUS:CANCELLED", []),
        ("cancelled in small letters does not either", "DTSTART:20260505T080000Z\nSTATUS:cancelled", []),
        ("a tentative event counts", "DTSTART:20260505T080000Z\nSTATUS:TENTATIVE", ["05 08:00-05 08:00"]),
        (
            "a recurrence with a day left out",
            "DTSTART:20260505T080000Z\nDTEND:20260505T090000Z\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260506T080000Z",
            ["05 08:00-05 09:00", "07 08:00-07 09:00"],
        ),
        (
            "a recurrence in a zone keeps the wall clock's time",
            "DTSTART;TZID=Europe/Berlin:20260302T100000\nRRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20260512T000000Z",
            ["04 08:00-04 08:00", "11 08:00-11 08:00"],
        ),
        (
            "an endless weekly one is read as far as the plan goes",
            "DTSTART:20200106T080000Z\nRRULE:FREQ=WEEKLY",
            ["04 08:00-04 08:00", "11 08:00-11 08:00"],
        ),
        (
            "more dates are more events",
            "DTSTART:20260505T080000Z\nRDATE:20260506T080000Z",
            ["05 08:00-05 08:00", "06 08:00-06 08:00"],
        ),
        ("an event of another month is not read", "DTSTART:20260605T080000Z", []),
        (
            "an event that is on at the beginning is read",
            "DTSTART:20260503T200000Z\nDTEND:20260504T010000Z",
            ["03 20:00-04 01:00"],
        ),
        ("a zone that nobody knows is the site's", "DTSTART;TZID=Nowhere/Land:20260505T080000", ["05 06:00-05 06:00"]),
    ],
)
def test_times(says: str, event: str, expected: list[str]):
    assert times(calendar(event)) == expected, says


def test_a_zone_that_the_file_defines_itself_is_used():
    text = calendar("DTSTART;TZID=Campus Time:20260505T090000", head=TOKYO)
    assert times(text) == ["05 00:00-05 00:00"]


def test_one_of_a_series_may_be_moved_and_one_cancelled():
    series = "UID:s\nDTSTART:20260505T080000Z\nDTEND:20260505T090000Z\nRRULE:FREQ=DAILY;COUNT=4"
    moved = "UID:s\nRECURRENCE-ID:20260506T080000Z\nDTSTART:20260506T120000Z\nDTEND:20260506T130000Z"
    cancelled = "UID:s\nRECURRENCE-ID:20260507T080000Z\nDTSTART:20260507T080000Z\nSTATUS:CANCELLED"
    expected = ["05 08:00-05 09:00", "06 12:00-06 13:00", "08 08:00-08 09:00"]
    assert times(calendar(series, moved, cancelled)) == expected


@pytest.mark.parametrize("end_of_line", ["\r\n", "\n"], ids=["CRLF", "LF"])
def test_either_end_of_line_is_read(end_of_line: str):
    assert times(calendar("DTSTART:20260505T080000Z", end_of_line=end_of_line)) == ["05 08:00-05 08:00"]


@pytest.mark.parametrize("fold", [" ", "\t"], ids=["space", "tab"])
@pytest.mark.parametrize("end_of_line", ["\r\n", "\n"], ids=["CRLF", "LF"])
def test_folded_lines_are_joined_even_empty_ones_and_inside_a_letter(fold: str, end_of_line: str):
    text = calendar(
        "DTSTART:20260505T080000Z\nSUMMARY:Prüfung 🎓 Mathe\nDESCRIPTION:line one\n" + fold, end_of_line=end_of_line
    )
    letter = "ü".encode()
    text = text.replace(letter, letter[:1] + f"{end_of_line}{fold}".encode() + letter[1:])
    [found] = read(text)
    assert (found.title, found.description) == ("Prüfung 🎓 Mathe", "line one")


def test_texts_are_unescaped_and_trimmed():
    [found] = read(
        calendar("DTSTART:20260505T080000Z\nSUMMARY: Logic\\, part 2\\; oral \nCATEGORIES:M1,Exams\nCATEGORIES:B")
    )
    assert (found.title, found.categories) == ("Logic, part 2; oral", ("M1", "Exams", "B"))


def test_a_byte_order_mark_is_no_offence():
    assert times(b"\xef\xbb\xbf" + calendar("DTSTART:20260505T080000Z")) == ["05 08:00-05 08:00"]


def test_events_come_in_order_with_an_identity_even_without_uid():
    text = calendar("DTSTART:20260506T080000Z", "DTSTART:20260505T080000Z").replace(b"UID:0\r\n", b"")
    assert [(e.uid, e.start.day) for e in read(text)] == [("1", 5), ("", 6)]


def test_a_calendar_without_events_has_none():
    assert read(calendar()) == []


def test_a_broken_event_does_not_hide_the_others():
    broken = "DTSTART:20260505T080000Z\nRRULE:FREQ=SOMETIMES"
    assert times(calendar(broken, "DTSTART:20260506T080000Z")) == ["06 08:00-06 08:00"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Europe/Berlin"])
def test_the_window_is_exact_in_every_zone(zone: str):
    """The library compares floating times as if they were UTC: at the edges that is wrong by up to 14 hours."""
    text = calendar(
        *(f"DTSTART:2026{d:%m%dT%H}0000\nDURATION:PT1H" for d in (MONDAY - DAY + n * HOUR for n in range(96)))
    )
    found = read_events(text, ZoneInfo(zone), MONDAY, MONDAY + DAY, "term.ics")
    assert [e.start for e in found] == [MONDAY + n * HOUR for n in range(-1, 24)]


def test_a_floating_time_that_sorts_too_early_hides_no_event_after_it():
    text = calendar("DTSTART:20260504T203000", "DTSTART:20260504T210000Z")  # in New York the first is on the 5th, UTC
    found = read_events(text, ZoneInfo("America/New_York"), MONDAY, MONDAY + DAY, "term.ics")
    assert [e.start for e in found] == [MONDAY + 21 * HOUR]


# ---------------------------------------------------------------- clocks that change

SKIPPED = {  # zone: a local time that does not exist in 2026, and the offsets before and after
    "Europe/Berlin": ("20260329T023000", 1, 2),
    "America/New_York": ("20260308T023000", -5, -4),
    "Australia/Lord_Howe": ("20261004T021500", 10.5, 11),
    "Africa/Cairo": ("20260424T003000", 2, 3),
}
TWICE = {  # zone: a local time that exists twice in 2026, and the offset of the first
    "Europe/Berlin": ("20261025T023000", 2),
    "America/New_York": ("20261101T013000", -4),
    "Australia/Lord_Howe": ("20260405T014500", 11),
    "Africa/Cairo": ("20261029T233000", 3),
}


def only(local: str, zone: str) -> datetime:
    near = datetime.strptime(local, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    [found] = read_events(calendar(f"DTSTART:{local}"), ZoneInfo(zone), near - 3 * DAY, near + 3 * DAY, "term.ics")
    return found.start


def naive(local: str, offset: float) -> datetime:
    return datetime.strptime(local, "%Y%m%dT%H%M%S").replace(tzinfo=UTC) - timedelta(hours=offset)


@pytest.mark.parametrize("zone", SKIPPED)
def test_a_time_that_clocks_skip_is_read_by_the_offset_before(zone: str):
    local, before, _ = SKIPPED[zone]
    assert only(local, zone) == naive(local, before)


@pytest.mark.parametrize("zone", TWICE)
def test_a_time_that_clocks_show_twice_is_the_first(zone: str):
    local, first = TWICE[zone]
    assert only(local, zone) == naive(local, first)


def test_a_zone_that_has_given_up_changing_its_clocks_has_one_offset():
    assert only("20261018T000000", "America/Sao_Paulo") == naive("20261018T000000", -3)


ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo"]
)
CHANGES = ((3, 8), (3, 29), (4, 5), (4, 24), (10, 4), (10, 25), (10, 29), (11, 1))
WEEKS = st.sampled_from([datetime(2026, month, day, tzinfo=UTC) for month, day in CHANGES])


@settings(max_examples=60, deadline=None)
@given(ZONES, WEEKS, st.integers(-72 * 4, 72 * 4), st.integers(0, 300), st.booleans())
def test_any_floating_time_near_a_change_is_one_moment(
    zone: str, week: datetime, quarters: int, lasts: int, daily: bool
):
    start = week + quarters * 15 * MINUTE
    rule = "\nRRULE:FREQ=DAILY;COUNT=3" if daily else ""
    text = calendar(f"DTSTART:{start:%Y%m%dT%H%M%S}\nDTEND:{start + lasts * MINUTE:%Y%m%dT%H%M%S}{rule}")
    found = read_events(text, ZoneInfo(zone), week - 10 * DAY, week + 10 * DAY, "term.ics")
    assert len(found) == (3 if daily else 1)
    assert all(e.start <= e.end <= e.start + (lasts + 60) * MINUTE for e in found)
    assert abs(found[0].start - start) <= 14 * HOUR
    assert read_events(text, ZoneInfo(zone), week - 10 * DAY, week + 10 * DAY, "term.ics") == found


# ---------------------------------------------------------------- what Moodle exports


def test_a_moodle_export_is_read_with_its_folded_lines():
    start = datetime(2026, 11, 23, tzinfo=UTC)
    found = {e.title: e for e in read_events(EXPORT.read_bytes(), BERLIN, start, start + 14 * DAY, "calendar.ics")}
    assert found["Midterm exam opens"].is_moment
    lecture = found['Lecture, week 1; room "A\\B"']
    assert (lecture.start.hour, lecture.end - lecture.start) == (9, timedelta(minutes=90))
    assert "lorem ipsum lorem ipsum" in lecture.description
    assert "\t" not in lecture.description
    assert lecture.categories == ("GEN_S1",)


# ---------------------------------------------------------------- what is no calendar

REFUSED = [
    ("Moodle's answer to an old token", b"Invalid authentication", "'Invalid authentication'); is the export's token"),
    ("nothing", b"", "it begins with 'nothing'"),
    ("white space", b" \r\n\r\n", "it begins with 'nothing'"),
    ("a log-in page", b"<!DOCTYPE html>\n<html><title>Log in</title></html>", "it begins with '<!DOCTYPE html>'"),
    ("binary junk", bytes(range(256)) * 9, "not an iCalendar file"),
    ("a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 2000, "not an iCalendar file"),
    ("JSON", b'{"errorcode": "invalidtoken"}', "not an iCalendar file"),
    ("a calendar that broke off", calendar("DTSTART:20260505T080000Z")[:-30], "a broken iCalendar file"),
    ("two calendars", calendar() * 2, "a broken iCalendar file"),
    ("six megabytes", calendar() + b"\r\n" * (3 * 2**20), "larger than 5 MiB; export a shorter time"),
]  # fmt: skip


@pytest.mark.parametrize(("says", "text", "told"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_is_no_calendar_is_refused_in_a_sentence(says: str, text: bytes, told: str):
    with pytest.raises(CalendarError) as caught:
        read(text)
    assert str(caught.value).startswith("term.ics: ")
    assert told in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_largest_file_is_still_read():
    text = calendar("DTSTART:20260505T080000Z")
    assert times(text + b"\n" * (LARGEST - len(text))) == ["05 08:00-05 08:00"]


EVERY_SECOND = [
    ("from now on", "DTSTART:20260504T000000Z\nRRULE:FREQ=SECONDLY"),
    ("for years", "DTSTART:20150504T000000Z\nRRULE:FREQ=SECONDLY"),
    ("cancelled, which makes it no better", "DTSTART:20260504T000000Z\nSTATUS:CANCELLED\nRRULE:FREQ=SECONDLY"),
    ("on a day that never comes", "DTSTART:20150504T000000Z\nRRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
    ("by minutes", "DTSTART:20150504T000000Z\nRRULE:FREQ=MINUTELY;INTERVAL=2"),
    ("by lists", f"DTSTART:20150504T000000Z\nRRULE:FREQ=DAILY;BYHOUR=1,2;BYMINUTE={','.join(map(str, range(60)))}"),
]


@pytest.mark.parametrize(("says", "event"), EVERY_SECOND, ids=[e[0] for e in EVERY_SECOND])
def test_what_repeats_all_the_time_is_refused_soon(says: str, event: str):
    begun = time.monotonic()
    with pytest.raises(CalendarError, match=f"'Beat' is repeated [0-9,]+ times a day, more than {A_DAY}"):
        read(calendar(event + "\nSUMMARY:Beat"))
    assert time.monotonic() - begun < 5


def test_more_events_than_anybody_plans_with_are_refused_soon():
    many = [f"DTSTART:20260504T000000Z\nRRULE:FREQ=HOURLY\nSUMMARY:{n}" for n in range(MOST // 300)]
    begun = time.monotonic()
    with pytest.raises(CalendarError, match=f"more than {MOST:,} events in one window"):
        read(calendar(*many))
    assert time.monotonic() - begun < 30


def test_what_repeats_every_hour_is_read():
    assert len(read(calendar("DTSTART:20260504T000000Z\nRRULE:FREQ=HOURLY"))) == 14 * 24


@pytest.mark.parametrize(
    ("says", "lines", "why"),
    [
        ("a start that is no time", "DTSTART:garbage", "DTSTART"),
        ("no start at all", "DESCRIPTION:nothing", "it has no DTSTART"),
        ("a rule that is none", "DTSTART:20260504T090000Z\nRRULE:FREQ=NONSENSE", "RRULE"),
        ("an end that is no time", "DTSTART:20260504T090000Z\nDTEND:later", "DTEND"),
    ],
)
def test_an_unreadable_event_is_said_and_the_others_are_read(says: str, lines: str, why: str):
    text = calendar(f"{lines}\nSUMMARY:the final", "DTSTART:20260505T090000Z\nSUMMARY:the midterm")
    events, warnings = read_calendar(text, BERLIN, MONDAY, MONDAY + 14 * DAY, "term.ics")
    assert [e.title for e in events] == ["the midterm"], says
    [said] = warnings
    assert said.startswith("term.ics: 'the final' cannot be read and is not planned (")
    assert why in said
