"""iCalendar text to events, recurrences expanded, by the libraries icalendar and recurring-ical-events."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import prod
from typing import Any
from zoneinfo import ZoneInfo

from firstbell.calendar.values import CalendarError, Event

LARGEST = 5 * 1024 * 1024  # bytes; a university's yearly timetable has about 1 MB
MOST = 5_000  # occurrences in one window of two weeks
TIMES = frozenset({"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
A_DAY = 24  # occurrences of one event; walking through years of seconds would take minutes
_FOLD = re.compile(rb"\r?\n[ \t]")  # unfolded as bytes, for a fold may lie inside a letter (RFC 5545, 3.1)
MARGIN = timedelta(days=1)  # the library compares floating times as if they were UTC: look further, then choose


def read_events(text: bytes, zone: ZoneInfo, start: datetime, end: datetime, origin: str) -> list[Event]:
    """The events of `read_calendar` alone."""
    return read_calendar(text, zone, start, end, origin)[0]


def read_calendar(
    text: bytes, zone: ZoneInfo, start: datetime, end: datetime, origin: str
) -> tuple[list[Event], list[str]]:
    """The events of an iCalendar file between `start` and `end` (UTC), in order, and a warning for each unreadable one.

    Floating times and whole days are read in `zone`. Raises CalendarError when `text` is no calendar or too large.
    """
    if len(text) > LARGEST:
        raise CalendarError(f"{origin}: larger than {LARGEST // 2**20} MiB; export a shorter time")
    if b"BEGIN:VCALENDAR" not in text[:1024].upper():
        seen = text[:60].decode("utf-8", "replace").splitlines()[0] if text.strip() else "nothing"
        raise CalendarError(f"{origin}: not an iCalendar file (it begins with {seen!r}); is the export's token valid?")
    import icalendar
    import recurring_ical_events

    try:
        calendar = icalendar.Calendar.from_ical(_FOLD.sub(b"", text))
        warnings = _take_out_unreadable(calendar, origin)
        _refuse_too_frequent(calendar, origin)
        events: list[Event] = []
        for number, occurrence in enumerate(
            recurring_ical_events.of(calendar, skip_bad_series=True).after(start - MARGIN)
        ):
            if _utc(occurrence["DTSTART"].dt, zone) >= end + MARGIN:
                break
            if number >= MOST:
                raise CalendarError(
                    f"{origin}: more than {MOST:,} events in one window; is an event repeated endlessly?"
                )
            event = _event(occurrence, zone)
            cancelled = str(occurrence.get("STATUS", "")).upper() == "CANCELLED"
            if not cancelled and event.start < end and event.end >= start:
                events.append(event)
    except CalendarError:
        raise
    except Exception as error:  # whatever a broken file makes of the parsers
        raise CalendarError(f"{origin}: a broken iCalendar file: {error}") from error
    return sorted(events, key=lambda e: (e.start, e.end, e.uid)), warnings


def _take_out_unreadable(calendar: Any, origin: str) -> list[str]:
    """Remove the events whose times cannot be read, so that the others can be planned; says which."""
    warnings = []
    for component in calendar.walk("VEVENT"):
        wrong = [f"{name}: {error}" for name, error in component.errors if name in TIMES]
        if "DTSTART" not in component:
            wrong.append("it has no DTSTART")
        if wrong:
            calendar.subcomponents.remove(component)
            name = str(component.get("SUMMARY", component.get("UID", "an event")))
            warnings.append(f"{origin}: {name[:100]!r} cannot be read and is not planned ({'; '.join(wrong)[:200]})")
    return warnings


def _refuse_too_frequent(calendar: Any, origin: str) -> None:
    for component in calendar.walk("VEVENT"):
        found = component.get("RRULE", [])
        for rule in found if isinstance(found, list) else [found]:
            often = _times_a_day(rule) if isinstance(rule, Mapping) else 0
            if often > A_DAY:
                name = str(component.get("SUMMARY", component.get("UID", "an event")))
                raise CalendarError(f"{origin}: {name!r} is repeated {often:,.0f} times a day, more than {A_DAY}")


def _times_a_day(rule: Mapping[str, Sequence[Any]]) -> float:
    """How often a recurrence rule (RFC 5545, 3.3.10) may repeat in a day at most."""
    step = {"SECONDLY": 86_400, "MINUTELY": 1440, "HOURLY": 24}.get(str(next(iter(rule.get("FREQ", [])), "")), 1)
    listed = prod(len(rule.get(part) or [0]) for part in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    return step / max(1, *rule.get("INTERVAL", [1])) * listed if step > 1 else float(listed)


def _event(component: Any, zone: ZoneInfo) -> Event:
    start = component["DTSTART"].dt
    begins = _utc(start, zone)
    if "DTEND" in component:
        ends = _utc(component["DTEND"].dt, zone)
    elif "DURATION" in component:
        ends = begins + component["DURATION"].dt
    else:  # RFC 5545, 3.6.1: a day without an end lasts that day, a time without an end no time
        ends = begins if isinstance(start, datetime) else _utc(start + timedelta(days=1), zone)
    return Event(
        uid=str(component.get("UID", "")),
        start=begins,
        end=max(begins, ends),
        title=str(component.get("SUMMARY", "")).strip(),
        description=str(component.get("DESCRIPTION", "")).strip(),
        categories=_categories(component.get("CATEGORIES")),
    )


def _utc(moment: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), zone)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _categories(found: Any) -> tuple[str, ...]:
    parts = found if isinstance(found, list) else [found] if found is not None else []
    return tuple(str(name).strip() for part in parts for name in getattr(part, "cats", [part]))
