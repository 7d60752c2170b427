"""Calendar bombs: whatever a file asks for, it is refused in one clear sentence, or read, and either soon.

Soon is counted in the process's own time, which does not depend on what else the machine does. It takes a second or
two where the budget of recurrences is spent; the limit here leaves room for slower machines.
"""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from firstbell.calendar.ical import A_DAY, MOST, read_calendar
from firstbell.calendar.ical_text import LARGEST
from firstbell.calendar.values import CalendarError
from tests.unit.calendar_texts import BERLIN, calendar, read, times, warnings
from tests.unit.campus_values import DAY, HOUR, MONDAY

SOON = 6.0  # seconds; measured: 1.7 at most


def soon(text: bytes) -> tuple[int, str]:
    """How many events a file has, and what is said of it: the refusal, or the warnings. Fails when that takes long."""
    begun = time.process_time()
    try:
        events, said = read_calendar(text, BERLIN, MONDAY, MONDAY + 14 * DAY, "term.ics")
    except CalendarError as error:
        events, said = [], [str(error)]
    assert time.process_time() - begun < SOON
    assert all(sentence.startswith("term.ics: ") and len(sentence) < 350 for sentence in said)
    return len(events), "\n".join(said)


def numbers(count: int) -> str:
    return ",".join(map(str, range(count)))


def rule(text: str, since: str = "20150504T000000Z") -> bytes:
    return calendar(f"SUMMARY:Beat\nDTSTART:{since}\nRRULE:{text}")


def dates(count: int) -> str:
    return ",".join(f"{MONDAY + timedelta(minutes=n):%Y%m%dT%H%M%SZ}" for n in range(count))


SAME = "20260504T000000Z,"


def zone(number: int, repeated: str, since: str = "16010101T000000") -> str:
    return (
        f"BEGIN:VTIMEZONE\nTZID:Z{number}\nBEGIN:STANDARD\nDTSTART:{since}\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n"
        f"RRULE:{repeated}\nEND:STANDARD\nEND:VTIMEZONE"
    )


def nested(depth: int) -> bytes:
    return calendar().replace(b"END:VC", b"BEGIN:VEVENT\r\n" * depth + b"END:VEVENT\r\n" * depth + b"END:VC")


