"""An AWS with one setting that can be borrowed, in memory: it keeps record and booking, and has AWS's limits."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from firstbell.loans.returning import current, decide
from firstbell.loans.settings import Tier, pool, text
from firstbell.loans.values import Book, Change, Forget, Loan, Save, Seen, Set, Step, Unbook, Wish

START = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SUBJECT = "it"
RESTING: dict[Tier, str] = {
    "freeze": text(False),
    "balancer": text(0),
    "warm_pool": text(None),
    "efs": text({"ThroughputMode": "bursting"}),
    "aurora": text({"MinCapacity": 0.5, "MaxCapacity": 16.0}),
    "reservation": text(0),
}


def wish(tier: Tier, start: datetime, end: datetime, level: float, subject: str = SUBJECT) -> Wish:
    return Wish(start, end, tier, "", subject, level, start + 10 * MINUTE, "an exam")


class RefusedError(Exception):
    """AWS does not allow it now."""


def size(value: str) -> float:
    """A setting as a number, to tell a raise from a decrease."""
    now = json.loads(value)
    if isinstance(now, dict):
        return float(now.get("MinCapacity", now.get("MinSize", now.get("ProvisionedThroughputInMibps", 0))))
    return float(now or 0)


@dataclass
class World:
    """The setting, the record, the booking, and what was done.

    AWS works on each change for `pending`, and its descriptions are `lag` behind.
    """

    tier: Tier
    value: str
    now: datetime = START
    pending: timedelta = timedelta(0)
    lag: timedelta = timedelta(0)
    record: Loan | None = None
    booking: Loan | None = None
    busy_until: datetime = START - DAY
    history: list[tuple[datetime, str]] = field(default_factory=list)
    raised_at: datetime = START - DAY
    decreases: list[datetime] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def seen(self) -> Seen:
        lately = [at for at in self.decreases if at > self.now - DAY]
        exhausted = self.tier == "balancer" and len(lately) >= 2
        at = self.booking.end if self.booking else None
        shown = next((old for until, old in self.history if self.now < until + self.lag), self.value)
        return Seen(shown, at, busy=self.now < self.busy_until, exhausted=exhausted)

    def set(self, value: str) -> None:
        """Raises RefusedError as AWS would."""
        if value == self.value:
            return
        if self.now < self.busy_until:
            raise RefusedError("pending")
        if size(value) < size(self.value):
            if self.tier == "efs" and self.now < self.raised_at + DAY:
                raise RefusedError("24 hours")
            if self.seen.exhausted:
                raise RefusedError("two a day")
            self.decreases.append(self.now)
        else:
            self.raised_at = self.now
        self.history.append((self.now, self.value))
        self.value, self.busy_until = value, self.now + self.pending

    def do(self, step: Step) -> None:
        match step:
            case Save(loan):
                self.record = loan
            case Book(loan):
                if self.record is None:
                    self.wrong.append("booked without a record")
                if loan.end <= self.now:
                    self.wrong.append("booked for the past")
                self.booking = loan
            case Set(loan, value):
                if value != loan.before and (self.record is None or self.booking is None):
                    self.wrong.append("raised before it was recorded and booked")
                try:
                    self.set(value)
                except RefusedError as error:
                    self.wrong.append(f"asked for what AWS refuses: {error}")
            case Unbook():
                self.booking = None
            case Forget():
                if self.booking is not None:
                    self.wrong.append("forgotten while it is booked")
                self.record = None

    def tick(self, wishes: list[Wish], steps: int | None = None) -> Change | None:
        """A run of the planner, killed after so many `steps`."""
        wanted = max((w for w in wishes if current(w, self.now)), key=lambda w: w.level, default=None)
        change = decide(wanted, self.record, self.seen, self.now)
        for step in (change.steps if change else ())[:steps]:
            self.do(step)
        return change

    def until(self, moment: datetime) -> None:
        """Time goes by, and AWS does what is booked; it tries again for an hour."""
        while self.booking is not None and self.booking.end <= moment:
            self.now = max(self.now, self.booking.end)
            loan, self.booking = self.booking, None
            while True:
                try:
                    self.set(loan.before)
                    break
                except RefusedError as error:
                    if self.now >= loan.end + HOUR:
                        self.wrong.append(f"what was booked is refused: {error}")
                        break
                    self.now += MINUTE
        self.now = max(self.now, moment)

    def later(self, **span: float) -> None:
        self.until(self.now + timedelta(**span))


def raised_pool(size: int) -> str:
    """The setting of a warm pool of a fixed size."""
    return text(pool(size, size, "Stopped", False))
