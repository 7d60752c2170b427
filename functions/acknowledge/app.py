"""Acknowledges: the page behind the link in a message, by which somebody takes an incident."""

from typing import Any

from firstbell.events import SCHEDULE
from firstbell.oncall import links, pages, tokens
from firstbell.oncall.desk import Desk
from firstbell.running import Run


def handler(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
    """Asked by HTTP, by whoever has found the address: GET shows the incident, and only POST acknowledges it."""
    run = Run.start("acknowledge", {"source": SCHEDULE}, context)
    asked = pages.read(event)
    answer = _answer(run, asked) if isinstance(asked, pages.Asked) else asked
    run.finish()
    return answer


def _answer(run: Run, asked: pages.Asked) -> dict[str, Any]:
    try:
        followed = links.follow(run.environment, run.table, asked.token, run.now)
    except tokens.ForgedError:
        return pages.UNKNOWN
    except tokens.ExpiredError:
        return pages.GONE
    link = followed.link
    if asked.by is None:
        found = followed.shown(run.table, run.now)
        return pages.said(409, found) if isinstance(found, str) else pages.question(link.name, found.title)
    noted = Desk(run.table, run.now).acknowledge(link.name, link.key, link.number, asked.by)
    if isinstance(noted, str):
        return pages.said(409, noted)
    run.act(link, [noted], lambda recorded: recorded)
    followed.use_up(run.table, run.now)
    return pages.said(200, "Thank you: it is yours. The others are told within five minutes.")
