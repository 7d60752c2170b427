"""An incident: one identity, many signals; with what each channel was told, and is still to be told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from firstbell.oncall.signal import Severity
from firstbell.site.oncall import Hears

Kind = Literal[  # why a channel is told
    "new", "worse", "repeat", "again", "flaps", "escalated", "acknowledged", "resolved"
]
CALLS: frozenset[Kind] = frozenset({"new", "worse", "again", "flaps"})  # these want somebody who acknowledges
RANK: dict[Hears, int] = {"info": 0, "ticket": 1, "page": 2, "escalation": 3}


@dataclass(frozen=True, slots=True)
class Delivery:
    """The last thing that a channel is, was, or could not be told. `number` is the notice's.

    `since` is when it was decided to tell it, or to give that up.

    An attempt is counted, and `due` moved on to the next one, *before* it is made: so a process that dies in between
    leaves the same as an attempt that failed, and nobody else tries meanwhile. `heard` is whether the channel was told
    anything of this incident before; `receipt` is what it wants to be reminded of, such as a thread's name.
    """

    channel: str
    number: int
    kind: Kind
    since: datetime
    due: datetime
    attempts: int = 0
    state: Literal["pending", "told", "given_up"] = "pending"
    told_at: datetime | None = None
    heard: bool = False
    receipt: str = ""

    @property
    def may_be_known(self) -> bool:
        """The channel was told of the incident, or an attempt may have reached it."""
        return self.heard or self.state == "told" or self.attempts > 0


@dataclass(frozen=True, slots=True)
class Incident:
    """As stored. Times are UTC; `count` is of distinct signals (0: only ever heard that it is over).

    `severity` is the worst since it opened: who heard the page also hears the end. `number` is the last notice's, and
    `called` that of the last one that wanted somebody, decided at `called_at`. `untold` is what nobody is told of while
    `muted_by` says why. `openings` are the last hour's; one that `flaps` is held open though it is `over_since`.
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
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    called: int = 0
    called_at: datetime | None = None
    escalated: bool = False
    muted_by: str = ""
    muted_until: datetime | None = None
    untold: Kind | None = None
    openings: tuple[datetime, ...] = ()
    times: int = 1
    flaps: bool = False
    over_since: datetime | None = None
    on_duty: str = ""

    def delivery(self, channel: str) -> Delivery | None:
        """The last thing that a channel was, or is to be, told."""
        return next((d for d in self.deliveries if d.channel == channel), None)

    @property
    def live(self) -> bool:
        """Time alone may change it: it is open, held back, or still to be told to somebody."""
        return self.state == "open" or self.untold is not None or any(d.state == "pending" for d in self.deliveries)


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
        incident = self.incident
        by = f" by {incident.acknowledged_by}" if self.kind == "acknowledged" else ""
        held = f" (nobody is told yet: {incident.muted_by})" if incident.muted_by else ""
        return f"{self.kind}{by} ({incident.severity}): {incident.title}: {incident.what}{held}"


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
