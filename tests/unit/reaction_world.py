"""Values that the tests of the reaction share: alarms of every kind, and tiers as CloudWatch measures them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from firstbell.alarms.judging import Load
from firstbell.alarms.tiers import CPU, Series, Tiers
from firstbell.alarms.values import Alarm
from firstbell.fleet import Group
from firstbell.oncall.signal import Signal
from firstbell.site import AuroraTier, EfsTier, Fleet, Moodledata, Reaction, Site
from firstbell.site import Tiers as Lent
from tests.unit.campus_values import MINUTE, at

NOW = at(9, 7)  # between two sweeps
WEB = (("AutoScalingGroupName", "web"),)
MEBI, GIBI = 1024**2, 1024**3
FILES = "fs-0123456789abcdef0"


def series(*values: float, every: timedelta = MINUTE, last: datetime = NOW - MINUTE) -> Series:
    """A series that ends with these values, the newest of `last`."""
    times = [last - every * n for n in reversed(range(len(values)))]
    return Series.of(dict(zip(times, values, strict=True)), NOW)


def tiers(**values: float | Sequence[float] | Series) -> Tiers:
    """Tiers with these values known, each for the last minute or as a course of minutes."""

    def of(value: Any) -> Series:
        return value if isinstance(value, Series) else series(*value) if isinstance(value, Sequence) else series(value)

    return Tiers(**{name: of(value) for name, value in values.items()})


def course(first: float, last: float, minutes: int = 120) -> Series:
    """A series that goes from one value to another in steps of five minutes."""
    steps = minutes // 5
    return series(*(first + (last - first) * n / steps for n in range(steps + 1)), every=5 * MINUTE)


def alarm(
    name: str = "cpu",
    state: str = "ALARM",
    metric: str = CPU,
    dimensions: Sequence[tuple[str, str]] = WEB,
    threshold: float = 50.0,
    minutes: float = 5,
    **more: Any,
) -> Alarm:
    """An alarm of the campus, in its state for so many minutes."""
    since = NOW - timedelta(minutes=minutes)
    return Alarm(f"firstbell-campus-{name}", state, since, metric, tuple(dimensions), threshold, **more)


def of_database(**more: Any) -> Alarm:
    return alarm("database", metric="AWS/RDS/CPUUtilization", dimensions=(("DBInstanceIdentifier", "db"),), **more)


def of_files(metric: str = "PercentIOLimit", **more: Any) -> Alarm:
    return alarm("files", metric=f"AWS/EFS/{metric}", dimensions=(("FileSystemId", FILES),), **more)


def slow(**more: Any) -> Alarm:
    """The balancer's answers are late."""
    return alarm("p95", metric="AWS/ApplicationELB/TargetResponseTime", dimensions=(), threshold=2.0, **more)


def campus(reaction: Reaction | None = None, lent: Lent | None = None, **fleet: Any) -> Site:
    """A site with a database, and with its files on EFS."""
    return Site(
        "campus",
        "Europe/Berlin",
        Fleet(**({"auto_scaling_group": "web", "max_instances": 20} | fleet)),
        tiers=lent or Lent(),
        moodledata=Moodledata(file_system=FILES),
        reaction=reaction or Reaction(database="db", max_connections=300),
    )


def lending(**reaction: Any) -> Site:
    """A site that lends throughput, and as `reaction` says an Aurora minimum too."""
    return campus(Reaction(**reaction), Lent(efs=EfsTier(FILES), aurora=AuroraTier("moodle")))


def load(found: Group, measured: Tiers, *alarms: Alarm, **more: Any) -> Load:
    """What was observed; by default the CPU alarm is on."""
    return Load(alarms or (alarm(),), found, measured, **more)


def told(actions: Sequence[object]) -> list[tuple[str, str]]:
    """The signals among the actions: (key, severity)."""
    return [(a.key, a.severity) for a in actions if isinstance(a, Signal)]
