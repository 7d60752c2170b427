"""The planner's handler borrows for an exam; when it dies in the middle of it, AWS gives everything back."""

from collections.abc import Iterator

import pytest

from tests.functions.planning_world import SITE, World, living, term

TIER = "tiers: {warm_pool: {share: 0.5}}\n"
FROZEN = {"AZRebalance", "InstanceRefresh"}


@pytest.fixture
def world() -> Iterator[World]:
    """A Tuesday at 09:30 UTC, in the middle of an exam that was planned the day before."""
    with living() as made:
        made.put(site=SITE + TIER, term=term("05T09"))
        made.plan()
        made.later(hours=26, minutes=30)
        made.plan()
        made.later(hours=1)
        yield made


def suspended(world: World) -> set[str]:
    return {process["ProcessName"] for process in world.group["SuspendedProcesses"]}


def pools(world: World) -> list[int]:
    return [pool["MinSize"] for pool in world.fleet.scaling.warm_pools.pools.values()]


def test_an_exam_is_frozen_and_a_pool_is_prepared(world: World) -> None:
    assert suspended(world) == FROZEN
    assert pools(world) == [2]
    assert world.journal().count("Borrow") == 3


def test_a_planner_that_never_runs_again_leaves_nothing_suspended_and_nothing_paid_for(world: World) -> None:
    world.later(hours=3)
    assert (suspended(world), pools(world), world.fleet.schedules.names) == (set(), [], [])
    assert world.fleet.schedules.dead_letters == []


def test_an_exam_that_is_cancelled_is_no_longer_frozen(world: World) -> None:
    world.put(term=term())
    world.plan()
    assert (suspended(world), pools(world)) == (set(), [])
    world.later(minutes=15)
    world.plan()
    assert world.fleet.schedules.names == []
    assert world.told() == []


def test_the_site_file_may_say_that_nothing_is_frozen() -> None:
    with living() as made:
        made.put(site=SITE + "tiers: {freeze: false}\n", term=term("05T09"))
        made.later(hours=27, minutes=30)
        made.plan()
        assert suspended(made) == set()
