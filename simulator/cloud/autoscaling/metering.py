"""Runs the groups' scaling policies: once a minute it averages CPU over warmed instances and lets the policy decide."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import Group
from simulator.cloud.autoscaling.policies import Capacity, Policy, TargetTracking
from simulator.cloud.autoscaling.values import Instance

MINUTE = 60.0
Cpu = Callable[[str], float | None]
"""The CPU utilisation (%) of an instance over the last minute; None when it reports none."""


@dataclass(slots=True)
class _Record:
    points: deque[float | None] = field(default_factory=lambda: deque(maxlen=60))
    changed_at: float = float("-inf")


class Metering:
    """Evaluates every group's policy at each full minute, in virtual time."""

    def __init__(self, fleet: Fleet, cpu: Cpu) -> None:
        self._fleet = fleet
        self._cpu = cpu
        self._records: dict[str, _Record] = {}
        engine = fleet.engine
        engine.every(MINUTE, self._minute, first=engine.now - engine.now % MINUTE + MINUTE)

    def average(self, name: str) -> float | None:
        """The group's last data point: average CPU (%) of its warmed instances."""
        record = self._records.get(name)
        return record.points[-1] if record and record.points else None

    def _minute(self) -> None:
        for group in self._fleet.groups.values():
            if group.settings.policy is not None:
                self._evaluate(group, group.settings.policy)

    def _evaluate(self, group: Group, policy: Policy) -> None:
        record = self._records.setdefault(group.name, _Record())
        warmed = [instance for instance in group.in_service if self._warmed(instance, policy)]
        readings = [reading for instance in warmed if (reading := self._cpu(instance.instance_id)) is not None]
        record.points.append(sum(readings) / len(readings) if readings else None)
        if not group.runs("AlarmNotification"):
            return
        now = self._fleet.engine.now
        capacity = Capacity(group.desired, len(warmed), len(warmed) < len(group.live), now - record.changed_at)
        decision = policy.decide(list(record.points), capacity)
        if decision is None:
            return
        before = group.desired
        group.desired = min(max(decision.desired, group.min_size), group.max_size)
        if group.desired != before:
            record.changed_at = now
            owner = f"TargetTracking-{group.name}" if isinstance(policy, TargetTracking) else policy.name
            alarm = f"{owner}-{decision.alarm}"
            self._fleet.changed(group, before, f"a monitor alarm {alarm} in state ALARM triggered policy {policy.name}")

    def _warmed(self, instance: Instance, policy: Policy) -> bool:
        since = instance.in_service_at
        return since is not None and self._fleet.engine.now - since >= policy.warmup
