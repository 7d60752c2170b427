"""Microsoft Teams: an Adaptive Card to a workflow that waits for a webhook request (learn.microsoft.com)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firstbell.oncall import message
from firstbell.oncall.channels import posting
from firstbell.oncall.channels.escaping import plain
from firstbell.oncall.incident import Tell
from firstbell.oncall.message import Context

MOST = 28_000  # bytes of a message; Teams says 28 KB
LINES = (2000, 500, 200, 100, 50)  # characters of a line, tried in turn until the card is small enough


@dataclass(frozen=True)
class Teams:
    """A workflow, by what returns its address, which is the secret."""

    name: str
    url: Callable[[], str]
    private_hosts: tuple[str, ...] = ()
    interval: float = 0.25  # four requests a second (learn.microsoft.com, "Rate limiting for connectors")

    def deliver(self, tell: Tell, context: Context) -> str:
        """Deliver a card. Raises RetryLater or Refused."""
        posting.post(self.url(), body(tell, context), context.now, private_hosts=self.private_hosts)
        return ""


def body(tell: Tell, context: Context) -> bytes:
    """The message with the card, its lines cut until it is small enough."""
    tried = (posting.encode(card(tell, context, longest)) for longest in LINES)
    return next(text for text in tried if len(text) <= MOST)


def card(tell: Tell, context: Context, longest: int) -> dict[str, Any]:
    """The message. All texts are runs of a RichTextBlock, which knows no markdown, mentions or tags."""
    incident = tell.incident
    rows = [_row(message.subject(tell), longest, size="large", weight="bolder"), _row(incident.what, longest)]
    for heading, texts in (("Evidence", incident.evidence), ("What Firstbell did", incident.done)):
        rows += (
            [_row(heading, longest, weight="bolder"), *(_row(f"• {text}", longest) for text in texts)] if texts else []
        )
    rows += [_row(fact, longest, isSubtle=True) for fact in message.facts(incident, context)]
    rows.append(_row(message.footer(tell), longest, isSubtle=True))
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": plain(message.subject(tell), longest),
        "body": rows,
        "actions": [
            {"type": "Action.OpenUrl", "title": link.label, "url": link.url} for link in message.links(tell, context)
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _row(text: str, longest: int, **style: Any) -> dict[str, Any]:
    run = {"type": "TextRun", "text": plain(text, longest) or "–", **style}
    return {"type": "RichTextBlock", "inlines": [run]}
