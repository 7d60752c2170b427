"""The time zones that an iCalendar file speaks of: known by name, to IANA or to Windows, or defined by the file itself.

A known name beats the file's definition of it, which is often cut to one rule for all years. A definition becomes a
`ZoneInfo` too, so that clock changes are treated alike everywhere. icalendar keeps zones in one place for the whole
process: read one file at a time.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from io import BytesIO
from itertools import takewhile
from typing import Any
from warnings import catch_warnings, simplefilter
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard
from icalendar.error import GloballyUniqueTZIDGuessed
from icalendar.timezone import tzp
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON
from icalendar.timezone.zoneinfo import ZONEINFO
from x_wr_timezone import UTCChangingWalker  # type: ignore[import-untyped]

from firstbell.calendar.ical_budget import Budget
from firstbell.calendar.values import CalendarError

SINCE, UNTIL = 1970, 2037  # the years whose clock changes are computed
EARLIEST = -(2**31)  # seconds: where TZif's first version begins, in 1901
for _part in (Timezone, TimezoneStandard, TimezoneDaylight):
    _part.ignore_exceptions = True  # as in events: one line that cannot be read does not cost the whole calendar
EVERY_DAY = {"BYHOUR", "BYMINUTE", "BYSECOND"}  # clocks change once a day at most


def parse(lines: bytes, budget: Budget) -> list[Calendar]:
    """The calendars in `lines`, their times in zones that only this file and the tz database have a say in."""
    tzp.use(_Zones(budget))  # and so forgets the zones that the last file defined
    with catch_warnings():
        simplefilter("ignore", GloballyUniqueTZIDGuessed)  # /vendor/Europe/Berlin is Europe/Berlin
        return [found for found in Calendar.from_ical(lines, multiple=True) if isinstance(found, Calendar)]


def named(name: str) -> ZoneInfo | None:
    """The zone of that name, if the last file or the tz database knows it."""
    found = tzp.timezone(name)
    return found if isinstance(found, ZoneInfo) else None


def moved(events: Sequence[Event], zone: ZoneInfo | None) -> Sequence[Event]:
    """The events with their floating and UTC times in `zone`, if it is one: what X-WR-TIMEZONE means."""
    return events if zone is None else [UTCChangingWalker(zone).walk_event(event) for event in events]


class _Zones(ZONEINFO):
    """What icalendar asks for zones."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget

    def knows_timezone_id(self, tzid: str) -> bool:
        """Whether a definition is not needed."""
        return tzid in WINDOWS_TO_OLSON or super().knows_timezone_id(tzid)

    def timezone(self, name: str) -> tzinfo | None:
        """The zone of the tz database."""
        try:
            return super().timezone(name)
        except OSError:  # a folder in it, such as Europe, or a name that is too long for a file
            return None

    def create_timezone(self, tz: Timezone) -> Any:  # type: ignore[override]  # as icalendar's own do
        """The zone that is defined; None when the definition is no use: its times are then read as unknown ones."""
        try:
            return _defined(tz, self.budget)
        except CalendarError:
            raise
        except Exception:  # noqa: BLE001 - whatever a broken definition breaks; its times are named in a warning
            return None


def _defined(tz: Timezone, budget: Budget) -> ZoneInfo:
    """A definition as the tz database would have it, in its own format, TZif (RFC 8536)."""
    found = sorted((moment, offset) for part in tz.subcomponents for moment, offset in _changes(part, budget))
    changes = {max(EARLIEST, int(moment.timestamp())): int(offset.total_seconds()) for moment, offset in found}
    offsets = sorted(set(changes.values()))
    data = struct.pack(">4s16x6l", b"TZif", 0, 0, 0, len(changes), len(offsets), 1)
    data += struct.pack(f">{len(changes)}l", *changes) + bytes(offsets.index(offset) for offset in changes.values())
    data += b"".join(struct.pack(">lBB", offset, 0, 0) for offset in offsets) + b"\0"
    return ZoneInfo.from_file(BytesIO(data), key=str(tz["TZID"]))


def _changes(part: Any, budget: Budget) -> Iterator[tuple[datetime, timedelta]]:
    """When standard time or daylight saving time begins, and the offset from then on."""
    before = timezone(part.TZOFFSETFROM)
    onsets = [part.DTSTART, *(moment for moment, _ in part.rdates)]
    for rule in part.rrules:
        if EVERY_DAY & set(rule):
            raise ValueError
        start = part.DTSTART.replace(year=max(SINCE, part.DTSTART.year), tzinfo=before)  # Outlook's begin in 1601
        repeated = budget.bind(rrulestr(rule.to_ical().decode(), dtstart=start))
        onsets += takewhile(lambda onset: onset.year <= UNTIL, repeated)
    yield from ((onset.replace(tzinfo=before), part.TZOFFSETTO) for onset in onsets if onset.year <= UNTIL)
