"""The smallest change of a group: only our own scheduled actions, only what differs, and MinSize within its bounds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.floors import merge
from firstbell.capacity.reconcile import (
    LIMIT,
    PREFIX,
    Change,
    DeleteScheduled,
    PutScheduled,
    SaveFloor,
    Seen,
    SetMinSize,
    decide,
    follow,
    let_go,
    remembering,
)
from firstbell.capacity.values import Floor, Plan, Step
from firstbell.fleet import Group, ScheduledAction
from tests.unit.campus_values import DAY, HOUR, MINUTE, MONDAY, at, floor, group, site

NOW = at(7)


@dataclass
class Model:
    """A group and its scheduled actions as AWS keeps them: changes are applied, and due actions run."""

    group: Group
    scheduled: dict[str, ScheduledAction] = field(default_factory=dict)

    def apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case DeleteScheduled(_, names):
                    for name in names:
                        del self.scheduled[name]
                case PutScheduled(_, actions):
                    self.scheduled |= {a.name: a for a in actions}
                    assert len(self.scheduled) <= LIMIT
                case SetMinSize(_, min_size):
                    assert min_size <= self.group.max_size
                    self.group = replace(self.group, min_size=min_size)
                case SaveFloor():
                    raise AssertionError("nobody asked for a lease")
                case _:
                    assert_never(change)

    def run_due(self, now: datetime) -> None:
        for action in sorted(a for a in self.scheduled.values() if a.start <= now):
            del self.scheduled[action.name]
            if action.min_size is not None:
                self.group = replace(self.group, min_size=action.min_size)

    def decide(self, steps: Sequence[Step], ours: Collection[int] = (), now: datetime = NOW) -> list[Change]:
        return decide(self.group, tuple(self.scheduled.values()), steps, now, ours)


def steps(*levels: tuple[datetime, int]) -> tuple[Step, ...]:
    return tuple(Step(at, n, ("the midterm",)) for at, n in levels)


def ours(start: datetime, min_size: int) -> ScheduledAction:
    return ScheduledAction(start, f"{PREFIX}{start:%Y%m%dT%H%M%SZ}", min_size)


def others(count: int) -> dict[str, ScheduledAction]:
    found = [ScheduledAction(NOW + n * MINUTE + MINUTE / 2, f"night-{n}", None if n % 2 else 3) for n in range(count)]
    return {a.name: a for a in found}


PLAN = steps((NOW, 1), (at(8), 4), (at(11), 1))


def test_a_new_plan_is_written_with_the_reason_of_its_first_step():
    [put] = Model(group()).decide(PLAN)
    actions = (
        ScheduledAction(at(8), "firstbell-20260504T080000Z", 4),
        ScheduledAction(at(11), "firstbell-20260504T110000Z", 1),
    )
    why = "from 2026-05-04 08:00 UTC at least 4: the midterm, and 1 more steps"
    assert put == PutScheduled("web", actions, why)


def test_an_unchanged_plan_changes_nothing():
    model = Model(group())
    model.apply(model.decide(PLAN))
    assert model.decide(PLAN) == []


def test_only_the_step_that_differs_is_written():
    model = Model(group())
    model.apply(model.decide(PLAN))
    [put] = model.decide(steps((NOW, 1), (at(8), 5), (at(11), 1)))
    assert isinstance(put, PutScheduled)
    assert put.actions == (ours(at(8), 5),)


def test_a_step_at_the_moment_of_somebody_else_s_action_moves_away_from_less_capacity():
    theirs = tuple(ScheduledAction(start, f"theirs {start:%H}", 5) for start in (at(8), at(10)))
    plan = steps((NOW, 1), (at(8), 6), (at(10), 1))
    [put] = decide(group(min_size=1), theirs, plan, NOW)
    assert isinstance(put, PutScheduled)
    assert [a.start for a in put.actions] == [at(8) - MINUTE, at(10) + MINUTE]
    assert decide(group(min_size=1), (*theirs, *put.actions), plan, NOW) == []


def test_a_raise_that_cannot_come_earlier_comes_later():
    theirs = (ScheduledAction(NOW + MINUTE, "theirs", 5),)
    [put] = decide(group(min_size=1), theirs, steps((NOW, 1), (NOW + MINUTE, 6)), NOW)
    assert isinstance(put, PutScheduled)
    assert [a.start for a in put.actions] == [NOW + 2 * MINUTE]


def test_a_step_that_is_no_longer_wanted_is_deleted_after_others_are_written_for_a_call_may_fail_between():
    model = Model(group())
    model.apply(model.decide(PLAN))
    put, delete = model.decide(steps((NOW, 1), (at(9), 4), (at(11), 1)))
    assert delete == DeleteScheduled("web", (ours(at(8), 4).name,), "1 planned steps are no longer wanted")
    assert isinstance(put, PutScheduled)
    assert put.actions == (ours(at(9), 4),)


def test_without_room_for_both_the_stale_ones_go_first():
    stale = tuple(ours(at(8) + n * MINUTE, 3) for n in range(LIMIT))
    delete, put = decide(group(), stale, steps((NOW, 1), (at(20), 4), (at(21), 1)), NOW)
    assert (type(delete), type(put)) == (DeleteScheduled, PutScheduled)


def test_without_a_plan_a_lease_raises_and_leaves_the_scheduled_actions_alone():
    lease = floor(NOW, NOW + HOUR, 6, owner="alarm")
    seen = Seen(group(min_size=1), (ours(at(9), 4),), None, (lease,))
    assert [type(c) for c in follow(site(), seen, None, NOW)] == [SetMinSize]
    assert follow(site(), replace(seen, group=group(min_size=8)), None, NOW) == []


def test_a_size_that_is_only_planned_for_later_is_nobody_s_when_a_person_sets_it_now():
    later = Plan("campus", NOW, NOW + DAY, steps((NOW, 1), (at(20), 4), (at(22), 1)), (), (floor(at(20), at(22), 4),))
    for found in (group(min_size=4), group(min_size=1, serving=4, desired=4)):
        seen = Seen(found, tuple(ours(s.at, s.instances) for s in later.steps[1:]), later, ())
        assert not [c for c in follow(site(), seen, later, NOW) if isinstance(c, SetMinSize)]
        assert let_go(site(), seen, later, NOW) == []


def test_a_deploy_that_removed_scheduled_actions_is_repaired():
    model = Model(group())
    model.apply(model.decide(PLAN))
    intended = dict(model.scheduled)
    model.scheduled.clear()
    model.apply(model.decide(PLAN))
    assert model.scheduled == intended


def test_somebody_who_changed_our_action_s_level_is_corrected():
    model = Model(group(), {ours(at(8), 4).name: ours(at(8), 2)})
    model.apply(model.decide(PLAN))
    assert model.scheduled[ours(at(8), 4).name].min_size == 4


def test_an_action_of_ours_that_is_due_is_left_to_run():
    late = ours(NOW - MINUTE, 4)
    assert Model(group(min_size=4), {late.name: late}).decide(steps((NOW, 4))) == []


@pytest.mark.parametrize(
    ("says", "min_size", "max_size", "wanted", "known", "expected"),
    [
        ("MinSize that is right stays", 4, 20, 4, (), None),
        ("MinSize that a deploy reset is raised", 1, 20, 4, (), 4),
        ("MinSize never goes above MaxSize", 1, 3, 9, (), 3),
        ("MinSize that somebody else raised stays", 9, 20, 4, (1, 4), None),
        ("MinSize that we raised is lowered", 9, 20, 4, (1, 9), 4),
        ("MinSize is lowered to zero where that is planned", 1, 20, 0, (1,), 0),
        ("MinSize that already is MaxSize stays", 3, 3, 9, (3,), None),
    ],
)
def test_min_size_now(says: str, min_size: int, max_size: int, wanted: int, known: tuple[int, ...], expected: int):
    changes = Model(group(min_size, max_size)).decide(steps((NOW, wanted)), known)
    assert [c.min_size for c in changes if isinstance(c, SetMinSize)] == ([] if expected is None else [expected]), says


def test_a_raise_and_its_end_say_why():
    [up] = Model(group()).decide(steps((NOW, 4)))
    [down] = Model(group(min_size=4)).decide(steps((NOW, 1)), {4})
    assert up.reason == "MinSize is 1, 4 wanted: the midterm"
    assert down.reason == "MinSize 4 is no longer needed: the midterm"
    assert up.subject == down.subject == "web"


def test_without_a_step_for_now_the_present_is_left_alone():
    assert all(isinstance(c, PutScheduled) for c in Model(group(min_size=9)).decide(steps((at(8), 4)), {9}))


def test_the_nearest_steps_are_written_where_the_group_has_little_room():
    model = Model(group(), others(LIMIT - 2))
    model.apply(model.decide(steps((NOW, 1), *((at(8) + n * HOUR, 2 + n % 2) for n in range(9)))))
    assert sorted(a.start for a in model.scheduled.values() if a.name.startswith(PREFIX)) == [at(8), at(9)]


def test_a_group_without_room_is_left_as_it_is():
    model = Model(group(), others(LIMIT))
    assert model.decide(PLAN) == []


def test_actions_that_are_due_at_this_moment_still_take_room():
    due = ours(NOW, 4)
    model = Model(group(), others(LIMIT - 2) | {due.name: due})
    model.apply(model.decide(PLAN))
    assert ours(at(8), 4) in model.scheduled.values()
    assert len(model.scheduled) == LIMIT


# ---------------------------------------------------------------- properties

LEVELS = st.integers(0, 30)
OFFSETS = st.integers(-60, 3000)
STEPS = st.dictionaries(st.integers(1, 3000), LEVELS, max_size=140).flatmap(
    lambda found: LEVELS.map(lambda n: steps((NOW, n), *((NOW + m * MINUTE, x) for m, x in sorted(found.items()))))
)
ACTIONS = st.lists(
    st.one_of(
        st.builds(lambda m, n: ours(NOW + m * MINUTE, n), OFFSETS, LEVELS),
        st.builds(lambda m, n: ScheduledAction(NOW + m * MINUTE, f"night-{m}", n), OFFSETS, st.none() | LEVELS),
    ),
    max_size=LIMIT,
    unique_by=lambda a: a.name,
)
GROUPS = st.tuples(LEVELS, LEVELS).map(lambda sizes: group(min(sizes), max(sizes)))
OURS = st.frozensets(LEVELS)


@given(GROUPS, ACTIONS, STEPS, OURS)
def test_what_was_decided_once_needs_no_second_change(
    found: Group, actions: list[ScheduledAction], wanted: tuple[Step, ...], known: frozenset[int]
):
    model = Model(found, {a.name: a for a in actions})
    model.apply(model.decide(wanted, known))
    assert model.decide(wanted, known) == []


@given(GROUPS, ACTIONS, STEPS, OURS)
def test_others_actions_stay_and_ours_are_the_nearest_steps_within_the_limit(
    found: Group, actions: list[ScheduledAction], wanted: tuple[Step, ...], known: frozenset[int]
):
    model = Model(found, {a.name: a for a in actions})
    kept = {a.name: a for a in actions if not a.name.startswith(PREFIX) or a.start <= NOW}
    model.apply(model.decide(wanted, known))
    assert {name: model.scheduled[name] for name in kept} == kept
    nearest = [ours(s.at, min(s.instances, found.max_size)) for s in wanted if s.at > NOW][: LIMIT - len(kept)]
    written = {name: a for name, a in model.scheduled.items() if name not in kept}
    assert {(a.name, a.min_size) for a in written.values()} == {(a.name, a.min_size) for a in nearest}
    theirs = {a.start for a in actions if not a.name.startswith(PREFIX)}
    assert all(written[a.name].start == a.start or a.start in theirs for a in nearest)
    assert not {a.start for a in written.values()} & theirs
    assert all(a.start > NOW for a in written.values())


@given(GROUPS, ACTIONS, STEPS, OURS)
def test_min_size_is_lowered_only_from_a_level_of_ours_and_reaches_what_is_wanted(
    found: Group, actions: list[ScheduledAction], wanted: tuple[Step, ...], known: frozenset[int]
):
    model = Model(found, {a.name: a for a in actions})
    model.apply(model.decide(wanted, known))
    level = min(wanted[0].instances, found.max_size)
    assert model.group.min_size >= level
    assert model.group.min_size == level or (model.group.min_size == found.min_size and found.min_size not in known)


# ---------------------------------------------------------------- following a plan through time


def plan(*floors: Floor, min_instances: int = 1) -> Plan:
    return Plan(
        "campus", MONDAY, MONDAY + 14 * DAY, merge(floors, min_instances, 20, MONDAY, MONDAY + 14 * DAY), (), floors
    )


def test_a_lease_and_a_plan_are_merged_by_maximum():
    lease = floor(NOW, at(9), 6, "an alarm", "alarm")
    model = Model(group())
    model.apply(follow(site(), Seen(model.group, (), None, (lease,)), plan(floor(at(8), at(11), 4)), NOW))
    assert model.group.min_size == 6
    assert sorted(model.scheduled.values()) == [ours(at(9), 4), ours(at(11), 1)]


def test_a_lease_never_undercuts_the_plan():
    known = plan(floor(at(6), at(11), 8))
    seen = Seen(group(min_size=8), (ours(at(11), 1),), known, ())
    assert follow(site(), seen, known, NOW, more=(floor(NOW, at(8), 3, "an alarm", "alarm"),)) == []


def test_a_cancelled_peak_is_taken_back():
    seen = Seen(group(min_size=8), (ours(at(11), 1),), plan(floor(at(6), at(11), 8)), ())
    model = Model(seen.group, {a.name: a for a in seen.scheduled})
    model.apply(follow(site(), seen, plan(), NOW))
    assert (model.group.min_size, model.scheduled) == (1, {})


def test_without_any_plan_the_site_s_minimum_is_kept():
    model = Model(group(min_size=0))
    model.apply(follow(site(min_instances=2), Seen(model.group, (), None, ()), None, NOW))
    assert (model.group.min_size, model.scheduled) == (2, {})


def test_a_lease_that_was_larger_than_the_new_most_is_taken_back_too():
    lease = floor(at(5), at(6), 9, "an alarm", "alarm")
    [change] = follow(site(max_instances=5), Seen(group(min_size=9), (), None, (lease,)), plan(), NOW)
    assert isinstance(change, SetMinSize)
    assert change.min_size == 1


def test_a_level_whose_lowering_failed_is_still_ours_in_the_next_run():
    """The peak was cancelled and the new plan saved, but AWS throttled the change of MinSize."""
    before = Seen(group(min_size=8), (), plan(floor(at(6), at(11), 8)), ())
    saved = remembering(site(), before, plan(), NOW)
    [change] = follow(site(), replace(before, plan=saved), plan(), NOW)
    assert isinstance(change, SetMinSize)
    assert change.min_size == 1


def test_a_level_that_an_action_sets_late_is_still_ours_in_the_next_run():
    """The peak is cancelled within the two minutes in which its scheduled action may run yet."""
    before = Seen(group(), (ours(NOW - MINUTE, 8),), plan(floor(at(6, 59), at(11), 8)), ())
    saved = remembering(site(), before, plan(), NOW)
    [change] = follow(site(), Seen(group(min_size=8), (), saved, ()), plan(), NOW + MINUTE)
    assert isinstance(change, SetMinSize)
    assert change.min_size == 1


def test_a_level_of_somebody_else_does_not_become_ours_by_time():
    saved = plan()
    for _ in range(3):
        saved = remembering(site(), Seen(group(min_size=7), (), saved, ()), plan(), NOW)
    assert saved.levels == ()
    assert follow(site(), Seen(group(min_size=7), (), saved, ()), plan(), NOW) == []


FLOORS = st.lists(
    st.builds(
        lambda start, lasts, n: floor(NOW + start * MINUTE, NOW + (start + lasts) * MINUTE, n),
        st.integers(-300, 900),
        st.integers(1, 300),
        st.integers(0, 25),
    ),
    max_size=4,
)


@given(st.lists(FLOORS, min_size=1, max_size=4), st.integers(1, 90))
def test_through_changing_plans_min_size_is_at_each_run_what_the_plan_of_that_run_says(
    calendars: list[list[Floor]], every: int
):
    """AWS runs the actions, the planner looks now and then, and the calendar changes under its hands."""
    model, saved, now = Model(group()), None, NOW
    for floors in [found for found in calendars for _ in range(4)]:
        now += timedelta(minutes=every)
        model.run_due(now)
        new = plan(*floors)
        seen = Seen(model.group, tuple(model.scheduled.values()), saved, ())
        model.apply(follow(site(), seen, new, now))
        saved = remembering(site(), seen, new, NOW)
        assert model.group.min_size == new.at(now).instances


def test_actions_say_what_they_are_about():
    lease = floor(NOW, at(9), 6, "an alarm", "alarm")
    found = [
        PutScheduled("web", (), ""),
        DeleteScheduled("web", (), ""),
        SetMinSize("web", 1, ""),
        SaveFloor(lease, ""),
    ]
    assert [c.subject for c in found] == ["web", "web", "web", "alarm"]
