"""Whose an alarm is, and what it can be about. Pure."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from firstbell.alarms.tiers import CPU, named
from firstbell.alarms.values import Alarm
from firstbell.oncall.texts import identity
from firstbell.site import Site

STALE = timedelta(days=1)  # an alarm that is on for longer is one that nobody mends, or has a wrong threshold
CAUSES = ("storage-slow", "database-saturated", "web-saturated", "errors-without-load")
CREDITS = "credits"
_STORES = ("Credit", "BurstBalance", "FreeStorageSpace")  # in the names of metrics of what is used up


def key_of(alarm: Alarm) -> str:
    """The incident of an alarm that fits nothing, as on-call writes it."""
    return identity(f"alarm/{alarm.name}")


def belongs(alarm: Alarm, site: Site, prefix: str, sites: Iterable[str] = ()) -> bool:
    """Whether an alarm is the site's: by its group's dimension, by another thing that the site file names, by its name.

    A name that begins with prefix, site, dash is the site's; so is a composite alarm over one with such a name. Of the
    `sites` whose names begin so (`campus`, `campus-north`) the longest one counts.
    """
    if group := alarm.dimension("AutoScalingGroupName"):
        return group == site.fleet.auto_scaling_group
    begins, longer = f"{prefix}{site.name}-", tuple(f"{prefix}{n}-" for n in sites if n.startswith(f"{site.name}-"))
    if any(name.startswith(begins) and not name.startswith(longer) for name in (alarm.name, *alarm.children)):
        return True
    return not set(named(site)).isdisjoint(alarm.dimensions)


def of_site(alarms: Sequence[Alarm], site: Site, prefix: str, sites: Sequence[Site] = ()) -> tuple[Alarm, ...]:
    """The alarms of a site among all `sites`, composite ones over them included."""
    names = [each.name for each in sites]
    own = {alarm.name for alarm in alarms if belongs(alarm, site, prefix, names)}
    return tuple(a for a in alarms if a.name in own or not own.isdisjoint(a.children))


def is_cpu(alarm: Alarm) -> bool:
    """Whether it is on when the CPU of the web servers is high: its threshold is then the site's own idea of busy."""
    plain = alarm.kind == "metric" and alarm.metric == CPU and alarm.above and alarm.threshold > 0
    return plain and bool(alarm.dimension("AutoScalingGroupName"))


def is_store(alarm: Alarm) -> bool:
    """Whether it is about something that is used up."""
    return any(word in alarm.metric for word in _STORES)


def silent_server(alarms: Sequence[Alarm], site: Site) -> Alarm | None:
    """The alarm, of those that are on, which tells of a silent file server: missing data is a failure to it."""
    of_server = ("InstanceId", site.moodledata.server)
    return next((a for a in alarms if a.missing == "breaching" and of_server in a.dimensions), None)


def matters(alarm: Alarm) -> bool:
    """Whether it is on and means trouble: that web servers have little to do is no trouble."""
    return alarm.on and (alarm.above or alarm.metric != CPU)


def fresh(alarms: Sequence[Alarm], now: datetime) -> list[Alarm]:
    """Those that matter and have not been on for days."""
    return [alarm for alarm in alarms if matters(alarm) and now - alarm.since < STALE]


def explained(alarm: Alarm, keys: Collection[str], site: Site) -> bool:
    """Whether one of these incidents is why it is on: anything explains a slow web tier, but not a slow database."""
    return not {key.partition("/")[0] for key in keys}.isdisjoint(_explained_by(alarm, site))


def _explained_by(alarm: Alarm, site: Site) -> tuple[str, ...]:
    dimensions, namespace = set(alarm.dimensions), alarm.metric.rpartition("/")[0]
    if ("InstanceId", site.moodledata.server) in dimensions or namespace == "AWS/EFS":
        own: tuple[str, ...] = ("storage-slow",)
    elif namespace == "AWS/RDS":
        own = ("database-saturated",)
    else:
        own = CAUSES
    return (CREDITS, *own) if is_store(alarm) else own
