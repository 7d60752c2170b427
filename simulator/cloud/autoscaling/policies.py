"""Dynamic scaling policies of a group: target tracking on average CPU and simple scaling, decided once a minute.

What they decide is pure: data points and counts in, the wanted desired capacity out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Capacity:
    """What a policy sees of its group. `warmed` instances are in service and past their warm-up.

    `changing`: instances are still launching or warming up. `since_change`: seconds since this policy last acted.
    """

    desired: int
    warmed: int
    changing: bool
    since_change: float


@dataclass(frozen=True)
class Decision:
    """The capacity that a policy wants, with the alarm that triggered it ("AlarmHigh" or "AlarmLow")."""

    desired: int
    alarm: str


@dataclass(frozen=True)
class TargetTracking:
    """Keep the average CPU (%) of the warmed instances at `target`.

    As AWS makes its alarms: high above the target for 3 one-minute data points, low below 90 % of it for 15. A target
    tracking policy "scales out proportionally to the metric as fast as it can, but scales in more gradually" (user
    guide): here one instance, then a pause. Instances that warm up count as capacity, so nothing is added twice, and
    they block scale-in.
    """

    target: float = 50.0
    disable_scale_in: bool = False
    warmup: float = 300.0
    high_points: int = 3
    low_points: int = 15
    low_share: float = 0.9
    scale_in_pause: float = 300.0
    name: str = "cpu-target-tracking"

    def decide(self, points: Sequence[float | None], capacity: Capacity) -> Decision | None:
        """What to do after the last of `points` (average CPU per minute, None: no data); None for nothing."""
        latest = points[-1] if points else None
        if latest is None or capacity.warmed == 0:
            return None
        wanted = ceil(round(capacity.warmed * latest / self.target, 6))
        if _all(points, self.high_points, lambda value: value > self.target) and wanted > capacity.desired:
            return Decision(wanted, "AlarmHigh")
        may_shrink = not (self.disable_scale_in or capacity.changing or capacity.since_change < self.scale_in_pause)
        low = _all(points, self.low_points, lambda value: value < self.low_share * self.target)
        if may_shrink and low and wanted < capacity.desired:
            return Decision(capacity.desired - 1, "AlarmLow")
        return None


@dataclass(frozen=True)
class SimpleScaling:
    """Add `step` instances above `high` % CPU and remove them below `low` %, then rest for `cooldown` seconds.

    The defaults are the policy of aws-refarch-moodle: ±1 instance per 300 s, above 75 % and below 25 %.
    """

    high: float = 75.0
    low: float = 25.0
    step: int = 1
    cooldown: float = 300.0
    points: int = 3
    warmup: float = 0.0
    name: str = "cpu-simple-scaling"

    def decide(self, points: Sequence[float | None], capacity: Capacity) -> Decision | None:
        """What to do after the last of `points`; None for nothing or while the cooldown lasts."""
        if capacity.since_change < self.cooldown:
            return None
        if _all(points, self.points, lambda value: value > self.high):
            return Decision(capacity.desired + self.step, "AlarmHigh")
        if _all(points, self.points, lambda value: value < self.low):
            return Decision(capacity.desired - self.step, "AlarmLow")
        return None


Policy = TargetTracking | SimpleScaling


def _all(points: Sequence[float | None], count: int, holds: Callable[[float], bool]) -> bool:
    """Whether the last `count` points exist and all fulfil a condition; a missing one does not."""
    recent = points[-count:]
    return len(recent) == count and all(value is not None and holds(value) for value in recent)
