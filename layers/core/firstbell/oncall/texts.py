"""Texts from anywhere made fit for a subject line, a mail and a key: one line, no control characters, a bounded length.

Evidence comes from instances and logs. On one line each, it cannot pass for another part of a message.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from firstbell.oncall.signal import Signal

TITLE, WHAT, EVIDENCE, LINES, IDENTITY = 200, 2000, 500, 20, 200  # characters; LINES of evidence or of things done
_CONTROL = re.compile(  # and what changes the direction of a text, what nobody can see, and halves of characters
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_RUNBOOK = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")


def one_line(text: str, longest: int) -> str:
    """The text on one line without control characters, cut to `longest` characters (an ellipsis says so)."""
    return cut(" ".join(_CONTROL.sub(" ", text).split()), longest)


def cut(text: str, longest: int) -> str:
    """The text, cut to `longest` characters (an ellipsis says so)."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def identity(text: str) -> str:
    """A text fit for a key of the table (at most 1,024 bytes); what is too long keeps its identity by a digest."""
    flat = " ".join(_CONTROL.sub(" ", text).split())
    return flat if len(flat) <= IDENTITY else f"{flat[: IDENTITY - 17]}~{digest(flat)}"


def digest(*parts: str) -> str:
    """16 hexadecimal digits that stand for the parts."""
    return sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def tidy(signal: Signal, now: datetime) -> Signal:
    """The signal with tidy texts and times in UTC, none of them in the future: else nothing later would be news.

    Raises ValueError when no site or key is left, OverflowError for a time that has no UTC.
    """
    clean = replace(
        signal,
        site=identity(signal.site),
        key=identity(signal.key),
        title=one_line(signal.title, TITLE) or "untitled",
        what=one_line(signal.what, WHAT),
        runbook=signal.runbook if _RUNBOOK.fullmatch(signal.runbook) else "",
        at=min(_utc(signal.at), now),
        evidence=tuple(one_line(text, EVIDENCE) for text in signal.evidence[:LINES]),
        done=tuple(one_line(text, EVIDENCE) for text in signal.done[:LINES]),
        expected_end=None if signal.expected_end is None else _utc(signal.expected_end),
    )
    if not clean.site or not clean.key:
        raise ValueError("a signal without site or key")
    return clean


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
