"""Teams: an Adaptive Card that a workflow takes, in which a text is only a text, and what the answers mean."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from firstbell.oncall.channels import posting
from firstbell.oncall.channels.channel import Refused, RetryLater
from firstbell.oncall.channels.teams import MOST, Teams, body
from firstbell.oncall.incident import Kind
from firstbell.oncall.signal import Signal
from tests.unit.channel_world import CONTEXT, SIGNAL, Answerer, Receiver, answer, listening, tell


def _of(kind: str, required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    known = {"type": {"const": kind}, **required, **optional}
    return {"type": "object", "required": ["type", *required], "properties": known, "additionalProperties": False}


TEXT = {"type": "string", "minLength": 1}
RUN = _of(
    "TextRun",
    {"text": TEXT},
    size={"enum": ["default", "small", "medium", "large", "extraLarge"]},
    weight={"enum": ["default", "lighter", "bolder"]},
    isSubtle={"type": "boolean"},
)
# From the schema of Adaptive Cards 1.4 (adaptivecards.io/explorer: AdaptiveCard, RichTextBlock, TextRun, OpenUrl) and
# "Post a workflow when a webhook request is received in Microsoft Teams" (support.microsoft.com).
CARD = _of(
    "AdaptiveCard",
    {"version": {"const": "1.4"}, "body": {"type": "array", "minItems": 1}},
    **{"$schema": {"type": "string"}, "fallbackText": TEXT},
    actions={
        "type": "array",
        "maxItems": 6,
        "items": _of("Action.OpenUrl", {"title": TEXT, "url": {"type": "string", "pattern": "^https?://"}}),
    },
)
CARD["properties"]["body"]["items"] = _of("RichTextBlock", {"inlines": {"type": "array", "minItems": 1, "items": RUN}})
MESSAGE = _of(
    "message",
    {
        "attachments": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["contentType", "content"],
                "properties": {
                    "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
                    "contentUrl": {"type": "null"},
                    "content": CARD,
                },
                "additionalProperties": False,
            },
        }
    },
)
valid = Draft202012Validator(MESSAGE).validate
KINDS: list[Kind] = ["new", "worse", "repeat", "again", "flaps", "escalated", "acknowledged", "resolved"]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(posting, "TIMEOUT", 0.5)
    with listening() as kept:
        yield kept


def teams(receiver: Receiver) -> Teams:
    return Teams("teams", lambda: f"{receiver.url}/workflows/very-secret?sig=very-secret")


def texts(message: dict[str, Any]) -> list[str]:
    return [row["inlines"][0]["text"] for row in message["attachments"][0]["content"]["body"]]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_notice_is_a_card_of_the_published_schema(kind: Kind):
    valid(json.loads(body(tell(kind), CONTEXT)))


def test_a_card_tells_the_whole_story(receiver: Receiver):
    receiver.usual = answer(202)
    assert teams(receiver).deliver(tell(), CONTEXT) == ""
    (message,) = receiver.bodies()
    assert receiver.asked[0][0] == "/workflows/very-secret?sig=very-secret"
    assert texts(message) == [
        "[page] campus: moodledata is not mounted",
        "i-0abc has no mount.",
        "Evidence",
        "• verdict hung",
        "• latency 4,000 ms",
        "What Firstbell did",
        "• drained i-0abc",
        "Since 2026-05-04 08:00:00 UTC, 1 signal.",
        "Incident: campus mount/i-0abc (notice 1)",
    ]
    assert [(a["title"], a["url"]) for a in message["attachments"][0]["content"]["actions"]] == [
        ("Runbook", "https://wiki.example.org/ops/mount-sick.md"),
        ("Acknowledge", "https://ack.example.org/?t=1"),
    ]


@given(st.integers(0, 5000), st.integers(0, 40), st.sampled_from(["x", "🔥", "\\", '"', "ש", "\U0010fffd"]))
def test_a_card_is_never_larger_than_teams_takes(length: int, count: int, letter: str):
    lines = tuple(f"{n}{letter * length}" for n in range(count))
    signal = Signal("campus", "k" * 300, "page", letter * length, letter * length, "x", SIGNAL.at, lines, lines)
    sent = body(tell(signal=signal), CONTEXT)
    assert len(sent) <= MOST
    valid(json.loads(sent))


def test_a_card_that_is_too_large_has_shorter_lines_and_loses_none():
    lines = tuple(f"{n} {'🔥' * 490}" for n in range(20))
    found = texts(json.loads(body(tell(signal=replace(SIGNAL, evidence=lines, done=lines)), CONTEXT)))
    assert len([line for line in found if line.startswith("• ")]) == 40
    assert all(line.endswith("…") for line in found if line.startswith("• "))


ANSWERS: list[tuple[str, Answerer, Any]] = [
    ("accepted", answer(202), None),
    ("taken", answer(200, b"1"), None),
    ("too large", answer(413), Refused),
    ("the workflow was deleted", answer(404), Refused),
    ("the signature is wrong", answer(401), Refused),
    ("too many", answer(429, Retry_After="30"), RetryLater),
    ("an error of Microsoft's", answer(502), RetryLater),
]


@pytest.mark.parametrize(("says", "said", "expected"), ANSWERS, ids=[c[0] for c in ANSWERS])
def test_what_an_answer_means(receiver: Receiver, says: str, said: Answerer, expected: Any):
    receiver.usual = said
    if expected is None:
        assert teams(receiver).deliver(tell(), CONTEXT) == ""
    else:
        with pytest.raises(expected) as raised:
            teams(receiver).deliver(tell(), CONTEXT)
        assert "very-secret" not in repr(raised.value)
