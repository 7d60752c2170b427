"""The watch over a running exam: the group is held until its end, and each way to lose an instance is told once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity import reconcile
from firstbell.capacity.reconcile import SaveFloor
from firstbell.capacity.values import Floor, Peak, Plan, Step
from firstbell.fleet import Activity, Refresh, ScheduledAction
from firstbell.instances.records import Phase, Record
from firstbell.oncall.signal import Signal
from firstbell.readiness import freezing, watching, zones
from firstbell.readiness.sight import Sight
from firstbell.site import Arrivals, Kind, Site, Tiers
from tests.unit.campus_values import site
from tests.unit.peak_sight import applied, sight

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LOG_IN, DRAIN = -25, 5  # minutes: the site's defaults
SITE = site()


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def exam(start: float = 0, end: float = 120, title: str = "Analysis I", kind: Kind = "exam") -> Peak:
    """A peak by its minutes after eight o'clock."""
    return Peak(at(start), at(end), 400, kind, "exams.ics", title, f"{title}/{start}/{end}")


def plan(*peaks: Peak) -> Plan:
    return Plan("campus", at(-6000), at(6000), (Step(at(-6000), 1, ()),), peaks)


ONE = plan(exam())


def held(found: Sight, minutes: float, of: Site = SITE) -> list[Floor]:
    return [save.floor for save in freezing.hold(of, found.seen, at(minutes))]


def lease(instances: int, end: float = 120 + DRAIN, start: float = -30) -> Floor:
    return Floor("freeze", at(start), at(end), instances, "an exam")


# ---------------------------------------------------------------- when

TIMES = [
    ("a look before the last one before the log-in", ONE, -31, None),
    ("the last look before the log-in", ONE, -30, 120),
    ("it is on", ONE, 60, 120),
    ("its last minute", ONE, 119, 120),
    ("it is over", ONE, 120, None),
    ("a quiz is no exam", plan(exam(kind="quiz")), 60, None),
    ("an exam of days is not sat through", plan(exam(0, 1501)), 60, None),
    ("the longest that is", plan(exam(0, 1500)), 60, 1500),
    ("two that overlap are one", plan(exam(), exam(90, 200, "Algebra")), 80, 200),
    ("the next one's log-in has not begun", plan(exam(), exam(160, 200, "Algebra")), 60, 120),
    ("nothing is planned", None, 60, None),
]


@pytest.mark.parametrize(("found", "minutes", "until"), [c[1:] for c in TIMES], ids=[c[0] for c in TIMES])
def test_an_exam_is_watched_from_its_log_in_to_its_end(found: Plan | None, minutes: float, until: float | None):
    freeze = freezing.frozen(SITE, found, at(minutes))
    assert (None if freeze is None else freeze.end) == (None if until is None else at(until))


def test_a_longer_log_in_is_watched_from_its_beginning() -> None:
    early = replace(SITE, arrivals=Arrivals(log_in=((3600, 1.0),)))
    assert freezing.frozen(early, ONE, at(-65)) is not None


def test_who_wants_no_freeze_gets_none() -> None:
    without = replace(SITE, tiers=Tiers(freeze=False))
    assert freezing.frozen(without, ONE, at(60)) is None
    assert held(sight(ONE, "healthy"), 60, without) == []


CONCERNED = [
    ("a peak is near", plan(exam(kind="lecture")), frozenset(), -15, True),
    ("a peak is not near yet", plan(exam(kind="lecture")), frozenset(), -16, False),
    ("an exam's log-in is near", ONE, frozenset(), -30, True),
    ("a peak is on", plan(exam(kind="quiz")), frozenset(), 119, True),
    ("all are over", ONE, frozenset(), 120, False),
    ("zones are to be given back", ONE, frozenset({zones.KEY}), 300, True),
    ("another incident is open", ONE, frozenset({"alarm/cpu"}), 300, False),
    ("there is no plan", None, frozenset(), 0, False),
]


@pytest.mark.parametrize(
    ("found", "raised", "minutes", "expected"), [c[1:] for c in CONCERNED], ids=[c[0] for c in CONCERNED]
)
def test_a_group_is_looked_at_when_it_matters(
    found: Plan | None, raised: frozenset[str], minutes: float, expected: bool
):
    assert freezing.concerned(SITE, found, raised, at(minutes)) is expected