OFTEN = f"'Beat' is repeated 86,400 times a day, more than {A_DAY}"
LONG = "its recurrences take too long to work out; does one begin centuries ago, or wait for a day that never comes"
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "every second": (lambda: rule("FREQ=SECONDLY"), OFTEN),
    "every second, a thousand million times": (lambda: rule("FREQ=SECONDLY;COUNT=1000000000"), OFTEN),
    "every second, of a day that never comes": (lambda: rule("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"), OFTEN),
    "every second, and cancelled": (lambda: rule("FREQ=SECONDLY\nSTATUS:CANCELLED"), OFTEN),
    "every other minute": (lambda: rule("FREQ=MINUTELY;INTERVAL=2"), "repeated 720 times a day"),
    "by lists that multiply": (
        lambda: rule(f"FREQ=DAILY;BYHOUR={numbers(24)};BYMINUTE={numbers(60)};BYSECOND={numbers(60)}"),
        OFTEN,
    ),
    "a list of a megabyte": (lambda: rule(f"FREQ=YEARLY;BYSETPOS={numbers(150_000)}"), "longer than anybody writes"),
    "positions again and again": (
        lambda: calendar(*[f"DTSTART:20150504T000000Z\nRRULE:FREQ=YEARLY;BYDAY=MO;BYSETPOS={'53,' * 200}53"] * 1000),
        LONG,
    ),
    "a day that never comes, by days": (lambda: rule("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), LONG),
    "a day that never comes, by hours": (lambda: rule("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"), LONG),
    "a day that never comes, by weeks": (
        lambda: calendar(*["DTSTART:20150504T000000Z\nRRULE:FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30"] * 50),
        LONG,
    ),
    "a day that never comes, a thousand times": (
        lambda: calendar(*["DTSTART:20150504T000000Z\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"] * 1000),
        LONG,
    ),
    "every hour since the year 1900": (lambda: rule("FREQ=HOURLY", "19000101T000000Z"), LONG),
    "every day since the year 1": (
        lambda: calendar(*["DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY"] * 100),
        LONG,
    ),
    "thousands of events every day since long ago": (
        lambda: calendar(*["DTSTART:20150504T000000Z\nRRULE:FREQ=DAILY"] * 1500),
        LONG,
    ),
    "thousands of rules in one event": (
        lambda: rule("FREQ=DAILY" + "".join(f"\nRRULE:FREQ=DAILY;INTERVAL={n}" for n in range(1, 9000))),
        "'Beat' cannot be read and is not planned (RRULE, of which there are 9,000,",
    ),
    "more rules than that": (
        lambda: rule("FREQ=DAILY" + "\nRRULE:FREQ=DAILY" * 20_000),
        "events and rules of recurrence that may matter, more than 10,000; export a shorter time",
    ),
    "a million dates": (lambda: calendar(f"DTSTART:20260504T000000Z\nRDATE:{SAME * 10**6}"), "larger than 5 MiB"),
    "250,000 dates": (
        lambda: calendar(f"DTSTART:20260504T000000Z\nRDATE:{SAME * 249_999}{SAME[:-1]}"),
        "250,000 listed dates that may matter, more than 50,000",
    ),
    "40,000 dates": (lambda: calendar(f"DTSTART:20260504T000000Z\nRDATE:{dates(40_000)}"), f"more than {MOST:,} ev"),
    "100,000 events": (
        lambda: b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nDTSTART:20260504T00\nEND:VEVENT\n" * 100_000 + b"END:VCALENDAR",
        "100,001 events and rules of recurrence that may matter, more than 10,000; export a shorter time",
    ),
    "9,000 events": (lambda: calendar(*["DTSTART:20260504T000000Z"] * 9000), f"more than {MOST:,} events in one"),
    "lines without end": (
        lambda: calendar("DTSTART:20260504T000000Z" + "\nSUMMARY:a" * 400_000),
        "lines that may matter, more than 100,000",
    ),
    "events inside events": (lambda: nested(100_000), "its components are nested 100,001 deep, more than 5"),
    "one level too deep": (lambda: nested(5), "its components are nested 6 deep, more than 5"),
    "a zone that changes every second": (lambda: calendar(head=zone(1, "FREQ=SECONDLY")), LONG),
    "a zone that waits for a day that never comes": (
        lambda: calendar(head="\n".join(zone(n, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30") for n in range(500))),
        LONG,
    ),
    "thousands of zones": (
        lambda: calendar(head="\n".join(zone(n, "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU") for n in range(3000))),
        LONG,
    ),
    "more than five megabytes": (lambda: b"BEGIN:VCALENDAR\r\n" + bytes(LARGEST), "larger than 5 MiB; export"),
    "XML": (
        lambda: b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY b "bb">]>\n<a>&b;</a>',
        "not an iCalendar file (it begins with '<?xml version=\"1.0\"?>')",
    ),
    "a web page": (lambda: b"<!DOCTYPE html>\n" + b"<p>" * 10**6, "it begins with '<!DOCTYPE html>'"),
    "JSON": (lambda: b'{"a":' * 10**6, "not an iCalendar file"),
}  # fmt: skip


@pytest.mark.parametrize("says", BOMBS)
def test_a_bomb_is_refused_soon_in_a_sentence(says: str):
    make, told = BOMBS[says]
    count, said = soon(make())
    assert (count, told in said) == (0, True)


HARMLESS: dict[str, tuple[Callable[[], bytes], int]] = {
    "a thousand million times, but once a day": (lambda: rule("FREQ=DAILY;COUNT=1000000000"), 14),
    "every hour": (lambda: rule("FREQ=HOURLY", "20260504T000000Z"), 14 * 24),
    "a hundred thousand events of other years": (
        lambda: b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nDTSTART:20200504T00\nEND:VEVENT\n" * 100_000 + b"END:VCALENDAR",
        0,
    ),
    "two thousand lectures a week since autumn": (
        lambda: calendar(*["DTSTART;TZID=Europe/Berlin:20251006T090000\nRRULE:FREQ=WEEKLY"] * 2000),
        4000,
    ),
    "twenty zones as Outlook defines them": (
        lambda: calendar(
            *(f"DTSTART;TZID=Z{n}:20260504T090000" for n in range(20)),
            head="\n".join(zone(n, "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU") for n in range(20)),
        ),
        20,
    ),
    "a text of four megabytes": (lambda: calendar("DTSTART:20260504T000000Z\nDESCRIPTION:" + "x" * 2**22), 1),
    "a list of a million categories": (lambda: calendar("DTSTART:20260504T000000Z\nCATEGORIES:" + "a," * 10**6), 1),
    "backslashes and quotes": (lambda: calendar('DTSTART:20260504T000000Z\nSUMMARY;X="' + '\\"' * 10**6), 1),
    "nothing but empty lines": (lambda: calendar() + b"\n" * 4_000_000, 0),
    "nothing but carriage returns": (lambda: calendar() + b"\r" * 4_000_000, 0),
    "alarms without end": (
        lambda: calendar("DTSTART:20260504T000000Z" + "\nBEGIN:VALARM\nEND:VALARM" * 100_000),
        1,
    ),
    "thousands of exceptions of one series": (
        lambda: calendar(f"DTSTART:20260504T000000Z\nRRULE:FREQ=DAILY\nEXDATE:{dates(40_000)}"),
        0,
    ),
    "thousands of occurrences that are moved": (
        lambda: calendar(
            "UID:s\nDTSTART:20150504T000000Z\nRRULE:FREQ=DAILY",
            *(
                f"UID:s\nRECURRENCE-ID;RANGE=THISANDFUTURE:{at}\nDTSTART:{at}"
                for at in (f"{MONDAY + n * DAY:%Y%m%dT%H%M%SZ}" for n in range(-2000, 1000))
            ),
        ),
        14,
    ),
    "an event of two centuries": (lambda: calendar("DTSTART:19000101T000000Z\nDTEND:20990101T000000Z"), 1),
}


@pytest.mark.parametrize("says", HARMLESS)
def test_what_only_looks_like_a_bomb_is_read_soon(says: str):
    make, count = HARMLESS[says]
    assert soon(make()) == (count, "")


def test_an_event_that_lasts_for_centuries_and_repeats_every_day_is_refused():
    _, said = soon(calendar("DTSTART:19000101T000000Z\nDTEND:20990101T000000Z\nRRULE:FREQ=DAILY"))
    assert f"more than {MOST:,} events" in said


def test_more_events_than_anybody_plans_with_are_refused_soon():
    many = [f"DTSTART:20260504T000000Z\nRRULE:FREQ=HOURLY\nSUMMARY:{n}" for n in range(MOST // 300)]
    assert f"more than {MOST:,} events in one window; is an event repeated endlessly?" in soon(calendar(*many))[1]


@pytest.mark.parametrize("says", ["a day that never comes, by days", "a zone that changes every second"])
def test_a_bomb_leaves_the_next_calendar_alone(says: str):
    soon(BOMBS[says][0]())
    lecture = calendar(
        "DTSTART;TZID=Z1:20260505T080000", head=zone(1, "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "20200101T000000")
    )
    assert times(lecture) == ["05 07:00-05 07:00"]
    assert warnings(lecture) == []


def test_a_year_of_a_large_university_is_read_faster_than_a_second():
    """20,000 single events of a year, with attendees and alarms: what is not near is not parsed."""
    guests = "".join(f"\nATTENDEE;CN=Student {n};PARTSTAT=NEEDS-ACTION:mailto:{n}@example.edu" for n in range(2))
    alarm = "\nBEGIN:VALARM\nTRIGGER:-PT10M\nEND:VALARM"
    text = calendar(*(f"DTSTART:{MONDAY + n * HOUR / 2:%Y%m%dT%H%M%SZ}{guests}{alarm}" for n in range(17_000)))
    assert len(text) < LARGEST
    begun = time.process_time()
    assert len(read(text)) == 14 * 48
    assert time.process_time() - begun < 4
