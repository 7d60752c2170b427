"""Admission: every way in which a launched instance is let in, given up, waited for or held."""

from dataclasses import replace
from datetime import timedelta

import pytest

from firstbell.fleet import Hook
from firstbell.instances.actions import Abandon, Continue, Heartbeat, SendProbe, Wait
from firstbell.instances.admission import MOST_ABANDONED, decide
from firstbell.instances.complaints import LIMIT_KEY
from firstbell.instances.holding import LAUNCHING
from firstbell.instances.records import Record
from firstbell.instances.storage import Report
from firstbell.instances.verdicts import NEEDED_IN_A_ROW, STORAGE_LIKE
from tests.unit.admission_world import MINUTE, START, World

A, B, C, D = "i-a", "i-b", "i-c", "i-d"


def probed(world: World, *verdicts: str, instance: str = A) -> list[type]:
    """Let the instance's probes say these verdicts, three minutes apart; what kinds follow the last."""
    for verdict in verdicts:
        world.look()
        assert world.records[instance].command, "a probe must be running"
        world.said(instance, verdict)
        actions = world.look()
        world.pass_time(3 * MINUTE)
    return [type(a) for a in actions]


def test_an_agent_that_is_not_online_is_waited_for_and_that_is_told_once() -> None:
    world = World()
    world.launch(A, online=False)
    assert world.look() == [Wait(A, "waiting for its SSM agent")]
    world.pass_time()
    assert world.look() == []


def test_all_that_are_online_are_probed_by_one_command() -> None:
    world = World()
    world.launch(A, B, C)
    world.launch(D, online=False)
    sent = [a for a in world.look() if isinstance(a, SendProbe)]
    assert [s.instances for s in sent] == [(A, B, C)]


def test_healthy_is_let_in_at_once() -> None:
    world = World()
    world.launch(A)
    world.look()
    world.said(A, "healthy")
    assert [type(a) for a in world.look()] == [Continue]
    assert world.continued == [A]


@pytest.mark.parametrize(("verdict", "needed"), sorted(n for n in NEEDED_IN_A_ROW.items() if n[0] != "full"))
def test_a_bad_verdict_ends_it_when_seen_often_enough(verdict: str, needed: int) -> None:
    world = World(deadline=7200)
    world.launch(A)
    before = probed(world, *[verdict] * (needed - 1)) if needed > 1 else []
    assert Abandon not in before
    assert Abandon in probed(world, verdict)
    (ticket,) = world.signals
    assert (ticket.key, ticket.severity, ticket.runbook) == (f"admission/{A}", "ticket", "instance-abandoned")
    assert "found so" in ticket.evidence


def test_a_full_file_system_is_everybodys_and_no_reason_to_give_one_up() -> None:
    world = World()
    world.launch(A)
    assert Abandon not in probed(world, *["full"] * 6)
    assert [s.key for s in world.signals] == ["storage"]
    assert Continue in probed(world, "healthy")


def test_two_different_bad_verdicts_in_a_row_count_together() -> None:
    world = World()
    world.launch(A)
    assert Abandon in probed(world, "slow", "hung")


def test_a_bad_moment_that_passes_is_forgiven() -> None:
    world = World()
    world.launch(A)
    assert Continue in probed(world, "hung", "healthy")


@pytest.mark.parametrize("verdict", ["unknown", ""])
def test_no_answer_is_a_reason_to_ask_again_and_never_a_verdict(verdict: str) -> None:
    world = World(deadline=7200)
    world.launch(A)
    assert probed(world, *[verdict] * 9) != [Abandon]
    assert world.abandoned == []
    assert Continue in probed(world, "healthy")


def test_a_probe_without_an_answer_is_sent_again_after_two_minutes() -> None:
    world = World()
    world.launch(A)
    sent = []
    for _ in range(6):
        sent.append(any(isinstance(a, SendProbe) for a in world.look()))
        world.pass_time()
    assert sent == [True, False, True, False, True, False]


