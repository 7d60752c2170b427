"""What a probe's result changes in the record of an instance."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from firstbell.instances.records import CLAIMED, WEB_SILENT, Record, learn, learn_leaving
from firstbell.plain import from_plain, to_plain

SENT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SOON, LATE = SENT + timedelta(seconds=30), SENT + timedelta(minutes=3)
PROBED = Record("i-0aaaaaaaaaaaaaaaa", SENT, command="c-1", sent_at=SENT, attempts=1)


def said(verdict: str, **more: object) -> str:
    return json.dumps({"probe": 1, "verdict": verdict, "detail": "so it is", **more})


def test_healthy_is_dated_by_when_the_probe_was_sent_not_read() -> None:
    learnt = learn(PROBED, "Success", said("healthy"), LATE)
    assert (learnt.verdict, learnt.healthy_at, learnt.judged_at, learnt.command) == ("healthy", SENT, SENT, "")


def test_bad_verdicts_in_a_row_are_counted_from_the_first() -> None:
    once = learn(PROBED, "Failed", said("hung"), SOON)
    again = replace(once, command="c-2", sent_at=LATE)
    twice = learn(again, "Failed", said("stale_handle"), LATE)
    assert (twice.bad_in_a_row, twice.bad_since, twice.verdict) == (2, SENT, "stale_handle")


def test_healthy_ends_a_row() -> None:
    bad = replace(PROBED, verdict="hung", bad_in_a_row=1, bad_since=SENT)
    learnt = learn(bad, "Success", said("healthy"), SOON)
    assert (learnt.bad_in_a_row, learnt.bad_since) == (0, None)


UNKNOWN = [
    ("the probe does not know", "Failed", said("unknown"), SOON),
    ("the command printed nothing", "Success", "", SOON),
    ("it was not delivered in time", "TimedOut", "", SOON),
    ("it was cancelled", "Cancelled", said("hung"), SOON),
    ("AWS has a status of which we do not know", "Undeliverable", "", SOON),
    ("it runs for too long", "InProgress", "", LATE),
    ("AWS never showed it", "", "", LATE),
]


@pytest.mark.parametrize(("status", "output", "now"), [c[1:] for c in UNKNOWN], ids=[c[0] for c in UNKNOWN])
def test_no_answer_changes_no_verdict_and_no_row(status: str, output: str, now: datetime) -> None:
    bad = replace(PROBED, verdict="hung", detail="d", bad_in_a_row=1, bad_since=SENT, judged_at=SENT)
    learnt = learn(bad, status, output, now)
    assert replace(learnt, no_answer="", silent_in_a_row=0, reached=False) == replace(bad, command="")
    assert learnt.no_answer
    assert learnt.silent_in_a_row == 1


@pytest.mark.parametrize("status", ["", "Pending", "InProgress", "Delayed"])
def test_a_command_under_way_is_waited_for(status: str) -> None:
    assert learn(PROBED, status, "", SOON) == PROBED


def test_a_probe_that_was_claimed_but_never_sent_is_given_up_after_a_while() -> None:
    claimed = replace(PROBED, command=CLAIMED)
    assert learn(claimed, "", "", SOON) == claimed
    assert learn(claimed, "", "", LATE).command == ""


def test_without_a_command_there_is_nothing_to_learn() -> None:
    idle = replace(PROBED, command="")
    assert learn(idle, "Success", said("healthy"), LATE) == idle


def test_a_command_that_was_given_more_time_is_waited_for() -> None:
    warming = replace(PROBED, answer_by=LATE + timedelta(seconds=1))
    assert learn(warming, "InProgress", "", LATE) == warming
    assert learn(warming, "InProgress", "", LATE + timedelta(seconds=1)).no_answer


REACHED = [
    ("a verdict", "Failed", said("hung"), True),
    ("words that are no answer of the probe: its agent is there", "Failed", "python3: not found", True),
    ("a command that was not delivered", "TimedOut", "", False),
    ("a command that AWS never showed", "", "", False),
]


@pytest.mark.parametrize(("status", "output", "reached"), [c[1:] for c in REACHED], ids=[c[0] for c in REACHED])
def test_who_answers_is_reached(status: str, output: str, reached: bool) -> None:
    assert learn(replace(PROBED, reached=not reached), status, output, LATE).reached == reached


BESIDE = {
    "warnings": ["it is writable"],
    "tail": "mount: no such host\n",
    "warm": {"done": True, "ms": 3210, "pages": 9},
}


def test_what_was_said_beside_the_verdict_is_kept_until_the_next_answer() -> None:
    learnt = learn(PROBED, "Failed", said("hung", **BESIDE), SOON)
    assert (learnt.warnings, learnt.log_tail) == (("it is writable",), "mount: no such host")
    assert learnt.warmth == "warm in 3.2 s, 9 pages"
    lost = learn(replace(learnt, command="c-2"), "TimedOut", "", SOON)
    assert (lost.warnings, lost.log_tail) == (learnt.warnings, learnt.log_tail)
    again = learn(replace(learnt, command="c-2"), "Success", said("healthy"), SOON)
    assert (again.warnings, again.log_tail, again.warmth) == ((), "", "")


@pytest.mark.parametrize("step", ["web", "warm"])
def test_a_silent_web_server_proves_the_mount_and_admits_nobody(step: str) -> None:
    bad = replace(PROBED, verdict="hung", detail="d", bad_in_a_row=1, bad_since=SENT)
    learnt = learn(bad, "Failed", said("unknown", step=step), SOON)
    assert (learnt.healthy, learnt.proven, learnt.bad_in_a_row, learnt.bad_since) == (False, True, 0, None)
    assert learnt.last_word == WEB_SILENT + "so it is"


def leaving(**work: object) -> str:
    return json.dumps({"probe": 1, "verdict": None, "purpose": "leaving", "leaving": work})


def test_what_a_leaving_one_works_on_is_dated_by_when_it_was_asked() -> None:
    cron = ["admin/cli/cron.php, 95 s"]
    learnt = learn_leaving(PROBED, "Success", leaving(requests=3, tasks=cron, timer="error: no such unit"), LATE)
    assert (learnt.busy, learnt.looked_at, learnt.command) == ((*cron, "3 requests"), SENT, "")
    assert learnt.warnings == ("the timer of its cron: error: no such unit",)


def test_one_with_nothing_left_is_not_busy() -> None:
    learnt = learn_leaving(PROBED, "Success", leaving(requests=0, tasks=[], timer="stopped"), LATE)
    assert (learnt.busy, learnt.warnings, learnt.looked_at) == ((), (), SENT)


@pytest.mark.parametrize(("status", "output"), [("TimedOut", ""), ("Success", said("healthy")), ("", "")])
def test_no_answer_of_a_leaving_one_leaves_what_is_known_of_it(status: str, output: str) -> None:
    busy = replace(PROBED, busy=("3 requests",), looked_at=SENT - timedelta(minutes=1))
    learnt = learn_leaving(busy, status, output, LATE)
    assert (learnt.busy, learnt.looked_at, learnt.silent_in_a_row) == (busy.busy, busy.looked_at, 1)
    assert learnt.no_answer


def test_a_record_survives_the_table() -> None:
    record = replace(
        learn(PROBED, "Failed", said("hung", **BESIDE), SOON),
        deregistered=("arn",),
        draining_since=LATE,
        answer_by=LATE,
    )
    assert from_plain(Record, to_plain(record)) == record
