"""An event of a calendar, before anybody decided what it is."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Event:
    """One occurrence of a calendar event, in UTC; `end` equals `start` where the calendar gives a moment only."""

    uid: str
    start: datetime
    end: datetime
    title: str
    description: str = ""
    categories: tuple[str, ...] = ()
    calendar: str = ""

    @property
    def is_moment(self) -> bool:
        """It has no duration."""
        return self.end - self.start <= timedelta(0)


class CalendarError(ValueError):
    """A source cannot be used; the message says which, what is wrong with it, and the cure."""
