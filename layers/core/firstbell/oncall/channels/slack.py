"""Slack, chat.postMessage with Block Kit: a thread for an incident (docs.slack.dev)."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firstbell.oncall import message
from firstbell.oncall.channels import posting
from firstbell.oncall.channels.channel import Refused, RetryLater
from firstbell.oncall.channels.escaping import lines, plain, slack
from firstbell.oncall.incident import Tell
from firstbell.oncall.message import Context

HOST = "https://slack.com"
HEADER, TEXT, LINE, URL = (
    150,
    3000,
    500,
    3000,
)  # characters: of a header, of a text object, of a line, of a button's URL
READ = 65_536  # bytes of an answer, which repeats the message
LATER = ("ratelimited", "rate_limited", "internal_error", "fatal_error", "request_timeout", "service_unavailable")
NO_THREAD = ("thread_not_found", "message_not_found", "invalid_thread_ts", "cannot_reply_to_message")
ALOUD = ("worse", "again", "flaps", "escalated", "resolved")  # said in the room as well as in the thread


class _LostThreadError(Exception):
    """The first message of the thread is gone."""


@dataclass(frozen=True)
class Slack:
    """A room of a workspace, by its channel's id and what returns a bot's token."""

    name: str
    token: Callable[[], str]
    room: str
    host: str = HOST
    interval: float = 1.0  # one message a second and channel (docs.slack.dev, "Rate limits")

    def deliver(self, tell: Tell, context: Context) -> str:
        """Post a notice, a later one into the incident's thread; return the thread. Raises RetryLater or Refused."""
        thread = "" if tell.delivery.kind == "new" else tell.delivery.receipt
        try:
            return self._post(tell, context, thread)
        except _LostThreadError:
            return self._post(tell, context, "")

    def _post(self, tell: Tell, context: Context, thread: str) -> str:
        headers = {"Authorization": f"Bearer {self.token()}"}
        body = posting.encode({"channel": self.room} | said(tell, context, thread))
        answer = posting.post(f"{self.host}/api/chat.postMessage", body, context.now, headers=headers, read=READ)
        posted = _timestamp(answer, bool(thread))
        return thread or posted


def _timestamp(answer: bytes, in_thread: bool) -> str:
    """The message's own identity. An answer with status 200 may say that nothing was posted."""
    try:
        said = json.loads(answer)
        ok, error, ts = said["ok"], str(said.get("error", "")), str(said.get("ts", ""))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise RetryLater("answered what is not Slack's") from None
    if ok is True:
        return ts
    known = error if re.fullmatch(r"[a-z_]{1,60}", error) else "an unknown error"
    if in_thread and known in NO_THREAD:
        raise _LostThreadError
    raise RetryLater(f"Slack says {known}") if known in LATER else Refused(f"Slack says {known}")


def said(tell: Tell, context: Context, thread: str = "") -> dict[str, Any]:
    """The message: what notifications show, the blocks, where it belongs. Nothing in it is looked up or unfurled."""
    found: dict[str, Any] = {
        "text": slack(message.subject(tell), TEXT),
        "blocks": _blocks(tell, context),
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    if thread:
        found |= {"thread_ts": thread, "reply_broadcast": tell.delivery.kind in ALOUD}
    return found


def _blocks(tell: Tell, context: Context) -> list[dict[str, Any]]:
    incident = tell.incident
    sections = [slack(incident.what, TEXT)]
    for heading, texts in (("*Evidence*", incident.evidence), ("*What Firstbell did*", incident.done)):
        sections += [lines(heading, tuple(slack(text, LINE) for text in texts), TEXT)] if texts else []
    facts = [*message.facts(incident, context), message.footer(tell)]
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(message.subject(tell), HEADER)}]
    blocks += [{"type": "section", "text": _mrkdwn(text)} for text in sections if text]
    blocks.append({"type": "context", "elements": [_mrkdwn(slack(" · ".join(facts), TEXT))]})
    buttons = [
        {"type": "button", "action_id": link.kind, "text": _plain(link.label, 75), "url": link.url}
        for link in message.links(tell, context)
        if len(link.url) <= URL
    ]
    return [*blocks, {"type": "actions", "elements": buttons}] if buttons else blocks


def _plain(text: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": plain(text, longest), "emoji": False}


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
