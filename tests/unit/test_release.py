"""Release: out of the balancer, drained, done with what it works on, gone, in whichever order AWS does its own part."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.acting import Explained
from firstbell.fleet import POOL_LAUNCH_WAIT, POOL_TERMINATE_WAIT, TERMINATE_WAIT, Group, Hook, Instance, Waiting
from firstbell.instances.actions import Continue, Deregister, Heartbeat, LookAtLeaving, Wait
from firstbell.instances.holding import TERMINATING
from firstbell.instances.records import Record
from firstbell.instances.release import KEY, Leaving, Scene, decide
from firstbell.oncall.signal import Signal
from firstbell.site import Admission, Fleet, Site, Web

BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SITE = Site("campus", "Europe/Berlin", Fleet("web"), admission=Admission(drain=300, exam_drain=900))
CRON = replace(SITE, web=Web(cron="moodle-cron.timer"))
GROUP = Group("web", 1, 9, 2)
HOOK = Hook("firstbell-terminate", TERMINATING, timedelta(minutes=10), "CONTINUE")
STATES = ["healthy", "unhealthy", "initial", "draining", "unused", "unavailable"]
CRON_RUNS, ANSWERS = "admin/cli/cron.php, 95 s", "3 requests"


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def leaving(*states: str, hook: Hook = HOOK, state: str = TERMINATE_WAIT, **record: Any) -> Leaving:
    """An instance in target groups with these states; if in none, since 2 s after it began to leave."""
    waiting = Waiting(Instance("i-a", state), hook, BEGAN, last_heartbeat=BEGAN)
    out = set(states) <= {"unused", "draining"}
    known = replace(Record("i-a", BEGAN, draining_since=after(2) if out else None), **record)
    return Leaving(waiting, tuple((f"tg-{n}", state) for n, state in enumerate(states)), known)


def said(*busy: str, at: float = 60) -> dict[str, Any]:
    """What is remembered of an instance that has said what it works on."""
    return {"attempts": 1, "sent_at": after(at), "looked_at": after(at), "busy": busy}


UNREACHED: dict[str, Any] = {"sent_at": after(2), "no_answer": "not sent: no agent", "silent_in_a_row": 2}


def scene(seconds: float, *found: Leaving, site: Site = SITE, exam: str = "", raised: tuple[str, ...] = ()) -> Scene:
    return Scene(site, after(seconds), GROUP, found, exam=exam, raised=frozenset(raised))


def the_only(kind: type[Any], actions: list[Explained]) -> Any:
    [found] = [a for a in actions if isinstance(a, kind)]
    return found


# ---------------------------------------------------------------- out of the balancer


@pytest.mark.parametrize("state", ["healthy", "unhealthy", "initial", "unavailable"])
def test_while_it_is_registered_it_is_taken_out(state: str) -> None:
    assert the_only(Deregister, decide(scene(5, leaving(state)))).target_group == "tg-0"


def test_it_is_taken_out_of_every_target_group_that_it_is_still_in() -> None:
    actions = decide(scene(5, leaving("healthy", "draining", "unhealthy", "unused")))
    assert [a.target_group for a in actions if isinstance(a, Deregister)] == ["tg-0", "tg-2"]


def test_it_is_taken_out_once_though_aws_still_shows_it() -> None:
    it = leaving("healthy", deregistered=("tg-0",))
    assert not [a for a in decide(scene(5, it)) if isinstance(a, Deregister)]


def test_after_an_outage_of_the_controller_it_is_drained_all_the_same() -> None:
    assert isinstance(decide(scene(3600, leaving("healthy")))[0], Deregister)
    late = leaving("draining", draining_since=after(3600), **said())
    assert not [a for a in decide(scene(3899, late)) if isinstance(a, Continue)]


# ---------------------------------------------------------------- what it still works on


def test_it_is_asked_at_once_so_that_its_cron_begins_nothing_new() -> None:
    assert the_only(LookAtLeaving, decide(scene(2, leaving("healthy")))).instances == ("i-a",)


def test_all_are_asked_by_one_command() -> None:
    two = leaving("draining")
    two = replace(two, waiting=replace(two.waiting, instance=Instance("i-b", TERMINATE_WAIT)))
    assert the_only(LookAtLeaving, decide(scene(2, leaving("draining"), two))).instances == ("i-a", "i-b")


ASKED = [
    ("while a question is under way: no", CRON, leaving("draining", command="c-1", sent_at=after(2)), 120, False),
    ("29 s after the last question: no", CRON, leaving("draining", **said(CRON_RUNS)), 89, False),
    ("30 s after it: yes, for it was busy", CRON, leaving("draining", **said(CRON_RUNS)), 90, True),
    ("nothing left, and the timer is stopped: no", CRON, leaving("draining", **said()), 120, False),
    (
        "nothing left, but the timer was not stopped",
        CRON,
        leaving("draining", **said(), warnings=("error",)),
        120,
        True,
    ),
    ("nothing left, but no timer is known", SITE, leaving("draining", **said()), 120, True),
    ("it has not answered, and drains anyway: yes", CRON, leaving("draining", **UNREACHED), 120, True),
]


@pytest.mark.parametrize(("site", "it", "seconds", "asked"), [c[1:] for c in ASKED], ids=[c[0] for c in ASKED])
def test_it_is_asked_again(site: Site, it: Leaving, seconds: float, asked: bool) -> None:
    assert any(isinstance(a, LookAtLeaving) for a in decide(scene(seconds, it, site=site))) == asked


WAITS = [
    (leaving("draining"), "waiting until the balancer has drained it"),
    (leaving("unused"), "drained, and asked what it still works on"),
    (leaving("unused", **said(CRON_RUNS)), "drained, and waiting for admin/cli/cron.php"),
    (leaving("unused", **said(CRON_RUNS, ANSWERS)), "drained, and waiting for admin/cli/cron.php, requests"),
    (leaving("unused", **said(ANSWERS)), "drained, and waiting for requests"),
]


@pytest.mark.parametrize(("it", "reason"), WAITS, ids=[c[1] for c in WAITS])
def test_what_it_waits_for_is_told_once_however_long_it_takes(it: Leaving, reason: str) -> None:
    assert the_only(Wait, decide(scene(100, it))).reason == reason
    longer = tuple(text.replace("95 s", "155 s") for text in it.record.busy)
    told = replace(it, record=replace(it.record, waits_for=reason, busy=longer))
    assert not [a for a in decide(scene(160, told)) if isinstance(a, Wait)]


# ---------------------------------------------------------------- when it goes

SOON = replace(HOOK, heartbeat_timeout=timedelta(seconds=10))  # 1,000 s is the longest that it can be held
ENDS = [
    (
        "drained and idle",
        leaving("unused", **said()),
        250,
        "drained 250 s after it began to leave, and nothing left to do",
    ),
    ("drained by AWS, idle", leaving("unused", "unused", **said()), 61, "drained 61 s after"),
    ("in no target group, idle", leaving(**said()), 61, "drained 61 s after"),
    ("no agent: draining alone decides", leaving("unused", **UNREACHED), 250, "it did not say: not sent: no agent"),
    ("no agent, not even drained", leaving("draining", **UNREACHED), 302, "still drains and works on: it did not say"),
    (
        "AWS's draining takes longer than allowed",
        leaving("draining", **said()),
        302,
        "302 s after it began to leave, it still drains and works on: nothing, and 300 s is the limit",
    ),
    (
        "it counts from the first look, for AWS drains before the hook",
        leaving("unused", draining_since=after(300), **said(ANSWERS)),
        600,
        "600 s after it began to leave, it has drained and works on: 3 requests, and 300 s is the limit",
    ),
    ("a task runs for too long", leaving("unused", **said(CRON_RUNS)), 302, f"works on: {CRON_RUNS}, and 300 s is the"),
    ("it never answered a question", leaving("unused", command="c-1", sent_at=after(280)), 302, "it did not say what"),
    ("its hook", leaving("unused", hook=SOON, draining_since=after(800), **said(CRON_RUNS)), 865, "any longer, 865 s"),
    ("from the warm pool", leaving("unused", state=POOL_TERMINATE_WAIT), 2, "served nobody: nothing to drain"),
]


@pytest.mark.parametrize(("it", "seconds", "says"), [c[1:] for c in ENDS], ids=[c[0] for c in ENDS])
def test_it_may_go(it: Leaving, seconds: float, says: str) -> None:
    assert says in the_only(Continue, decide(scene(seconds, it))).reason


STAYS = [
    ("drained, but it has not been asked", leaving("unused"), 250),
    ("drained, but asked in vain only once", leaving("unused", **UNREACHED | {"silent_in_a_row": 1}), 250),
    ("drained, but its answer is to come", leaving("unused", command="c-1", sent_at=after(200)), 250),
    ("drained, but a task runs", leaving("unused", **said(CRON_RUNS)), 301),
    ("drained, but it answers requests", leaving("unused", **said(ANSWERS)), 301),
    ("it was busy, and does not answer any more", leaving("unused", **said(CRON_RUNS), no_answer="lost"), 301),
    ("idle, but it drains", leaving("draining", **said()), 301),
    ("one of two target groups drains", leaving("unused", "draining", **said()), 301),
    ("it could not be taken out of one of two yet", leaving("draining", "healthy", draining_since=after(2)), 302),
    ("its hook lasts a little longer", leaving("unused", hook=SOON, draining_since=after(800), **said(ANSWERS)), 864),
]


@pytest.mark.parametrize(("it", "seconds"), [c[1:] for c in STAYS], ids=[c[0] for c in STAYS])
def test_it_stays(it: Leaving, seconds: float) -> None:
    assert not [a for a in decide(scene(seconds, it)) if isinstance(a, Continue)]


def test_while_an_exam_is_on_it_may_take_longer() -> None:
    it = leaving("unused", **said(ANSWERS))
    assert not [a for a in decide(scene(901, it, exam="Algebra")) if isinstance(a, Continue)]
    end = the_only(Continue, decide(scene(902, it, exam="Algebra")))
    assert end.reason.endswith("and 900 s is the limit while Algebra is on")


def test_one_that_returns_to_the_warm_pool_is_drained_like_any_other() -> None:
    back = leaving("draining", state=POOL_LAUNCH_WAIT, **said())
    assert not [a for a in decide(scene(200, back)) if isinstance(a, Continue)]
    assert isinstance(decide(scene(302, back))[0], Continue)


def test_a_long_draining_gets_heartbeats() -> None:
    patient = replace(SITE, admission=Admission(drain=3600))
    assert the_only(Heartbeat, decide(scene(400, leaving("draining"), site=patient)))


# ---------------------------------------------------------------- tasks that were cut off


def test_a_task_that_runs_at_the_end_is_told_for_its_lock_is_stranded() -> None:
    it = leaving("unused", **said(CRON_RUNS, ANSWERS), warnings=("the timer of its cron: error: no such unit",))
    signal = the_only(Signal, decide(scene(302, it, site=CRON)))
    assert (signal.key, signal.severity, signal.runbook, signal.resolved) == (KEY, "ticket", "task-stranded", False)
    assert signal.evidence == (f"i-a: {CRON_RUNS}", "i-a: the timer of its cron: error: no such unit")
    assert "24 hours" in signal.what
    assert "moodle-cron.timer" in signal.done[0]


def test_requests_that_are_cut_off_are_in_the_reason_and_no_ticket() -> None:
    actions = decide(scene(302, leaving("unused", **said(ANSWERS))))
    assert [type(a) for a in actions] == [Continue]


OVER = [
    ("nobody leaves: it is over", (), True),
    ("one leaves that runs none: it is over", (leaving("draining", **said(ANSWERS)),), True),
    ("one leaves that runs a task: not yet", (leaving("draining", **said(CRON_RUNS)),), False),
]


@pytest.mark.parametrize(("found", "over"), [c[1:] for c in OVER], ids=[c[0] for c in OVER])
def test_the_ticket_ends_when_nobody_leaves_with_a_task(found: tuple[Leaving, ...], over: bool) -> None:
    signals = [a for a in decide(scene(100, *found, raised=(KEY,))) if isinstance(a, Signal)]
    assert [(s.key, s.resolved) for s in signals] == [(KEY, True)] * over
    assert not [a for a in decide(scene(100, *found)) if isinstance(a, Signal)], "it was never raised"


# ---------------------------------------------------------------- properties


def applied(it: Leaving, actions: list[Explained], now: datetime) -> Leaving | None:
    """The instance once the actions have been carried out; None when it has gone."""
    record, waiting = it.record, it.waiting
    for action in actions:
        match action:
            case Continue():
                return None
            case Deregister(_, target):
                record = replace(record, deregistered=(*record.deregistered, target), draining_since=now)
            case LookAtLeaving():
                record = replace(record, command="c", sent_at=now, attempts=record.attempts + 1)
            case Wait(_, reason):
                record = replace(record, waits_for=reason)
            case Heartbeat():
                waiting = replace(waiting, last_heartbeat=now)
    return replace(it, record=record, waiting=waiting)


BUSY = st.lists(st.sampled_from([CRON_RUNS, ANSWERS]), max_size=2, unique=True).map(tuple)
KINDS = st.sampled_from(["none", "busy", "silent", "asked"])


def remembered(kind: str, busy: tuple[str, ...], at: int) -> dict[str, Any]:
    return {"none": {}, "busy": said(*busy, at=at), "silent": UNREACHED, "asked": {"command": "c"}}[kind]


RECORDS = st.builds(remembered, KINDS, BUSY, st.integers(2, 300))


@given(st.lists(st.sampled_from(STATES), max_size=3), RECORDS, st.integers(2, 4000), st.booleans())
def test_deciding_again_after_all_is_applied_gives_nothing_new(
    states: list[str], record: dict[str, Any], seconds: int, exam: bool
) -> None:
    seen = scene(seconds, leaving(*states, **record), exam="Algebra" if exam else "")
    left = applied(seen.leaving[0], decide(seen), seen.now)
    assert decide(replace(seen, leaving=(left,) if left else ())) == []


@given(st.lists(st.sampled_from(STATES), max_size=3), RECORDS, st.integers(2, 4000))
def test_it_never_goes_while_it_is_registered_and_never_but_by_continue(
    states: list[str], record: dict[str, Any], seconds: int
) -> None:
    it = leaving(*states, **record)
    actions = decide(scene(seconds, it))
    assert {type(a) for a in actions} <= {Continue, Deregister, LookAtLeaving, Heartbeat, Wait, Signal}
    assert any(isinstance(a, Continue) for a in actions) + any(isinstance(a, Deregister) for a in actions) <= 1
    if it.registered:
        assert not any(isinstance(a, Continue) for a in actions)


@given(
    st.lists(st.lists(st.sampled_from(STATES), max_size=3), min_size=1),
    st.integers(60, 7200),
    st.booleans(),
    st.lists(st.none() | BUSY, min_size=1),
)
def test_a_release_always_ends_before_its_hook_does(
    states: list[list[str]], drain: int, outage: bool, answers: list[tuple[str, ...] | None]
) -> None:
    """Whatever the balancer shows (in an `outage` nothing can be deregistered) and the instance says (None: lost)."""
    patient = replace(SITE, admission=Admission(drain=drain))
    it = leaving(hook=replace(HOOK, heartbeat_timeout=timedelta(seconds=150)), draining_since=None)
    for minute in range(400):
        now, answer = after(60 * minute), answers[minute % len(answers)]
        wait = it.waiting
        ends = min(wait.last_heartbeat + wait.hook.heartbeat_timeout, wait.since + wait.hook.longest)
        assert now < ends, "AWS ended the wait by the hook's time-out"
        record = it.record
        if record.command and answer is not None:
            record = replace(record, command="", no_answer="", busy=answer, looked_at=record.sent_at)
        elif record.command:
            record = replace(record, command="", no_answer="lost")
        it = replace(it, targets=tuple((f"tg-{n}", s) for n, s in enumerate(states[minute % len(states)])))
        since = record.draining_since or (None if it.registered else now)
        it = replace(it, record=replace(record, draining_since=since))
        actions = decide(scene(60 * minute, it, site=patient))
        left = applied(it, [a for a in actions if not (outage and isinstance(a, Deregister))], now)
        if left is None:
            assert now + timedelta(seconds=60) < BEGAN + it.waiting.hook.longest
            return
        it = left
    raise AssertionError("it never ended")