def test_the_deadline_ends_what_was_never_proven() -> None:
    world = World(deadline=600)
    world.launch(A, online=False)
    for _ in range(10):
        world.look()
        world.pass_time()
    assert isinstance(world.look()[0], Abandon)
    assert "its SSM agent never came online" in world.signals[0].what


LONG = Hook("firstbell-launch", LAUNCHING, timedelta(hours=1), "ABANDON")


def test_whom_nobody_looked_at_until_its_deadline_gets_a_last_probe() -> None:
    world = World(hook=LONG)
    world.launch(A, B)
    world.pass_time(20 * MINUTE)  # the controller was down
    assert SendProbe in [type(a) for a in world.look()]
    world.answer(**{A: "healthy", B: ""})
    world.look()
    assert (world.continued, [i for _, i in world.abandoned]) == ([A], [B])


def test_an_answer_that_is_under_way_at_the_deadline_is_waited_for() -> None:
    world = World()
    world.launch(A)
    world.pass_time(4 * MINUTE)
    world.look()
    world.records[A] = replace(world.records[A], answer_by=world.now + 30 * MINUTE)
    while world.now < START + 16 * MINUTE:
        world.pass_time()
        world.look()
    assert world.abandoned == []
    world.answer(**{A: "healthy"})
    world.look()
    assert world.continued == [A]


def test_while_aws_cannot_be_asked_nobody_is_given_up_for_being_silent() -> None:
    world = World(hook=LONG)
    world.launch(A, online=False)
    world.launch(B)
    world.look()
    world.said(B, "wrong_source")
    world.pass_time(20 * MINUTE)
    actions = decide(replace(world.scene(), blind=True))
    assert [a.subject for a in actions if isinstance(a, Abandon)] == [B], "it has said what is wrong"


def test_a_site_file_with_a_wrong_source_holds_launches_and_gives_none_up() -> None:
    world = World()
    world.records["i-old"] = Record(
        "i-old", START, "serving", verdict="wrong_source", judged_at=START, bad_since=START, bad_in_a_row=2
    )
    world.launch(A)
    for _ in range(10):
        world.look()
        world.answer(**{A: "wrong_source"} if world.records[A].command else {})
        world.pass_time()
    assert world.abandoned == []
    [page] = world.signals
    assert "`moodledata` in the site file first" in page.what


def test_the_hook_is_kept_alive_until_then() -> None:
    world = World(deadline=3600)
    world.launch(A, online=False)
    heartbeats = 0
    for _ in range(59):
        heartbeats += sum(isinstance(a, Heartbeat) for a in world.look())
        world.pass_time()
    assert world.timed_out == []
    assert heartbeats < 25, "a heartbeat in every look would be one call too many"


def test_the_same_facts_twice_have_no_second_effect() -> None:
    world = World()
    world.launch(A, B)
    world.launch(C, online=False)
    world.look()
    assert world.look() == [
        Wait(A, "being probed until there is a final verdict"),
        Wait(B, "being probed until there is a final verdict"),
    ]
    assert world.look() == []


def test_a_held_instance_is_said_to_be_held_once() -> None:
    world = World()
    world.launch(A, B)
    world.look()
    world.answer(**{A: "hung", B: "hung"})
    world.pass_time(2 * MINUTE)
    world.look()
    world.answer(**{A: "hung", B: "hung"})
    assert {a.reason for a in world.look() if isinstance(a, Wait)} == {"held, for the storage is under suspicion"}
    assert world.look() == []


@pytest.mark.parametrize("verdict", sorted(STORAGE_LIKE))
def test_a_storage_that_is_down_costs_no_instance_and_one_page(verdict: str) -> None:
    world = World()
    world.launch(A, B, C)
    for _ in range(60):
        world.look()
        for instance in (A, B, C):
            if world.records[instance].command:
                world.said(instance, verdict)
        world.pass_time()
    assert (world.abandoned, world.timed_out) == ([], [])
    assert [(s.key, s.resolved) for s in world.signals] == [("storage", False)]