# ---------------------------------------------------------------- the hold

HOLDS = [
    ("it begins at what is wanted now", {"desired": 6}, (), [(6, 125)]),
    ("it stays as it is", {"desired": 6}, (lease(6),), []),
    ("an alarm or a policy added some: kept", {"desired": 8}, (lease(6),), [(8, 125)]),
    ("a deploy reset the group", {"desired": 2}, (lease(6),), []),
    ("more than the site file allows", {"desired": 30, "max_size": 40}, (), [(20, 125)]),
    ("MaxSize was lowered", {"desired": 5, "max_size": 5}, (lease(6),), [(5, 125)]),
    ("the exam was made longer", {"desired": 6}, (lease(6, 100),), [(6, 125)]),
    ("the exam was made shorter", {"desired": 6}, (lease(6, 200),), [(6, 125)]),
    ("yesterday's is forgotten", {"desired": 4}, (lease(9, -600),), [(4, 125)]),
    ("others' leases are theirs", {"desired": 4}, (replace(lease(9), owner="alarm"),), [(4, 125)]),
]


@pytest.mark.parametrize(("fleet", "leases", "expected"), [c[1:] for c in HOLDS], ids=[c[0] for c in HOLDS])
def test_the_group_is_held_at_the_most_of_this_exam(
    fleet: dict[str, Any], leases: tuple[Floor, ...], expected: list[tuple[int, int]]
) -> None:
    found = held(sight(ONE, "healthy", leases=leases, fleet=fleet), 60)
    assert [(f.instances, (f.end - START).total_seconds() / 60) for f in found] == expected


def test_the_hold_ends_after_the_exam_and_its_drain() -> None:
    assert held(sight(ONE, "healthy", leases=[lease(6)]), 122) == [], "AWS lets it go at its end"
    assert held(sight(ONE, "healthy", leases=[lease(6)]), 126) == []


def test_a_cancelled_exam_is_held_for_as_long_as_what_leaves_needs_to_drain() -> None:
    [ended] = held(sight(plan(), "healthy", leases=[lease(6)]), 60)
    assert (ended.instances, ended.end) == (6, at(65))
    assert held(sight(plan(), "healthy", leases=[ended]), 60) == []


def test_the_floor_keeps_a_policy_from_scaling_in_and_is_let_go_by_a_scheduled_action() -> None:
    found = sight(ONE, "healthy", fleet={"min_size": 1, "desired": 6, "max_size": 20})
    saves = freezing.hold(SITE, found.seen, at(60))
    changes = reconcile.follow(SITE, found.seen, ONE, at(60), more=tuple(s.floor for s in saves))
    [scheduled] = [a for c in changes if isinstance(c, reconcile.PutScheduled) for a in c.actions]
    [now] = [c.min_size for c in changes if isinstance(c, reconcile.SetMinSize)]
    assert (now, scheduled.start, scheduled.min_size) == (6, at(125), 1)


def test_what_is_replaced_no_longer_counts() -> None:
    other = replace(lease(4), owner="alarm")
    found = sight(ONE, "healthy", leases=[lease(8, 200), other], fleet={"desired": 6})
    assert freezing.renewed(found.seen, freezing.hold(SITE, found.seen, at(60))).leases == (other,)
    assert freezing.renewed(found.seen, []).leases == (lease(8, 200), other)


# ---------------------------------------------------------------- the watch


def left(minutes: float, cause: str, instance: str = "i-9", what: str = "Terminating EC2 instance: ") -> Activity:
    return Activity(at(minutes), "InProgress", what + instance, instance=instance, cause=f"At 2026-… {cause}")


