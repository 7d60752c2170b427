"""Release: out of the balancer, drained, gone, in whichever order AWS does its own part."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.fleet import TERMINATE_WAIT, Hook, Instance, Waiting
from firstbell.instances.actions import Continue, Deregister, Heartbeat, Wait
from firstbell.instances.holding import TERMINATING
from firstbell.instances.release import Leaving, decide
from firstbell.site import Admission, Fleet, Site

BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SITE = Site("campus", "Europe/Berlin", Fleet("web"), admission=Admission(drain=300))
HOOK = Hook("firstbell-terminate", TERMINATING, timedelta(minutes=10), "CONTINUE")
STATES = ["healthy", "unhealthy", "initial", "draining", "unused", "unavailable"]


def leaving(*states: str, hook: Hook = HOOK) -> Leaving:
    waiting = Waiting(Instance("i-a", TERMINATE_WAIT), hook, BEGAN, last_heartbeat=BEGAN)
    return Leaving(waiting, tuple((f"tg-{n}", state) for n, state in enumerate(states)))


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


@pytest.mark.parametrize("state", ["healthy", "unhealthy", "initial", "unavailable"])
def test_while_it_is_registered_it_is_taken_out(state: str) -> None:
    (action,) = decide(SITE, (leaving(state),), after(5))
    assert (type(action), action.target_group) == (Deregister, "tg-0")


def test_it_is_taken_out_of_every_target_group_that_it_is_still_in() -> None:
    actions = decide(SITE, (leaving("healthy", "draining", "unhealthy", "unused"),), after(5))
    assert [a.target_group for a in actions if isinstance(a, Deregister)] == ["tg-0", "tg-2"]


def test_it_is_taken_out_once_though_aws_still_shows_it() -> None:
    it = replace(leaving("healthy"), deregistered=("tg-0",), draining_since=after(5), waits_for="")
    assert [type(a) for a in decide(SITE, (it,), after(5))] == [Wait]


def test_while_it_drains_it_is_waited_for_and_that_is_told_once() -> None:
    (wait,) = decide(SITE, (leaving("draining"),), after(60))
    assert isinstance(wait, Wait)
    assert decide(SITE, (replace(leaving("draining"), waits_for=wait.reason),), after(60)) == []


ENDS = [
    (
        "drained",
        replace(leaving("unused"), deregistered=("tg-0",), draining_since=after(5)),
        250,
        "drained after 245 s",
    ),
    (
        "AWS had drained it before the hook",
        leaving("unused", "unused"),
        2,
        "out of every target group, 2 s after it began to leave",
    ),
    ("it is in no target group", leaving(), 2, "in no target group"),
    ("AWS's draining takes longer than allowed", leaving("draining"), 300, "still not drained after 300 s"),
    (
        "ours takes longer than allowed",
        replace(leaving("draining"), deregistered=("tg-0",), draining_since=after(60)),
        360,
        "still not drained after 300 s",
    ),
]


@pytest.mark.parametrize(("it", "seconds", "says"), [c[1:] for c in ENDS], ids=[c[0] for c in ENDS])
def test_it_may_go(it: Leaving, seconds: float, says: str) -> None:
    (end,) = decide(SITE, (it,), after(seconds))
    assert isinstance(end, Continue)
    assert says in end.reason


def test_its_own_draining_counts_from_when_it_was_taken_out() -> None:
    it = replace(leaving("draining"), deregistered=("tg-0",), draining_since=after(60), waits_for="…")
    assert not any(isinstance(a, Continue) for a in decide(SITE, (it,), after(359)))


def test_after_an_outage_of_the_controller_it_is_drained_all_the_same() -> None:
    assert isinstance(decide(SITE, (leaving("healthy"),), after(3600))[0], Deregister)


def test_a_long_draining_gets_heartbeats() -> None:
    patient = replace(SITE, admission=Admission(drain=3600))
    assert any(isinstance(a, Heartbeat) for a in decide(patient, (leaving("draining"),), after(400)))


@given(st.lists(st.lists(st.sampled_from(STATES), max_size=3), min_size=1), st.integers(60, 7200), st.booleans())
def test_a_release_always_ends_before_its_hook_does(states: list[list[str]], drain: int, outage: bool) -> None:
    hook = replace(HOOK, heartbeat_timeout=timedelta(seconds=150))
    patient = replace(SITE, admission=Admission(drain=drain))
    it = leaving(hook=hook)
    for minute in range(400):
        now = after(60 * minute)
        assert now < it.waiting.times_out, "AWS ended the wait by the hook's time-out"
        it = replace(it, targets=tuple((f"tg-{n}", s) for n, s in enumerate(states[minute % len(states)])))
        actions = decide(patient, (it,), now)
        if any(isinstance(a, Continue) for a in actions):
            assert now + timedelta(seconds=60) < BEGAN + hook.longest
            return
        for action in actions:
            if isinstance(action, Deregister) and not outage:
                since = it.draining_since or now
                it = replace(it, deregistered=(*it.deregistered, action.target_group), draining_since=since)
            elif isinstance(action, Heartbeat):
                it = replace(it, waiting=replace(it.waiting, last_heartbeat=now))
    raise AssertionError("it never ended")