def test_when_the_storage_is_back_they_go_in_and_the_page_ends() -> None:
    world = World()
    world.launch(A, B)
    for _ in range(30):
        world.look()
        world.answer(**{i: "hung" for i in (A, B) if world.records[i].command})
        world.pass_time()
    for _ in range(4):
        world.look()
        world.answer(**{i: "healthy" for i in (A, B) if world.records[i].command})
        world.look()
        world.pass_time()
    assert sorted(world.continued) == [A, B]
    assert [(s.key, s.resolved) for s in world.signals] == [("storage", False), ("storage", True)]


def outage(world: World, minutes: int) -> None:
    """All probes hang."""
    for _ in range(minutes):
        world.look()
        world.answer(**{i: "hung" for i in world.times_out if world.records[i].command})
        world.pass_time()


@pytest.mark.parametrize("minutes", [3, 5, 30])
def test_after_an_outage_nobody_is_given_up_for_what_it_said_during_it(minutes: int) -> None:
    world = World()
    world.launch(A, B, C)
    outage(world, minutes)
    world.launch(D)
    world.look()
    world.answer(**{D: "healthy"})  # the first proof; the last word of the others is still "hung"
    world.look()
    assert (world.continued, world.abandoned) == ([D], [])
    for _ in range(4):
        world.look()
        world.answer(**{i: "healthy" for i in world.times_out if world.records[i].command})
        world.look()
        world.pass_time()
    assert sorted(world.continued) == [A, B, C, D]
    assert world.abandoned == []


def test_who_is_still_bad_when_the_storage_is_back_is_given_up_then() -> None:
    world = World()
    world.launch(A, B)
    outage(world, 30)
    for _ in range(8):
        world.look()
        world.answer(
            **{i: "healthy" if i == A else "stale_handle" for i in world.times_out if world.records[i].command}
        )
        world.look()
        world.pass_time()
    assert (world.continued, [i for _, i in world.abandoned]) == ([A], [B])


def test_a_bad_word_that_is_older_than_anothers_proof_is_checked_once_more() -> None:
    world = World()
    world.launch(A)
    probed(world, "hung")
    world.look()
    world.pass_time(MINUTE / 2)
    world.launch(B)
    world.look()
    world.answer(**{A: "hung", B: "healthy"})
    world.look()
    assert (world.continued, world.abandoned) == ([B], [])
    world.pass_time(2 * MINUTE)
    assert Abandon in probed(world, "hung")


def test_an_agent_that_does_not_come_back_with_the_storage_has_a_grace_and_no_more() -> None:
    world = World()
    world.launch(A, B)
    world.launch(C, online=False)
    outage(world, 30)
    for _ in range(12):
        world.look()
        world.answer(**{i: "healthy" for i in world.times_out if world.records[i].command})
        world.pass_time()
    assert sorted(world.continued) == [A, B]
    ((when, who),) = world.abandoned
    assert who == C
    assert when - START >= 34 * MINUTE


def test_the_storage_is_suspected_beyond_the_deadline_for_agents_that_hang_with_it() -> None:
    world = World(deadline=300)
    world.launch(A, B)
    world.launch(C, online=False)
    for _ in range(20):
        world.look()
        world.answer(**{i: "hung" for i in (A, B) if world.records[i].command})
        world.pass_time()
    assert world.abandoned == []


def test_the_fourth_within_an_hour_is_held_and_a_person_called() -> None:
    world = World(deadline=7200)
    world.launch(A, B, C, D)
    world.look()
    for instance in (A, B, C, D):
        world.said(instance, "wrong_source")
    world.look()
    assert len(world.abandoned) == MOST_ABANDONED
    assert [s.key for s in world.signals if s.severity == "page"] == [LIMIT_KEY]
    for _ in range(30):
        world.pass_time()
        world.look()
    assert len(world.abandoned) == MOST_ABANDONED
    assert [s.key for s in world.signals].count(LIMIT_KEY) == 1


def test_one_that_gets_in_does_not_end_the_page_while_another_is_held() -> None:
    world = World(deadline=7200)
    world.launch(A, B, C, D)
    world.look()
    for instance in (A, B, C, D):
        world.said(instance, "wrong_source")
    world.look()
    world.launch("i-e")
    probed(world, "healthy", instance="i-e")
    assert world.continued == ["i-e"]
    assert world.raised == {LIMIT_KEY}


