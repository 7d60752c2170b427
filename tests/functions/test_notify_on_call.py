"""The function that calls people: signals in, messages on a real topic and a real HTTP server out."""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from firstbell import journal
from firstbell.acting import ActionsFailed
from firstbell.aws import parameters
from firstbell.aws.table import Table
from firstbell.oncall import message, resolving, silences
from firstbell.oncall.channels import posting
from firstbell.oncall.channels.channel import DeliveryError
from firstbell.oncall.desk import Desk
from firstbell.oncall.incident import Incident, Noted
from firstbell.oncall.rota import Shift, Shifts
from firstbell.plain import from_plain
from firstbell.site import Channel, Rota
from functions.notify_on_call.app import handler
from tests.functions.on_call_world import (
    NEW,
    OVER,
    START,
    STILL,
    TABLE,
    TICK,
    Receiver,
    World,
    listening,
    living,
    signal,
    silence,
    sns,
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with living(monkeypatch) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as kept:
        yield kept


# ---------------------------------------------------------------- people


def test_when_something_breaks_and_is_repaired_people_hear_both_and_nothing_between(world: World):
    handler(sns(signal(world)))
    for _ in range(5):
        world.later(minutes=1)
        handler(sns(signal(world)))
    world.later(minutes=1)
    handler(sns(signal(world, resolved=True)))
    assert world.subjects() == [NEW, OVER]
    assert "6 min, 6 signals." in world.inbox()[1][1]
    assert [e.action for e in reversed(world.journal())] == ["Noted", "Tell", "Noted", "Tell"]


def test_what_stays_open_is_told_again_by_the_tick_after_the_interval_of_the_site(world: World):
    world.publish(repeat=600)
    handler(sns(signal(world)))
    for _ in range(4):
        world.later(minutes=5)
        handler(TICK)
    assert world.subjects() == [NEW, STILL, STILL]


def test_a_storm_of_500_identical_signals_is_one_message(world: World):
    storm = sns(*[signal(world)] * 100)
    for _ in range(5):
        handler(storm)
    assert world.subjects() == [NEW]
    assert world.incident()["count"] == 1


def test_many_incidents_at_once_are_each_told_and_journalled(world: World):
    handler(sns(*[signal(world, key=f"mount/i-{n}") for n in range(30)]))
    assert len(world.subjects()) == 30
    assert len({e.subject for e in journal.newest(Table(TABLE), "campus", limit=100)}) == 30


def test_information_is_recorded_and_journalled_and_not_sent_to_people(world: World):
    handler(sns(signal(world, "info")))
    assert world.subjects() == []
    assert world.incident()["state"] == "open"
    assert [e.reason for e in world.journal()] == ["new (info): not mounted: No mount."]


def test_a_signal_of_a_site_that_nobody_published_reaches_people_and_its_delivery_is_retried(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    topic = os.environ["ON_CALL_TOPIC_ARN"]
    monkeypatch.setenv("ON_CALL_TOPIC_ARN", topic + "-that-is-not-there")
    with pytest.raises(ActionsFailed):
        handler(sns(signal(world, site="elsewhere")))
    monkeypatch.setenv("ON_CALL_TOPIC_ARN", topic)
    world.later(minutes=5)
    handler(TICK)
    assert world.subjects() == ["[page] elsewhere: not mounted"]
    world.later(hours=8)
    handler(TICK)
    assert len(world.subjects()) == 1, "it is not repeated: its site may be gone for good"


def test_what_cannot_be_read_is_passed_on_and_counted(world: World, capsys: pytest.CaptureFixture[str]):
    handler(sns("<xml/>", signal(world)))
    assert sorted(world.subjects()) == [NEW, "[ticket] unknown: unreadable notification"]
    assert metric(capsys, "BadEvents") == 1


def metric(capsys: pytest.CaptureFixture[str], name: str) -> float:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return sum(sum(line.get(name, [])) for line in lines)


@pytest.mark.parametrize("event", [{"source": "aws.ec2"}, {}, [], "text"])
def test_other_events_change_nothing(world: World, event: Any):
    assert handler(event) == {"function": "notify_on_call", "actions": 0}
    assert world.subjects() == []


def test_a_record_that_cannot_be_read_any_more_does_not_silence_its_incident(world: World):
    Table(TABLE).replace("SITE#campus", "INCIDENT#mount/i-0abc", {"from": "another age"}, version=0)
    handler(TICK)
    handler(sns(signal(world)))
    assert world.subjects() == [NEW]


def test_records_of_what_is_over_expire_after_90_days_and_of_what_is_open_never(world: World):
    def expiry() -> str | None:
        key = {"pk": {"S": "SITE#campus"}, "sk": {"S": "INCIDENT#mount/i-0abc"}}
        item = boto3.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
        return item.get("expires_at", {}).get("N")

    handler(sns(signal(world)))
    assert expiry() is None
    handler(sns(signal(world, resolved=True)))
    assert expiry() == str(int((START + timedelta(days=90)).timestamp()))


def test_a_silence_and_a_rota_that_cannot_be_read_keep_nobody_from_being_called(world: World):
    world.publish(rota=Rota("rota.ics"))
    Table(TABLE).put("SITE#campus", "SILENCE#0", {"of": "another age"})
    Table(TABLE).put("SITE#campus", "ROTA", {"shifts": 7})
    handler(sns(signal(world)))
    assert world.subjects() == [NEW]


# ---------------------------------------------------------------- who is told, and when


def test_a_silence_holds_back_and_what_is_still_open_when_it_is_removed_is_told(world: World):
    held = silences.add(Table(TABLE), "campus", silence(world.now, minutes=60, matches="mount/*"), world.now)
    handler(sns(signal(world), signal(world, key="plan-shortfall")))
    assert [key for _, key in keys(world)] == ["plan-shortfall"]
    assert "nobody is told yet: silenced by ann: we know" in world.journal()[-1].reason
    silences.remove(Table(TABLE), "campus", held)
    world.ticks(10)
    assert [key for _, key in keys(world)] == ["plan-shortfall", "mount/i-0abc"]


def keys(world: World) -> list[tuple[str, str]]:
    """Of everything that people received: how urgent it was, and the incident's key."""
    return [(subject.split()[0], text.split("Incident: campus ")[1].split()[0]) for subject, text in world.inbox()]


def test_fifty_mounts_that_the_storage_explains_are_muted_and_told_only_if_they_outlast_it(world: World):
    handler(sns(signal(world, key="storage")))
    for n in range(50):
        handler(sns(signal(world, key=f"mount/i-{n}")))
    assert keys(world) == [("[page]", "storage")]
    world.later(minutes=5)
    handler(sns(signal(world, key="storage", resolved=True)))
    handler(sns(*[signal(world, key=f"mount/i-{n}", resolved=True) for n in range(49)]))
    world.ticks(20)
    assert keys(world) == [("[page]", "storage"), ("[resolved]", "storage"), ("[page]", "mount/i-49")]


def test_a_cause_and_its_effects_in_one_letter_are_one_message(world: World):
    handler(sns(signal(world, key="storage"), *[signal(world, key=f"mount/i-{n}") for n in range(9)]))
    assert keys(world) == [("[page]", "storage")]


def test_an_exam_that_is_not_ready_is_told_during_an_outage_of_the_storage_and_a_silence_of_everything(world: World):
    silences.add(Table(TABLE), "campus", silence(world.now, minutes=60), world.now)
    handler(sns(signal(world, key="storage"), signal(world, key="readiness/analysis-1")))
    assert keys(world) == [("[page]", "readiness/analysis-1")]


def test_who_is_on_call_now_is_called_alone_and_named_and_the_others_when_nobody_answers(
    world: World, receiver: Receiver
):
    world.publish(Channel(webhook=receiver.url, name="ann"), rota=Rota("rota.ics"))
    day = Shift(START - timedelta(hours=1), START + timedelta(hours=8), "Ann")
    silences.keep_rota(Table(TABLE), "campus", Shifts(START, (day,)))
    handler(sns(signal(world)))
    assert world.subjects() == []
    assert "On call now: Ann." in receiver.bodies()[0]["text"]
    world.ticks(15)
    assert world.subjects() == ["[page] campus: nobody acknowledged: not mounted"]


def test_who_takes_it_is_told_to_the_others_and_journalled_once(world: World):
    handler(sns(signal(world)))
    taken = Desk(Table(TABLE), world.now).acknowledge("campus", "mount/i-0abc", 1, "Bo <b@example.edu>")
    assert isinstance(taken, Noted)
    assert taken.reason == "acknowledged by Bo <b@example.edu> (page): not mounted: No mount."
    again = Desk(Table(TABLE), world.now).acknowledge("campus", "mount/i-0abc", 1, "Cy")
    assert again == "Bo <b@example.edu> has taken it at 08:00 UTC: not mounted"
    assert Desk(Table(TABLE), world.now).acknowledge("campus", "unheard-of", 1, "Cy") == "There is no such incident."
    world.ticks(600)
    assert world.subjects() == [NEW, "[page] campus: acknowledged: not mounted"]


def test_what_flaps_is_open_for_on_call_and_over_for_its_function(world: World):
    for _ in range(3):
        handler(sns(signal(world)))
        world.later(minutes=1)
        handler(sns(signal(world, resolved=True)))
        world.later(minutes=1)
    assert world.incident()["state"] == "open"
    assert resolving.open_incidents(Table(TABLE), "campus") == {}
    world.ticks(60)
    assert world.subjects()[-2:] == ["[page] campus: comes and goes: not mounted", OVER]
    assert "it came 3 times" in world.inbox()[-1][1]


# ---------------------------------------------------------------- webhooks


def test_a_webhook_receives_json_that_it_can_believe(world: World, receiver: Receiver):
    boto3.client("ssm").put_parameter(Name="/firstbell/hook", Value="s3cret\n", Type="SecureString")
    world.publish(Channel(webhook=receiver.url, secret="ssm:/firstbell/hook"))
    handler(sns(signal(world, evidence=("verdict hung",))))
    world.later(minutes=2)
    handler(sns(signal(world, resolved=True)))
    (headers, body), (later, _) = receiver.requests
    t, v1 = (part.partition("=")[2] for part in headers["X-Firstbell-Signature"].split(","))
    assert v1 == hmac.new(b"s3cret", f"{t}.".encode() + body, hashlib.sha256).hexdigest()
    assert int(t) == START.timestamp()
    assert (headers["Content-Type"], headers["User-Agent"][:10]) == ("application/json", "Firstbell/")
    assert headers["X-Firstbell-Delivery"] != later["X-Firstbell-Delivery"]
    firing, resolved = receiver.bodies()
    text = firing.pop("text")
    assert text.startswith(NEW)
    assert firing == {
        "version": 1,
        "status": "firing",
        "kind": "new",
        "site": "campus",
        "key": "mount/i-0abc",
        "severity": "page",
        "title": "not mounted",
        "what": "No mount.",
        "evidence": ["verdict hung"],
        "done": [],
        "runbook": "docs/runbooks/mount.md",
        "opened_at": "2026-05-04T08:00:00+00:00",
        "at": "2026-05-04T08:00:00+00:00",
        "expected_end": None,
        "count": 1,
        "incident": message.identity(from_plain(Incident, world.incident())),
        "links": {},
        "resolved_at": None,
        "acknowledged_at": None,
        "acknowledged_by": "",
    }
    assert resolved["incident"] == firing["incident"]
    assert (resolved["status"], resolved["key"]) == ("resolved", "mount/i-0abc")


def test_without_a_secret_a_message_is_not_signed(world: World, receiver: Receiver):
    world.publish(Channel(webhook=receiver.url))
    handler(sns(signal(world)))
    assert "X-Firstbell-Signature" not in receiver.requests[0][0]


FAILURES = [
    ("an error of the server", 500, "answered 500"),
    ("silence", 1600, "did not answer in time"),
]
REFUSALS = [
    ("an error of the client", 404, "answered 404"),
    ("a redirect, which is not followed", 302, "answered 302"),
    ("a redirect that keeps the method", 307, "answered 307"),
]


@pytest.mark.parametrize(("says", "answer", "expected"), FAILURES, ids=[c[0] for c in FAILURES])
def test_what_is_not_success_is_a_failure_and_is_tried_again_until_it_succeeds(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, says: str, answer: int, expected: str
):
    monkeypatch.setattr(posting, "TIMEOUT", 0.2)
    world.publish(Channel(webhook=receiver.url))
    receiver.answers = [answer, answer]
    event = sns(signal(world))
    with pytest.raises(ActionsFailed) as raised:
        handler(event)
    assert expected in str(raised.value.exceptions[0])
    assert world.subjects() == [NEW], "people are told all the same"
    world.later(minutes=1)
    with pytest.raises(ActionsFailed):
        handler(event)
    world.later(minutes=5)
    handler(TICK)
    world.later(minutes=5)
    handler(TICK)
    assert [b["kind"] for b in receiver.bodies()] == ["new"] * 3
    assert len({headers["X-Firstbell-Delivery"] for headers, _ in receiver.requests}) == 1
    assert world.subjects() == [NEW]


@pytest.mark.parametrize(("says", "answer", "expected"), REFUSALS, ids=[c[0] for c in REFUSALS])
def test_what_is_refused_is_put_where_an_alarm_watches_and_is_not_tried_again(
    world: World, receiver: Receiver, says: str, answer: int, expected: str
):
    boss = Channel(webhook=receiver.url, name="boss", hears="escalation")
    world.publish(Channel(webhook=receiver.url), boss)
    receiver.answers = [answer]
    with pytest.raises(ActionsFailed):
        handler(sns(signal(world)))
    [letter] = world.buried()
    assert (letter["channel"], letter["key"], letter["why"]) == ("webhook", "mount/i-0abc", expected)
    world.ticks(10)
    assert [b["kind"] for b in receiver.bodies()] == ["new"], "people know of it"
    world.ticks(5)
    assert [b["kind"] for b in receiver.bodies()] == ["new", "escalated"]
    assert world.subjects() == [NEW]


def test_one_dead_receiver_stops_neither_people_nor_the_other_receiver(world: World, receiver: Receiver):
    world.publish(Channel(webhook="http://127.0.0.1:1/dead", name="dead"), Channel(webhook=receiver.url))
    with pytest.raises(ActionsFailed):
        handler(sns(signal(world)))
    assert (world.subjects(), len(receiver.requests)) == ([NEW], 1)
    states = {d["channel"]: d["state"] for d in world.incident()["deliveries"]}
    assert states == {"people": "told", "dead": "pending", "webhook": "told"}


def test_a_receiver_that_gives_no_answer_is_waited_for_once_in_a_run(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(posting, "TIMEOUT", 0.1)
    world.publish(Channel(webhook=receiver.url))
    receiver.answers = [1400] * 20
    with pytest.raises(ActionsFailed) as raised:
        handler(sns(*[signal(world, key=f"mount/i-{n}") for n in range(20)]))
    assert len(raised.value.exceptions) == 20
    assert len(receiver.requests) == 1
    receiver.answers = []
    world.later(minutes=5)
    handler(TICK)
    assert {b["key"] for b in receiver.bodies()[1:]} == {f"mount/i-{n}" for n in range(20)}


def test_a_secret_that_cannot_be_read_is_a_failure_and_nothing_goes_out_unsigned(world: World, receiver: Receiver):
    world.publish(Channel(webhook=receiver.url, secret="ssm:/firstbell/missing"))
    with pytest.raises(ActionsFailed):
        handler(sns(signal(world)))
    assert (receiver.requests, world.subjects()) == ([], [NEW])


def test_a_secret_that_was_changed_is_in_use_five_minutes_later(world: World, receiver: Receiver):
    ssm = boto3.client("ssm")
    ssm.put_parameter(Name="/firstbell/hook", Value="old", Type="SecureString")
    assert parameters.secret("/firstbell/hook", world.now) == "old"
    ssm.put_parameter(Name="/firstbell/hook", Value="new", Type="SecureString", Overwrite=True)
    assert parameters.secret("/firstbell/hook", world.now + timedelta(seconds=299)) == "old"
    assert parameters.secret("/firstbell/hook", world.now + timedelta(seconds=300)) == "new"


def test_a_secret_of_white_space_only_is_refused(world: World):
    boto3.client("ssm").put_parameter(Name="/firstbell/hook", Value=" \n", Type="SecureString")
    with pytest.raises(ValueError, match="/firstbell/hook is empty"):
        parameters.secret("/firstbell/hook", world.now)


def test_a_receiver_that_is_dead_for_a_day_is_given_up_with_a_journal_entry_and_a_metric(
    world: World, receiver: Receiver, capsys: pytest.CaptureFixture[str]
):
    world.publish(Channel(webhook=receiver.url), repeat=604_800)
    receiver.answers = [500] * 100
    run_failing(sns(signal(world)))
    for _ in range(24 * 12):
        world.later(minutes=5)
        run_failing(TICK)
    assert 24 < len(receiver.requests) < 35
    assert metric(capsys, "GivenUp") == 1
    assert world.journal()[0].action == "GivenUp"
    assert world.subjects() == [NEW]


def run_failing(event: dict[str, Any]) -> None:
    """One run, of which only failed deliveries are expected."""
    try:
        handler(event)
    except* DeliveryError:
        pass
