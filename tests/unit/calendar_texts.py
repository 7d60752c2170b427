"""iCalendar texts that the tests write themselves, and how they read them: two weeks in May 2026, in Berlin."""

from datetime import datetime
from zoneinfo import ZoneInfo

from firstbell.calendar.ical import read_calendar
from firstbell.calendar.values import Event
from tests.unit.campus_values import DAY, MONDAY

BERLIN = ZoneInfo("Europe/Berlin")


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
    return read_calendar(text, zone, start, end, "term.ics")[0]


def times(text: bytes, zone: ZoneInfo = BERLIN) -> list[str]:
    """The events as `day hour:minute-day hour:minute` in May 2026, UTC."""
    return [f"{e.start:%d %H:%M}-{e.end:%d %H:%M}" for e in read(text, zone)]


def warnings(text: bytes, zone: ZoneInfo = BERLIN) -> list[str]:
    """What is said about its events in the two weeks."""
    return read_calendar(text, zone, MONDAY, MONDAY + 14 * DAY, "term.ics")[1]
