"""From the alarms' present state and the fleet to a decision: more web servers, a person, or nothing. Pure.

Only the web tier is scaled: `ceil(serving × observed / wanted)` instances, those on their way counted, at most one
`max_step` more at a time, and the raise leased as a floor for an hour so that a dip does not take it back at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from firstbell.alarms.values import Alarm
from firstbell.capacity.reconcile import SaveFloor
from firstbell.capacity.values import Floor
from firstbell.fleet import Group
from firstbell.oncall.signal import Signal
from firstbell.site import Site

LEASE = timedelta(hours=1)
SETTLE = timedelta(minutes=3)  # after a raise: the metric of the last minutes does not know the new instances yet
RENEW = timedelta(minutes=45)  # a lease with less left is renewed while the alarm lasts
OWNER = "alarm"
CPU = "AWS/EC2/CPUUtilization"


@dataclass(frozen=True, slots=True)
class Load:
    """What was observed of one site: its alarms and, when one is on, its group, its CPU (percent) and its leases."""

    alarms: tuple[Alarm, ...]
    group: Group | None
    cpu: float | None
    leases: tuple[Floor, ...]


def belongs(alarm: Alarm, site: Site, prefix: str) -> bool:
    """Whether an alarm is the site's: by its group's dimension, else by a name that begins with prefix, site, dash."""
    group = alarm.dimension("AutoScalingGroupName")
    return group == site.fleet.auto_scaling_group if group else alarm.name.startswith(f"{prefix}{site.name}-")


def decide(site: Site, load: Load, now: datetime) -> list[SaveFloor | Signal]:
    """What to do about the site's alarms as they stand now."""
    actions: list[SaveFloor | Signal] = []
    for alarm in load.alarms:
        if alarm.state != "ALARM":
            continue
        if alarm.metric == CPU:
            actions += _web_saturated(site, alarm, load, now)
        else:
            actions.append(_unhandled(site, alarm, now))
    return actions


def key_of(alarm: Alarm) -> str:
    """The incident of an alarm."""
    return f"alarm/{alarm.name}"


def wanted(group: Group, cpu: float, threshold: float) -> int:
    """How many instances would bring `cpu` (percent) to `threshold`, before any limit."""
    serving = max(1, len(group.in_service))
    return ceil(serving * cpu / threshold) if threshold > 0 else serving


def _web_saturated(site: Site, alarm: Alarm, load: Load, now: datetime) -> Sequence[SaveFloor | Signal]:
    group = load.group
    if load.cpu is None or group is None:
        seen = "its CPU metric has no recent value, so nothing was added"
        return [_page(site, alarm, now, "page", f"The alarm is on, but {seen}.", ())]
    have = len(group.in_service) + len(group.coming)
    most = min(site.fleet.max_instances, group.max_size)
    need = wanted(group, load.cpu, alarm.threshold)
    target = min(need, have + site.fleet.max_step, most)
    lease = max((f for f in load.leases if f.owner == OWNER and f.end > now), key=lambda f: f.instances, default=None)
    floor = min(max(target, lease.instances if lease else 0), most)
    saw = f"CPU {load.cpu:.0f} % on {len(group.in_service)} serving instances, {alarm.threshold:.0f} % wanted"
    actions: list[SaveFloor | Signal] = []
    settling = lease is not None and now - lease.start < SETTLE
    unprotected = floor > group.min_size and not settling
    if unprotected or (lease is not None and lease.end - now < RENEW):
        reason = f"{saw}: at least {floor} for the next hour ({len(group.coming)} are on their way)"
        actions.append(SaveFloor(Floor(OWNER, now, now + LEASE, floor, reason), reason))
        done = (f"MinSize raised to {floor} for an hour",)
        helps = f"new instances serve in about {site.fleet.lead // 60} min, and take new sessions only"
        actions.append(_page(site, alarm, now, "ticket", f"{saw}. {helps}.", done))
    if need > most:
        text = f"{saw}: {need} instances would be needed, {most} is the most. More need a higher max_instances."
        actions.append(_page(site, alarm, now, "page", text, (f"scaled to {most}, the most allowed",)))
    return actions


def _page(site: Site, alarm: Alarm, now: datetime, severity: str, what: str, done: tuple[str, ...]) -> Signal:
    return Signal(
        site=site.name,
        key=key_of(alarm),
        severity="page" if severity == "page" else "ticket",
        title="The web servers are saturated",
        what=what,
        evidence=(f"alarm {alarm.name} is on since {alarm.since:%H:%M} UTC",),
        done=done,
        runbook="web-saturated",
        at=now,
    )


def _unhandled(site: Site, alarm: Alarm, now: datetime) -> Signal:
    return Signal(
        site=site.name,
        key=key_of(alarm),
        severity="page",
        title=f"Alarm {alarm.name} is on",
        what="It is not about the CPU of the web servers: adding some may make it worse, so none were added.",
        evidence=(f"{alarm.metric} against {alarm.threshold:g}, since {alarm.since:%H:%M} UTC",),
        runbook="other-alarm",
        at=now,
    )
