"""An incident: one identity, many signals; with what each channel was told, and is still to be told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from firstbell.oncall.signal import Severity

Kind = Literal["new", "worse", "repeat", "again", "resolved"]  # why a channel is told
RANK: dict[Severity, int] = {"info": 0, "ticket": 1, "page": 2}


@dataclass(frozen=True, slots=True)
class Delivery:
    """The last thing that a channel is, was, or could not be told. `number` is the notice's.

    `since` is when it was decided to tell it, or to give that up.

    An attempt is counted, and `due` moved on to the next one, *before* it is made: so a process that dies in between
    leaves the same as an attempt that failed, and nobody else tries meanwhile.
    """

    channel: str
    number: int
    kind: Kind
    since: datetime
    due: datetime
    attempts: int = 0
    state: Literal["pending", "told", "given_up"] = "pending"
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """As stored. Times are UTC; `count` is of distinct signals (0: only ever heard that it is over).

    `severity` is the worst since it opened: who heard the page also hears the end. `number` is the last notice's.
    """

    site: str
    key: str
    state: Literal["open", "resolved"]
    severity: Severity
    title: str
    what: str
    runbook: str
    opened_at: datetime
    last_signal_at: datetime
    count: int
    evidence: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    resolved_at: datetime | None = None
    expected_end: datetime | None = None
    number: int = 0
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """Action: the incident's state changed; it is recorded, the journal shall say so."""

    incident: Incident
    kind: Kind

    @property
    def subject(self) -> str:
        """What the journal says it is about."""
        return self.incident.key

    @property
    def reason(self) -> str:
        """What the journal says."""
        return f"{self.kind} ({self.incident.severity}): {self.incident.title}: {self.incident.what}"


@dataclass(frozen=True, slots=True)
class Tell:
    """Action: deliver what is recorded as pending for one channel."""

    incident: Incident
    delivery: Delivery

    @property
    def subject(self) -> str:
        """What the journal says it is about."""
        return self.incident.key

    @property
    def reason(self) -> str:
        """What the journal says."""
        d = self.delivery
        return f"{d.channel} is to know: {d.kind}, notice {d.number}, attempt {d.attempts}: {self.incident.title}"


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Action: stop trying to tell a channel; it is recorded, the journal and a metric shall say so."""

    incident: Incident
    delivery: Delivery
    why: str

    @property
    def subject(self) -> str:
        """What the journal says it is about."""
        return self.incident.key

    @property
    def reason(self) -> str:
        """What the journal says."""
        d = self.delivery
        return f"{d.channel} was never told '{d.kind}' (notice {d.number}, {d.attempts} attempts): {self.why}"


Action = Noted | Tell | GivenUp
