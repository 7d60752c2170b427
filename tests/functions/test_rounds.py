"""What the tick does beside delivering: the heartbeat, and on Mondays the digest that tests every channel."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from firstbell import journal, published
from firstbell.acting import ActionsFailed, Outcome
from firstbell.aws.table import Table
from firstbell.learning import outcomes
from firstbell.oncall import pinging
from firstbell.oncall.signal import Signal
from firstbell.plain import to_plain
from firstbell.running import Run
from firstbell.site import BalancerTier, Channel, Fleet, OnCall, Site, Tiers
from functions.notify_on_call.app import handler
from tests.functions import planning_world
from tests.functions.on_call_world import TABLE, TICK, Receiver, World, listening, living

MONDAY = datetime(2026, 5, 4, 5, 2, tzinfo=UTC)  # shortly after seven in Berlin
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/moodle/0123456789abcdef"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with living(monkeypatch) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as kept:
        yield kept


@dataclass
class Switch:
    """A dead man's switch: counts who asks, and answers with `status`."""

    url: str = ""
    status: int = 200
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def switch() -> Iterator[Switch]:
    kept = Switch()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kept.asked.append(self.path)
            self.send_response(kept.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}/s3cret-path"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def tick(world: World, minutes: int = 5, times: int = 1) -> None:
    for _ in range(times):
        world.later(minutes=minutes)
        pinging.note(Table(TABLE), "campus", world.now)
        handler(TICK)


def state(key: str) -> str | None:
    stored = Table(TABLE).get("SITE#campus", f"INCIDENT#{key}")
    return str(stored.data["state"]) if stored else None


# ---------------------------------------------------------------- the heartbeat


def test_while_the_planner_runs_the_switch_hears_every_tick(world: World, switch: Switch):
    world.publish(ping=switch.url)
    tick(world, times=3)
    assert switch.asked == ["/s3cret-path"] * 3


def test_a_signal_is_no_heartbeat(world: World, switch: Switch):
    world.publish(ping=switch.url)
    pinging.note(Table(TABLE), "campus", world.now)
    message = json.dumps(to_plain(Signal("campus", "x", "info", "x", "x", "mount", world.now)))
    handler({"Records": [{"Sns": {"Message": message}}]})
    assert switch.asked == []


def test_when_the_planner_is_silent_for_an_hour_so_is_the_heartbeat(world: World, switch: Switch):
    world.publish(ping=switch.url)
    tick(world)
    world.ticks(55)
    heard = len(switch.asked)
    world.ticks(30)
    assert (heard, len(switch.asked)) == (12, 12)
    tick(world)
    assert len(switch.asked) == 13


def test_before_the_planner_ran_once_there_is_none(world: World, switch: Switch):
    world.publish(ping=switch.url)
    world.ticks(10)
    assert switch.asked == []


def test_without_an_address_nobody_is_asked_and_nothing_is_kept(world: World):
    tick(world)
    assert Table(TABLE).get("SITE#campus", pinging.PING) is None


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_success_is_one(world: World, switch: Switch, status: int):
    switch.status = status
    world.publish(ping=switch.url)
    tick(world, times=14)
    assert state("ping") is None


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_ping_that_fails_for_an_hour_is_an_incident_and_its_end_ends_it(world: World, switch: Switch, status: int):
    switch.status = status
    world.publish(ping=switch.url)
    tick(world, times=12)
    assert state("ping") is None
    tick(world)
    assert state("ping") == "open"
    found = world.incident("ping")
    assert any(f"answered {status}" in line for line in found["evidence"])
    count = found["count"]
    tick(world, times=3)
    assert world.incident("ping")["count"] == count
    switch.status = 200
    tick(world)
    assert state("ping") == "resolved"
    tick(world)
    assert Table(TABLE).get("SITE#campus", pinging.PING) is None


def test_an_end_that_a_dying_run_did_not_record_is_said_by_the_next(world: World, switch: Switch):
    switch.status = 500
    world.publish(ping=switch.url)
    tick(world, times=14)
    switch.status = 200
    [end] = pinging.beat(Run.start("notify_on_call", TICK), published.sites(Table(TABLE), world.now))
    assert (end.resolved, state("ping")) == (True, "open")
    tick(world)
    assert state("ping") == "resolved"


