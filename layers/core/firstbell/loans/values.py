"""A loan: a setting of AWS borrowed for a peak, recorded first, its return booked next, raised last. Values; pure.

`lending` carries the steps out, `returning` decides on them.
"""

from dataclasses import dataclass, field
from datetime import datetime

from firstbell.loans.settings import Tier


def key(tier: Tier, part: str) -> str:
    """What a site has one loan for: a tier, or a part of one (a process, a zone)."""
    return f"{tier}#{part}" if part else tier


@dataclass(frozen=True, slots=True, order=True)
class Wish:
    """A setting that is to be raised to `level` from `start` (lead time included) to `end`; people come at `rush`.

    `subject` is what has the setting: a group, a load balancer's ARN, a file system, a cluster, a kind of instance.
    """

    start: datetime
    end: datetime
    tier: Tier
    part: str
    subject: str
    level: float
    rush: datetime
    reason: str

    @property
    def key(self) -> str:
        """Which loan it asks for."""
        return key(self.tier, self.part)


@dataclass(frozen=True, slots=True)
class Ask:
    """Keep a wish that somebody other than the plan has: it is lent as the plan's own are, while it lasts."""

    wish: Wish
    reason: str

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.wish.key


@dataclass(frozen=True, slots=True)
class Loan:
    """What is borrowed: the setting `before`, and all that we may have set it to (`lent`, the present one last).

    `due` is when the peak is over, `end` when the return is booked (later, where AWS does not allow it yet). It began
    when it was `opened`, and `since` is when the setting was last raised. `left`: somebody changed it, so it is theirs.
    `version` is the record's, as it was read.
    """

    tier: Tier
    part: str
    subject: str
    before: str
    lent: tuple[str, ...]
    due: datetime
    end: datetime
    opened: datetime
    since: datetime
    owner: str = "plan"
    left: bool = False
    version: int = field(default=0, compare=False)

    @property
    def key(self) -> str:
        """Which of the site's loans it is."""
        return key(self.tier, self.part)


@dataclass(frozen=True, slots=True)
class Seen:
    """A setting at present, and `booked`: when AWS will return it.

    `busy`: AWS takes no change of it now. `exhausted`: no decrease is allowed today. `lacking`: the setting is there,
    but not in effect until it is set once more.
    """

    value: str
    booked: datetime | None = None
    busy: bool = False
    exhausted: bool = False
    lacking: bool = False


@dataclass(frozen=True, slots=True)
class Save:
    """Write the record, unless another run did since it was read: then nothing of the change is done.

    Every change begins with it, so that of two runs that overlap the slower one undoes nothing.
    """

    loan: Loan


@dataclass(frozen=True, slots=True)
class Book:
    """Let AWS return the setting at the loan's end; a booking that there is already is moved."""

    loan: Loan


@dataclass(frozen=True, slots=True)
class Set:
    """Set the setting to `value` now."""

    loan: Loan
    value: str


@dataclass(frozen=True, slots=True)
class Unbook:
    """Remove the booking, if it is still there."""

    loan: Loan


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete the record."""

    loan: Loan


Step = Save | Book | Set | Unbook | Forget


@dataclass(frozen=True, slots=True)
class Change:
    """Steps to be done in their order: one that fails keeps the ones after it from being done."""

    loan: Loan
    steps: tuple[Step, ...]
    reason: str

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.loan.key


@dataclass(frozen=True, slots=True)
class Borrow(Change):
    """Begin a loan."""


@dataclass(frozen=True, slots=True)
class Keep(Change):
    """Extend, raise, repair or let go a loan whose peak goes on."""


@dataclass(frozen=True, slots=True)
class Return(Change):
    """End a loan, or book its end for when AWS allows it."""
