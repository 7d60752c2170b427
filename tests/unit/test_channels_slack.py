"""Slack: messages by Block Kit's reference, a thread for an incident, and what its answers mean."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from firstbell.oncall.channels import posting
from firstbell.oncall.channels.channel import Refused, RetryLater
from firstbell.oncall.channels.slack import HOST, Slack, said
from firstbell.oncall.incident import Kind
from firstbell.oncall.message import Link
from tests.unit.channel_world import CONTEXT, SIGNAL, Receiver, answer, listening, tell

ROOM, TOKEN, TS = "C0123456", "xoxb-not-a-real-token", "1503435956.000247"


def _text(kind: str, longest: int, **more: object) -> dict:
    own = {"type": {"const": kind}, "text": {"type": "string", "minLength": 1, "maxLength": longest}, **more}
    return {"type": "object", "required": ["type", "text"], "properties": own, "additionalProperties": False}


def _block(kind: str, **own: object) -> dict:
    known = {"type": {"const": kind}, "block_id": {"type": "string", "maxLength": 255}, **own}
    return {"type": "object", "required": ["type", *own], "properties": known, "additionalProperties": False}


def _plain(longest: int) -> dict:
    return _text("plain_text", longest, emoji={"type": "boolean"})


def _mrkdwn(longest: int) -> dict:
    return _text("mrkdwn", longest, verbatim={"type": "boolean"})


# From the reference of Block Kit (docs.slack.dev/reference/block-kit: blocks "actions", "context", "header", "section";
# element "button"; composition object "text") and of chat.postMessage (docs.slack.dev/reference/methods).
BUTTON = _block(
    "button",
    text=_plain(75),
    action_id={"type": "string", "maxLength": 255},
    url={"type": "string", "maxLength": 3000, "pattern": "^https?://"},
)
BLOCKS = [
    _block("header", text=_plain(150)),
    _block("section", text=_mrkdwn(3000)),
    _block("context", elements={"type": "array", "minItems": 1, "maxItems": 10, "items": _mrkdwn(3000)}),
    _block("actions", elements={"type": "array", "minItems": 1, "maxItems": 25, "items": BUTTON}),
]
MESSAGE = {
    "type": "object",
    "required": ["text", "blocks"],
    "properties": {
        "channel": {"type": "string"},
        "text": {"type": "string", "minLength": 1, "maxLength": 40_000},
        "blocks": {"type": "array", "maxItems": 50, "items": {"oneOf": BLOCKS}},
        "parse": {"enum": ["none", "full"]},
        "link_names": {"type": "boolean"},
        "unfurl_links": {"type": "boolean"},
        "unfurl_media": {"type": "boolean"},
        "thread_ts": {"type": "string", "pattern": r"^\d+\.\d{6}$"},
        "reply_broadcast": {"type": "boolean"},
    },
    "dependentRequired": {"reply_broadcast": ["thread_ts"]},
    "additionalProperties": False,
}
valid = Draft202012Validator(MESSAGE).validate
KINDS: list[Kind] = ["new", "worse", "repeat", "again", "flaps", "escalated", "acknowledged", "resolved"]


def ok(ts: str = TS) -> bytes:
    return json.dumps({"ok": True, "channel": ROOM, "ts": ts, "message": {"text": "x" * 5000}}).encode()


def error(code: str) -> bytes:
    return json.dumps({"ok": False, "error": code}).encode()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(posting, "TIMEOUT", 0.5)
    with listening() as kept:
        kept.usual = answer(200, ok())
        yield kept


def slack(receiver: Receiver) -> Slack:
    return Slack("slack", lambda: TOKEN, ROOM, receiver.url)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_notice_is_a_message_of_block_kits_reference(kind: Kind):
    valid(said(tell(kind), CONTEXT))
    valid(said(tell(kind), CONTEXT, TS))


def test_a_message_tells_the_whole_story(receiver: Receiver):
    assert slack(receiver).deliver(tell(), CONTEXT) == TS
    ((path, headers, _),) = receiver.asked
    assert (path, headers["Authorization"]) == ("/api/chat.postMessage", f"Bearer {TOKEN}")
    (message,) = receiver.bodies()
    assert (message["channel"], message["text"]) == (ROOM, "[page] campus: moodledata is not mounted")
    assert TOKEN not in json.dumps(message)
    header, what, evidence, done, facts, buttons = message["blocks"]
    assert header["text"]["text"] == "[page] campus: moodledata is not mounted"
    assert what["text"]["text"] == "i-0abc has no mount."
    assert evidence["text"]["text"] == "*Evidence*\n• verdict hung\n• latency 4,000 ms"
    assert done["text"]["text"] == "*What Firstbell did*\n• drained i-0abc"
    assert facts["elements"][0]["text"] == (
        "Since 2026-05-04 08:00:00 UTC, 1 signal. · Incident: campus mount/i-0abc (notice 1)"
    )
    assert [(b["text"]["text"], b["url"]) for b in buttons["elements"]] == [
        ("Runbook", "https://wiki.example.org/ops/mount-sick.md"),
        ("Acknowledge", "https://ack.example.org/?t=1"),
    ]


def test_more_text_than_slack_takes_is_cut_and_says_so():
    long = replace(SIGNAL, title="t" * 900, what="&" * 5000, evidence=tuple(f"{n} {'<' * 600}" for n in range(30)))
    message = said(tell(signal=long), CONTEXT)
    valid(message)
    header, what, evidence, *_ = (block["text"]["text"] for block in message["blocks"] if "text" in block)
    assert re.fullmatch(r"\[page\] campus: t+…", header)
    assert re.fullmatch(r"(&amp;)+…", what)
    assert evidence.endswith("… and 15 more")


def test_an_address_that_no_button_takes_is_left_out():
    message = said(
        tell(), replace(CONTEXT, elsewhere=(Link("console", "Console", "https://x.example.org/" + "y" * 3000),))
    )
    valid(message)
    assert [b["text"]["text"] for b in message["blocks"][-1]["elements"]] == ["Runbook", "Acknowledge"]


# ---------------------------------------------------------------- threads

THREADS = [
    ("the first notice begins a thread", "new", "", None, None),
    ("a new opening begins another", "new", TS, None, None),
    ("a repetition is said in the thread only", "repeat", TS, TS, False),
    ("so is who took it", "acknowledged", TS, TS, False),
    ("what became worse is said in the room too", "worse", TS, TS, True),
    ("so is what came back", "again", TS, TS, True),
    ("so is what nobody took", "escalated", TS, TS, True),
    ("so is the end", "resolved", TS, TS, True),
    ("a room that heard nothing yet hears of it in the room", "worse", "", None, None),
]


@pytest.mark.parametrize(("says", "kind", "receipt", "thread", "aloud"), THREADS, ids=[c[0] for c in THREADS])
def test_an_incident_is_a_thread(
    receiver: Receiver, says: str, kind: Kind, receipt: str, thread: str | None, aloud: bool | None
):
    receiver.usual = answer(200, ok("1600000000.000001"))
    kept = slack(receiver).deliver(tell(kind, receipt=receipt), CONTEXT)
    (message,) = receiver.bodies()
    assert (message.get("thread_ts"), message.get("reply_broadcast")) == (thread, aloud)
    assert kept == (thread or "1600000000.000001"), "the thread is that of the first message"


def test_when_the_first_message_was_deleted_a_new_thread_begins(receiver: Receiver):
    receiver.answers = [answer(200, error("thread_not_found")), answer(200, ok("1600000000.000001"))]
    assert slack(receiver).deliver(tell("repeat", receipt=TS), CONTEXT) == "1600000000.000001"
    assert [m.get("thread_ts") for m in receiver.bodies()] == [TS, None]


# ---------------------------------------------------------------- answers

ANSWERS = [
    ("no such room", answer(200, error("channel_not_found")), Refused, "Slack says channel_not_found", None),
    ("a wrong token", answer(200, error("invalid_auth")), Refused, "Slack says invalid_auth", None),
    ("not invited", answer(200, error("not_in_channel")), Refused, "Slack says not_in_channel", None),
    ("an error with markup", answer(200, error("<script>")), Refused, "Slack says an unknown error", None),
    ("an error that is none", answer(200, b'{"ok": false}'), Refused, "Slack says an unknown error", None),
    ("too fast", answer(429, error("ratelimited"), Retry_After="30"), RetryLater, "answered 429", 30.0),
    ("too fast, said with 200", answer(200, error("ratelimited")), RetryLater, "Slack says ratelimited", None),
    ("Slack's own fault", answer(200, error("internal_error")), RetryLater, "Slack says internal_error", None),
    ("a page of a proxy", answer(200, b"<html>hello</html>"), RetryLater, "answered what is not Slack's", None),
    ("another JSON", answer(200, b"[true]"), RetryLater, "answered what is not Slack's", None),
    ("nothing", answer(200), RetryLater, "answered what is not Slack's", None),
    ("brackets without end", answer(200, b"[" * 60_000), RetryLater, "answered what is not Slack's", None),
    ("an answer that is too long", answer(200, b" " * 70_000 + ok()), RetryLater, "answered what is not Slack's", None),
    ("ok in words", answer(200, b'{"ok": "true", "ts": "1.2"}'), Refused, "Slack says an unknown error", None),
]


@pytest.mark.parametrize(("says", "given", "kind", "why", "seconds"), ANSWERS, ids=[c[0] for c in ANSWERS])
def test_a_message_that_was_not_posted_is_a_failure_also_with_status_200(
    receiver: Receiver, says: str, given, kind: type[Exception], why: str, seconds: float | None
):
    receiver.usual = given
    for notice in (tell(), tell("resolved", receipt=TS)):
        with pytest.raises(kind) as raised:
            slack(receiver).deliver(notice, CONTEXT)
        assert str(raised.value) == why
        assert getattr(raised.value, "seconds", None) == seconds
        assert TOKEN not in repr(raised.value)


def test_the_address_is_slacks_own_and_one_message_a_second_is_enough():
    own = Slack("slack", lambda: TOKEN, ROOM)
    assert (own.host, own.interval, HOST) == (HOST, 1.0, "https://slack.com")
