"""One event as icalendar has read it: mended where exporters are sloppy, and made an `Event`. Pure, but for mending."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from math import prod
from typing import Any, cast
from zoneinfo import ZoneInfo

from firstbell.calendar import zones
from firstbell.calendar.values import Event

MOMENTS = ("DTSTART", "DTEND", "RECURRENCE-ID")
TIMES = frozenset({*MOMENTS, "DURATION", "RRULE", "RDATE", "EXDATE"})
WHOLE_DAY = "X-MICROSOFT-CDO-ALLDAYEVENT"
ONCE = ("UID", "SEQUENCE", "STATUS", WHOLE_DAY)
MOST_RULES = 10  # of one event; the standard advises against more than one
A_DAY = timedelta(days=1)
EXACT = "X-FIRSTBELL-EXACT"  # our own mark: it lasts so many hours, whatever the clocks do meanwhile


def mend(event: Any) -> tuple[list[str], list[str]]:
    """Mend an event in place; returns what makes its times unreadable, and the names of time zones nobody knows."""
    for name in {name for name, _ in event.errors} - TIMES - {None}:
        event.pop(name, None)
    for name in ONCE:
        if isinstance(event.get(name), list):
            event[name] = event[name][0]
    if wrong := _wrong(event):
        return wrong, []
    start = event["DTSTART"]
    if start.params.get("VALUE") == "DATE" and isinstance(start.dt, datetime):
        event[WHOLE_DAY] = "TRUE"  # with a TZID, against the standard, which makes it a time of that zone
    if _ends_before_it_begins(event):  # the library would exchange the two: it begins when it says, a moment
        event.pop("DTEND", None)
        event.pop("DURATION", None)
    if "DTEND" not in event and "DURATION" in event and event["DURATION"].dt.seconds:
        event[EXACT] = "TRUE"
    return [], [str(event[name].params["TZID"]) for name in MOMENTS if name in event and _is_unknown(event[name])]


def _wrong(event: Any) -> list[str]:
    broken = [f"{name}: {error}" for name, error in event.errors if name in TIMES]
    if broken or "DTSTART" not in event:
        return broken or ["it has no DTSTART"]
    odd = [name for name in MOMENTS if name in event and not isinstance(getattr(event[name], "dt", None), date)]
    if "DURATION" in event and not isinstance(getattr(event["DURATION"], "dt", None), timedelta):
        odd.append("DURATION")
    if any(number < 1 for rule in rules(event) for number in rule.get("INTERVAL", [])):
        odd.append("the INTERVAL of its RRULE")
    if len(rules(event)) > MOST_RULES:
        odd.append(f"RRULE, of which there are {len(rules(event)):,},")
    return [f"{name} is not as it must be" for name in odd]


def _ends_before_it_begins(event: Any) -> bool:
    if "DTEND" not in event:
        return "DURATION" in event and bool(event["DURATION"].dt < timedelta(0))
    start, end = (moment.dt for moment in (event["DTSTART"], event["DTEND"]))
    try:
        return bool(end < start)
    except TypeError:  # a day and a time, or a time with and one without a zone: the reader takes them as they are
        return False


def _is_unknown(moment: Any) -> bool:
    return "TZID" in moment.params and isinstance(moment.dt, datetime) and moment.dt.tzinfo is None


def rules(event: Mapping[str, Any]) -> Sequence[Mapping[str, Sequence[Any]]]:
    """Its rules of recurrence that could be read."""
    found = event.get("RRULE", [])
    return [rule for rule in (found if isinstance(found, list) else [found]) if isinstance(rule, Mapping)]


def times_a_day(rule: Mapping[str, Sequence[Any]]) -> float:
    """How often a recurrence rule (RFC 5545, 3.3.10) may repeat in a day at most."""
    step = {"SECONDLY": 86_400, "MINUTELY": 1440, "HOURLY": 24}.get(str(next(iter(rule.get("FREQ", [])), "")), 1)
    listed = prod(len(rule.get(part) or [0]) for part in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    return step / max(1, *rule.get("INTERVAL", [1])) * listed if step > 1 else float(listed)


def text_of(component: Mapping[str, Any], *names: str) -> str:
    """The first text that it has by one of these names; empty if none."""
    values = (value for name in names if (value := component.get(name)))
    return next((str(value[0] if isinstance(value, list) else value).strip() for value in values), "")


def name_of(event: Mapping[str, Any]) -> str:
    """What a message calls the event."""
    return text_of(event, "SUMMARY", "UID")[:100] or "an event"


def happening(occurrence: Mapping[str, Any], zone: ZoneInfo, calendar: str) -> tuple[Event, list[str]]:
    """An occurrence as an `Event`, and notes on its doubtful times; floating times and whole days are those of `zone`.

    What exporters mark as a whole day is the day that they wrote, if that begins at midnight, and lasts a day at least.
    """
    start, end = occurrence["DTSTART"].dt, occurrence["DTEND"].dt
    if str(occurrence.get(WHOLE_DAY, "")).upper() == "TRUE" and isinstance(start, datetime) and not any(_clock(start)):
        start, end = start.date(), (max(end, start + A_DAY) + A_DAY - timedelta.resolution).date()  # 23:59 means 24:00
    first, last = _local(start, zone), _local(end, zone)
    begins = zones.begins(*first)
    ends = zones.ends(*first) + (end - start) if EXACT in occurrence else zones.ends(*last)
    event = Event(
        uid=text_of(occurrence, "UID"),
        start=begins,
        end=begins if start == end else max(begins, ends),
        title=text_of(occurrence, "SUMMARY"),
        description=text_of(occurrence, "DESCRIPTION"),
        categories=_categories(occurrence.get("CATEGORIES")),
        calendar=calendar,
    )
    doubts = dict.fromkeys((zones.note(*first), zones.note(*last)))
    return event, [f"{name_of(occurrence)!r}: {doubt}" for doubt in doubts if doubt]


def _clock(moment: datetime) -> tuple[int, int, int]:
    return moment.hour, moment.minute, moment.second


def _local(moment: date, zone: ZoneInfo) -> tuple[datetime, ZoneInfo]:
    """The time on the wall, and the zone of that wall."""
    wall = moment if isinstance(moment, datetime) else datetime.combine(moment, time())
    return wall.replace(tzinfo=None), cast(ZoneInfo, wall.tzinfo or zone)  # `ical_zones` makes no other zones


def _categories(found: Any) -> tuple[str, ...]:
    parts = found if isinstance(found, list) else [found] if found is not None else []
    return tuple(str(name).strip() for part in parts for name in getattr(part, "cats", [part]))
