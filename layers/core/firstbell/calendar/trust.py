"""Whether what a source says now is believed, or its last good copy is kept: the rules; pure.

A source that fails, answers nonsense, or has lost nearly all its events at once keeps its last good copy: capacity that
was promised is not taken back because a calendar broke. A host that does not answer is given an hour before anybody is
called, if there is a copy; what is wrong with the content is told at once.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

PATIENCE = timedelta(hours=1)  # with a host that does not answer
FEW = 5  # peaks; of fewer in a file, which people upload on purpose, all may well be cancelled
LEFT = 0.1  # the share of its peaks under which a source has shrunk suspiciously
SECONDS, HURRIED = 20.0, 5.0  # for one answer: of a host, and of one that failed when it was last asked
RENEW = timedelta(days=1)  # how often an unchanged record is written again, so that it does not expire


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a source: its last good copy's digest and time, and since when it fails, and why."""

    label: str
    digest: str = ""
    good_at: datetime | None = None
    failing_since: datetime | None = None
    why: str = ""

    @property
    def stale(self) -> str:
        """What the plan says about a source that fails; empty for a good one."""
        if self.failing_since is None:
            return ""
        kept = f"its copy of {self.good_at:%Y-%m-%d %H:%M} UTC is used" if self.good_at else "it has never been read"
        why = self.why.removeprefix(f"{self.label}: ")
        return f"{self.label} is stale since {self.failing_since:%Y-%m-%d %H:%M} UTC, {kept}: {why}"


def good(record: Record, digest: str, now: datetime) -> Record:
    """The source was read well."""
    return Record(record.label, digest, now)


def unkept(record: Record) -> Record:
    """The source was read well, but its copy could not be written: the one before remains, and is tried to replace."""
    return replace(record, failing_since=None, why="")


def failed(record: Record, why: str, now: datetime) -> Record:
    """The source cannot be used now."""
    return replace(record, failing_since=record.failing_since or now, why=why)


def worth_writing(before: Record | None, after: Record) -> bool:
    """Whether the record must be written: something has changed but the time alone, or a day has gone by."""
    if before is None or before.good_at is None or after.good_at is None:
        return before != after
    return replace(after, good_at=before.good_at) != before or after.good_at - before.good_at >= RENEW


def has_shrunk(before: int, after: int, remote: bool) -> bool:
    """Whether so many of a source's coming peaks are gone at once that it is rather broken than changed.

    Another host may answer with an empty calendar when it means an error: of a remote source one lost peak is enough.
    """
    return before >= (1 if remote else FEW) and after <= before * LEFT


def wants_a_person(record: Record, passing: bool, now: datetime) -> bool:
    """Whether on-call hears of it; `passing` is a trouble that may well end by itself, and that a copy bridges."""
    if record.failing_since is None:
        return False
    return not (passing and record.digest and now - record.failing_since < PATIENCE)


def seconds(record: Record | None, now: datetime) -> float:
    """How long the source's host is waited for: one that fails not long, but for once an hour: it may just be slow."""
    failing = record is not None and record.failing_since is not None
    return HURRIED if failing and now.minute >= 15 else SECONDS  # the planner comes every 15 minutes
