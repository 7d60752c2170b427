"""What a reaction asks for beside web servers: EFS throughput, an Aurora minimum; lent as loans are. Pure."""

from datetime import datetime, timedelta
from math import ceil

from firstbell.alarms.judging import Judgement, Load
from firstbell.alarms.saturation import burst, throughput
from firstbell.loans.values import Ask, Wish
from firstbell.site import Site

LASTS = timedelta(hours=1)
RENEW = timedelta(minutes=45)
DOUBLED, MOST = 2.0, 10.0  # times what is used now; times what the site lends to a thousand people
MEBI = 1024**2


def asks(site: Site, load: Load, found: Judgement, now: datetime) -> list[Ask]:
    """What to borrow for an hour. What was asked for stays as it is, and is renewed while the reason lasts."""
    wanted = [_throughput(site, load, now), _capacity(site, load, now) if found.database else None]
    held = {wish.key: wish for wish in load.asked}
    return [ask for ask in wanted if ask and _is_due(held.get(ask.wish.key), now)]


def _is_due(held: Wish | None, now: datetime) -> bool:
    return held is None or held.end - now < RENEW


def lends_throughput(site: Site) -> bool:
    """Whether the throughput of the file system that is measured may be raised."""
    efs, own = site.tiers.efs, site.moodledata.file_system
    return site.reaction.efs_throughput and efs is not None and own in ("", efs.file_system)


def _throughput(site: Site, load: Load, now: datetime) -> Ask | None:
    """Only where throughput is what lacks: it raises no limit of I/O operations."""
    why, efs = throughput(load.tiers) + burst(load.tiers), site.tiers.efs
    if not why or efs is None or not lends_throughput(site):
        return None
    used = max((load.tiers.metered.now or 0.0) / 60, load.tiers.permitted.now or 0.0) / MEBI
    level = min(max(DOUBLED * used, efs.mibps_per_thousand), MOST * efs.mibps_per_thousand)
    return _ask(Wish(now, _end(now), "efs", "", efs.file_system, float(ceil(_asked(load, "efs", level))), now, why[0]))


def _capacity(site: Site, load: Load, now: datetime) -> Ask | None:
    """A higher minimum makes Aurora's next step larger; at its maximum it helps nothing."""
    aurora = site.tiers.aurora
    if not site.reaction.aurora_minimum or aurora is None or (load.tiers.acu_share.now or 0.0) >= 95:
        return None
    level = _asked(load, "aurora", max(aurora.acu_per_thousand, DOUBLED * (load.tiers.acu.now or 0.0)))
    return _ask(Wish(now, _end(now), "aurora", "", aurora.cluster, level, now, "the database is saturated"))


def _asked(load: Load, key: str, level: float) -> float:
    return next((wish.level for wish in load.asked if wish.key == key), level)


def _end(now: datetime) -> datetime:
    """A booking has whole seconds."""
    return (now + LASTS).replace(microsecond=0)


def _ask(wish: Wish) -> Ask:
    unit = "MiB/s" if wish.tier == "efs" else "ACU at least"
    return Ask(wish, f"{wish.level:g} {unit} until {wish.end:%H:%M} UTC: {wish.reason}")