OUT = "an instance was taken out of service in response to "
HEALTH = OUT + "a EC2 health check indicating it has been terminated or stopped."
SHRUNK = (
    "a monitor alarm TargetTracking-web-AlarmLow in state ALARM triggered policy cpu changing the desired capacity from"
    f" 3 to 2.  {OUT}a difference between desired and actual capacity, shrinking the capacity from 3 to 2."
)
RESIZED = SHRUNK.replace("a monitor alarm", "a user request update of AutoScalingGroup constraints to min: 1")
BALANCED = f"instances were launched to balance instances in zones a b with other zones. {OUT}a difference between …"
INTO_STANDBY = "instance i-9 was moved to standby in response to a user request."
STANDBY = "Moving EC2 instance to Standby: "
REFRESH = OUT + "an instance refresh.  At … instance i-9 was selected for termination."
LOSSES = [
    ("a health replacement", left(10, HEALTH), "lost/health/1"),
    ("the balancer's health check", left(10, OUT + "an ELB system health check failure."), "lost/health/1"),
    ("somebody marks it unhealthy", left(10, OUT + "a user health-check."), "lost/health/1"),
    ("a person terminates it", left(10, OUT + "a user request."), "lost/person/1"),
    ("a spot interruption", left(10, OUT + "a spot instance interruption notice."), "lost/spot/1"),
    ("a capacity rebalance", left(10, OUT + "an EC2 instance rebalance recommendation."), "lost/spot/1"),
    ("an instance refresh", left(10, REFRESH), "lost/refresh/1"),
    ("its lifetime is over", left(10, OUT + "it exceeding the max instance lifetime."), "lost/lifetime/1"),
    ("a policy scales in", left(10, SHRUNK), "lost/scale-in/1"),
    ("a person sets a lower size", left(10, RESIZED), "lost/scale-in/1"),
    ("zones are balanced", left(10, BALANCED), "lost/balancing/1"),
    ("into standby", left(10, INTO_STANDBY, what="Moving EC2 instance to Standby: "), "lost/person/1"),
    (
        "it is detached",
        left(10, "was detached in response to a user request.", what="Detaching EC2 instance: "),
        "lost/person/1",
    ),
    ("AWS says nothing", left(10, ""), "lost/unknown/1"),
    (
        "the name of an alarm is no cause",
        left(10, SHRUNK.replace("web", "spot-lifetime-health-check")),
        "lost/scale-in/1",
    ),
    ("before the log-in", left(-31, HEALTH), None),
    ("one that failed to launch never served", left(10, OUT + "a launch failure."), None),
    ("one that we gave up", left(10, HEALTH, "i-abandoned"), None),
    ("one that we replace for its mount", left(10, INTO_STANDBY, "i-replacing", STANDBY), None),
    ("one that we ended", left(10, OUT + "a user request.", "i-ended"), None),
    ("one of the warm pool", left(10, HEALTH, what="Terminating EC2 instance from warm pool: "), None),
    ("a launch", Activity(at(10), "Successful", "Launching a new EC2 instance: i-9", instance="i-9"), None),
]


def told(found: Sight, minutes: float = 60, raised: frozenset[str] = frozenset()) -> list[tuple[str, bool]]:
    decided = watching.decide(SITE, found, raised, at(minutes))
    assert all(s.key.startswith("exam-freeze/") for s in decided)
    return [(s.key.removeprefix("exam-freeze/"), s.resolved) for s in decided]


@pytest.mark.parametrize(("activity", "expected"), [c[1:] for c in LOSSES], ids=[c[0] for c in LOSSES])
def test_an_instance_that_left_service_is_told_with_its_cause(activity: Activity, expected: str | None):
    phases: tuple[Phase, ...] = ("abandoned", "replacing", "ended")
    ours = tuple(Record(f"i-{phase}", at(-40), phase=phase, ended_at=at(9)) for phase in phases)
    found = sight(ONE, "healthy", activities=(activity,), records=ours)
    assert told(found) == ([(expected, False)] if expected else [])


def raised(*keys: str) -> frozenset[str]:
    return frozenset(f"exam-freeze/{key}" for key in keys)


THREE = (left(10, HEALTH, "i-7"), left(11, HEALTH, "i-8"), left(40, OUT + "a user request."))
NEWS = [
    ("two causes at once", THREE, raised(), 60, [("lost/health/2", False), ("lost/person/1", False)]),
    ("told already", THREE, raised("lost/health/2", "lost/person/1"), 60, []),
    ("one more than was told", THREE, raised("lost/health/1", "lost/person/1"), 60, [("lost/health/2", False)]),
    (
        "the exam is over",
        THREE,
        raised("lost/health/1", "lost/health/2"),
        120,
        [("lost/health/1", True), ("lost/health/2", True)],
    ),
    ("another exam goes on, of which nothing was lost", (), raised("lost/health/2"), 60, [("lost/health/2", True)]),
]


