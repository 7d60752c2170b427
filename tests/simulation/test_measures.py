"""CloudWatch's metrics of all tiers in the twin: each that the product asks for is there, and says what is so."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from firstbell.alarms.tiers import MEASURES, Tiers, questions, read
from firstbell.aws import metrics
from firstbell.site_file import read_site
from simulator import controller
from simulator.engine import Engine
from simulator.ledger import Ledger
from simulator.traffic import Background, Campus, Database, Meter
from simulator.traffic.rates import constant
from simulator.world import Fleet

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SITE = """
name: campus
timezone: Europe/Berlin
fleet:
  auto_scaling_group: campus-web
  instance_type: t4g.small
  instance_types: [{name: t4g.small}]
reaction: {database: campus-db}
moodledata: {server: i-0a1b2c3d4e5f60718, file_system: fs-0123456789abcdef0}
"""
NOT_IN_THE_TWIN = {"fpm", "web_surplus", "database_credits", "database_surplus", "disk_burst", "acu", "acu_share"}
NOT_HERE = {"target_errors", "balancer_errors", "rejected", "server_credits"}  # nothing fails; its server is no t4g


@contextmanager
def living(rate: float = 20.0) -> Iterator[Fleet]:
    """Two web servers and `rate` requests a second."""
    engine, site = Engine(START, 3), read_site(SITE)
    controller.begin(engine)
    fleet = Fleet(engine, site, lambda event: None, False, (2, 10, 2), False, Ledger(engine, controlled=False))
    try:
        with fleet.gateway.installed():
            fleet.create()
            Campus(engine, fleet.balancer, fleet.meter, database=fleet.database).welcome(
                Background("all", constant(rate))
            )
            engine.run_until(engine.now + 365)
            yield fleet
    finally:
        controller.end()


def seen(fleet: Fleet) -> Tiers:
    """The tiers as the product sees them now."""
    asked = questions(
        fleet.site,
        metrics.request_dimensions(
            ["arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/moodle/0123456789abcdef"]
        ),
    )
    now = fleet.engine.utc
    return read(metrics.series(asked, datetime.fromtimestamp(fleet.engine.now - 3 * 3600, UTC), now), now)


def test_every_value_that_the_product_asks_for_is_measured() -> None:
    with living() as fleet:
        tiers = seen(fleet)
    unknown = {name for name in MEASURES if getattr(tiers, name).now is None}
    assert unknown == NOT_IN_THE_TWIN | NOT_HERE


def test_the_values_fit_each_other() -> None:
    with living() as fleet:
        tiers = seen(fleet)
    assert tiers.requests.now == pytest.approx(20 * 60, rel=0.15)
    assert tiers.per_target.now == (tiers.requests.now or 0) / 2
    assert (tiers.cpu_most.now or 0) >= (tiers.cpu.now or 0) > 20
    assert 0 < (tiers.database_cpu.now or 0) < 30
    assert tiers.read_latency.usual == tiers.read_latency.now, "it has a past"


def test_credits_go_down_under_load_and_up_without() -> None:
    balances: dict[float, Any] = {}
    for rate in (1.0, 25.0):
        with living(rate) as fleet:
            balances[rate] = [value for _, value in seen(fleet).web_credits.points]
    assert balances[1.0][-1] > balances[1.0][0]
    assert balances[25.0][-1] < balances[25.0][0]


def test_errors_are_counted_by_who_gave_them() -> None:
    with living() as fleet:
        fleet.set_storage(up=False)
        fleet.engine.run_until(fleet.engine.now + 60)
        from_targets = seen(fleet)
        for instance in fleet.instances:
            fleet.balancer.deregister(instance.instance_id)
        fleet.engine.run_until(fleet.engine.now + 60)
        unanswered = seen(fleet)
    assert (from_targets.target_errors.now or 0) > 1000
    assert from_targets.balancer_errors.now is None
    assert (unanswered.balancer_errors.now or 0) > 1000


def test_a_file_system_is_at_its_limit_when_every_mount_is_slow() -> None:
    with living() as fleet:
        assert (seen(fleet).io_limit.now or 0) < 20
        for instance in fleet.instances:
            fleet.spoil(instance.instance_id, "slow")
        fleet.engine.run_until(fleet.engine.now + 60)
        assert seen(fleet).io_limit.now == 100.0


def database(slow: float) -> tuple[Engine, Database]:
    engine = Engine(START)
    made = Database(engine, Meter(engine), cores=2.0)
    made.slow = slow
    return engine, made


def test_a_saturated_database_lets_each_wait_for_those_before_it() -> None:
    engine, made = database(slow=10.0)
    waits = [made.wait(0.02) for _ in range(5)]
    assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert made.waiting == 5
    engine.run_until(engine.now + 0.5)
    assert made.wait(0.02) == 0.0


def test_its_queue_has_an_end() -> None:
    _, made = database(slow=1000.0)
    assert max(made.wait(1.0) for _ in range(100)) == 50.0
