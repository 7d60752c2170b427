"""How many web servers would be enough, and which floor follows from it. Pure.

Proportion: `ceil(serving × observed / wanted)` instances, those on their way counted, at most `max_step` more at a time
and never more than the most that is allowed. Every floor is a lease of an hour, so that a dip (people who were thrown
out, before they all come back) takes nothing away: up fast, down slowly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from firstbell.alarms.belonging import is_cpu
from firstbell.alarms.tiers import Tiers
from firstbell.alarms.values import Alarm
from firstbell.capacity.reconcile import SaveFloor
from firstbell.capacity.values import Floor
from firstbell.fleet import Group
from firstbell.site import Site

OWNER = "alarm"
LEASE = timedelta(hours=1)
SETTLE = timedelta(minutes=3)  # after a raise: the metric of the last minutes does not know the new instances yet
RENEW = timedelta(minutes=45)  # a lease with less left is renewed while the reason lasts
HOT = 80.0  # percent CPU of the busiest server: sessions are sticky, so one may be slow while the average is not
WORKERS_FULL, WORKERS_WANTED = 90.0, 70.0  # percent of PHP-FPM's workers that are busy


@dataclass(frozen=True, slots=True)
class Pressure:
    """The web servers are saturated: `need` of them would be enough, before any limit, for the reason `why`.

    `dip`: only their alarm still says so.
    """

    need: int
    why: str
    dip: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What there is and what may be: instances that serve or come, the most allowed, and our present lease."""

    have: int
    most: int
    lease: Floor | None


def bounds(site: Site, group: Group, leases: Sequence[Floor], now: datetime) -> Bounds:
    """The bounds of a reaction."""
    own = (f for f in leases if f.owner == OWNER and f.end > now)
    lease = max(own, key=lambda f: f.instances, default=None)
    most = min(site.fleet.max_instances, group.max_size)
    return Bounds(len(group.in_service) + len(group.coming), most, lease)


def target(site: Site, alarms: Sequence[Alarm]) -> float:
    """The CPU (percent) that is wanted: the lowest threshold of the CPU alarms given, else the plan's own target."""
    return min((a.threshold for a in alarms if is_cpu(a)), default=round(100 * site.fleet.target_utilisation, 6))


def pressure(site: Site, group: Group, tiers: Tiers, alarms: Sequence[Alarm]) -> Pressure | None:
    """Whether the web servers are saturated; `alarms` are those that are on. None too when their CPU is not known.

    A CPU alarm that is on means it even in a minute's dip; other alarms only where CPU says why.
    """
    cpu = tiers.cpu.now
    if cpu is None:
        return None
    serving, wanted = measured(group, tiers), target(site, alarms)
    found: list[tuple[int, str]] = []
    alarmed = any(map(is_cpu, alarms))
    if cpu >= wanted or alarmed:
        said = f"CPU {cpu:.0f} % on {serving} serving instances, {wanted:.0f} % wanted"
        found.append((ceil(serving * cpu / wanted), said))
    p95, hottest, workers = tiers.p95.now, tiers.cpu_most.now, tiers.fpm.now
    slow = p95 is not None and 1000 * p95 > site.reaction.p95_ms
    if slow and hottest is not None and hottest >= HOT and cpu >= wanted / 2:  # one among idle ones is sick, not busy
        found.append((serving + 1, f"one page in twenty takes over {p95:.1f} s, the busiest is at {hottest:.0f} % CPU"))
    if workers is not None and workers >= WORKERS_FULL and cpu >= wanted / 2:
        found.append((ceil(serving * workers / WORKERS_WANTED), f"{workers:.0f} % of PHP-FPM's workers are busy"))
    dip = alarmed and cpu < wanted and len(found) == 1
    return Pressure(max(need for need, _ in found), "; ".join(why for _, why in found), dip) if found else None


def measured(group: Group, tiers: Tiers) -> int:
    """How many instances the newest CPU is of: those that have come into service since have no part in it.

    With detailed monitoring an instance gives one sample a minute; with basic monitoring one or five in five minutes,
    and then those that serve now are the better guess.
    """
    samples = tiers.cpu_samples.now
    serving = len(group.in_service)
    return max(1, serving if samples is None else min(serving, round(samples)))


def raised(site: Site, group: Group, found: Pressure, limits: Bounds, now: datetime) -> SaveFloor | None:
    """The lease that answers a pressure; None while the last one is enough or still settles."""
    lease = limits.lease
    wanted = min(found.need, limits.have + site.fleet.max_step, limits.most)
    floor = min(max(wanted, lease.instances if lease else 0), limits.most)
    unprotected = floor > group.min_size and not settles(lease, now)
    if not unprotected and not _ends_soon(lease, now):
        return None
    coming = f" ({len(group.coming)} are on their way)"
    return _leased(floor, now, f"{found.why}: at least {floor} for the next hour{coming}")


def settles(lease: Floor | None, now: datetime) -> bool:
    """Whether a raise was made a moment ago: what is measured still is what was before it."""
    return lease is not None and now - lease.start < SETTLE


def held(group: Group, limits: Bounds, why: str, now: datetime) -> SaveFloor | None:
    """The lease that keeps the present size; None while there is one. A site at its least needs none."""
    lease = limits.lease
    level = min(max(group.desired, lease.instances if lease else 0), limits.most)
    if level <= 1 or (lease is not None and level <= lease.instances and not _ends_soon(lease, now)):
        return None
    return _leased(level, now, f"{why}: nothing of the {level} instances leaves in the next hour")


def _ends_soon(lease: Floor | None, now: datetime) -> bool:
    return lease is not None and lease.end - now < RENEW


def _leased(level: int, now: datetime, reason: str) -> SaveFloor:
    return SaveFloor(Floor(OWNER, now, now + LEASE, level, reason), reason)
