"""iCalendar text to events: what the standard allows, what exporters make of it, and what is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.calendar.ical import WARNINGS, read_calendar
from firstbell.calendar.ical_text import LARGEST
from firstbell.calendar.values import CalendarError
from tests.unit.calendar_texts import BERLIN, calendar, read, times, warnings
from tests.unit.campus_values import DAY, HOUR, MONDAY

EXPORT = Path(__file__).parents[2] / "examples" / "exam_morning" / "calendar.ics"

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
        ("an end before the beginning", "DTSTART:20260505T090000Z\nDTEND:20260505T080000Z", ["05 09:00-05 09:00"]),
        ("a negative duration", "DTSTART:20260505T090000Z\nDURATION:-PT1H", ["05 09:00-05 09:00"]),
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
            ["05 08:00-05 08:00"],
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


def test_a_zone_may_be_defined_after_the_events():
    text = calendar("DTSTART;TZID=Campus Time:20260505T090000").decode()
    assert times(text.replace("END:VCALENDAR", f"{TOKYO}\nEND:VCALENDAR").encode()) == ["05 00:00-05 00:00"]


def test_a_zone_that_one_file_defines_is_unknown_in_the_next():
    event = "DTSTART;TZID=Campus Time:20260505T090000"
    assert times(calendar(event, head=TOKYO)) == ["05 00:00-05 00:00"]
    assert times(calendar(event)) == ["05 07:00-05 07:00"]
    assert times(calendar(event, head=TOKYO.replace("0900", "0800"))) == ["05 01:00-05 01:00"]


UNKNOWN = "term.ics: the time zone {} is neither known nor defined: its times are read in {}"
BROKEN_ZONES = [
    ("a name of nothing", "Nowhere/Land", ""),
    ("a folder of the tz database", "Europe", ""),
    ("a path", "../../etc/passwd", ""),
    ("a name too long for a file", "x" * 300, ""),
    ("a definition without offset", "Z", "BEGIN:STANDARD\nDTSTART:19700101T000000\nEND:STANDARD\n"),
    ("a definition without parts", "Z", ""),
    (
        "a definition with an offset of days",
        "Z",
        "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+9900\nEND:STANDARD\n",
    ),
    (
        "a definition with a rule that is none",
        "Z",
        "BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0000\nTZOFFSETTO:+0100\n"
        "RRULE:FREQ=YEARLY;BYMONTH=1;BYHOUR=1,2\nEND:STANDARD\n",
    ),
]


@pytest.mark.parametrize(("says", "name", "definition"), BROKEN_ZONES, ids=[z[0] for z in BROKEN_ZONES])
def test_an_unknown_zone_is_said_once_and_its_times_are_the_sites(says: str, name: str, definition: str):
    head = f"BEGIN:VTIMEZONE\nTZID:Z\n{definition}END:VTIMEZONE" if name == "Z" else ""
    event = f"DTSTART;TZID={name}:20260505T080000\nDTEND;TZID={name}:20260505T090000"
    text = calendar(event, event, head=head)
    assert times(text) == ["05 06:00-05 07:00"] * 2
    assert warnings(text) == [UNKNOWN.format(repr(name[:100]), "Europe/Berlin")]


@pytest.mark.parametrize(
    ("says", "head", "expected", "said"),
    [
        ("floating times are the calendar's", "X-WR-TIMEZONE:Asia/Tokyo", "04 23:00-04 23:00", []),
        ("its zone may be one of Windows'", "X-WR-TIMEZONE:Tokyo Standard Time", "04 23:00-04 23:00", []),
        ("its zone may be defined in it", f"X-WR-TIMEZONE:Campus Time\n{TOKYO}", "04 23:00-04 23:00", []),
        (
            "else they are the site's",
            "X-WR-TIMEZONE:Nowhere",
            "05 06:00-05 06:00",
            [UNKNOWN.format("'Nowhere'", "Europe/Berlin")],
        ),
    ],
)
def test_a_calendar_may_have_a_zone_of_its_own(says: str, head: str, expected: str, said: list[str]):
    text = calendar("DTSTART:20260505T080000", head=head)
    assert (times(text), warnings(text)) == ([expected], said), says


def test_one_of_a_series_may_be_moved_and_one_cancelled():
    series = "UID:s\nDTSTART:20260505T080000Z\nDTEND:20260505T090000Z\nRRULE:FREQ=DAILY;COUNT=4"
    moved = "UID:s\nRECURRENCE-ID:20260506T080000Z\nDTSTART:20260506T120000Z\nDTEND:20260506T130000Z"
    cancelled = "UID:s\nRECURRENCE-ID:20260507T080000Z\nDTSTART:20260507T080000Z\nSTATUS:CANCELLED"
    expected = ["05 08:00-05 09:00", "06 12:00-06 13:00", "08 08:00-08 09:00"]
    assert times(calendar(series, moved, cancelled)) == expected


@pytest.mark.parametrize(
    "exception",
    [
        "EXDATE:20260512T080000Z",
        "EXDATE:20260512T100000",
        "EXDATE;VALUE=DATE:20260512",
        "EXDATE;TZID=Europe/Berlin:20260512T100000",
    ],
)
def test_an_exception_may_be_written_in_any_way(exception: str):
    series = "DTSTART;TZID=Europe/Berlin:20260505T100000\nRRULE:FREQ=WEEKLY"
    assert times(calendar(f"{series}\n{exception}")) == ["05 08:00-05 08:00"]


@pytest.mark.parametrize(
    "which", ["RECURRENCE-ID:20260512T080000Z", "RECURRENCE-ID;TZID=Europe/Berlin:20260512T100000"]
)
def test_what_is_moved_into_the_window_and_out_of_it_is_found(which: str):
    series = "UID:s\nDTSTART;TZID=Europe/Berlin:20260505T100000\nRRULE:FREQ=WEEKLY"
    far = f"UID:s\n{which}\nDTSTART;TZID=Europe/Berlin:20260912T100000"
    near = "UID:s\nRECURRENCE-ID;TZID=Europe/Berlin:20260908T100000\nDTSTART:20260513T120000Z"
    assert times(calendar(series, far, near)) == ["05 08:00-05 08:00", "13 12:00-13 12:00"]


def test_from_one_on_a_series_may_be_moved_altogether():
    series = "UID:s\nDTSTART:20260505T080000Z\nRRULE:FREQ=DAILY;COUNT=4"
    later = "UID:s\nRECURRENCE-ID;RANGE=THISANDFUTURE:20260507T080000Z\nDTSTART:20260507T100000Z"
    expected = ["05 08:00-05 08:00", "06 08:00-06 08:00", "07 10:00-07 10:00", "08 10:00-08 10:00"]
    assert times(calendar(series, later)) == expected


@pytest.mark.parametrize("end_of_line", ["\r\n", "\n", "\r\r\n"], ids=["CRLF", "LF", "CRCRLF"])
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
    found = read_calendar(text, ZoneInfo(zone), MONDAY, MONDAY + DAY, "term.ics")[0]
    assert [e.start for e in found] == [MONDAY + n * HOUR for n in range(-1, 24)]


def test_a_floating_time_that_sorts_too_early_hides_no_event_after_it():
    text = calendar("DTSTART:20260504T203000", "DTSTART:20260504T210000Z")  # in New York the first is on the 5th, UTC
    found = read_calendar(text, ZoneInfo("America/New_York"), MONDAY, MONDAY + DAY, "term.ics")[0]
    assert [e.start for e in found] == [MONDAY + 21 * HOUR]


ZONES = st.sampled_from(["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin", "UTC"])
KINDS = st.sampled_from(["DTSTART:{:%Y%m%dT%H%M%S}", "DTSTART:{:%Y%m%dT%H%M%SZ}", "DTSTART;VALUE=DATE:{:%Y%m%d}"])
SINGLE = st.tuples(KINDS, st.integers(-300, 300), st.integers(0, 100))


@settings(max_examples=80, deadline=None)
@given(st.lists(SINGLE, max_size=8), ZONES, st.booleans())
def test_what_is_left_out_before_parsing_would_not_have_been_seen(
    found: list[tuple[str, int, int]], zone: str, ends: bool
):
    """Reading a short window finds what reading a long one finds in it."""
    lines = []
    for kind, hours, lasts in found:
        start = MONDAY + hours * HOUR
        end = kind.replace("START", "END").format(start + (lasts + 24) * HOUR)
        lines.append(kind.format(start) + (f"\n{end}" if ends else ""))
    text = calendar(*lines)
    everything = read(text, ZoneInfo(zone), MONDAY - 60 * DAY, MONDAY + 60 * DAY)
    assert len(everything) == len(found)
    inside = [e for e in everything if e.start < MONDAY + DAY and e.end >= MONDAY]
    assert read(text, ZoneInfo(zone), MONDAY, MONDAY + DAY) == inside


# ---------------------------------------------------------------- what Moodle exports


def test_a_moodle_export_is_read_with_its_folded_lines():
    start = datetime(2026, 11, 23, tzinfo=UTC)
    found = {e.title: e for e in read_calendar(EXPORT.read_bytes(), BERLIN, start, start + 14 * DAY, "calendar.ics")[0]}
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
    ("a calendar that broke off at the end of a line", calendar()[:-15], "it ends in the middle; is the export"),
    ("an end too many", calendar() + b"END:VCALENDAR\r\n", "a broken iCalendar file"),
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


@pytest.mark.parametrize(
    ("says", "lines", "why"),
    [
        ("a start that is no time", "DTSTART:garbage", "DTSTART"),
        ("no start at all", "DESCRIPTION:nothing", "it has no DTSTART"),
        ("a rule that is none", "DTSTART:20260504T090000Z\nRRULE:FREQ=NONSENSE", "RRULE"),
        ("an end that is no time", "DTSTART:20260504T090000Z\nDTEND:later", "DTEND"),
        ("two starts", "DTSTART:20260504T090000Z\nDTSTART:20260505T090000Z", "DTSTART is not as it must be"),
        ("a start that is a duration", "DTSTART:P1D", "DTSTART is not as it must be"),
        ("a duration that is a date", "DTSTART:20260504T090000Z\nDURATION:20260505", "DURATION is not as it must be"),
        (
            "an interval of nothing",
            "DTSTART:20260504T090000Z\nRRULE:FREQ=DAILY;INTERVAL=0",
            "the INTERVAL of its RRULE",
        ),
        ("a rule that nobody knows", "DTSTART:20260504T090000Z\nRRULE:FREQ=DAILY;BYMOON=1", "BYMOON"),
        ("a year that Python lacks", "DTSTART;VALUE=DATE:99991231\nRRULE:FREQ=DAILY", "out of range"),
    ],
)
def test_an_unreadable_event_is_said_and_the_others_are_read(says: str, lines: str, why: str):
    text = calendar(f"{lines}\nSUMMARY:the final", "DTSTART:20260505T090000Z\nSUMMARY:the midterm")
    events, complaints = read_calendar(text, BERLIN, MONDAY, MONDAY + 14 * DAY, "term.ics")
    assert [e.title for e in events] == ["the midterm"], says
    [said] = complaints
    assert said.startswith("term.ics: 'the final' cannot be read and is not planned (")
    assert why in said


def test_many_warnings_are_counted():
    text = calendar(*(f"SUMMARY:{number}" for number in range(1000)))
    said = warnings(text)
    assert len(said) == WARNINGS + 1
    assert said[-1] == "term.ics: and 980 warnings more"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("X-WR-CALNAME: Exams\\, all", "Exams, all"),
        ("NAME:Exams", "Exams"),
        ("", ""),
        ("X-WR-CALNAME:A\nX-WR-CALNAME:B", "A"),
    ],
)
def test_an_event_knows_the_name_of_its_calendar(head: str, expected: str):
    assert [e.calendar for e in read(calendar("DTSTART:20260505T080000Z", head=head))] == [expected]


def test_a_very_long_text_is_left_out():
    [found] = read(calendar(f"DTSTART:20260505T080000Z\nSUMMARY:Exam\nDESCRIPTION:{'x' * 40_000}\nCATEGORIES:A"))
    assert (found.title, found.description, found.categories) == ("Exam", "", ("A",))
