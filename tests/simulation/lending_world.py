"""A site with every tier in the simulated AWS, and a planner that lends; it can be killed, and it can die."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from firstbell.acting import Outcome, carry_out
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.capacity.values import Peak, Plan, Step
from firstbell.environment import Environment
from firstbell.loans import lending, tiers
from firstbell.loans.values import Change
from firstbell.oncall.signal import Signal
from firstbell.site import AuroraTier, BalancerTier, EfsTier, Fleet, ReservationTier, Site, Tiers, WarmPoolTier
from simulator import controller, world
from simulator.controller import TABLE, Controller
from simulator.delivery import Weather
from simulator.engine import Engine
from simulator.ledger import Ledger

START = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)  # a Monday
GROUP = "campus-web"
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/moodle/0123456789abcdef"
POOL = "arn:aws:resource-groups:eu-central-1:123456789012:group/exams"
FILES, CLUSTER = "fs-0123456789abcdef0", "moodle"
EVERY = Tiers(
    balancer=BalancerTier(BALANCER),
    warm_pool=WarmPoolTier(),
    efs=EfsTier(FILES),
    aurora=AuroraTier(CLUSTER),
    reservation=ReservationTier("m7g.large", ("eu-central-1a", "eu-central-1b"), POOL),
)


def exam(start: datetime, hours: float = 2, participants: int = 600, title: str = "Anatomy") -> Peak:
    return Peak(start, start + timedelta(hours=hours), participants, "exam", "term.ics", title, title)


@dataclass
class Campus:
    """What the planner does, what is seen of it, and what others do; `peaks` are the calendar's."""

    engine: Engine
    fleet: world.Fleet
    site: Site
    environment: Environment
    peaks: list[Peak] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.engine.utc.replace(microsecond=0)

    @property
    def plan(self) -> Plan:
        return Plan("campus", self.now - timedelta(days=1), self.now + timedelta(days=14), self._steps(), self._peaks())

    def _peaks(self) -> tuple[Peak, ...]:
        return tuple(p for p in self.peaks if p.end > self.now - timedelta(days=1))

    def _steps(self) -> tuple[Step, ...]:
        return (Step(self.now - timedelta(days=1), 8 if self.peaks else 1, ("",)),)

    def tick(self, kill_after: int | None = None) -> list[Outcome]:
        """A run of the planner; killed after so many steps, if it is."""
        changes, left = self.decided(), kill_after
        if left is None:
            return self.carry_out(changes)
        for change in changes:
            if isinstance(change, Change):
                self._apply(replace(change, steps=change.steps[:left]))
                left = max(0, left - len(change.steps))
        return []

    def decided(self) -> list[Change | lending.Unseen]:
        """What a run has decided before it does any of it."""
        found = lending.changes(self.site, self.plan, Table(TABLE), self.environment, self.now)
        self.signals = [one for one in found if isinstance(one, Signal)]
        return [one for one in found if not isinstance(one, Signal)]

    def carry_out(self, changes: Sequence[Change | lending.Unseen]) -> list[Outcome]:
        return carry_out(changes, self._apply)

    def _apply(self, change: Change | lending.Unseen) -> None:
        lending.applier(Table(TABLE), "campus", self.environment)(change)

    def ticks(self, hours: float) -> None:
        """The planner runs every 15 minutes for so long."""
        for _ in range(round(hours * 4)):
            self.tick()
            self.later(minutes=15)

    def later(self, **span: float) -> None:
        self.engine.run_until(self.engine.now + timedelta(**span).total_seconds())

    # what is seen

    @property
    def suspended(self) -> set[str]:
        [group] = clients.autoscaling().describe_auto_scaling_groups()["AutoScalingGroups"]
        return {p.get("ProcessName", "") for p in group["SuspendedProcesses"]}

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that can be borrowed, as it is."""
        files = self.fleet.efs.file_systems[FILES]
        return {
            "freeze": self.suspended,
            "balancer": self.fleet.units.units[BALANCER],
            "warm_pool": self.fleet.scaling.warm_pools.pools.get(GROUP, {}).get("MinSize"),
            "efs": (files.mode, files.mibps),
            "aurora": self.fleet.aurora.clusters[CLUSTER],
            "reservation": {r.asked["AvailabilityZone"]: r.count for r in self.fleet.reservations.active},
        }

    @property
    def records(self) -> list[str]:
        return [stored.sk for stored in Table(TABLE).query("SITE#campus", "LOAN#")]

    @property
    def bookings(self) -> list[str]:
        return self.fleet.schedules.names

    def failures(self, outcomes: Sequence[Outcome]) -> list[str]:
        return [f"{o.error}" for o in outcomes if o.error]

    def table(self) -> list[tuple[str, str, str, str]]:
        """What `firstbell plan` shows."""
        return [(r.tier, f"{r.start:%d %H:%M}", f"{r.end:%d %H:%M}", r.level) for r in tiers.table(self.wishes())]

    def wishes(self) -> tuple[tiers.Wish, ...]:
        return tiers.wishes(self.site, self.plan)


RESTING = {
    "freeze": set(),
    "balancer": 0,
    "warm_pool": None,
    "efs": ("bursting", 0.0),
    "aurora": (0.5, 16.0),
    "reservation": {},
}


@contextmanager
def living(lent: Tiers = EVERY) -> Iterator[Campus]:
    """A group, its tiers and an empty table, until the block ends."""
    engine = Engine(START)
    site = Site("campus", "Europe/Berlin", Fleet(GROUP, min_instances=1, max_instances=20), tiers=lent)
    ledger = Ledger(engine, controlled=True)
    controller.begin(engine)
    stack = Controller(engine, site, Weather(), ledger)
    fleet = world.Fleet(engine, site, lambda event: None, False, (1, 20, 1), False, ledger)
    environment = Environment(dict(stack.delivery.functions["plan_capacity"].environment))
    try:
        with fleet.gateway.installed():
            fleet.create()
            clients.dynamodb().create_table(
                TableName=TABLE,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            )
            yield Campus(engine, fleet, site, environment)
    finally:
        controller.end()
