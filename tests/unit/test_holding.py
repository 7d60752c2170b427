"""How a lifecycle hook is chosen, kept alive, and how long it may be held."""

from datetime import UTC, datetime, timedelta

import pytest

from firstbell.fleet import Hook, Instance, Waiting
from firstbell.instances.holding import LAUNCHING, TERMINATING, NoHookError, heartbeat, last_moment, our_hook

BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def hook(name: str = "firstbell-launch", transition: str = LAUNCHING, seconds: int = 600) -> Hook:
    return Hook(name, transition, timedelta(seconds=seconds), "ABANDON")


def test_the_only_hook_of_the_transition_is_ours() -> None:
    assert our_hook([hook("bye", TERMINATING), hook("theirs")], LAUNCHING).name == "theirs"


def test_of_several_hooks_ours_is_the_one_with_our_name() -> None:
    assert our_hook([hook("chef"), hook("Firstbell-launch")], LAUNCHING).name == "Firstbell-launch"


CODE_DEPLOY = hook("CodeDeploy-managed-automatic-launch-deployment-hook-web-1")
NOBODYS = [[], [hook("bye", TERMINATING)], [hook("chef"), hook("puppet")], [CODE_DEPLOY]]


@pytest.mark.parametrize("hooks", NOBODYS)
def test_a_hook_that_might_be_somebody_elses_is_left_alone(hooks: list[Hook]) -> None:
    with pytest.raises(NoHookError, match="expected one hook"):
        our_hook(hooks, LAUNCHING)


HEARTBEATS = [
    ("less than half of ten minutes", 600, 290, False),
    ("more than half of ten minutes", 600, 310, True),
    ("an hour, half an hour not yet over", 3600, 1790, False),
    ("three minutes would not last for two more looks", 180, 60, True),
    ("but a heartbeat of a moment ago is enough", 160, 20, False),
    ("overdue, as after an outage of the controller", 600, 4000, True),
]


@pytest.mark.parametrize(("timeout", "used", "due"), [c[1:] for c in HEARTBEATS], ids=[c[0] for c in HEARTBEATS])
def test_heartbeat_is_due(timeout: int, used: int, due: bool) -> None:
    waiting = Waiting(Instance("i-1", "Pending:Wait"), hook(seconds=timeout), BEGAN, last_heartbeat=BEGAN)
    assert bool(heartbeat(waiting, BEGAN + timedelta(seconds=used), "why")) == due


def test_the_last_moment_leaves_a_minute_after_the_look_that_may_come_a_minute_late() -> None:
    waiting = Waiting(Instance("i-1", "Pending:Wait"), hook(seconds=60), BEGAN, last_heartbeat=BEGAN)
    assert last_moment(waiting) + timedelta(seconds=120) < BEGAN + waiting.hook.longest