@pytest.mark.parametrize(
    ("activities", "known", "minutes", "expected"), [c[1:] for c in NEWS], ids=[c[0] for c in NEWS]
)
def test_only_news_is_told(
    activities: tuple[Activity, ...], known: frozenset[str], minutes: float, expected: list[tuple[str, bool]]
) -> None:
    assert told(sight(ONE, "healthy", activities=activities), minutes, known) == expected


LIFETIME = {"lifetime": timedelta(days=1)}
OLD = Record("i-0", at(100) - timedelta(days=1), phase="serving")
YOUNG = Record("i-0", at(121) - timedelta(days=1), phase="serving")
BORN = Activity(OLD.since, "Successful", "Launching a new EC2 instance: i-0", instance="i-0")
THEIRS = ScheduledAction(at(60), "nightly", 1)
REFRESHING = (Refresh("r-1", "InProgress", at(0), 20),)
WAYS = [
    ("nothing", {}, {}, []),
    ("a refresh is under way", {"refreshes": REFRESHING}, {}, ["refresh"]),
    ("its lifetime ends in the exam", {"records": (OLD,)}, LIFETIME, ["lifetime"]),
    ("its launch is known", {"activities": (BORN,)}, LIFETIME, ["lifetime"]),
    ("the earlier of both counts", {"activities": (BORN,), "records": (YOUNG,)}, LIFETIME, ["lifetime"]),
    ("its lifetime ends after the exam", {"records": (YOUNG,)}, LIFETIME, []),
    ("another's lifetime", {"records": (replace(OLD, instance="i-gone"),)}, LIFETIME, []),
    ("lives as long as it likes", {"records": (OLD,)}, {}, []),
    ("some are spot instances", {}, {"on_demand_share": 50}, ["spot"]),
    ("the first ones are on-demand, and there are no more", {}, {"on_demand_share": 50, "on_demand_base": 3}, []),
    ("spot instances are exchanged early", {}, {"rebalances": True}, ["spot"]),
    ("a scheduled action lowers MinSize", {"scheduled": (THEIRS,)}, {}, ["scheduled/nightly"]),
    ("one lowers MaxSize", {"scheduled": (replace(THEIRS, min_size=None, max_size=2),)}, {}, ["scheduled/nightly"]),
    ("one lowers desired", {"scheduled": (replace(THEIRS, min_size=None, desired=2),)}, {}, ["scheduled/nightly"]),
    ("one raises", {"scheduled": (replace(THEIRS, min_size=3, max_size=50),)}, {}, []),
    ("one after the exam", {"scheduled": (replace(THEIRS, start=at(120)),)}, {}, []),
    ("ours", {"scheduled": (replace(THEIRS, name="firstbell-20260302T090000Z"),)}, {}, []),
    ("nothing can be launched", {}, {"suspended": frozenset({"Launch"})}, ["suspended/Launch"]),
    ("nothing new gets traffic", {}, {"suspended": frozenset({"AddToLoadBalancer"})}, ["suspended/AddToLoadBalancer"]),
    ("what we suspend ourselves", {}, {"suspended": frozenset({"AZRebalance", "InstanceRefresh"})}, []),
]


@pytest.mark.parametrize(("seen", "fleet", "expected"), [c[1:] for c in WAYS], ids=[c[0] for c in WAYS])
def test_ways_to_lose_an_instance_are_told_once_and_their_end(
    seen: dict[str, Any], fleet: dict[str, Any], expected: list[str]
):
    found = sight(ONE, "healthy", fleet=fleet, **seen)
    assert told(found, 10) == [(key, False) for key in expected]
    assert told(found, 10, raised(*expected)) == []
    well = sight(ONE, "healthy")
    assert told(well, 10, raised(*expected)) == [(key, True) for key in expected]
    assert told(found, 200, raised(*expected)) == [(key, True) for key in expected]
    assert told(found, 200) == []


