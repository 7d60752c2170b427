"""PagerDuty: events by its published schema, an alert for each severity of an incident, and what its answers mean."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from firstbell.oncall.channels import posting
from firstbell.oncall.channels.channel import Refused, RetryLater
from firstbell.oncall.channels.pagerduty import HOST, PagerDuty, events
from firstbell.oncall.incident import Kind, Tell
from firstbell.oncall.message import Context
from firstbell.oncall.signal import Severity
from tests.unit.channel_world import CONTEXT, SIGNAL, START, Answerer, Receiver, answer, listening, tell

KEY = "e93facc04764012d7bfb002500d5d1a6"
LINK = {
    "type": "object",
    "required": ["href"],
    "properties": {"href": {"type": "string", "pattern": "^https?://"}, "text": {"type": "string"}},
    "additionalProperties": False,
}
PAYLOAD = {
    "type": "object",
    "required": ["summary", "severity", "source"],
    "properties": {
        "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
        "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$"},
        "severity": {"enum": ["critical", "warning", "error", "info"]},
        "source": {"type": "string", "minLength": 1},
        "component": {"type": "string"},
        "group": {"type": "string"},
        "class": {"type": "string"},
        "custom_details": {"type": "object"},
    },
    "additionalProperties": False,
}
# From PagerDuty's OpenAPI document (github.com/PagerDuty/api-schema, reference/events-v2/openapiv3.json), with the
# lengths of the guide "Send an Alert Event" (developer.pagerduty.com/docs/send-alert-event).
EVENT = {
    "type": "object",
    "required": ["routing_key", "event_action"],
    "properties": {
        "payload": PAYLOAD,
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": {"type": "string"},
        "client_url": {"type": "string"},
        "links": {"type": "array", "items": LINK},
        "images": {"type": "array"},
    },
    "additionalProperties": False,
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
    "else": {"required": ["dedup_key"]},
}
valid = Draft202012Validator(EVENT).validate
KINDS: list[tuple[Kind, str]] = [
    ("new", "trigger"),
    ("worse", "trigger"),
    ("repeat", "trigger"),
    ("again", "trigger"),
    ("flaps", "trigger"),
    ("escalated", "trigger"),
    ("acknowledged", "acknowledge"),
    ("resolved", "resolve"),
]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(posting, "TIMEOUT", 0.5)
    with listening() as kept:
        kept.usual = answer(202, b'{"status": "success"}')
        yield kept


@pytest.mark.parametrize(("kind", "action"), KINDS)
def test_each_kind_of_notice_is_an_event_of_the_published_schema(kind: Kind, action: str):
    for said in events(tell(kind), CONTEXT, KEY):
        valid(said)
        assert said["event_action"] == action


def test_an_event_tells_the_whole_story(receiver: Receiver):
    assert PagerDuty("pagerduty", lambda: KEY, receiver.url).deliver(tell(), CONTEXT) == ""
    ((path, headers, _),) = receiver.asked
    assert (path, headers["Content-Type"]) == ("/v2/enqueue", "application/json; charset=utf-8")
    (said,) = receiver.bodies()
    assert said == {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": said["dedup_key"],
        "client": "Firstbell",
        "links": [
            {"href": "https://wiki.example.org/ops/mount-sick.md", "text": "Runbook"},
            {"href": "https://ack.example.org/?t=1", "text": "Acknowledge"},
        ],
        "payload": {
            "summary": "[page] campus: moodledata is not mounted",
            "source": "campus",
            "severity": "critical",
            "timestamp": "2026-05-04T08:00:00+00:00",
            "component": "mount/i-0abc",
            "group": "campus",
            "class": "mount",
            "custom_details": {
                "what": "i-0abc has no mount.",
                "evidence": ["verdict hung", "latency 4,000 ms"],
                "what Firstbell did": ["drained i-0abc"],
                "facts": ["Since 2026-05-04 08:00:00 UTC, 1 signal."],
                "incident": "campus mount/i-0abc",
                "runbook": "https://wiki.example.org/ops/mount-sick.md",
            },
        },
    }


def keys(*tells: Tell) -> set[str]:
    return {said["dedup_key"] for one in tells for said in events(one, CONTEXT, KEY)}


def test_one_key_holds_an_incident_together_and_the_next_has_another():
    own = keys(*[tell(kind) for kind, action in KINDS if action == "trigger"])
    assert len(own) == 1
    other = tell(opened_at=START.replace(hour=9))
    elsewhere = tell(signal=replace(SIGNAL, site="riverside"))
    assert len(own | keys(other, elsewhere)) == 3


def test_what_becomes_worse_is_an_alert_of_its_own_and_the_end_is_that_of_all():
    """While an alert is acknowledged, PagerDuty calls nobody for what is triggered under its key."""
    ticket = tell(signal=replace(SIGNAL, severity="ticket"))
    assert keys(ticket).isdisjoint(keys(tell("worse")))
    assert keys(tell("resolved")) == keys(tell("acknowledged")) > keys(ticket, tell("worse"))


@pytest.mark.parametrize(("severity", "expected"), [("page", "critical"), ("ticket", "warning"), ("info", "info")])
def test_severities(severity: Severity, expected: str):
    [said] = events(tell(signal=replace(SIGNAL, severity=severity)), CONTEXT, KEY)
    assert said["payload"]["severity"] == expected


def test_without_an_address_of_the_runbooks_there_is_no_link_to_them():
    [said] = events(tell(), Context(START), KEY)
    valid(said)
    assert said["links"] == []
    assert said["payload"]["custom_details"]["runbook"] == "docs/runbooks/mount-sick.md"


ANSWERS: list[tuple[str, Answerer, Any]] = [
    ("accepted", answer(202, b'{"status": "success"}'), None),
    ("a bad event", answer(400, b'{"status": "invalid event"}'), Refused),
    ("too many events", answer(429), RetryLater),
    ("an error of PagerDuty's", answer(502), RetryLater),
]


@pytest.mark.parametrize(("says", "said", "expected"), ANSWERS, ids=[c[0] for c in ANSWERS])
def test_what_an_answer_means(receiver: Receiver, says: str, said: Answerer, expected: Any):
    receiver.usual = said
    if expected is None:
        assert PagerDuty("pagerduty", lambda: KEY, receiver.url).deliver(tell(), CONTEXT) == ""
    else:
        with pytest.raises(expected) as raised:
            PagerDuty("pagerduty", lambda: KEY, receiver.url).deliver(tell(), CONTEXT)
        assert KEY not in repr(raised.value)


def test_the_address_is_pagerdutys_own():
    assert (PagerDuty("pagerduty", lambda: KEY).host, HOST) == (HOST, "https://events.pagerduty.com")
