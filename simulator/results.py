"""What a simulated run yields: figures, the course of each minute, and a timeline that a person can read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal["plan", "fleet", "mount", "alarm", "call", "students", "fault", "broken"]


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the timeline: when (UTC), what, and why, in plain words. `kind` "broken" is a violated invariant."""

    at: datetime
    kind: Kind
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute: demand and capacity in vCPUs, instances in service, requests, and the p95 in seconds.

    `planned` is the capacity of the group's MinSize, where somebody plans it.
    """

    at: datetime
    demand: float
    capacity: float
    instances: int
    requests: int
    p95: float
    planned: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One policy's run on one scenario; the same seed gives the same result, byte for byte.

    `figures` has slow_share, p95, start_p95 (seconds), requests, failed, instance_hours, cost_usd, sessions_lost,
    pages, violations, and for Firstbell api_calls, invocations and requests_cut (on instances that it let go).
    """

    scenario: str
    policy: str
    seed: int
    figures: dict[str, float]
    minutes: tuple[Minute, ...] = ()
    timeline: tuple[Happening, ...] = field(default=())
    zone: str = "UTC"
