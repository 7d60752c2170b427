"""The policies of the contest: the least capacity that each asks for at each step, and how it reacts to what it sees.

Those of AWS are the twin's own (`simulator.cloud.autoscaling.policies`): both simulations mean the same by them.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil, inf
from random import Random

from firstbell.alarms import triage
from firstbell.alarms.judging import Load
from firstbell.alarms.tiers import CPU, Series, Tiers
from firstbell.alarms.values import Alarm
from firstbell.capacity.reconcile import SaveFloor
from firstbell.capacity.values import Floor
from firstbell.fleet import IN_SERVICE, Group, Instance
from simulator.cloud.autoscaling.policies import Capacity, Policy, SimpleScaling, TargetTracking
from simulator.contest import clairvoyant, planned
from simulator.contest.campus import STEP, Campus
from simulator.contest.fleet import Reaction, Sight

HOUR = 3600 // STEP  # steps
ALARM_AT = 50.0  # percent CPU for three minutes: the alarm that README.md tells to make


@dataclass(frozen=True, slots=True)
class Entry:
    """One policy's entry for a campus."""

    name: str
    floors: list[int]
    reaction: Reaction | None = None


def entries(campus: Campus, seed: int) -> Iterator[Entry]:
    """All policies; the fixed fleets have what the plan has at most, and (rounded up) on average."""
    plan = planned.floors(campus, Random(f"{seed}/late"))
    none = [campus.site.fleet.min_instances] * len(plan)
    yield Entry("clairvoyant", clairvoyant.floors(campus))
    yield Entry("Firstbell", plan, Leases(campus))
    yield Entry("Firstbell, its plan alone", plan)
    yield Entry("Firstbell over tracking at 50 %", plan, Leases(campus, Scaling(TargetTracking(50.0))))
    yield Entry("target tracking at 50 %", none, Scaling(TargetTracking(50.0)))
    yield Entry("target tracking at 70 %", none, Scaling(TargetTracking(70.0)))
    yield Entry("target tracking at 20 %", none, Scaling(TargetTracking(20.0)))
    yield Entry("+1 step per 300 s", none, Scaling(SimpleScaling()))
    yield Entry("predictive, tracking at 50 %", forecast(campus, 0.5), Scaling(TargetTracking(50.0)))
    for name, size in (("fixed, the plan's most", max(plan)), ("fixed, the plan's mean", ceil(sum(plan) / len(plan)))):
        yield Entry(name, [size] * len(plan))


class Scaling:
    """A scaling policy of AWS's on the group's average CPU."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.warmup = policy, policy.warmup
        self.points: deque[float | None] = deque(maxlen=15)
        self.changed = -inf

    def look(self, sight: Sight) -> int:
        """What the policy wants after the minute."""
        self.points.append(sight.warmed_cpu)
        now = float(sight.step * STEP)
        changing = sight.warmed < sight.serving + sight.coming
        capacity = Capacity(sight.desired, sight.warmed, changing, now - self.changed)
        decision = self.policy.decide(list(self.points), capacity)
        wanted = max(sight.floor, decision.desired) if decision else sight.desired
        if wanted != sight.desired:
            self.changed = now
        return wanted


class Leases:
    """Firstbell's own reaction, decided by `alarms.triage`; while an exam is on nothing is removed.

    Without a policy `beside` it the group is taken to follow the floor down at once.
    """

    def __init__(self, campus: Campus, beside: Scaling | None = None) -> None:
        self.campus, self.freeze = campus, clairvoyant.frozen(campus)
        self.beside, self.warmup = beside, beside.warmup if beside else 0.0
        self.dimensions = (("AutoScalingGroupName", campus.site.fleet.auto_scaling_group),)
        self.points: deque[float] = deque(maxlen=3)
        self.lease: Floor | None = None

    def look(self, sight: Sight) -> int:
        """The plan's floor, or the lease's where that is higher."""
        self.points.append(sight.cpu)
        now = self.campus.term.start + timedelta(seconds=(sight.step + 1) * STEP)
        if self.lease and self.lease.end <= now:
            self.lease = None
        if len(self.points) == 3 and min(self.points) > ALARM_AT:
            states = [IN_SERVICE] * sight.serving + ["Pending"] * sight.coming
            instances = tuple(Instance(f"i-{n}", state) for n, state in enumerate(states))
            most = self.campus.site.fleet.max_instances
            group = Group("moodle-web", sight.desired, most, sight.desired, instances)
            alarm = Alarm("firstbell-cpu", "ALARM", now, CPU, self.dimensions, ALARM_AT)
            load = Load((alarm,), group, Tiers(cpu=Series(now=sight.cpu)), (self.lease,) if self.lease else ())
            for action in triage.decide(self.campus.site, load, now):
                self.lease = action.floor if isinstance(action, SaveFloor) else self.lease
        floor = max(sight.floor, self.lease.instances if self.lease else 0)
        wanted = max(floor, self.beside.look(sight)) if self.beside else floor
        return max(wanted, sight.desired) if self.freeze[sight.step - self.campus.opens] else wanted


def forecast(campus: Campus, target: float, ahead: int = 300) -> list[int]:
    """The least capacity that predictive scaling asks for, made anew from what AWS says of it (its model is secret).

    It learns from the past 14 days' hourly load, makes hourly capacities for 48 hours every six hours, launches `ahead`
    seconds before the hour (SchedulingBufferTime's default), and never scales in by itself: it is a floor under the
    target tracking that AWS recommends beside it. Here an hour's load is foreseen as the mean of the same hour of the
    week in those 14 days, times how the last day compares with the same day a week ago (between half and double).
    """
    hours, fleet = campus.demand.vcpus(HOUR), campus.site.fleet
    wanted: dict[int, int] = {}
    for now in range(campus.opens // HOUR, len(hours), 6):
        last, before = sum(hours[now - 24 : now]), sum(hours[now - 192 : now - 168])
        trend = min(2.0, max(0.5, last / max(before, 1e-9)))
        for hour in range(now, min(now + 48, len(hours))):
            past = [hours[ago] for ago in range(hour % 168, now, 168) if ago >= now - 336]
            load = trend * sum(past) / len(past)
            wanted[hour] = max(fleet.min_instances, ceil(load / (fleet.vcpus_per_instance * target)))
    steps = range(campus.opens, len(campus.demand.joins))
    return [max(wanted[s // HOUR], wanted[min((s + ahead // STEP) // HOUR, len(hours) - 1)]) for s in steps]
