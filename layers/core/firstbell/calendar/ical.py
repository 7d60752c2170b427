"""iCalendar text to events, recurrences expanded, by the libraries icalendar and recurring-ical-events."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from firstbell.calendar import ical_event, ical_text
from firstbell.calendar.ical_budget import Budget
from firstbell.calendar.values import CalendarError, Event

MOST = 5_000  # occurrences in one window of two weeks
A_DAY = 24  # occurrences of one event; walking through years of seconds would take minutes
MARGIN = timedelta(days=2)  # the library compares floating times as if they were UTC: look further, then choose
_ESCAPED = re.compile(r"\\(.)")  # in a calendar's name, which icalendar leaves as it is
WARNINGS = 20  # said one by one; the others are counted


def read_calendar(
    text: bytes, zone: ZoneInfo, start: datetime, end: datetime, origin: str
) -> tuple[list[Event], list[str]]:
    """The events of an iCalendar file between `start` and `end` (UTC), in order, and what to say about doubtful ones.

    Floating times and whole days are read in `zone`. Events that cannot be read, unknown time zones, and times that
    the clocks skip or show twice are named in the warnings. Raises CalendarError when `text` is no calendar, or asks
    for more than any calendar's due.
    """
    lines = ical_text.ready(text, start, end, origin)
    from firstbell.calendar import ical_zones

    reading = _Reading(zone, start, end, origin)
    try:
        for calendar in ical_zones.parse(lines, reading.budget):
            reading.take(calendar)
    except CalendarError:
        raise
    except Exception as error:  # whatever a broken file makes of the parsers
        raise CalendarError(f"{origin}: a broken iCalendar file: {str(error)[:200]}") from error
    return sorted(reading.events, key=lambda e: (e.start, e.end, e.uid)), reading.told()


class _Reading:
    """The events and warnings of a file so far."""

    def __init__(self, zone: ZoneInfo, start: datetime, end: datetime, origin: str) -> None:
        self.zone, self.start, self.end, self.origin = zone, start, end, origin
        self.budget = Budget(origin)
        self.events: list[Event] = []
        self.warnings: dict[str, None] = {}

    def take(self, calendar: Any) -> None:
        """Read one calendar of the file."""
        from firstbell.calendar import ical_series, ical_zones

        name = _ESCAPED.sub(r"\1", ical_event.text_of(calendar, "X-WR-CALNAME", "NAME"))
        home, home_name = None, ical_event.text_of(calendar, "X-WR-TIMEZONE")
        if home_name and (home := ical_zones.named(home_name)) is None:
            self._warn_of_zone(home_name, self.zone)
        readable = [e for e in calendar.subcomponents if e.name == "VEVENT" and self._is_readable(e, home or self.zone)]
        ical_series.expand(
            ical_zones.moved(readable, home),
            (self.start - MARGIN, self.end + MARGIN),
            self.budget,
            lambda occurrence: self._take(occurrence, name),
            lambda event, error: self._warn_unread(event, str(error) or type(error).__name__),
        )

    def _take(self, occurrence: Any, calendar: str) -> None:
        if str(occurrence.get("STATUS", "")).upper() == "CANCELLED":
            return
        event, doubts = ical_event.happening(occurrence, self.zone, calendar)
        if event.start < self.end and event.end >= self.start:
            self.events.append(event)
            self._warn(*doubts)
        if len(self.events) > MOST:
            raise CalendarError(
                f"{self.origin}: more than {MOST:,} events in one window; is an event repeated endlessly?"
            )

    def _is_readable(self, event: Any, zone: ZoneInfo) -> bool:
        wrong, unknown = ical_event.mend(event)
        for name in unknown:
            self._warn_of_zone(name, zone)
        if wrong:
            self._warn_unread(event, "; ".join(wrong))
        elif (often := max(map(ical_event.times_a_day, ical_event.rules(event)), default=0)) > A_DAY:
            name = ical_event.name_of(event)
            raise CalendarError(f"{self.origin}: {name!r} is repeated {often:,.0f} times a day, more than {A_DAY}")
        return not wrong

    def _warn_of_zone(self, name: str, zone: ZoneInfo) -> None:
        self._warn(f"the time zone {name[:100]!r} is neither known nor defined: its times are read in {zone.key}")

    def _warn_unread(self, event: Any, why: str) -> None:
        self._warn(f"{ical_event.name_of(event)!r} cannot be read and is not planned ({why[:200]})")

    def _warn(self, *said: str) -> None:
        self.warnings |= dict.fromkeys(f"{self.origin}: {sentence}" for sentence in said)

    def told(self) -> list[str]:
        """The warnings, the first few in full."""
        said = list(self.warnings)
        more = [f"{self.origin}: and {len(said) - WARNINGS:,} warnings more"] if len(said) > WARNINGS else []
        return said[:WARNINGS] + more
