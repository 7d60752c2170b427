"""The values of capacity planning. All times are aware and UTC; intervals include their start and exclude their end."""

from dataclasses import dataclass
from datetime import datetime

from firstbell.site import Kind


@dataclass(frozen=True, slots=True, order=True)
class Peak:
    """A calendar interval that raises demand. `key` is the same for the same event from different sources."""

    start: datetime
    end: datetime
    participants: int
    kind: Kind
    source: str
    title: str
    key: str


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

    `levels` are those of MinSize that plans before this one may have left behind.
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

    def at(self, moment: datetime) -> Step:
        """The step that is valid at `moment` (the first one before the plan begins)."""
        return next((s for s in reversed(self.steps) if s.at <= moment), self.steps[0])
