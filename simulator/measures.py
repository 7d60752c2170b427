"""What CloudWatch has of a site's tiers: each metric that AWS publishes of them, read from the twin once a minute."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from firstbell.alarms.tiers import MEASURES, SPAN, Question, questions
from simulator.alarms import is_burstable
from simulator.cloud.cloudwatch import Metric
from simulator.cloud.cloudwatch.metrics import MINUTE, Read

if TYPE_CHECKING:
    from simulator.world import Fleet

MEBI, GIBI = 1024.0**2, 1024.0**3
STEADY = {
    "read_latency": 0.0005,
    "write_latency": 0.001,
    "free_space": 20 * GIBI,
    "free_memory": 4 * GIBI,
    "metered": 60 * 0.5 * MEBI,
    "permitted": 100 * MEBI,
    "burst_credits": 2000 * GIBI,
    "server_cpu": 15.0,
}
"""What a tier shows that nothing in the twin changes."""
IDLE = 12.0  # percent of a file system's I/O limit that is in use when nobody's mount is slow
BEFORE = {**STEADY, "io_limit": IDLE, "server_failed": 0.0, "database_cpu": 8.0}
"""What there was in the three hours before the run: to an alarm, a tier that never said anything may be down."""
BASELINE = 0.2  # of each vCPU: what a small burstable type earns ("Key concepts for burstable instances", EC2)
SAVED = 24 * 60.0  # minutes of earning that it can save
OWN_ERRORS = (502, 503, 504)  # answers that the balancer gives itself
UNROUTED = 503  # an answer without a target, so no request to one


class Requests:
    """What the balancer counted in the last minute. A 502 counts as its own, even if a web server's nginx said it."""

    def __init__(self, fleet: "Fleet") -> None:
        self._balancer = fleet.balancer
        self._requests = 0
        self._errors: Counter[int] = Counter()
        self.sent = 0.0
        self.errors: Counter[int] = Counter()

    def sample(self) -> float | None:
        """Look, once a minute; the requests that went to a target."""
        balancer = self._balancer
        self.errors = balancer.errors - self._errors
        self.sent = float(balancer.requests - self._requests - self.errors[UNROUTED])
        self._requests, self._errors = balancer.requests, balancer.errors.copy()
        return self.sent or None

    def by_targets(self) -> float | None:
        """Answers of 5xx that came from a target."""
        return float(sum(n for status, n in self.errors.items() if status not in OWN_ERRORS)) or None

    def by_balancer(self) -> float | None:
        """Answers of 5xx that came from the balancer."""
        return float(sum(self.errors[status] for status in OWN_ERRORS)) or None


class Credits:
    """The CPU credits of burstable web servers: minutes of one vCPU. Those of the start have saved for half a day.

    A new one has none ("launch credits" are for T2 only).
    """

    def __init__(self, fleet: "Fleet") -> None:
        self._fleet = fleet
        self._balances: dict[str, float] = {}
        self._at_first = SAVED / 2 * BASELINE * fleet.site.fleet.vcpus_per_instance

    def sample(self) -> float | None:
        """Earn and spend a minute's credits; the average balance of those that serve."""
        cpu, vcpus = self._fleet.serving_cpu(), self._fleet.site.fleet.vcpus_per_instance
        for name, percent in cpu.items():
            balance = self._balances.get(name, self._at_first) + (BASELINE - percent / 100) * vcpus
            self._balances[name] = min(max(balance, 0.0), SAVED * BASELINE * vcpus)
        self._at_first = 0.0
        return sum(self._balances[name] for name in cpu) / len(cpu) if cpu else None


def watch(fleet: "Fleet", balancer: Mapping[str, str]) -> None:
    """Let CloudWatch have everything that the product asks of this site; `balancer` are the requests' dimensions.

    The tiers have a history of three hours, but not the web servers and their requests: those begin with the run.
    """
    asked = questions(fleet.site, balancer)
    begin = fleet.engine.now - fleet.engine.now % MINUTE
    for name, read in _readings(fleet).items():
        if name in asked:
            fleet.watch.watch(metric(asked[name]), read)
            if name in BEFORE:
                past = range(1, SPAN // timedelta(minutes=1) + 1)
                fleet.watch.seed(metric(asked[name]), [(begin - MINUTE * back, BEFORE[name]) for back in past])


def metric(question: Question) -> Metric:
    """What a question asks for."""
    measure, dimensions = question
    return Metric.of(measure.namespace, measure.name, measure.stat, dimensions)


def _readings(fleet: "Fleet") -> Mapping[str, Read]:
    """By the product's names of the values (`alarms.tiers.MEASURES`); in order: some read what another has sampled."""
    requests, database = Requests(fleet), fleet.database
    found: dict[str, Read] = {
        "cpu_most": lambda: max(fleet.serving_cpu().values(), default=None),
        "p95": lambda: fleet.meter.latest.p95 or None if fleet.meter.latest else None,
        "requests": requests.sample,
        "per_target": lambda: requests.sent / max(1, len(fleet.serving_cpu())) if requests.sent else None,
        "target_errors": requests.by_targets,
        "balancer_errors": requests.by_balancer,
        "database_cpu": lambda: database.sample(fleet.core_seconds()),
        "connections": lambda: float(fleet.balancer.in_flight + database.waiting),
        "io_limit": lambda: _io_limit(fleet),
        "server_failed": lambda: float(not fleet.efs.reachable),
        **{name: partial(float, value) for name, value in STEADY.items()},
    }
    if is_burstable(fleet.site):
        found["web_credits"] = Credits(fleet).sample
    if strange := found.keys() - MEASURES.keys():
        raise KeyError(f"nobody asks for {', '.join(sorted(strange))}")
    return found


def _io_limit(fleet: "Fleet") -> float:
    """A file system at its limit is what makes every mount slow."""
    slow = sum(host.mount == "slow" for host in fleet.hosts.values())
    return IDLE + (100.0 - IDLE) * slow / max(1, len(fleet.hosts))