def test_the_address_may_be_a_secret_and_is_told_nowhere(
    world: World, switch: Switch, capfd: pytest.CaptureFixture[str]
):
    boto3.client("ssm").put_parameter(Name="/firstbell/ping", Value=switch.url, Type="SecureString")
    world.publish(ping="ssm:/firstbell/ping")
    tick(world)
    assert switch.asked == ["/s3cret-path"]
    switch.status = 500
    tick(world, times=14)
    kept = json.dumps(boto3.client("dynamodb").scan(TableName=TABLE)["Items"], default=str)
    printed = capfd.readouterr()
    assert "s3cret" not in kept + printed.out + printed.err


@pytest.mark.parametrize(
    ("sentence", "ping", "why"),
    [
        ("the secret is not there", "ssm:/firstbell/none", "ssm:/firstbell/none cannot be read"),
        ("nobody listens", "http://127.0.0.1:9/s3cret-path", "127.0.0.1 cannot be read"),
        ("it is a private host", "https://10.0.0.1/s3cret-path", "not public"),
    ],
)
def test_an_address_that_cannot_be_asked_is_one_that_fails(world: World, sentence: str, ping: str, why: str):
    world.publish(ping=ping)
    tick(world, times=14)
    evidence = " ".join(world.incident("ping")["evidence"])
    assert why in evidence
    assert "s3cret" not in evidence


def test_a_deaf_switch_keeps_no_message_from_people(world: World, switch: Switch):
    switch.status = 500
    world.publish(ping=switch.url)
    pinging.note(Table(TABLE), "campus", world.now)
    message = json.dumps(to_plain(Signal("campus", "x", "page", "x", "x", "mount", world.now)))
    handler({"Records": [{"Sns": {"Message": message}}]})
    tick(world)
    assert world.subjects() == ["[page] campus: x"]


# ---------------------------------------------------------------- the digest


def on_monday(world: World, *channels: Channel) -> None:
    world.publish(*channels)
    world.now = MONDAY


def test_on_monday_at_seven_people_and_every_channel_hear_once(world: World, receiver: Receiver):
    on_monday(world, Channel(webhook=receiver.url, hears="page"))
    world.ticks(120)
    assert world.subjects() == ["[info] campus: the week to 04 May 2026"]
    [body] = receiver.bodies()
    assert (body["status"], body["kind"], body["key"]) == ("resolved", "resolved", "weekly/2026-05-04")
    assert world.incident("weekly/2026-05-04")["state"] == "resolved"
    world.now = MONDAY + timedelta(days=7)
    world.ticks(30)
    assert world.subjects()[1:] == ["[info] campus: the week to 11 May 2026"]


@pytest.mark.parametrize(
    ("sentence", "now"),
    [
        ("before seven", MONDAY - timedelta(hours=1)),
        ("after nine, when it was missed", MONDAY + timedelta(hours=2)),
        ("on Tuesday", MONDAY + timedelta(days=1)),
    ],
)
def test_at_other_times_nobody_hears(world: World, sentence: str, now: datetime):
    on_monday(world)
    world.now = now
    world.ticks(30)
    assert world.inbox() == []


def test_it_says_what_the_table_and_cloudwatch_know(world: World):
    fleet = Fleet("moodle", instance_price=0.1)
    tiers = Tiers(balancer=BalancerTier(BALANCER))
    published.publish(Table(TABLE), Site("campus", "Europe/Berlin", fleet, tiers=tiers, oncall=OnCall()))
    world.now = MONDAY
    fill_the_week(world.now)
    world.ticks(10)
    [(_, text)] = world.inbox()
    for line in (
        "peaks: 1, 1 of them exams or quizzes, 600 invited; ",
        "all of these would have needed 10.0 vCPUs, 8.0 (80%) were used",
        "incidents: 1 page, 0 tickets, 0 for information; 1 of them still open",
        "pages: no mount",
        "requests: 1,000,",
        "web servers: 3 instance-hours, $0.30; a fixed fleet of 2, as in the busiest hour: 336, $33.60",
        "backups: 1, the newest of 2026-05-03 05:07 UTC (database only)",
        "2 instances let in",
        "1 action failed: the journal has why",
    ):
        assert line in text


