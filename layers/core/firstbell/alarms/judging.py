"""What is wrong with a site, by order of suspicion: storage, database, web, errors; and what is used up. Pure.

A slow share or a slow database makes the web servers look busy or idle by turns, and more of them make it worse: so the
web tier is only looked at when neither of the two is saturated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from firstbell.alarms import belonging, saturation, sizing
from firstbell.alarms.credits import Forecast, forecasts, supplies
from firstbell.alarms.sizing import Pressure
from firstbell.alarms.tiers import Tiers, named, unknown
from firstbell.alarms.values import Alarm
from firstbell.capacity.values import Floor
from firstbell.fleet import Group
from firstbell.loans.values import Wish
from firstbell.site import Site


@dataclass(frozen=True, slots=True)
class Load:
    """What was observed of one site. `opened` are the severities of its open incidents, by key.

    `asked` are the wishes of the reaction that hold now; `lead` is how long a launch takes, in seconds.
    """

    alarms: tuple[Alarm, ...]
    group: Group
    tiers: Tiers = field(default_factory=Tiers)
    leases: tuple[Floor, ...] = ()
    opened: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[Wish, ...] = ()
    lead: int = 300


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is wrong, each with its reasons; and the alarms that none of it explains.

    `failing` are errors under load: more web servers may end them.
    """

    storage: tuple[str, ...] = ()
    database: tuple[str, ...] = ()
    web: Pressure | None = None
    errors: tuple[str, ...] = ()
    credits: tuple[Forecast, ...] = ()
    unexplained: tuple[Alarm, ...] = ()
    busy: str = ""
    failing: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """The incidents of what is wrong."""
        found = {
            "storage-slow": self.storage,
            "database-saturated": self.database,
            "web-saturated": self.web,
            "errors-without-load": self.errors,
        }
        return frozenset({key for key, why in found.items() if why} | {credit_key(f) for f in self.credits})


def credit_key(forecast: Forecast) -> str:
    """The incident of a supply that runs out."""
    return f"{belonging.CREDITS}/{forecast.supply.tier}"


def judge(site: Site, load: Load, now: datetime) -> Judgement:
    """What is wrong with a site as it was observed."""
    tiers, on = load.tiers, belonging.fresh(load.alarms, now)
    storage = saturation.storage(tiers, lent=any(wish.tier == "efs" for wish in load.asked))
    if tiers.server_failed.now is None and (silent := belonging.silent_server(on, site)):
        storage.append(f"the file server says nothing, which its alarm {silent.name} takes for a failure")
    database = saturation.database(site, tiers)
    pressed = sizing.pressure(site, load.group, tiers, on)
    slow = bool(storage or database)
    loaded = pressed is not None and not pressed.dip
    errors = () if slow else tuple(saturation.errors(tiers))
    found = Judgement(
        tuple(storage),
        tuple(database),
        None if slow or (errors and not loaded) else pressed,
        () if loaded else errors,
        tuple(forecasts(tiers)),
        busy=pressed.why if slow and pressed else "",
        failing=errors if loaded else (),
    )
    return _with_unexplained(site, load, found)


def _with_unexplained(site: Site, load: Load, found: Judgement) -> Judgement:
    """An incident that is still open explains too: CPU falls before its alarm is off. A composite's alarms tell it."""
    known = found.keys | {key for key in load.opened if key.partition("/")[0] in (*belonging.CAUSES, belonging.CREDITS)}
    on = [alarm for alarm in load.alarms if belonging.matters(alarm)]
    names = {alarm.name for alarm in on}
    rest = (a for a in on if names.isdisjoint(a.children) and not belonging.explained(a, known, site))
    return replace(found, unexplained=tuple(rest))


TELLING: Mapping[str, Sequence[str]] = {
    "storage-slow": ("permitted", "io_limit", "server_failed", "server_cpu"),
    "database-saturated": ("database_cpu",),
    "web-saturated": ("cpu",),
    "errors-without-load": ("requests",),
}
"""One of which must be known for an incident to be over."""


def can_tell(key: str, tiers: Tiers) -> bool:
    """Whether enough is known to say that an incident is over."""
    if key in TELLING:
        return any(getattr(tiers, name).now is not None for name in TELLING[key])
    return any(s.series.now is not None for s in supplies(tiers) if key == f"{belonging.CREDITS}/{s.tier}")


def lacking(site: Site, tiers: Tiers) -> list[str]:
    """What was needed to judge and is not known: values without a recent point, tiers that nobody named."""
    kinds = {name for name, _ in named(site)}
    found = [*unknown(tiers, ("cpu", "p95", "requests"))]
    if kinds & {"DBInstanceIdentifier", "DBClusterIdentifier"}:
        found += unknown(tiers, ("database_cpu", "connections"))
    else:
        found.append("the database, which the site file does not name")
    if "FileSystemId" in kinds:
        found += unknown(tiers, ("permitted",))
    if "InstanceId" in kinds:
        found += unknown(tiers, ("server_failed", "server_cpu"))
    if not kinds & {"FileSystemId", "InstanceId"}:
        found.append("the storage, which the site file does not name")
    return found
