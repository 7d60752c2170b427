"""The function that calls people, killed at every step and run twice at once: told once or twice, never not at all."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firstbell.acting import ActionsFailed
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.oncall import silences
from firstbell.oncall.desk import Desk
from functions.notify_on_call.app import handler
from tests.functions.on_call_world import NEW, STILL, TABLE, TICK, World, living, signal, silence, sns


class Killed(BaseException):
    """The process is gone, at once."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with living(monkeypatch) as made:
        yield made


def kill_at(step: int, when: str) -> Callable[[], int]:
    """Die before or after the n-th AWS call from now on; the returned function says how many calls there were."""
    calls = [0]

    def strike(**_: Any) -> None:
        calls[0] += 1
        if calls[0] == step:
            raise Killed

    for client in (clients.dynamodb(), clients.sns()):
        client.meta.events.register(f"{when}-call", strike)
    return lambda: calls[0]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("retried_by", ["Lambda", "the tick"])
@pytest.mark.parametrize("step", range(1, 10))
def test_killed_between_any_two_steps_people_are_told_once_or_twice(
    world: World, step: int, retried_by: str, when: str
):
    event = sns(signal(world))
    kill_at(step, when)
    with pytest.raises(Killed):
        handler(event)
    clients.forget()
    world.later(minutes=1 if retried_by == "Lambda" else 5)
    recorded = Table(TABLE).get("SITE#campus", "INCIDENT#mount/i-0abc") is not None
    handler(event if retried_by == "Lambda" or not recorded else TICK)
    for _ in range(3):
        world.later(minutes=5)
        handler(TICK)
    assert world.subjects() in ([NEW], [NEW, NEW])
    if when == "before" and step <= 7:
        assert world.subjects() == [NEW], "nothing had been said before it was killed"


def test_a_run_has_the_nine_steps_at_which_it_is_killed_above(world: World):
    calls = kill_at(0, "before")
    handler(sns(signal(world)))
    assert calls() == 9


def test_a_signal_that_is_no_news_costs_two_calls_and_one_of_the_same_second_one(world: World):
    handler(sns(signal(world)))
    calls = kill_at(0, "before")
    handler(sns(signal(world)))
    assert calls() == 1
    world.later(seconds=1)
    handler(sns(signal(world)))
    assert calls() == 3


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, 8))
@pytest.mark.parametrize(("opens", "minutes", "expected"), [(0, 10, [NEW]), (-60, 5, [STILL])])
def test_a_tick_that_is_killed_at_any_step_loses_nothing(
    world: World, when: str, step: int, opens: int, minutes: int, expected: list[str]
):
    """It would have told what was muted until now, or repeated what is open."""
    world.publish(repeat=3600)
    world.later(minutes=opens)
    if not opens:
        silences.add(Table(TABLE), "campus", silence(world.now, minutes=10), world.now)
    handler(sns(signal(world)))
    before = len(world.subjects())
    world.later(minutes=minutes - opens - 5)
    kill_at(step, when)
    world.later(minutes=5)
    with pytest.raises(Killed):
        handler(TICK)
    clients.forget()
    world.ticks(15)
    told = world.subjects()[before:]
    assert told in (expected, expected * 2)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, 3))
def test_an_acknowledgement_that_is_killed_is_made_or_not_made_and_can_be_repeated(world: World, when: str, step: int):
    handler(sns(signal(world)))
    kill_at(step, when)
    with pytest.raises(Killed):
        Desk(Table(TABLE), world.now).acknowledge("campus", "mount/i-0abc", 1, "Ann")
    clients.forget()
    Desk(Table(TABLE), world.now).acknowledge("campus", "mount/i-0abc", 1, "Ann")
    world.ticks(10)
    assert world.subjects() == [NEW, "[page] campus: acknowledged: not mounted"]


def test_two_runs_at_the_same_moment_tell_once(world: World, monkeypatch: pytest.MonkeyPatch):
    """The other run does everything between this run's reading and its writing."""
    event, real = sns(signal(world)), Table.replace

    def interrupted(self: Table, *args: Any, **more: Any) -> bool:
        monkeypatch.setattr(Table, "replace", real)
        handler(event)
        return real(self, *args, **more)

    monkeypatch.setattr(Table, "replace", interrupted)
    handler(event)
    assert world.subjects() == [NEW]


def test_an_incident_that_changes_without_end_is_a_failure_and_not_a_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Table, "replace", lambda *_, **__: False)
    with pytest.raises(ActionsFailed) as raised:
        handler(sns(signal(world)))
    assert "changed 10 times meanwhile" in str(raised.value.exceptions[0])
