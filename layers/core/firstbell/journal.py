"""The journal: what was decided and why, kept in the table for 90 days; `firstbell explain` shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from firstbell.acting import Outcome
from firstbell.aws.table import Table
from firstbell.plain import from_plain, to_plain

KEPT = timedelta(days=90)
PREFIX = "JOURNAL#"


@dataclass(frozen=True, slots=True)
class Entry:
    """One action: when (UTC), by which function, on what, why, and the error's text when it failed."""

    at: datetime
    function: str
    action: str
    subject: str
    reason: str
    error: str = ""


def partition(site: str) -> str:
    """The journal's own partition of the table: it grows, and nobody else should have to read past it."""
    return f"SITE#{site}#JOURNAL"


def entries(function: str, outcomes: Sequence[Outcome], at: datetime) -> list[Entry]:
    """The journal's entries for what a function did. An action's `subject`, where it has one, says on what."""
    return [
        Entry(
            at=at,
            function=function,
            action=type(o.action).__name__,
            subject=str(getattr(o.action, "subject", "")),
            reason=o.action.reason,
            error="" if o.error is None else f"{type(o.error).__name__}: {o.error}"[:500],
        )
        for o in outcomes
    ]


def write(table: Table, site: str, found: Sequence[Entry]) -> None:
    """Keep entries. Writing the same ones again changes nothing: the key follows from the content."""
    documents = [(_key(n, e), to_plain(e)) for n, e in enumerate(found)]
    if documents:
        table.put_all(partition(site), documents, expires=found[0].at + KEPT)


def _key(number: int, entry: Entry) -> str:
    """In order of time, then of action; two runs in the same second differ in the digest."""
    digest = sha256(f"{entry.action}|{entry.subject}|{entry.reason}".encode()).hexdigest()[:8]
    return f"{PREFIX}{entry.at.isoformat()}#{entry.function}#{number:03}#{digest}"


def newest(table: Table, site: str, limit: int = 50) -> list[Entry]:
    """The newest entries of a site, newest first."""
    found = table.query(partition(site), PREFIX, newest_first=True, limit=limit)
    return [from_plain(Entry, stored.data) for stored in found]
