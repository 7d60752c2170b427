"""Readiness: what can still be done is done, a person is called while there is time, and not without need."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity import reconcile
from firstbell.capacity.reconcile import SetDesired, SetMinSize
from firstbell.capacity.values import Floor, Peak, Plan, Step
from firstbell.fleet import BALANCED_ONLY, BEST_EFFORT, Activity
from firstbell.instances.records import Record
from firstbell.oncall.signal import Signal
from firstbell.oncall.texts import identity
from firstbell.readiness import gate, zones
from firstbell.readiness.sight import Sight
from firstbell.readiness.zones import Lent
from tests.unit.campus_values import site
from tests.unit.peak_sight import ZONES, applied, group, sight

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
END = START + timedelta(hours=2)
EXAM = Peak(START, END, 400, "exam", "exams.ics", "Analysis I", "uid-1")
KEY = "readiness/uid-1"
OPEN = frozenset({KEY})
SITE = site(max_instances=10)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def plan(due: float = -40, level: int = 3, peak: Peak = EXAM) -> Plan:
    """A plan of `level` instances from `due` (minutes before or after the start) until half an hour after the end."""
    floor = Floor("plan", at(due), at(150), level, "the exam")
    steps = (Step(at(-600), 1, ()), Step(at(due), level, ("the exam",)), Step(at(150), 1, ()))
    return Plan("campus", at(-600), at(6000), steps, (peak,), (floor,))


PLAN = plan()
LAUNCH = {"suspended": frozenset({"Launch"})}
CALLED = [(KEY, False)]
FEW, ENOUGH = sight(PLAN, "healthy", "initial", coming=1), sight(PLAN, "healthy", "healthy", "healthy")


def decide(found: Sight, minutes: float, raised: frozenset[str] = frozenset()) -> list[Any]:
    """What the gate does, after what brings the group to its plan anyway."""
    changes = reconcile.follow(SITE, found.seen, found.seen.plan, at(minutes))
    return [*changes, *gate.decide(SITE, found, changes, raised, at(minutes))]


def told(actions: list[Any]) -> list[tuple[str, bool]]:
    return [(a.key, a.resolved) for a in actions if isinstance(a, Signal)]


def page(found: Sight, minutes: float = -10) -> Signal:
    [only] = [a for a in decide(found, minutes) if isinstance(a, Signal)]
    return only


def failed(text: str, zone: str = ZONES[0], minutes: float = -12) -> Activity:
    return Activity(at(minutes), "Failed", "Launching a new EC2 instance.  Status Reason: …", text, zone=zone)


NO_CAPACITY = failed("We currently do not have sufficient c7g.large capacity in the Availability Zone you requested")
NO_QUOTA = failed("You have requested more vCPU capacity than your current vCPU limit of 32 allows")
GIVEN_UP = Activity(
    at(-50),
    "Cancelled",
    "Launching a new EC2 instance: i-9",
    "Instance failed to complete user's Lifecycle Action: …",
    "i-9",
    zone=ZONES[0],
)
TOO_EARLY = plan(due=-7)


# ---------------------------------------------------------------- who is called, and when

CASES = [
    ("too early to say", -16, FEW, frozenset(), []),
    ("a quarter of an hour ahead", -15, FEW, frozenset(), [(KEY, False)]),
    ("minutes ahead", -5, FEW, frozenset(), [(KEY, False)]),
    ("it has begun: load and alarms tell now", 0, FEW, frozenset(), []),
    ("enough are healthy", -10, ENOUGH, frozenset(), []),
    ("who has been called is not called again", -10, FEW, OPEN, []),
    ("ready after all", -5, ENOUGH, OPEN, [(KEY, True)]),
    ("ready only after the start", 10, ENOUGH, OPEN, [(KEY, True)]),
    ("still not ready during the peak", 60, FEW, OPEN, []),
    ("the peak is over", 121, FEW, OPEN, [(KEY, True)]),
    ("a peak that is no longer planned", -10, FEW, frozenset({"readiness/uid-0", KEY}), [("readiness/uid-0", True)]),
    ("others' incidents are none of ours", -10, ENOUGH, frozenset({"alarm/cpu", "exam-freeze/spot"}), []),
    ("launched 4 minutes ago: it may still come", -15, sight(plan(due=-19), "healthy", coming=2), frozenset(), []),
    ("launched 5 minutes ago: it is late", -15, sight(plan(due=-20), "healthy", coming=2), frozenset(), [(KEY, False)]),
    ("a slow fleet has more time", -15, sight(plan(due=-20), "healthy", lead=timedelta(minutes=9)), frozenset(), []),
    ("it will be launched yet", -15, sight(TOO_EARLY, "healthy"), frozenset(), []),
    ("and one was given up before", -15, sight(TOO_EARLY, "healthy", activities=(GIVEN_UP,)), frozenset(), []),
    ("but AWS lacks capacity", -15, sight(TOO_EARLY, "healthy", activities=(NO_CAPACITY,)), frozenset(), CALLED),
    ("but MaxSize is too low", -15, sight(TOO_EARLY, "healthy", fleet={"max_size": 2}), frozenset(), CALLED),
    ("but Launch is suspended", -15, sight(TOO_EARLY, "healthy", fleet=LAUNCH), frozenset(), CALLED),
]


@pytest.mark.parametrize(("minutes", "found", "raised", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_readiness(minutes: float, found: Sight, raised: frozenset[str], expected: list[tuple[str, bool]]) -> None:
    assert told(decide(found, minutes, raised)) == expected


def test_a_calendar_s_long_key_is_one_incident_nevertheless() -> None:
    long = replace(EXAM, key="040000008200E00074C5B7101A82E008" * 10)
    found = sight(plan(peak=long), "healthy")
    [(key, _)] = told(decide(found, -10))
    assert key == identity(key), "on-call keeps it as it is"
    assert told(decide(found, -5, frozenset({key}))) == []


def test_without_a_plan_open_complaints_end() -> None:
    assert told(gate.over("campus", None, None, OPEN, at(-10))) == [(KEY, True)]


def test_a_peak_that_nobody_looks_at_ends_with_its_time_only() -> None:
    assert gate.over("campus", PLAN, None, OPEN, at(30)) == []
    assert told(gate.over("campus", PLAN, None, OPEN, at(120))) == [(KEY, True)]


# ---------------------------------------------------------------- what the page says


def test_a_page_says_what_is_missing_where_it_is_and_how_long_it_takes() -> None:
    said = page(sight(PLAN, "healthy", "initial", coming=1, fleet=LAUNCH))
    assert "3 instances are planned, 1 are healthy, 2 are missing" in said.what
    assert "begins in 10 minutes with 400 participants" in said.what
    assert "launched now serves at about 07:55 UTC (5 minutes from launch to service)" in said.what
    assert any("i-new0 is on its way: Pending:Wait" in line for line in said.evidence)
    assert any("i-1 is initial behind the balancer" in line for line in said.evidence)
    assert any("Launch is suspended" in line for line in said.evidence)
    assert said.expected_end == END


WHY = [
    (
        "capacity",
        {"activities": (NO_CAPACITY,)},
        {},
        "AWS lacks capacity for c7g.large in eu-central-1a, since 07:48 UTC",
    ),
    (
        "other zones are tried",
        {"activities": (NO_CAPACITY,)},
        {},
        "not done: zones are left as they are: AWS goes on to eu-central-1b by itself",
    ),
    (
        "no zone is left",
        {"activities": (NO_CAPACITY, failed(NO_CAPACITY.message, ZONES[1]))},
        {},
        "not done: no other zone is left to try: allow other instance types",
    ),
    ("the quota", {"activities": (NO_QUOTA,)}, {}, "the account's quota is used up, since 07:48 UTC"),
    ("the quota is not ours", {"activities": (NO_QUOTA,)}, {}, "not done: no quota is raised"),
    (
        "an image",
        {"activities": (failed("The image id '[ami-1]' does not exist"),)},
        {},
        "the launch template cannot be launched",
    ),
    ("MaxSize", {}, {"max_size": 2, "min_size": 2}, "not done: the group's MaxSize is 2 and is not raised"),
    ("suspended", {}, LAUNCH, "not done: Launch is not resumed: somebody has suspended it"),
    (
        "an admission that waits",
        {"records": (Record("i-new0", at(-14), waits_for="waiting for its SSM agent"),)},
        {},
        "i-new0 is on its way: Pending:Wait, waiting for its SSM agent",
    ),
    (
        "an admission that failed",
        {
            "records": (
                Record(
                    "i-dead", at(-30), phase="abandoned", ended_at=at(-20), verdict="not_mounted", detail="no mount"
                ),
            )
        },
        {},
        "i-dead was given up: not_mounted no mount",
    ),
]


@pytest.mark.parametrize(("seen", "fleet", "expected"), [c[1:] for c in WHY], ids=[c[0] for c in WHY])
def test_a_page_says_why(seen: dict[str, Any], fleet: dict[str, Any], expected: str) -> None:
    said = page(sight(PLAN, "healthy", coming=1, fleet=fleet, **seen))
    assert any(expected in line for line in said.evidence), said.evidence


def test_what_is_suspended_for_the_exam_s_sake_is_no_reason() -> None:
    ours = {"suspended": frozenset({"AZRebalance", "InstanceRefresh", "ScheduledActions"})}
    said = page(sight(PLAN, "healthy", fleet=ours))
    assert [line for line in said.evidence if "is suspended" in line] == ["the process ScheduledActions is suspended"]


def test_what_was_given_up_yesterday_is_no_reason() -> None:
    old = Record("i-dead", at(-2000), phase="abandoned", ended_at=at(-1999))
    assert not any("i-dead" in line for line in page(sight(PLAN, "healthy", records=(old,))).evidence)


def test_a_page_says_what_was_done() -> None:
    assert page(sight(PLAN, "healthy", fleet={"min_size": 1, "desired": 1})).done == (
        "MinSize is 1, 3 wanted: the exam",
    )
    assert page(FEW).done == ("Nothing: there is nothing that would help and is ours to do.",)


# ---------------------------------------------------------------- the second attempt


def changes(found: Sight, minutes: float = -10) -> list[Any]:
    return [a for a in decide(found, minutes) if not isinstance(a, Signal | reconcile.PutScheduled)]


SICK = ("healthy", "healthy", "unhealthy")
RESET = {"min_size": 1, "desired": 1}
ATTEMPTS = [
    ("a deploy reset everything", ("healthy",), RESET, [("min", 3)]),
    ("desired alone is too low", ("healthy",), {"desired": 2}, [("desired", 3)]),
    ("all are on their way", ("healthy", "initial", "initial"), {}, []),
    ("one is sick: another for it", SICK, {}, [("desired", 4)]),
    ("one for the sick was asked for", SICK, {"desired": 4}, []),
    ("reset, and one is sick", SICK, {"min_size": 1, "desired": 3}, [("min", 3), ("desired", 4)]),
    ("most are sick: not one more", ("healthy", "unhealthy", "unhealthy"), {}, []),
    ("one is sick, and MaxSize is reached", SICK, {"max_size": 3}, []),
    ("one that drains is no help", ("healthy", "healthy", "draining"), {}, [("desired", 4)]),
]


@pytest.mark.parametrize(("states", "fleet", "expected"), [c[1:] for c in ATTEMPTS], ids=[c[0] for c in ATTEMPTS])
def test_sizes_are_raised_directly(states: tuple[str, ...], fleet: dict[str, Any], expected: list[tuple[str, int]]):
    found = changes(sight(PLAN, *states, fleet=fleet))
    assert [("min", a.min_size) if isinstance(a, SetMinSize) else ("desired", a.desired) for a in found] == expected


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_peaks_at_once_the_larger_is_attempted(turned: bool) -> None:
    other = replace(EXAM, start=at(3), key="uid-2")
    steps = (*plan().steps[:2], Step(at(2), 6, ()), Step(at(150), 1, ()))
    both = replace(plan(), peaks=(other, EXAM) if turned else (EXAM, other), steps=steps)
    found = decide(sight(both, "healthy", fleet={"desired": 2}), -10)
    assert [a.desired for a in found if isinstance(a, SetDesired)] == [6]
    assert sorted(told(found)) == [(KEY, False), ("readiness/uid-2", False)]


MOMENTS = [
    ("before the log-in", -26, []),
    ("from the log-in on, though nobody is called yet", -25, [4]),
    ("it is on", 60, [4]),
    ("what is needed is what is planned now", 100, [6]),
    ("it is over", 120, []),
]


@pytest.mark.parametrize(("minutes", "expected"), [c[1:] for c in MOMENTS], ids=[c[0] for c in MOMENTS])
def test_it_is_tried_again_from_the_log_in_until_the_end(minutes: float, expected: list[int]) -> None:
    growing = replace(plan(), steps=(*plan().steps[:2], Step(at(90), 5, ()), Step(at(150), 1, ())))
    found = decide(sight(growing, *SICK), minutes)
    assert [a.desired for a in found if isinstance(a, SetDesired)] == expected
    assert told(found) == []


def test_a_running_quiz_is_left_to_the_policies() -> None:
    quiz = plan(peak=replace(EXAM, kind="quiz"))
    assert changes(sight(quiz, *SICK), -5) != []
    assert changes(sight(quiz, *SICK), 5) == []
    assert [type(a) for a in changes(sight(quiz, *SICK, fleet=RESET), 5)] == [SetMinSize], "its plan is kept"


BOTH = (NO_CAPACITY, failed(NO_CAPACITY.message, ZONES[1]))
LENT = Lent(BALANCED_ONLY, END)
LENDING = [
    ("a balanced-only group without capacity in one zone", BALANCED_ONLY, (NO_CAPACITY,), None, LENT),
    ("one that tries other zones by itself", BEST_EFFORT, (NO_CAPACITY,), None, None),
    ("no zone has any", BALANCED_ONLY, BOTH, None, None),
    ("it is not the zone", BALANCED_ONLY, (NO_QUOTA,), None, None),
    ("nothing fails", BALANCED_ONLY, (), None, None),
    ("lent already, for this peak", BEST_EFFORT, (NO_CAPACITY,), LENT, None),
    ("lent for an earlier peak", BEST_EFFORT, (NO_CAPACITY,), Lent(BALANCED_ONLY, at(20)), LENT),
    ("a deploy took it back", BALANCED_ONLY, (NO_CAPACITY,), LENT, LENT),
]


@pytest.mark.parametrize(
    ("strategy", "activities", "lent", "expected"), [c[1:] for c in LENDING], ids=[c[0] for c in LENDING]
)
def test_zones_are_lent(strategy: str, activities: tuple[Activity, ...], lent: Lent | None, expected: Lent | None):
    found = changes(sight(PLAN, "healthy", fleet={"distribution": strategy}, activities=activities, lent=lent))
    assert [a.lent for a in found] == ([expected] if expected else [])


RETURNS = [
    ("the peak is on", BEST_EFFORT, LENT, 119, None),
    ("the peak is over", BEST_EFFORT, LENT, 120, BALANCED_ONLY),
    ("somebody set it back", BALANCED_ONLY, LENT, 120, ""),
    ("nothing was lent", BEST_EFFORT, None, 120, None),
]


@pytest.mark.parametrize(
    ("strategy", "lent", "minutes", "expected"), [c[1:] for c in RETURNS], ids=[c[0] for c in RETURNS]
)
def test_zones_are_given_back(strategy: str, lent: Lent | None, minutes: float, expected: str | None):
    found = zones.give_back(group(distribution=strategy), lent, at(minutes))
    assert [a.strategy for a in found] == ([] if expected is None else [expected])


def test_that_zones_are_lent_is_told_once_and_so_is_their_return() -> None:
    lend = zones.lend(group(distribution=BALANCED_ONLY), None, BOTH_TROUBLES[:1], END)
    back = zones.give_back(group(distribution=BEST_EFFORT), LENT, END)
    held = frozenset({zones.KEY})
    for lent, done, raised, expected in [
        (None, lend, frozenset(), [False]),
        (LENT, [], held, []),
        (LENT, [], frozenset(), [False]),  # it did not arrive
        (LENT, back, held, [True]),
        (None, [], held, [True]),  # its end did not arrive
        (None, [], frozenset(), []),
    ]:
        assert [s.resolved for s in zones.signals("campus", lent, done, raised, START)] == expected


BOTH_TROUBLES = gate.launch_troubles(BOTH, at(-10))


# ---------------------------------------------------------------- rules

looks = st.builds(
    lambda states, coming, low, extra, desired, spare, strategy, troubles, lent, level, limit, suspended: (
        sight(
            plan(level=level),
            *states,
            coming=coming,
            fleet={
                "min_size": low,
                "desired": low + min(desired, extra),
                "max_size": low + extra,
                "distribution": strategy,
                "suspended": suspended,
            },
            activities=troubles,
            lent=lent,
        ),
        site(max_instances=limit),
        spare,
    ),
    st.lists(st.sampled_from(["healthy", "initial", "unhealthy", "draining"]), max_size=8),
    st.integers(0, 4),
    st.integers(0, 8),
    st.integers(0, 6),
    st.integers(0, 6),
    st.integers(-30, 119),
    st.sampled_from([BALANCED_ONLY, BEST_EFFORT, "reservations-then-balanced"]),
    st.lists(st.sampled_from([NO_CAPACITY, NO_QUOTA, BOTH[1]]), max_size=3).map(tuple),
    st.sampled_from([None, LENT, Lent(BALANCED_ONLY, at(20))]),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from([frozenset(), frozenset({"Launch"}), frozenset({"ScheduledActions"})]),
)


@given(looks)
def test_a_second_attempt_never_lowers_anything_and_stays_within_the_bounds(look: Any) -> None:
    found, of, minutes = look
    changed = reconcile.follow(of, found.seen, found.seen.plan, at(minutes))
    raises = [a for a in changed if isinstance(a, SetMinSize) and a.min_size >= found.group.min_size]
    after = applied(found, raises)  # of what the plan lowers, the plan's own tests speak
    for action in gate.decide(of, after, [], frozenset(), at(minutes)):
        if isinstance(action, SetDesired):
            assert after.group.desired < action.desired <= min(after.group.max_size, of.fleet.max_instances)
            assert action.desired >= after.group.min_size


@given(looks)
def test_deciding_again_after_everything_was_applied_adds_nothing(look: Any) -> None:
    found, of, minutes = look

    def once(seen: Sight, raised: frozenset[str]) -> list[Any]:
        changed = reconcile.follow(of, seen.seen, seen.seen.plan, at(minutes))
        return [*changed, *gate.decide(of, seen, changed, raised, at(minutes))]

    first = once(found, frozenset())
    raised = frozenset(a.key for a in first if isinstance(a, Signal))
    again = once(applied(found, first), raised)
    assert [a for a in again if not isinstance(a, reconcile.PutScheduled)] == []
