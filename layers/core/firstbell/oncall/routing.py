"""Who hears what: the channels of a site, by severity and by who is on call now. Pure."""

from collections.abc import Sequence

from firstbell.oncall.incident import RANK
from firstbell.site import PEOPLE, OnCall
from firstbell.site.oncall import Hears


def channels(on_call: OnCall, severity: Hears = "escalation") -> tuple[str, ...]:
    """The channels that hear of such an incident, people first: they must not wait for a slow machine."""
    people = (PEOPLE,) if RANK[severity] >= RANK["ticket"] else ()
    return (*people, *(c.label for c in on_call.channels if RANK[c.hears] <= RANK[severity]))


def called(on_call: OnCall, severity: Hears, duty: Sequence[str]) -> tuple[str, ...]:
    """The channels that are told first: of a page those that the rota names, if it names any."""
    named = {who.strip().casefold() for who in duty} if severity == "page" else set()
    chosen = tuple(channel for channel in channels(on_call) if channel.casefold() in named)
    return chosen or channels(on_call, severity)
