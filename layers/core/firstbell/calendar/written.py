"""Days and times as people write them into a term file: texts, so that what is wrong with one is said of its key."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

YEARS = range(1990, 2101)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::00)?", re.ASCII)
_SITTING = re.compile(r"([\d:]+) ?[-–] ?([\d:]+)")

Sitting = tuple[time, time]
"""When a sitting begins and ends, on one day."""


@dataclass(frozen=True)
class Written:
    """How a text becomes a value, what it looks `like` in words, and its `format` in the JSON Schema.

    `read` raises LookupError when the text is nothing of the kind, ValueError when it says what is wrong with it.
    It speaks pydantic's protocol without importing it, as `site.checks` does.
    """

    read: Callable[[str], object]
    like: str
    format: str | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Let pydantic read the text, so that what is wrong is said of this key."""
        return {"type": "function-plain", "function": {"type": "no-info", "function": self._value}}

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        """In the JSON Schema it is a text."""
        return {"type": "string"} | ({"format": self.format} if self.format else {})

    def _value(self, text: object) -> object:
        try:
            return self.read(text.strip() if isinstance(text, str) else "")
        except LookupError as error:
            raise ValueError(f"{text!r:.80} is not {self.like}") from error
        except ValueError as error:
            raise ValueError(f"{text!r:.80} is wrong: {error}") from error


def _fits(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    """Raises LookupError when `text` is nothing of the kind."""
    found = pattern.fullmatch(text)
    if found is None:
        raise LookupError(text)
    return found


def _day(text: str) -> date:
    return _moment(f"{text}T00:00").date()


def _moment(text: str) -> datetime:
    _fits(_MOMENT, text)
    found = datetime.fromisoformat(text)
    if found.year not in YEARS:
        raise ValueError(f"the year {found.year} is not between {YEARS[0]} and {YEARS[-1]}")
    return found


def _clock(text: str) -> time:
    found = _fits(_CLOCK, text)
    return time(int(found[1]), int(found[2]))


def _sitting(text: str) -> Sitting:
    found = _fits(_SITTING, text)
    begins, ends = _clock(found[1]), _clock(found[2])
    if ends <= begins:
        raise ValueError("it ends before it begins; one that lasts over midnight is an entry of 'peaks'")
    return begins, ends


def _expiry(text: str) -> datetime:
    """A day lasts until its midnight."""
    return _moment(text) if len(text) > 10 else _moment(f"{text}T00:00") + timedelta(days=1)


DAY = Written(_day, "a day such as 2026-10-12", "date")
MOMENT = Written(_moment, "a time such as 2026-12-01T09:00")
CLOCK = Written(_clock, 'a time of the day such as "08:15"')
SITTING = Written(_sitting, 'a sitting such as "09:00-11:00"')
EXPIRY = Written(_expiry, "a day such as 2026-12-03, or a time such as 2026-12-03T12:00")
