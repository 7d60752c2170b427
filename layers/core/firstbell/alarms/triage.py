"""From what is wrong to what is done: floors, asks for loans, signals, and the ends of incidents. Pure.

Up fast, down slowly: only the web tier is scaled, every other cause holds the size, and a lease keeps it for an hour.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from firstbell.alarms import belonging, borrowing, ends, sizing, telling
from firstbell.alarms.judging import Judgement, Load, judge
from firstbell.alarms.values import Alarm
from firstbell.capacity.reconcile import SaveFloor
from firstbell.loans.values import Ask
from firstbell.oncall.incident import RANK
from firstbell.oncall.signal import Signal
from firstbell.site import Site

Action = SaveFloor | Ask | Signal
LIVELY = timedelta(hours=1)  # after an alarm has changed; as long as a lease
PATIENCE = timedelta(minutes=10)  # an alarm's: so long more web servers may take to end the errors of busy ones
SWEEP = timedelta(minutes=15)  # so often it is looked for what left no trace, such as an alarm that was deleted


def lively(alarms: Sequence[Alarm], now: datetime) -> bool:
    """Whether there may be anything to do: an alarm is on, has lately changed, or it is time to look anyway.

    Each look is paid for by the metric: at an alarm that is on for days (but not one of the web servers' CPU, which
    asks for more of them) a look in a quarter of an hour is enough.
    """
    sweeps = now.minute % (SWEEP // timedelta(minutes=1)) == 0
    lately = any(now - alarm.since <= LIVELY for alarm in alarms)
    return sweeps or lately or bool(belonging.fresh(alarms, now)) or any(a.on and belonging.is_cpu(a) for a in alarms)


def decide(site: Site, load: Load, now: datetime) -> list[Action]:
    """What to do about a site's alarms and tiers as they stand now.

    While no alarm is on nothing new is begun: only a lease is kept while alarms have lost their data.
    """
    found = judge(site, load, now)
    if any(belonging.matters(alarm) for alarm in load.alarms):
        actions = _answers(site, load, found, now)
    elif any(a.state != "OK" and now - a.since <= LIVELY for a in load.alarms):
        actions = _kept(site, load, now)
    else:
        actions = []
    return _news(actions, load, now)


def over(site: Site, load: Load, now: datetime) -> dict[str, str]:
    """The open incidents of a reaction that are over, by key, and why."""
    found = judge(site, load, now)
    return ends.of_alarms(load.alarms, load.opened, now) | ends.of_causes(site, load, found, now)


def _answers(site: Site, load: Load, found: Judgement, now: datetime) -> list[Action]:
    limits = sizing.bounds(site, load.group, load.leases, now)
    borrowed = borrowing.asks(site, load, found, now)
    actions: list[Action] = [*borrowed]
    floor = _floor(site, load, found, limits, now)
    actions += [floor] if floor else []
    held = _done(found, floor)
    if found.storage:
        lent = [f"asked for {a.reason}" for a in borrowed if a.wish.tier == "efs"]
        actions.append(
            telling.of_cause(
                telling.STORAGE, site, load, found.storage, found.busy, [*held, *lent], _throughput(site, lent), now
            )
        )
    if found.database:
        lent = [f"asked for {a.reason}" for a in borrowed if a.wish.tier == "aurora"]
        helps = "Aurora grows in steps of 15 to 90 s" if lent else "Nothing that was done makes it faster"
        actions.append(
            telling.of_cause(telling.DATABASE, site, load, found.database, found.busy, [*held, *lent], helps, now)
        )
    beyond = found.web and found.web.need > limits.most and not sizing.settles(limits.lease, now)
    failing = found.failing if any(now - a.since >= PATIENCE for a in belonging.fresh(load.alarms, now)) else ()
    if found.web and (floor or beyond or failing):
        actions.append(telling.of_web(site, load, (found.web.why, *failing), found.web.need, limits, held, now))
    if found.errors:
        actions.append(telling.of_cause(telling.ERRORS, site, load, found.errors, "", held, "", now))
    actions += [telling.of_credits(site, load, forecast, now) for forecast in found.credits]
    actions += [telling.of_alarm(site, load, alarm, held, now) for alarm in found.unexplained]
    return actions


def _floor(site: Site, load: Load, found: Judgement, limits: sizing.Bounds, now: datetime) -> SaveFloor | None:
    """A raise for the web servers' own sake; else the present size is held, in doubt too, but not for days."""
    if found.web:
        return sizing.raised(site, load.group, found.web, limits, now)
    why = found.storage or found.database or found.errors
    if not why and found.unexplained and load.tiers.cpu.now is None:
        why = ("the web servers' CPU is not known",)
    lasting = not belonging.fresh(load.alarms, now)
    return sizing.held(load.group, limits, why[0], now) if why and not lasting else None


def _kept(site: Site, load: Load, now: datetime) -> list[Action]:
    limits = sizing.bounds(site, load.group, load.leases, now)
    kept = sizing.held(load.group, limits, "alarms have no data", now) if limits.lease else None
    return [kept] if kept else []


def _done(found: Judgement, floor: SaveFloor | None) -> list[str]:
    if floor is None:
        return []
    level = floor.floor.instances
    return [f"MinSize raised to {level} for an hour" if found.web else f"the size is held at {level} for an hour"]


def _throughput(site: Site, lent: Sequence[str]) -> str:
    if lent:
        return "More throughput helps within minutes"
    if site.tiers.efs and borrowing.lends_throughput(site):
        return "Throughput was not raised (again): it is not what lacks, or it is raised already"
    return "Nothing that was done makes it faster"


def _news(actions: Sequence[Action], load: Load, now: datetime) -> list[Action]:
    """Without the signals that on-call has: an open incident is told again when it is worse or something was done.

    And when it is swept, so that what it says of the present stays true.
    """
    if lively((), now):
        return list(actions)
    return [a for a in actions if not isinstance(a, Signal) or a.done or _worse(a, load)]


def _worse(signal: Signal, load: Load) -> bool:
    known = next((rank for name, rank in RANK.items() if name == load.opened.get(signal.key)), -1)
    return RANK[signal.severity] > known
