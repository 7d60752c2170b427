"""Who is on call now, by the shifts of a rota. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from firstbell.calendar.values import Event
from firstbell.oncall.texts import one_line

NAME = 200  # characters
MOST = 500  # shifts that are kept


@dataclass(frozen=True, slots=True)
class Shift:
    """From `start` to `end` (UTC) `who` is on call: a channel's name, or a person or an address to be named."""

    start: datetime
    end: datetime
    who: str


@dataclass(frozen=True, slots=True)
class Shifts:
    """The shifts of the coming days, as they were read at `read_at`."""

    read_at: datetime
    shifts: tuple[Shift, ...] = ()

    def duty(self, now: datetime) -> tuple[str, ...]:
        """Who is on call now, in the rota's order, each once."""
        return tuple(dict.fromkeys(s.who for s in self.shifts if s.start <= now < s.end))


def of_events(events: Iterable[Event], now: datetime) -> Shifts:
    """The shifts that a rota's events are; an event without a title or a duration is none."""
    found = ((event, one_line(event.title, NAME)) for event in events if not event.is_moment)
    return Shifts(now, tuple(Shift(event.start, event.end, who) for event, who in found if who)[:MOST])
