"""When a wait in a hook began, and which waits are new: by what is remembered, else by what AWS tells."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from firstbell.aws import autoscaling
from firstbell.aws.table import Table
from firstbell.fleet import LAUNCH_WAIT, POOL_LAUNCH_WAIT, Activity, Hook, Instance
from firstbell.instances import waits
from firstbell.instances.holding import LAUNCHING, TERMINATING, NoHookError
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record
from tests.unit.state_table import state_table

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A, B = Instance("i-0aaaaaaaa", LAUNCH_WAIT), Instance("i-0bbbbbbbb", LAUNCH_WAIT)
POOLED = replace(A, state=POOL_LAUNCH_WAIT)


@dataclass
class Aws:
    """The hooks and activities of the group, and how often each was asked for."""

    hooks: list[Hook] = field(
        default_factory=lambda: [Hook("firstbell-admit", LAUNCHING, timedelta(minutes=5), "ABANDON")]
    )
    activities: list[Activity] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def tell_hooks(self, group: str) -> tuple[Hook, ...]:
        self.asked.append("hooks")
        return tuple(self.hooks)

    def tell_activities(self, group: str) -> tuple[Activity, ...]:
        self.asked.append("activities")
        return tuple(self.activities)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    fake = Aws()
    monkeypatch.setattr(autoscaling, "hooks", fake.tell_hooks)
    monkeypatch.setattr(autoscaling, "activities", fake.tell_activities)
    return fake


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    with state_table(monkeypatch) as found:
        yield found


def launched(instance: Instance, at: datetime) -> Activity:
    return Activity(at, "Successful", f"Launching a new EC2 instance: {instance.id}", instance=instance.id)


def look(table: Table, now: datetime, *waiting: Instance) -> dict[str, Record]:
    records = Records.of(table, "campus", now)
    waits.begin("web", waiting, records, LAUNCHING)
    return {r.instance: r for r in records.all}


def ended(table: Table, instance: Instance, at: datetime, **more: object) -> None:
    records = Records.of(table, "campus", at)
    records.change(instance.id, lambda r: replace(r, phase="serving", ended_at=at, **more))  # type: ignore[arg-type]


def test_the_first_look_of_a_process_asks_aws(table: Table, aws: Aws) -> None:
    aws.activities = [launched(A, NOW - MINUTE)]
    found = look(table, NOW, A, B)
    assert {i: r.since for i, r in found.items()} == {A.id: NOW - MINUTE, B.id: NOW}
    assert aws.asked == ["hooks", "activities"]
    assert (found[A.id].hook, found[A.id].heartbeat_seconds) == ("firstbell-admit", 300)


def test_who_did_not_wait_a_moment_ago_began_to_wait_since_then_and_nothing_is_asked(table: Table, aws: Aws) -> None:
    look(table, NOW, A)
    aws.asked.clear()
    found = look(table, NOW + MINUTE, A, B)
    assert (found[B.id].since, aws.asked) == (NOW, [])


def test_a_look_at_nobody_counts_as_a_look(table: Table, aws: Aws) -> None:
    waits.looked("web", (), LAUNCHING, NOW)
    assert look(table, NOW + MINUTE, A)[A.id].since == NOW
    assert aws.asked == ["hooks"]


@pytest.mark.parametrize(
    ("says", "transition", "ago"),
    [
        ("it is too old", LAUNCHING, timedelta(minutes=2)),
        ("it was at those that leave", TERMINATING, MINUTE),
        ("its clock was ahead", LAUNCHING, -MINUTE),
    ],
)
def test_the_last_look_tells_nothing_when(table: Table, aws: Aws, says: str, transition: str, ago: timedelta) -> None:
    waits.looked("web", (), transition, NOW - ago)
    aws.activities = [launched(A, NOW - timedelta(seconds=20))]
    assert look(table, NOW, A)[A.id].since == NOW - timedelta(seconds=20), says


def test_a_hook_is_asked_for_again_after_minutes(table: Table, aws: Aws) -> None:
    look(table, NOW, A)
    aws.hooks = [Hook("firstbell-new", LAUNCHING, timedelta(minutes=9), "ABANDON")]
    assert look(table, NOW + MINUTE, A, B)[B.id].hook == "firstbell-admit"
    third = Instance("i-0cccccccc", LAUNCH_WAIT)
    assert look(table, NOW + 6 * MINUTE, A, B, third)[third.id].hook == "firstbell-new"


def test_that_there_is_no_hook_is_not_remembered(table: Table, aws: Aws) -> None:
    hooks, aws.hooks = aws.hooks, []
    with pytest.raises(NoHookError):
        look(table, NOW, A)
    aws.hooks = hooks
    assert look(table, NOW, A)[A.id].hook == "firstbell-admit"


def test_a_wait_that_has_just_ended_and_is_still_shown_is_no_new_one(table: Table, aws: Aws) -> None:
    look(table, NOW, A)
    ended(table, A, NOW + MINUTE)
    assert look(table, NOW + 2 * MINUTE, A)[A.id].phase == "serving"


def test_one_that_another_hook_holds_for_long_is_no_new_one(table: Table, aws: Aws) -> None:
    aws.activities = [launched(A, NOW)]
    look(table, NOW, A)
    ended(table, A, NOW + MINUTE)
    for minute in range(2, 10):
        assert look(table, NOW + minute * MINUTE, A)[A.id].phase == "serving"


def test_the_way_out_of_the_warm_pool_is_a_new_wait_at_once(table: Table, aws: Aws) -> None:
    aws.activities = [launched(A, NOW - MINUTE)]
    first = look(table, NOW, POOLED)[A.id]
    assert first.pooled
    ended(table, A, NOW + MINUTE, reached=True)
    second = look(table, NOW + 2 * MINUTE, A)[A.id]
    assert (second.phase, second.pooled, second.since) == ("admission", False, NOW + MINUTE)
    assert second.reached, "its agent answered before: it need not be waited for"


def test_one_that_waits_again_an_hour_later_begins_anew(table: Table, aws: Aws) -> None:
    look(table, NOW, A)
    ended(table, A, NOW + MINUTE)
    waits.looked("web", (), LAUNCHING, NOW + 59 * MINUTE)
    again = look(table, NOW + 60 * MINUTE, A)[A.id]
    assert (again.phase, again.since) == ("admission", NOW + 59 * MINUTE)