def fill_the_week(now: datetime) -> None:
    """An exam, an incident, a backup, three instance-hours, a thousand requests; and what is too old to count."""
    table, day = Table(TABLE), timedelta(days=1)
    for at in (now - 2 * day, now - 20 * day):
        exam = outcomes.Outcome("exam", "exam", "Analysis", at, at, 600, 10.0, 8.0, 0.8)
        table.put("SITE#campus", f"OUTCOME#{at.isoformat()}", to_plain(exam))
        backup = {"at": (at + day).replace(minute=7).isoformat(), "holds": "database only"}
        table.put("SITE#campus", f"BACKUP#{at.isoformat()}", backup)
        done = [Outcome(Did("let in")), Outcome(Did("let in")), Outcome(Did("x"), ValueError("no"))]
        journal.write(table, "campus", journal.entries("admit_instances", done, at))
        message = json.dumps(to_plain(Signal("campus", f"mount/{at:%d}", "page", "no mount", "x", "mount", at)))
        published.forget()
        handler({"Records": [{"Sns": {"Message": message}}]})
    put = boto3.client("cloudwatch").put_metric_data
    hours = [now - 30 * timedelta(hours=1), now - 29 * timedelta(hours=1), now - timedelta(hours=400)]
    for at, samples in zip(hours, (60, 120, 600), strict=True):
        of = [{"Name": "AutoScalingGroupName", "Value": "moodle"}]
        points = {
            "MetricName": "CPUUtilization",
            "Dimensions": of,
            "Timestamp": at,
            "Values": [5.0],
            "Counts": [samples],
        }
        put(Namespace="AWS/EC2", MetricData=[points])
    of = [{"Name": "LoadBalancer", "Value": "app/moodle/0123456789abcdef"}]
    requests = {"MetricName": "RequestCount", "Dimensions": of, "Timestamp": hours[0], "Value": 1000.0}
    put(Namespace="AWS/ApplicationELB", MetricData=[requests])
    queue = boto3.client("sqs")
    queue.purge_queue(QueueUrl=queue.get_queue_url(QueueName="people")["QueueUrl"])


@dataclass(frozen=True)
class Did:
    reason: str


Did.__name__ = "Continue"


def test_cloudwatch_that_does_not_answer_keeps_no_channel_untested(world: World, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise ConnectionError("CloudWatch does not answer")

    monkeypatch.setattr("firstbell.aws.metrics.series", refuse)
    on_monday(world)
    with pytest.raises(ActionsFailed):
        tick(world)
    tick(world)
    assert world.subjects() == ["[info] campus: the week to 04 May 2026"]


def test_a_channel_that_does_not_take_it_is_a_ticket_for_the_others_until_it_does(world: World, receiver: Receiver):
    receiver.answers = [500] * 12
    on_monday(world, Channel(webhook=receiver.url, name="logs"))
    for _ in range(24):
        world.later(minutes=5)
        with suppress(ActionsFailed):
            handler(TICK)
    assert "[ticket] campus: The channel logs takes no messages" in world.subjects()
    assert state("channel/logs") == "open"
    assert world.incident("channel/logs")["count"] == 1
    world.ticks(4 * 60)
    assert state("channel/logs") == "resolved"
    assert "[resolved] campus: The channel logs takes no messages" in world.subjects()


def test_a_ticket_of_last_week_is_not_closed_before_this_week_s_message_is_there(world: World, receiver: Receiver):
    on_monday(world, Channel(webhook=receiver.url, name="logs", hears="page"))
    message = to_plain(Signal("campus", "channel/logs", "ticket", "x", "x", "channel-fails", world.now))
    handler({"Records": [{"Sns": {"Message": json.dumps(message)}}]})
    receiver.answers = [500] * 2
    for _ in range(2):
        with suppress(ActionsFailed):
            tick(world)
        assert state("channel/logs") == "open"
    for _ in range(4):
        with suppress(ActionsFailed):
            tick(world)
    assert state("channel/logs") == "resolved"


def test_a_channel_that_refuses_it_is_a_ticket_within_minutes(world: World, receiver: Receiver):
    receiver.answers = [410] * 20
    on_monday(world, Channel(webhook=receiver.url, name="logs", hears="page"))
    tick(world)
    with pytest.raises(ActionsFailed):
        tick(world)
    tick(world)
    assert "[ticket] campus: The channel logs takes no messages" in world.subjects()
    assert world.buried()[0]["key"] == "weekly/2026-05-04"


def test_the_planner_notes_that_it_ran_also_when_a_site_s_group_is_unknown():
    with planning_world.living() as made:
        made.put(site=planning_world.SITE.replace("campus-web", "no-such-group"), term=planning_world.term("05T09"))
        made.plan()
        stored = Table(planning_world.TABLE).get("SITE#campus", pinging.PLANNED)
        assert stored is not None
        assert stored.data == {"at": planning_world.START.isoformat()}
