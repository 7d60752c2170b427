"""The courier: what becomes of a delivery that is late, refused or lost, at real servers and with real records."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from firstbell.acting import carry_out
from firstbell.aws.table import Table
from firstbell.environment import Environment
from firstbell.oncall import pacing
from firstbell.oncall.channels import pagerduty, posting, ready, slack
from firstbell.oncall.channels.channel import DeliveryError, NoAnswerError, Refused, RetryLater
from firstbell.oncall.courier import Courier
from firstbell.oncall.desk import Desk, Item
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import Delivery, Incident
from firstbell.oncall.signal import Signal
from firstbell.plain import from_plain
from firstbell.site import Channel, Fleet, OnCall, Site
from tests.unit.channel_world import SIGNAL, START, Receiver, answer, instead_of, listening

SECRETS = {"/firstbell/pagerduty": "k" * 32, "/firstbell/slack": "xoxb-token", "/firstbell/hook": "https://10.0.0.8/"}
PAGERDUTY = Channel(pagerduty="ssm:/firstbell/pagerduty")
SLACK = Channel(slack="ssm:/firstbell/slack", room="C0123456")


@dataclass
class World:
    """One site's channels, the time, and what came of the runs."""

    environment: Environment
    site: Site = field(default_factory=lambda: Site("campus", "UTC", Fleet(auto_scaling_group="moodle web/1")))
    now: datetime = START
    counts: Counter[str] = field(default_factory=Counter)

    def publish(self, *wanted: Channel) -> None:
        self.site = replace(self.site, oncall=OnCall(channels=wanted))

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def run(self, *signals: Signal) -> list[Exception]:
        """One run with these signals, or a tick; what failed in it."""
        desk = Desk(Table("firstbell"), self.now)
        courier = Courier(self.environment, desk, self.now, lambda metric: self.counts.update([metric]))
        items = [Item(s.key, Letter(replace(s, at=self.now))) for s in signals]
        if not items:
            items = [item for site, due in desk.agenda([self.site], []) for item in due if site.name == self.site.name]
        actions = [action for item in items for action in desk.settle(self.site, item)]
        done = carry_out(actions, lambda action: courier.carry(self.site, action))
        return [outcome.error for outcome in done if outcome.error]

    def incident(self, key: str = SIGNAL.key) -> Incident:
        stored = Table("firstbell").get("SITE#campus", f"INCIDENT#{key}")
        assert stored is not None
        return from_plain(Incident, stored.data)

    def delivery(self, channel: str) -> Delivery:
        found = self.incident().delivery(channel)
        assert found is not None
        return found

    def queue(self, name: str) -> list[dict[str, Any]]:
        """What the queue holds."""
        got = boto3.client("sqs").receive_message(QueueUrl=name, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(m["Body"]) for m in got]

    def lost(self) -> list[dict[str, Any]]:
        return self.queue(self.environment.dead_letters_url)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(posting, "TIMEOUT", 0.3)
    with mock_aws():
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        boto3.client("dynamodb").create_table(
            TableName="firstbell",
            KeySchema=[{"AttributeName": n, "KeyType": t} for n, t in keys],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        topic = boto3.client("sns").create_topic(Name="on-call")["TopicArn"]
        lost = boto3.client("sqs").create_queue(QueueName="lost")["QueueUrl"]
        for name, value in SECRETS.items():
            boto3.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString")
        yield World(
            Environment(
                {
                    "ON_CALL_TOPIC_ARN": topic,
                    "DEAD_LETTERS_URL": lost,
                    "RUNBOOK_BASE": "https://wiki.example.org/ops",
                    "AWS_REGION": "eu-central-1",
                }
            )
        )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as kept:
        yield kept


def hook(receiver: Receiver, **more: Any) -> Channel:
    return Channel(webhook=f"{receiver.url}/very-secret", **more)


# ---------------------------------------------------------------- told


def test_what_arrived_is_told_with_links_to_the_runbook_and_the_console(world: World, receiver: Receiver):
    world.publish(hook(receiver))
    assert world.run(SIGNAL) == []
    (body,) = receiver.bodies()
    assert body["links"] == {
        "runbook": "https://wiki.example.org/ops/mount-sick.md",
        "console": "https://eu-central-1.console.aws.amazon.com/ec2/home?region=eu-central-1"
        "#AutoScalingGroupDetails:id=moodle%20web%2F1;view=monitoring",
    }
    assert (world.delivery("webhook").state, world.delivery("people").state) == ("told", "told")
    assert world.lost() == []


def test_what_a_channel_wants_to_be_reminded_of_is_given_back_to_it(world: World, receiver: Receiver):
    world.publish(SLACK, PAGERDUTY)
    receiver.usual = answer(200, b'{"ok": true, "ts": "1503435956.000247"}')
    with instead_of({slack.HOST: receiver.url, pagerduty.HOST: receiver.url}):
        assert world.run(SIGNAL) == []
        assert world.delivery("slack").receipt == "1503435956.000247"
        world.later(minutes=2)
        assert world.run(replace(SIGNAL, resolved=True)) == []
    said = {path: [json.loads(body) for p, _, body in receiver.asked if p == path] for path, _, _ in receiver.asked}
    begun, ended = said["/api/chat.postMessage"]
    assert (begun.get("thread_ts"), ended["thread_ts"]) == (None, "1503435956.000247")
    trigger, *resolves = said["/v2/enqueue"]
    assert (trigger["event_action"], {r["event_action"] for r in resolves}) == ("trigger", {"resolve"})
    assert trigger["dedup_key"] in {r["dedup_key"] for r in resolves}
    assert trigger["routing_key"] == "k" * 32


# ---------------------------------------------------------------- later

WAITS = [
    ("a minute and a half", "90", 90),
    ("less than is polite", "0", 45),
    ("more than an hour", "86400", 3600),
    ("nothing", "", 45),
]


@pytest.mark.parametrize(("says", "header", "expected"), WAITS, ids=[c[0] for c in WAITS])
def test_a_channel_is_tried_again_when_it_wants_within_bounds(
    world: World, receiver: Receiver, says: str, header: str, expected: int
):
    world.publish(hook(receiver))
    receiver.answers = [answer(429, b"", **({"Retry_After": header} if header else {}))]
    (error,) = world.run(SIGNAL)
    assert isinstance(error, RetryLater)
    assert world.delivery("webhook").due - START == timedelta(seconds=expected)
    world.later(seconds=expected - 1)
    assert world.run() == []
    assert len(receiver.asked) == 1
    world.later(seconds=1)
    assert world.run() == []
    assert len(receiver.asked) == 2
    assert world.delivery("webhook").state == "told"


def test_a_channel_without_an_answer_is_waited_for_once_in_a_run_and_by_nobody_else(world: World, receiver: Receiver):
    with listening() as dead:
        dead.usual = lambda to: time.sleep(1)
        world.publish(hook(dead, name="dead"), hook(receiver))
        begun = time.monotonic()
        errors = world.run(*(replace(SIGNAL, key=f"mount/i-{n}") for n in range(20)))
        assert time.monotonic() - begun < 5
        assert [type(e) for e in errors] == [NoAnswerError] * 20
        assert (len(dead.asked), len(receiver.asked)) == (1, 20)


def test_a_channel_without_an_answer_stands_for_its_own_site_only(world: World, receiver: Receiver):
    desk = Desk(Table("firstbell"), world.now)
    courier = Courier(world.environment, desk, world.now, lambda metric: None)
    errors = []
    for name, url in (("campus", "http://127.0.0.1:1/"), ("riverside", receiver.url), ("campus", receiver.url)):
        world.publish(Channel(webhook=url))
        signal = replace(SIGNAL, site=name, key=f"{SIGNAL.key}/{url}")
        actions = desk.settle(replace(world.site, name=name), Item(signal.key, Letter(signal)))
        done = carry_out(actions, lambda action, name=name: courier.carry(replace(world.site, name=name), action))
        errors += [str(outcome.error) for outcome in done if outcome.error]
    assert errors == ["127.0.0.1 cannot be read: Connection refused", "webhook gave no answer a moment ago"]
    assert [body["site"] for body in receiver.bodies()] == ["riverside"]


def test_a_slow_channel_has_its_share_of_a_run_and_the_rest_later(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pacing, "SHARE", 0.3)
    with listening() as slow:

        def crawl(to: Any) -> None:
            time.sleep(0.2)
            answer(204)(to)

        slow.usual = crawl
        world.publish(hook(slow, name="slow"), hook(receiver))
        signals = [replace(SIGNAL, key=f"mount/i-{n}") for n in range(6)]
        errors = world.run(*signals)
        assert {str(e) for e in errors} == {"there was no time left for it in this run"}
        assert (len(slow.asked), len(receiver.asked)) == (2, 6)
        world.later(minutes=5)
        world.run()
        world.later(minutes=5)
        world.run()
        assert sorted(b["key"] for b in slow.bodies()) == [s.key for s in signals]


def test_when_a_run_has_had_its_time_only_people_are_told(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pacing, "WHOLE", 0.0)
    world.publish(hook(receiver))
    (error,) = world.run(SIGNAL)
    assert str(error) == "there was no time left for it in this run"
    assert (world.delivery("people").state, receiver.asked) == ("told", [])


def test_a_room_of_slack_gets_one_message_a_second(world: World, receiver: Receiver):
    world.publish(SLACK)
    receiver.usual = answer(200, b'{"ok": true, "ts": "1503435956.000247"}')
    with instead_of({slack.HOST: receiver.url}):
        begun = time.monotonic()
        assert world.run(*(replace(SIGNAL, key=f"mount/i-{n}") for n in range(3))) == []
    assert 2 <= time.monotonic() - begun < 5
    assert len(receiver.asked) == 3


def test_people_that_cannot_be_told_stay_pending(world: World):
    world.environment = Environment(
        {**world.environment.variables, "ON_CALL_TOPIC_ARN": "arn:aws:sns:eu-central-1:1:no"}
    )
    (error,) = world.run(SIGNAL)
    assert "NotFound" in str(error)
    assert world.delivery("people").state == "pending"


# ---------------------------------------------------------------- never

REFUSALS = [
    ("the receiver says no", None, "answered 404"),
    ("a secret that nobody made", Channel(webhook="ssm:/firstbell/none"), "ssm:/firstbell/none cannot be read"),
    (
        "an address that is private",
        Channel(webhook="ssm:/firstbell/hook"),
        "10.0.0.8 has an address that is not public",
    ),
]


@pytest.mark.parametrize(("says", "wanted", "why"), REFUSALS, ids=[c[0] for c in REFUSALS])
def test_a_refused_notice_is_given_up_at_once_and_lies_in_the_queue_with_an_alarm(
    world: World, receiver: Receiver, says: str, wanted: Channel | None, why: str
):
    receiver.usual = answer(404)
    world.publish(wanted or hook(receiver))
    (error,) = world.run(SIGNAL)
    assert isinstance(error, Refused)
    assert why in str(error)
    (letter,) = world.lost()
    assert why in letter.pop("why")
    assert letter == {
        "channel": "webhook",
        "site": "campus",
        "key": "mount/i-0abc",
        "notice": 1,
        "kind": "new",
        "severity": "page",
        "title": "moodledata is not mounted",
    }
    assert world.delivery("webhook").state not in ("pending", "told")
    assert world.counts["Refused"] == 1
    assert world.delivery("people").state == "told"
    world.later(hours=1)
    world.run()
    assert len(receiver.asked) <= 1


def test_when_the_queue_does_not_take_it_the_notice_is_not_given_up(world: World, receiver: Receiver):
    receiver.usual = answer(404)
    world.publish(hook(receiver))
    missing = world.environment.dead_letters_url + "-missing"
    world.environment = Environment({**world.environment.variables, "DEAD_LETTERS_URL": missing})
    (error,) = world.run(SIGNAL)
    assert not isinstance(error, DeliveryError)
    assert world.delivery("webhook").state == "pending"


def test_what_was_tried_for_a_day_lies_in_the_queue_too(world: World, receiver: Receiver):
    receiver.usual = answer(500)
    world.publish(hook(receiver), PAGERDUTY)
    with instead_of({pagerduty.HOST: receiver.url}):
        world.run(SIGNAL)
        world.publish(hook(receiver))
        world.later(hours=24)
        world.run()
    lost = {letter["channel"]: letter["why"] for letter in world.lost()}
    assert lost == {"webhook": "tried for 24 hours"}, "what the operator took out of the site file is no loss"
    assert world.counts["GivenUp"] == 2


# ---------------------------------------------------------------- which channels there are


def test_the_channels_of_a_site_have_their_names_and_read_no_secret_before_they_are_used(world: World):
    every = (
        PAGERDUTY,
        SLACK,
        Channel(teams="ssm:/firstbell/none"),
        Channel(webhook="https://example.org/"),
        Channel(apprise="ssm:/firstbell/none", name="rest"),
    )
    world.publish(*every)
    found = ready.of(world.site, "arn", START)
    assert list(found) == ["people", "pagerduty", "slack", "teams", "webhook", "rest"]
    assert [type(c).__name__ for c in found.values()] == ["People", "PagerDuty", "Slack", "Teams", "Webhook", "Apprise"]
    assert all(name == channel.name for name, channel in found.items())


def test_a_secret_that_is_empty_is_refused_and_its_value_is_never_said(world: World):
    boto3.client("ssm").put_parameter(Name="/firstbell/blank", Value=" ", Type="SecureString")
    world.publish(Channel(pagerduty="ssm:/firstbell/blank"))
    (error,) = world.run(SIGNAL)
    assert (type(error), str(error)) == (Refused, "SSM parameter /firstbell/blank is empty")