def test_after_an_hour_the_held_one_may_go() -> None:
    world = World(deadline=7200)
    world.launch(A, B, C, D)
    world.look()
    for instance in (A, B, C, D):
        world.said(instance, "wrong_source")
    for _ in range(61):
        world.look()
        world.pass_time()
    assert len(world.abandoned) == 4


def test_the_next_that_gets_in_ends_what_was_said_of_those_before() -> None:
    world = World()
    world.launch(A)
    probed(world, "wrong_source")
    world.launch(B)
    probed(world, "healthy", instance=B)
    assert [(s.key, s.resolved) for s in world.signals] == [(f"admission/{A}", False), (f"admission/{A}", True)]


def test_at_the_hooks_very_end_even_the_held_are_ended_by_us_and_not_by_its_default() -> None:
    hook = Hook("firstbell-launch", LAUNCHING, timedelta(seconds=30), "CONTINUE")
    world = World(hook=hook)
    world.launch(A, B)
    for _ in range(400):
        world.look()
        world.answer(**{i: "hung" for i in (A, B) if i in world.times_out and world.records[i].command})
        world.pass_time(timedelta(seconds=8))
    assert world.timed_out == []
    assert sorted(i for _, i in world.abandoned) == [A, B]
    assert any("cannot be held any longer" in s.what for s in world.signals)


def test_how_warm_it_is_and_what_was_repaired_is_said_when_it_goes_in() -> None:
    world = World()
    world.launch(A)
    world.look()
    repair = {"was": "not_mounted", "did": "mount", "ok": True, "ms": 200}
    world.said(A, "healthy", warm={"done": True, "ms": 3210, "pages": 9}, repairs=[repair])
    end = next(a for a in world.look() if isinstance(a, Continue))
    assert "found so; warm in 3.2 s, 9 pages; repaired: not_mounted: mount in 0.2 s, which helped" in end.reason


@pytest.mark.parametrize("step", ["web", "warm"])
def test_a_silent_web_server_is_asked_until_the_deadline_and_the_ticket_says_what_it_said(step: str) -> None:
    world = World(deadline=600)
    world.launch(A)
    for _ in range(11):
        world.look()
        if A in world.times_out and world.records[A].command:
            world.said(A, "unknown", step=step, detail="/up: status 502")
        world.pass_time()
    assert [(when - START) // MINUTE for when, _ in world.abandoned] == [10]
    (ticket,) = world.signals
    assert "web server, on a healthy mount: /up: status 502" in ticket.what


def test_a_silent_web_server_is_no_witness_against_the_storage() -> None:
    world = World()
    world.launch(A, B)
    world.look()
    world.said(A, "hung")
    world.said(B, "unknown", step="web")
    world.look()
    world.pass_time()
    world.look()
    world.said(A, "hung")
    assert [type(a) for a in world.look() if isinstance(a, Abandon)] == [Abandon]


def test_one_sick_instance_is_held_when_aws_reports_trouble_with_the_storage() -> None:
    world = World()
    world.launch(A)
    world.reports = (Report("i-0abc fails its system status check"),)
    probed(world, "hung", "hung", "hung")
    assert world.abandoned == []
    assert [(s.key, s.evidence[0]) for s in world.signals] == [("storage", "i-0abc fails its system status check")]
    world.reports = ()
    world.look()
    probed(world, "hung", "hung")
    assert [i for _, i in world.abandoned] == [A], "without it, it is one sick instance"


def test_an_agent_that_could_not_be_reached_is_tried_again_as_soon_as_it_is_there() -> None:
    world = World()
    world.launch(A, online=False)
    world.records[A] = replace(world.records[A], sent_at=world.now, no_answer="not sent: not in a valid state")
    assert SendProbe not in [type(a) for a in world.look()]
    world.online.add(A)
    assert SendProbe in [type(a) for a in world.look()]
