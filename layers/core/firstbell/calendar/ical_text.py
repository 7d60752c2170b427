"""An iCalendar file's bytes, made ready for the parser: limits first, then only the lines and events that matter. Pure.

This is a sieve, not a parser: what it is not sure of it leaves in. Feeds hold years of events with attendees, alarms
and attachments; parsing all of that would take ten times as long as parsing what a plan needs.
"""

import re
from datetime import datetime, timedelta
from itertools import accumulate

from firstbell.calendar.values import CalendarError

LARGEST = 5 * 1024 * 1024  # bytes; a university's yearly timetable has about 1 MB
MOST_PARTS = 10_000  # components and rules that may touch the window; parsed in about two seconds, as are
MOST_LINES = 100_000  # such lines
MOST_DATES = 50_000  # dates of recurrence, or exceptions, listed one by one
LONGEST_TEXT = 32 * 1024  # bytes; a longer one is left out
LONGEST_LINE = 1_000  # bytes of any other; the longest rule that a calendar's dialogue can write has about 150
DEEPEST = 5  # components inside one another; RFC 5545 needs three
FAR = timedelta(days=3)  # time zones and whole days may shift an event's day by two
TEXTS = "SUMMARY DESCRIPTION CATEGORIES"
NAMES = f"""BEGIN END TZID TZOFFSETFROM TZOFFSETTO X-WR-TIMEZONE X-WR-CALNAME NAME UID SEQUENCE STATUS {TEXTS}
    DTSTART DTEND DURATION RRULE RDATE EXDATE RECURRENCE-ID X-MICROSOFT-CDO-ALLDAYEVENT"""


def _lines(names: str, rest: bytes = rb"[^\n]*\n?", but: bytes = b"=") -> re.Pattern[bytes]:
    """Matches the lines of the properties `names`, or (`!`) those of all others."""
    known = "|".join(names.split()).encode()
    return re.compile(rb"^(?" + but + rb"(?:" + known + rb")[ \t]*[;:])" + rest, re.MULTILINE | re.IGNORECASE)


_OTHERS = _lines(NAMES, but=b"!")
_NESTING = _lines("BEGIN END", rb"(?:BEGIN|END)")
_PARTS = _lines("BEGIN RRULE")
_DATES = _lines("RDATE EXDATE")
_LONG_TEXT = _lines(TEXTS, rb"[^\n]{%d}[^\n]*\n?" % LONGEST_TEXT)
_LONG_LINE = _lines(f"{TEXTS} RDATE EXDATE", rb"[^\n]{%d}" % LONGEST_LINE, but=b"!")
_LASTING = _lines("RRULE RDATE RECURRENCE-ID DURATION")
_DAYS = _lines("DTSTART DTEND", rb"[^\n]*?:([0-9]{8})")
_COMPONENT = rb"^BEGIN:%s[ \t]*\n(?:(?!BEGIN|END)[^\n]*\n)*END:%s[ \t]*(?:\n|\Z)"
_ALARM = re.compile(_COMPONENT % (b"VALARM", b"VALARM"), re.MULTILINE | re.IGNORECASE)
_EVENT = re.compile(_COMPONENT % (b"VEVENT", b"VEVENT"), re.MULTILINE | re.IGNORECASE)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def ready(text: bytes, start: datetime, end: datetime, origin: str) -> bytes:
    """The lines of `text`, unfolded and as UTF-8, that say what happens between `start` and `end`.

    Raises CalendarError when it is no calendar, broke off, or is larger than anybody's calendar.
    """
    if len(text) > LARGEST:
        raise CalendarError(f"{origin}: larger than {LARGEST // 2**20} MiB; export a shorter time")
    if b"BEGIN:VCALENDAR" not in text[:1024].upper():
        seen = text[:60].decode("utf-8", "replace").splitlines()[0] if text.strip() else "nothing"
        raise CalendarError(f"{origin}: not an iCalendar file (it begins with {seen!r}); is the export's token valid?")
    lines = _LONG_TEXT.sub(b"", _OTHERS.sub(b"", _utf8(_unfolded(text))))
    _refuse_nesting(lines, origin)
    lines = _without_distant(_ALARM.sub(b"", lines), start, end)
    _refuse_more(len(_PARTS.findall(lines)), MOST_PARTS, "events and rules of recurrence", origin)
    _refuse_more(lines.count(b"\n"), MOST_LINES, "lines", origin)
    _refuse_more(sum(line.count(b",") + 1 for line in _DATES.findall(lines)), MOST_DATES, "listed dates", origin)
    if long := _LONG_LINE.search(lines):
        raise CalendarError(
            f"{origin}: a line is longer than anybody writes ({long[0][:60].decode('utf-8', 'ignore')}…)"
        )
    return lines


def _unfolded(text: bytes) -> bytes:
    """One line each; unfolded as bytes, for a fold may lie inside a letter (RFC 5545, 3.1), or be an empty line."""
    lines = re.sub(rb"\n{2,}", b"\n", text.replace(b"\r", b""))
    return lines.replace(b"\n ", b"").replace(b"\n\t", b"")


def _utf8(text: bytes) -> bytes:
    """The same, where bytes that are not UTF-8 are taken for Latin-1."""
    letters = text.decode("utf-8-sig", "surrogateescape")
    return _NOT_UTF8.sub(lambda wrong: chr(ord(wrong[0]) - 0xDC00), letters).encode()


def _refuse_more(found: int, most: int, what: str, origin: str) -> None:
    if found > most:
        raise CalendarError(f"{origin}: {found:,} {what} that may matter, more than {most:,}; export a shorter time")


def _refuse_nesting(lines: bytes, origin: str) -> None:
    depths = list(accumulate(1 if word.upper() == b"BEGIN" else -1 for word in _NESTING.findall(lines)))
    if max(depths, default=0) > DEEPEST:
        raise CalendarError(f"{origin}: its components are nested {max(depths):,} deep, more than {DEEPEST}")
    if depths[-1:] != [0]:
        raise CalendarError(f"{origin}: a broken iCalendar file: it ends in the middle; is the export complete?")


def _without_distant(lines: bytes, start: datetime, end: datetime) -> bytes:
    """Without the single events that end long before `start`, or begin long after `end`."""
    first, last = (f"{day:%Y%m%d}".encode() for day in (start - FAR, end + FAR))

    def near(event: re.Match[bytes]) -> bytes:
        days = _DAYS.findall(event[0])
        distant = days and (max(days) < first or min(days) > last)
        return b"" if distant and not _LASTING.search(event[0]) else event[0]

    return _EVENT.sub(near, lines)
