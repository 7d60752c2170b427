"""The tiers of a site as CloudWatch measures them: which metric is which value, and how the values are said. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import Literal

from firstbell.site import Site

CPU = "AWS/EC2/CPUUtilization"
SPAN = timedelta(hours=3)  # of which points are asked for
NEW = timedelta(minutes=15)  # an older point says nothing about the present: basic monitoring is ten minutes late
LATELY = timedelta(minutes=5)
ENOUGH = 30  # points, minutes mostly, that say what is usual

Points = tuple[tuple[datetime, float], ...]
Subject = Literal["group", "balancer", "targets", "database", "file_system", "server"]


@dataclass(frozen=True, slots=True)
class Series:
    """A metric's points of the last three hours, oldest first; `now` is the newest, None when it is not known."""

    points: Points = ()
    now: float | None = None

    @classmethod
    def of(cls, points: Mapping[datetime, float], at: datetime) -> "Series":
        """The series of `points`, as known `at` a moment. Each bears the time when its period began."""
        ordered = tuple(sorted(points.items()))
        return cls(ordered, ordered[-1][1] if ordered and at - ordered[-1][0] <= NEW else None)

    @property
    def lately(self) -> float | None:
        """The mean of the last five minutes, None when it is not known."""
        if self.now is None:
            return None
        newest = self.points[-1][0]
        return fmean(value for at, value in self.points if newest - at < LATELY)

    @property
    def usual(self) -> float | None:
        """The median of what was before the last quarter of an hour, None when that is too little to tell."""
        before = [value for at, value in self.points if self.points[-1][0] - at >= NEW]
        return median(before) if len(before) >= ENOUGH else None

    def since(self, moment: datetime) -> float:
        """The sum of the points from `moment` on; metrics of errors have none where there was no error."""
        return sum(value for at, value in self.points if at >= moment)


