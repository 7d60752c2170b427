"""What the tests of `notify_on_call` share: a world with time, people who listen, and a webhook's other end."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws

from firstbell import clock, journal, published
from firstbell.aws import clients, parameters
from firstbell.aws.table import Table
from firstbell.oncall.muting import Silence
from firstbell.oncall.signal import Severity, Signal
from firstbell.plain import to_plain
from firstbell.site import Channel, Fleet, OnCall, Site
from functions.notify_on_call.app import handler

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
TICK = {"source": "firstbell.schedule"}
TABLE = "firstbell"


@dataclass
class World:
    """Time, the people's inbox and the table, as a test sees them."""

    queue: str
    now: datetime = START
    heard: list[tuple[str, str]] = field(default_factory=list)

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def publish(self, *channels: Channel, repeat: int = 14_400, **oncall: Any) -> None:
        found = OnCall(channels, repeat, **oncall)
        published.publish(Table(TABLE), Site("campus", "Europe/Berlin", Fleet("moodle"), oncall=found))

    def ticks(self, minutes: int) -> None:
        """Time goes on, and the schedule wakes the function every five minutes."""
        for _ in range(minutes // 5):
            self.later(minutes=5)
            handler(TICK)

    def inbox(self) -> list[tuple[str, str]]:
        """Subject and text of everything that people received so far, in order."""
        sqs = boto3.client("sqs")
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", []):
            for m in messages:
                body = json.loads(m["Body"])
                self.heard.append((body["Subject"], body["Message"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=m["ReceiptHandle"])
        return self.heard

    def subjects(self) -> list[str]:
        return [subject for subject, _ in self.inbox()]

    def buried(self) -> list[dict[str, Any]]:
        """What lies in the dead-letter queue."""
        found = boto3.client("sqs").receive_message(QueueUrl=os.environ["DEAD_LETTERS_URL"], MaxNumberOfMessages=10)
        return [json.loads(m["Body"]) for m in found.get("Messages", [])]

    def journal(self, site: str = "campus") -> list[journal.Entry]:
        return journal.newest(Table(TABLE), site)

    def incident(self, key: str = "mount/i-0abc", site: str = "campus") -> dict[str, Any]:
        stored = Table(TABLE).get(f"SITE#{site}", f"INCIDENT#{key}")
        assert stored is not None
        return stored.data


@contextmanager
def living(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """AWS with the table, the on-call topic and somebody who listens, until the block ends."""
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "TABLE_NAME": TABLE,
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        clients.forget()
        published.forget()
        parameters.forget()
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": n, "KeyType": t} for n, t in keys],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        topic = boto3.client("sns").create_topic(Name="on-call")["TopicArn"]
        queue = boto3.client("sqs").create_queue(QueueName="people")["QueueUrl"]
        boto3.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-central-1:123456789012:people"
        )
        monkeypatch.setenv("ON_CALL_TOPIC_ARN", topic)
        monkeypatch.setenv("DEAD_LETTERS_URL", boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"])
        made = World(queue)
        clock.use(lambda: made.now)
        made.publish()
        yield made
        clock.use(None)
        clients.forget()
        published.forget()
        parameters.forget()


@dataclass
class Receiver:
    """A real HTTP server; `answers` are its next statuses (then 204), 1000 + n is silence for n milliseconds."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver on a free port of loopback until the block ends."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.requests.append((dict(self.headers), body))
            status = kept.answers.pop(0) if kept.answers else 204
            if status > 1000:
                time.sleep(status / 1000 - 1)
                status = 204
            self.send_response(status)
            if status in (302, 307):
                self.send_header("Location", f"{kept.url}/elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - a redirect that is followed comes with GET

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def signal(world: World, severity: Severity = "page", resolved: bool = False, **more: Any) -> Signal:
    one = Signal("campus", "mount/i-0abc", severity, "not mounted", "No mount.", "mount", world.now, resolved=resolved)
    return replace(one, **more)


def silence(begin: datetime, minutes: float, matches: str = "*") -> Silence:
    return Silence("ann", "we know", matches, begin, begin + timedelta(minutes=minutes))


def sns(*signals: Signal | str) -> dict[str, Any]:
    messages = [s if isinstance(s, str) else json.dumps(to_plain(s)) for s in signals]
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": m}} for m in messages]}


NEW, STILL, OVER = "[page] campus: not mounted", "[page] campus: still: not mounted", "[resolved] campus: not mounted"
