"""The values of capacity planning. All times are aware and UTC; intervals include their start and exclude their end."""

from dataclasses import dataclass
from datetime import datetime

from firstbell.site import Kind


@dataclass(frozen=True, slots=True, order=True)
class Peak:
    """A calendar interval that raises demand. `key` is the same for the same event from different sources.

    `participants` are the invited; how many come is a matter of the site's participation. `limit`, seconds, is the
    time that one attempt may take, 0 without a limit; `course` names the course, where the source knows it.
    """

    start: datetime
    end: datetime
    participants: int
    kind: Kind
    source: str
    title: str
    key: str
    limit: int = 0
    course: str = ""


@dataclass(frozen=True, slots=True)
class Factor:
    """The vCPUs to plan for a peak of `kind`, as a share of what all its invited would need; from `outcomes` peaks."""

    kind: Kind
    share: float
    outcomes: int


@dataclass(frozen=True, slots=True)
class Learned:
    """What the past has taught about a site; empty on day one, when the site file's numbers hold.

    `baseline` has the vCPUs in use in each of the 168 hours of the week, from Monday 00:00 in the site's time zone;
    `lead_time` is the 95th percentile from launch to in service, in seconds.
    """

    baseline: tuple[float, ...] = ()
    lead_time: int | None = None
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class Floor:
    """At least `instances` from `start` to `end`, wanted by `owner`, because of `reason`."""

    owner: str
    start: datetime
    end: datetime
    instances: int
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` until the next step, `instances` is the group's MinSize, for these reasons."""

    at: datetime
    instances: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the calendars ask of a site from `start` to `end`; `floors` are not yet limited, `steps` are.

    `levels` are those of MinSize that plans before this one may have left behind, `resting` is the group's own MinSize,
    to which it goes back. `advice` costs nothing: settings of Moodle that would flatten a peak.
    """

    site: str
    start: datetime
    end: datetime
    steps: tuple[Step, ...]
    peaks: tuple[Peak, ...] = ()
    floors: tuple[Floor, ...] = ()
    warnings: tuple[str, ...] = ()
    shortfalls: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    resting: int | None = None
    advice: tuple[str, ...] = ()

    def at(self, moment: datetime) -> Step:
        """The step that is valid at `moment` (the first one before the plan begins)."""
        return next((s for s in reversed(self.steps) if s.at <= moment), self.steps[0])
