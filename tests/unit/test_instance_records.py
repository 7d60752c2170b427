"""What a probe's result changes in the record of an instance."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from firstbell.instances.records import CLAIMED, Record, learn
from firstbell.plain import from_plain, to_plain

SENT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SOON, LATE = SENT + timedelta(seconds=30), SENT + timedelta(minutes=3)
PROBED = Record("i-0aaaaaaaaaaaaaaaa", SENT, command="c-1", sent_at=SENT, attempts=1)


def said(verdict: str) -> str:
    return f'{{"probe": 1, "verdict": "{verdict}", "detail": "so it is"}}'


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
    assert replace(learnt, no_answer="") == replace(bad, command="")
    assert learnt.no_answer


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


def test_a_record_survives_the_table() -> None:
    record = replace(learn(PROBED, "Failed", said("hung"), SOON), deregistered=("arn",), draining_since=LATE)
    assert from_plain(Record, to_plain(record)) == record
