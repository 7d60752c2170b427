"""The database's part of a backup: what a snapshot is called, how far it is, and what is said of it; pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from firstbell.oncall.signal import Signal

KEY = "backup/database"  # the state machine raises it when a step fails
ONLY_DATABASE = "database only: moodledata files are not copied yet"
FINAL = frozenset({"failed", "missing", "deleted", "deleting", "incompatible-restore", "incompatible-parameters"})


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Begin a snapshot of `database`, called `subject`, for this execution of the state machine."""

    subject: str
    database: str
    execution: str
    reason: str


@dataclass(frozen=True, slots=True)
class RecordBackup:
    """Note that the snapshot `subject`, begun at `at` (UTC), can be restored."""

    subject: str
    database: str
    at: datetime
    reason: str = ONLY_DATABASE


def snapshot_name(site: str, at: datetime) -> str:
    """The snapshot's name, by site and minute (UTC); RDS refuses two hyphens in a row."""
    return re.sub(r"-+", "-", f"firstbell-{site}-{at:%Y%m%d%H%M}")


def stage(status: str) -> str:
    """AWS's status word as the state machine wants it: available, creating, or a word that means failure."""
    return status if status == "available" or status in FINAL else "creating"


def recovered(site: str, raised: Collection[str], now: datetime) -> list[Signal]:
    """The end of the ticket about a failed backup, if there is one."""
    what = "There is a new snapshot of the database. The files of moodledata are not copied yet."
    title = "The database backup failed"
    return [Signal(site, KEY, "ticket", title, what, "backup-failed", now, resolved=True)] if KEY in raised else []
