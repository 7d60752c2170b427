"""The planner keeps the rota for whoever calls people, and a rota that breaks stops no plan."""

from collections.abc import Iterator

import pytest

from firstbell.aws.table import Table
from firstbell.oncall import silences
from simulator.controller import TABLE
from tests.functions.planning_world import SITE, World, living, term

ROTA = SITE + "oncall: {rota: {ical: rota.ics}}\n"


@pytest.fixture
def world() -> Iterator[World]:
    with living() as made:
        yield made


def test_the_shifts_are_kept_and_a_broken_rota_is_told_once_while_the_plan_goes_on(world: World):
    world.put(site=ROTA, term=term("05T09"), rota=term("05T09"))
    world.plan()
    kept = silences.rota(Table(TABLE), "campus")
    assert kept is not None
    assert [shift.who for shift in kept.shifts] == ["Exam 0"]
    assert world.told() == []
    world.put(rota="no calendar")
    world.put(term=term("05T09", "06T09"))
    world.plan()
    assert [key for key, _ in world.told()] == ["rota"]
    assert len(world.steps()) == 4
    assert silences.rota(Table(TABLE), "campus") == kept
    world.incident("rota")
    world.put(rota=term("05T09"))
    world.plan()
    assert [key for key, _ in world.told()] == ["rota"]
