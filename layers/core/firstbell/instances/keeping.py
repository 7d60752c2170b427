"""The records in the table: read once for a look, written under their version, so that two looks at once agree."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from firstbell.aws.table import Table
from firstbell.instances.records import ANSWER_WITHIN, CLAIMED, Record
from firstbell.oncall import resolving
from firstbell.plain import from_plain, to_plain

T = TypeVar("T")
PREFIX = "INSTANCE#"
KEPT = timedelta(days=2)
TRIES = 3


class ContendedError(Exception):
    """A record was changed by others each time that we were about to."""


@dataclass
class Records:
    """The records of one site, as read, with their versions; `unanswered`: what failed in asking AWS in this look."""

    table: Table
    site: str
    now: datetime
    prefix: str = PREFIX
    unanswered: list[Exception] = field(default_factory=list)
    _read: dict[str, tuple[Record, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table, site: str, now: datetime, prefix: str = PREFIX) -> "Records":
        """Read those of a site."""
        records = cls(table, site, now, prefix)
        for stored in table.query(f"SITE#{site}", prefix):
            records._read[stored.sk.removeprefix(prefix)] = from_plain(Record, stored.data), stored.version
        return records

    def asked(self, ask: Callable[[], T], otherwise: T) -> T:
        """What AWS answers, or `otherwise` if it does not: the rest of the look, heartbeats above all, goes on."""
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - `finish` raises it
            self.unanswered.append(error)
            return otherwise

    def finish(self) -> None:
        """End the look: raise an ExceptionGroup if AWS left something unanswered."""
        if self.unanswered:
            raise ExceptionGroup(f"{len(self.unanswered)} questions to AWS failed", self.unanswered)

    @property
    def all(self) -> tuple[Record, ...]:
        """Every record, by instance."""
        return tuple(record for _, (record, _) in sorted(self._read.items()))

    def get(self, instance: str) -> Record | None:
        """The record of an instance, if there is one."""
        found = self._read.get(instance)
        return found[0] if found else None

    def save(self, record: Record) -> bool:
        """Write a record if nobody has written it since it was read. False: somebody was faster."""
        known, version = self._read.get(record.instance, (None, 0))
        if record == known:
            return True
        key = self.prefix + record.instance
        if not self.table.replace(f"SITE#{self.site}", key, to_plain(record), version, self.now + KEPT):
            return False
        self._read[record.instance] = record, version + 1
        return True

    def change(self, instance: str, changed: Callable[[Record], Record]) -> None:
        """Change a record whoever else does. Raises ContendedError when that fails three times over."""
        for _ in range(TRIES):
            if self.save(changed(self._read[instance][0])):
                return
            stored = self.table.get(f"SITE#{self.site}", self.prefix + instance)
            if stored is not None:
                self._read[instance] = from_plain(Record, stored.data), stored.version
            else:  # it has expired meanwhile
                self._read[instance] = self._read[instance][0], 0
        raise ContendedError(f"the record of {instance} is being changed by others all the time")

    def claim(self, instance: str, within: timedelta = ANSWER_WITHIN) -> bool:
        """Note that a probe is about to be sent, to be answered so soon. False: another look is at it."""
        record, due = self._read[instance][0], self.now + within
        return self.save(
            replace(record, command=CLAIMED, sent_at=self.now, answer_by=due, attempts=record.attempts + 1)
        )


def open_incidents(table: Table, site: str) -> frozenset[str]:
    """The keys of the site's incidents that on-call holds open."""
    return frozenset(resolving.open_incidents(table, site))