@dataclass(frozen=True, slots=True)
class Tiers:
    """What was measured of a site, each by the name that `MEASURES` explains; what nobody measures is not known."""

    cpu: Series = Series()
    cpu_most: Series = Series()
    cpu_samples: Series = Series()
    web_credits: Series = Series()
    web_surplus: Series = Series()
    fpm: Series = Series()
    p95: Series = Series()
    requests: Series = Series()
    per_target: Series = Series()
    target_errors: Series = Series()
    balancer_errors: Series = Series()
    rejected: Series = Series()
    database_cpu: Series = Series()
    connections: Series = Series()
    read_latency: Series = Series()
    write_latency: Series = Series()
    database_credits: Series = Series()
    database_surplus: Series = Series()
    disk_burst: Series = Series()
    free_space: Series = Series()
    free_memory: Series = Series()
    acu: Series = Series()
    acu_share: Series = Series()
    io_limit: Series = Series()
    burst_credits: Series = Series()
    metered: Series = Series()
    permitted: Series = Series()
    server_failed: Series = Series()
    server_cpu: Series = Series()
    server_credits: Series = Series()

    @property
    def failures(self) -> tuple[float, float] | None:
        """The failed requests and all requests of the last five minutes, None when neither is known.

        A balancer without a target counts errors and no request; where there is no error, errors have no points.
        """
        counted = (self.requests, self.target_errors, self.balancer_errors)
        newest = max((series.points[-1][0] for series in counted if series.now is not None), default=None)
        if newest is None:
            return None
        begin = newest - LATELY + timedelta(minutes=1)
        unanswered = self.balancer_errors.since(begin)
        return self.target_errors.since(begin) + unanswered, self.requests.since(begin) + unanswered

    @property
    def throughput(self) -> float | None:
        """The share of the file system's permitted throughput that is in use, None when it is not known."""
        if self.metered.now is None or not self.permitted.now:
            return None
        return self.metered.now / 60 / self.permitted.now


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of CloudWatch; its points are of a minute or, where AWS publishes it less often, of five."""

    subject: Subject
    namespace: str
    name: str
    stat: str


MEASURES: Mapping[str, Measure] = {
    "cpu": Measure("group", "AWS/EC2", "CPUUtilization", "Average"),  # percent
    "cpu_most": Measure("group", "AWS/EC2", "CPUUtilization", "Maximum"),
    "cpu_samples": Measure("group", "AWS/EC2", "CPUUtilization", "SampleCount"),
    # Minutes of one vCPU; of the richest server, for new ones begin with none: at each scale-out the mean would plunge.
    "web_credits": Measure("group", "AWS/EC2", "CPUCreditBalance", "Maximum"),
    "web_surplus": Measure("group", "AWS/EC2", "CPUSurplusCreditBalance", "Maximum"),
    "fpm": Measure("group", "Firstbell/Web", "FpmBusy", "Average"),  # percent of PHP-FPM's workers; if published
    "p95": Measure("targets", "AWS/ApplicationELB", "TargetResponseTime", "p95"),  # seconds
    "requests": Measure("targets", "AWS/ApplicationELB", "RequestCount", "Sum"),
    "per_target": Measure("targets", "AWS/ApplicationELB", "RequestCountPerTarget", "Sum"),
    "target_errors": Measure("targets", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum"),
    "balancer_errors": Measure("balancer", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum"),
    "rejected": Measure("balancer", "AWS/ApplicationELB", "RejectedConnectionCount", "Sum"),
    "database_cpu": Measure("database", "AWS/RDS", "CPUUtilization", "Average"),
    "connections": Measure("database", "AWS/RDS", "DatabaseConnections", "Maximum"),
    "read_latency": Measure("database", "AWS/RDS", "ReadLatency", "Average"),  # seconds
    "write_latency": Measure("database", "AWS/RDS", "WriteLatency", "Average"),
    "database_credits": Measure("database", "AWS/RDS", "CPUCreditBalance", "Average"),
    "database_surplus": Measure("database", "AWS/RDS", "CPUSurplusCreditBalance", "Maximum"),
    "disk_burst": Measure("database", "AWS/RDS", "BurstBalance", "Average"),  # percent, of gp2 volumes
    "free_space": Measure("database", "AWS/RDS", "FreeStorageSpace", "Minimum"),  # bytes
    "free_memory": Measure("database", "AWS/RDS", "FreeableMemory", "Minimum"),  # bytes
    "acu": Measure("database", "AWS/RDS", "ServerlessDatabaseCapacity", "Average"),
    "acu_share": Measure("database", "AWS/RDS", "ACUUtilization", "Average"),  # percent of the cluster's maximum
    "io_limit": Measure("file_system", "AWS/EFS", "PercentIOLimit", "Average"),
    "burst_credits": Measure("file_system", "AWS/EFS", "BurstCreditBalance", "Average"),  # bytes
    "metered": Measure("file_system", "AWS/EFS", "MeteredIOBytes", "Sum"),  # bytes in the minute
    "permitted": Measure("file_system", "AWS/EFS", "PermittedThroughput", "Average"),  # bytes a second
    "server_failed": Measure("server", "AWS/EC2", "StatusCheckFailed", "Maximum"),
    "server_cpu": Measure("server", "AWS/EC2", "CPUUtilization", "Average"),
    "server_credits": Measure("server", "AWS/EC2", "CPUCreditBalance", "Average"),
}
Question = tuple[Measure, Mapping[str, str]]
_THINGS: Mapping[Subject, str] = {
    "group": "web servers",
    "balancer": "balancer",
    "targets": "balancer",
    "database": "database",
    "file_system": "file system",
    "server": "file server",
}


def named(site: Site) -> tuple[tuple[str, str], ...]:
    """The things beside the group that the site file names, as dimensions of metrics: (name, value)."""
    reaction, tiers = site.reaction, site.tiers
    found = [
        ("DBInstanceIdentifier", reaction.database),
        ("DBClusterIdentifier", reaction.cluster or (tiers.aurora.cluster if tiers.aurora else "")),
        ("DBInstanceIdentifier", site.backup.database),
        ("FileSystemId", site.moodledata.file_system or (tiers.efs.file_system if tiers.efs else "")),
        ("InstanceId", site.moodledata.server),
        ("LoadBalancer", tiers.balancer.load_balancer.partition(":loadbalancer/")[2] if tiers.balancer else ""),
    ]
    return tuple((name, value) for name, value in found if value)


def questions(site: Site, balancer: Mapping[str, str]) -> dict[str, Question]:
    """What to ask CloudWatch, by the values' names; of what nobody named nothing is asked.

    `balancer` are the dimensions of the requests, empty where they are not known. The first database that is named
    counts: the reaction's own, the Aurora cluster, the one that is backed up.
    """
    known = {"LoadBalancer": "", **dict(named(site)), **balancer}
    database = next(((n, v) for n, v in named(site) if n.startswith("DB")), None)
    subjects: dict[Subject, Mapping[str, str]] = {
        "group": {"AutoScalingGroupName": site.fleet.auto_scaling_group},
        "balancer": {"LoadBalancer": known["LoadBalancer"]} if known["LoadBalancer"] else {},
        "targets": balancer or ({"LoadBalancer": known["LoadBalancer"]} if known["LoadBalancer"] else {}),
        "database": dict([database]) if database else {},
        "file_system": {"FileSystemId": known["FileSystemId"]} if "FileSystemId" in known else {},
        "server": {"InstanceId": known["InstanceId"]} if "InstanceId" in known else {},
    }
    return {name: (m, subjects[m.subject]) for name, m in MEASURES.items() if subjects[m.subject]}


def read(points: Mapping[str, Mapping[datetime, float]], at: datetime) -> Tiers:
    """The tiers, from the points of each value by its name."""
    return Tiers(**{f.name: Series.of(points[f.name], at) for f in fields(Tiers) if f.name in points})


def unknown(tiers: Tiers, names: Iterable[str]) -> tuple[str, ...]:
    """Which of these values are not known, as CloudWatch calls them."""
    lacking = (MEASURES[name] for name in names if getattr(tiers, name).now is None)
    return tuple(dict.fromkeys(f"{measure.name} of the {_THINGS[measure.subject]}" for measure in lacking))
