"""Texts of a run made fit for a page: escaped, on one line, without control characters, cut, in local time."""

from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from firstbell.oncall.texts import one_line

TITLE, WHAT, WHY = 120, 300, 600  # characters


def safe(text: str, longest: int = WHAT) -> str:
    """HTML text (or a quoted attribute's value) that shows `text` and can do nothing else."""
    return escape(one_line(text, longest), quote=True)


def clock(at: datetime, zone: ZoneInfo, dated: bool) -> str:
    """Local time of day, with the day when a run has several."""
    return at.astimezone(zone).strftime("%a %d %b %H:%M" if dated else "%H:%M")


def spans_days(start: datetime, end: datetime, zone: ZoneInfo) -> bool:
    """Whether two moments lie on different local days."""
    return start.astimezone(zone).date() != end.astimezone(zone).date()