def test_a_page_names_the_exam_what_was_seen_and_until_when() -> None:
    [page] = watching.decide(SITE, sight(ONE, "healthy", activities=THREE[:2]), frozenset(), at(60))
    assert page.what == (
        "Analysis I, until 10:00 UTC. 2 instances have left service since 07:30 UTC: a failed health check."
        " Its students log in again elsewhere."
    )
    assert page.evidence[0] == f"i-7 at 08:10 UTC: At 2026-… {HEALTH}"
    assert (page.severity, page.runbook, page.expected_end) == ("page", "exam-freeze", at(120))


def test_a_refresh_that_rests_is_no_reason_to_wake_anybody() -> None:
    fleet = {"suspended": frozenset({"InstanceRefresh"})}
    [signal] = watching.decide(SITE, sight(ONE, "healthy", refreshes=REFRESHING, fleet=fleet), frozenset(), at(10))
    assert (signal.severity, "it rests while" in signal.what) == ("ticket", True)


def test_without_an_exam_all_its_pages_end_and_no_other() -> None:
    known = raised("spot", "lost/health/3") | {"readiness/x", "alarm/cpu"}
    assert [s.key for s in watching.over(SITE, known, at(200))] == ["exam-freeze/lost/health/3", "exam-freeze/spot"]
    assert all(s.resolved for s in watching.over(SITE, known, at(200)))


# ---------------------------------------------------------------- rules

exams = st.lists(
    st.tuples(st.integers(0, 400), st.integers(10, 240), st.sampled_from(["exam", "exam", "quiz"])), max_size=4
).map(lambda found: plan(*(exam(a, a + long, f"Exam {n}", kind) for n, (a, long, kind) in enumerate(found))))
groups = st.tuples(st.integers(0, 12), st.integers(0, 8)).map(
    lambda sizes: {"min_size": 0, "desired": sizes[0], "max_size": sizes[0] + sizes[1]}
)


@given(exams, st.lists(groups, min_size=1, max_size=30), st.integers(-60, 300))
def test_the_hold_is_within_max_size_never_falls_in_an_exam_and_never_outlives_it(
    planned: Plan, course: list[dict[str, int]], begin: int
) -> None:
    leases: tuple[Floor, ...] = ()
    for n, fleet in enumerate(course):
        now = at(begin + 5 * n)
        found = sight(planned, leases=leases, fleet=fleet)
        saves = freezing.hold(SITE, found.seen, now)
        after = applied(found, saves).seen
        assert freezing.hold(SITE, after, now) == [], "deciding again adds nothing"
        [floor] = [f for f in after.leases if f.end > now] or [None]
        freeze = freezing.frozen(SITE, planned, now)
        last = max((p.end for p in planned.peaks if p.kind == "exam"), default=None)
        if freeze is not None:
            assert floor is not None
            before = max((f.instances for f in leases if f.end > now), default=0)
            assert floor.instances == min(max(fleet["desired"], before), fleet["max_size"])
            assert freeze.end <= floor.end
        if floor is not None:
            assert last is not None
            assert floor.end <= (freeze.end if freeze else last) + timedelta(minutes=DRAIN)
            assert freeze is None or floor.instances <= fleet["max_size"]
        leases = after.leases


@given(
    exams,
    st.sets(st.sampled_from(["spot", "refresh", "lost/health/1", "lost/health/2", "scheduled/x"])),
    st.integers(-60, 500),
)
def test_deciding_again_after_it_was_told_says_nothing(planned: Plan, known: set[str], minutes: int) -> None:
    found = sight(planned, "healthy", activities=THREE, scheduled=(THEIRS,), fleet={"on_demand_share": 0})
    open_ = raised(*known)
    signals = watching.decide(SITE, found, open_, at(minutes))
    ended = {s.key for s in signals if s.resolved}
    now_open = (open_ | {s.key for s in signals if not s.resolved}) - ended
    assert watching.decide(SITE, found, now_open, at(minutes)) == []


def test_a_hold_is_an_action_that_says_why() -> None:
    [save] = freezing.hold(SITE, sight(ONE, "healthy", fleet={"desired": 6}).seen, at(60))
    assert isinstance(save, SaveFloor)
    assert save.reason == "Analysis I: nothing of the 6 instances leaves before 10:05 UTC"
    assert not isinstance(save, Signal)
