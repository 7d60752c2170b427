"""What wakes `notify_on_call`, read: SNS records become letters, and one that nobody can read becomes one too. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firstbell.events import SCHEDULE
from firstbell.oncall.signal import Signal
from firstbell.oncall.texts import WHAT, digest, one_line, tidy
from firstbell.plain import from_plain

NOBODY = "unknown"  # the site of a notification that names none


@dataclass(frozen=True, slots=True)
class Letter:
    """A signal that arrived. One that is not `readable` only quotes what did arrive: nothing will ever resolve it."""

    signal: Signal
    readable: bool = True


def hint(event: object) -> object:
    """The event as `events.read` shall see it: letters from SNS mean as little of AWS as a schedule's tick does."""
    return event if _records(event) is None else {"source": SCHEDULE}


def read(event: object, now: datetime) -> tuple[Letter, ...]:
    """The letters in an SNS event, in order; none in any other event. Never raises, and loses nothing."""
    return tuple(_letter(record, now) for record in _records(event) or ())


def _records(event: object) -> list[Any] | None:
    records = event.get("Records") if isinstance(event, Mapping) else None
    return records if isinstance(records, list) else None


def _letter(record: Any, now: datetime) -> Letter:
    try:
        message = record["Sns"]["Message"]
    except (KeyError, TypeError, IndexError):
        return _unreadable(json.dumps(record, default=str), now)
    try:
        return Letter(tidy(from_plain(Signal, json.loads(message)), now))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return _unreadable(message if isinstance(message, str) else json.dumps(message, default=str), now)


def _unreadable(text: str, now: datetime) -> Letter:
    quoted = Signal(
        site=NOBODY,
        key=f"unreadable/{digest(text)}",
        severity="ticket",
        title="unreadable notification",
        what=one_line(text, WHAT),
        runbook="unreadable-notification",
        at=now,
    )
    return Letter(quoted, readable=False)
