"""What a channel is told, in words for people and in fields for machines. Pure."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from firstbell.oncall.incident import Incident, Kind, Tell
from firstbell.oncall.texts import EVIDENCE, digest, one_line


@dataclass(frozen=True, slots=True)
class Link:
    """Somewhere to go from a message: `kind` is for machines, `label` for people."""

    kind: str
    label: str
    url: str


def no_link(incident: Incident, number: int) -> str:  # noqa: ARG001 - it is what an `ack_url` looks like
    """The address for acknowledging when there is none."""
    return ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a message says beside its incident: where the runbooks are, how to acknowledge, and where else to look."""

    now: datetime
    runbooks: str = ""
    ack_url: Callable[[Incident, int], str] = no_link
    elsewhere: tuple[Link, ...] = ()


def subject(tell: Tell) -> str:
    """One line: how urgent, which site, what."""
    incident, kind = tell.incident, tell.delivery.kind
    urgency = "resolved" if kind == "resolved" else incident.severity
    return f"[{urgency}] {incident.site}: {_adverb(kind)}{incident.title}"


def text(tell: Tell, context: Context) -> str:
    """The whole story in plain text; times are UTC."""
    incident = tell.incident
    parts = [subject(tell), "", incident.what]
    parts += _list("Evidence", incident.evidence) + _list("What Firstbell did", incident.done)
    parts += ["", *facts(incident, context)]
    if incident.runbook:
        parts.append(f"Runbook: {runbook(incident.runbook, context.runbooks)}")
    parts += [f"{link.label}: {link.url}" for link in links(tell, context) if link.kind != "runbook"]
    parts.append(footer(tell))
    return "\n".join(parts) + "\n"


def facts(incident: Incident, context: Context) -> tuple[str, ...]:
    """A sentence each: since when, how often, until when, who has it, who mutes it, who is on call."""
    found = [_since(incident, context.now)]
    if incident.flaps:
        found.append(f"It flaps: it came {incident.times} times.")
    if incident.state == "open":
        found += _of_open(incident)
    return tuple(found)


def _of_open(incident: Incident) -> list[str]:
    found = []
    if incident.over_since:
        found.append(f"It is over since {_time(incident.over_since)}, and held open until it stays so.")
    if incident.expected_end:
        found.append(f"Expected to last until {_time(incident.expected_end)}.")
    if incident.acknowledged_at:
        by = one_line(incident.acknowledged_by, EVIDENCE) or "somebody"
        found.append(f"Acknowledged by {by} at {_time(incident.acknowledged_at)}.")
    elif incident.escalated:
        found.append("Escalated, for nobody acknowledged it.")
    if incident.muted_by:
        until = f" until {_time(incident.muted_until)}" if incident.muted_until else ""
        found.append(f"Muted{until}: {one_line(incident.muted_by, EVIDENCE)}")
    if incident.on_duty:
        found.append(f"On call now: {one_line(incident.on_duty, EVIDENCE)}.")
    return found


def links(tell: Tell, context: Context) -> tuple[Link, ...]:
    """Where to go from here: the runbook, if its pages have an address, acknowledging, if that is due, and the rest."""
    incident = tell.incident
    page = runbook(incident.runbook, context.runbooks)
    to_take = incident.state == "open" and incident.acknowledged_at is None
    found = (
        Link("runbook", "Runbook", page if page.startswith(("https://", "http://")) else ""),
        Link("acknowledge", "Acknowledge", context.ack_url(incident, tell.delivery.number) if to_take else ""),
        *context.elsewhere,
    )
    return tuple(link for link in found if link.url)


def body(tell: Tell, context: Context) -> bytes:
    """The JSON that a webhook receives, version 1; times are ISO 8601 in UTC. Fields may be added, none goes away."""
    incident, delivery = tell.incident, tell.delivery
    fields = {
        "version": 1,
        "status": "resolved" if delivery.kind == "resolved" else "firing",
        "kind": delivery.kind,
        "site": incident.site,
        "key": incident.key,
        "incident": identity(incident),
        "severity": incident.severity,
        "title": incident.title,
        "what": incident.what,
        "evidence": list(incident.evidence),
        "done": list(incident.done),
        "runbook": runbook(incident.runbook, context.runbooks),
        "links": {link.kind: link.url for link in links(tell, context)},
        "opened_at": incident.opened_at.isoformat(),
        "at": delivery.since.isoformat(),
        "expected_end": _iso(incident.expected_end),
        "resolved_at": _iso(incident.resolved_at),
        "acknowledged_at": _iso(incident.acknowledged_at),
        "acknowledged_by": incident.acknowledged_by,
        "count": incident.count,
        "text": text(tell, context),
    }
    return json.dumps(fields).encode()


def footer(tell: Tell) -> str:
    """Which incident and which of its notices it is."""
    return f"Incident: {tell.incident.site} {tell.incident.key} (notice {tell.delivery.number})"


def identity(incident: Incident) -> str:
    """What holds the notices of an incident together, from its opening to its end; the next opening has another."""
    return digest(incident.site, incident.key, incident.opened_at.isoformat())


def delivery_id(tell: Tell) -> str:
    """The same for every attempt at one notice, another for the next notice: receivers can drop a repetition."""
    return digest(tell.incident.site, tell.incident.key, str(tell.delivery.number), tell.delivery.since.isoformat())


def runbook(name: str, runbooks: str = "") -> str:
    """Where a runbook is: its address, or its path in the project when the pages have no address; empty for none."""
    return f"{runbooks.rstrip('/') or 'docs/runbooks'}/{name}.md" if name else ""


def _adverb(kind: Kind) -> str:
    match kind:
        case "new" | "resolved":
            return ""
        case "worse":
            return "worse: "
        case "repeat":
            return "still: "
        case "again":
            return "again: "
        case "flaps":
            return "comes and goes: "
        case "escalated":
            return "nobody acknowledged: "
        case "acknowledged":
            return "acknowledged: "
        case _:
            assert_never(kind)


def _list(heading: str, lines: tuple[str, ...]) -> list[str]:
    return ["", f"{heading}:", *(f"  - {line}" for line in lines)] if lines else []


def _since(incident: Incident, now: datetime) -> str:
    signals = f"{incident.count} signal{'' if incident.count == 1 else 's'}"
    if incident.resolved_at is not None and incident.resolved_at > incident.opened_at:
        lasted = _lasting(incident.resolved_at - incident.opened_at)
        return f"From {_time(incident.opened_at)} to {_time(incident.resolved_at)}: {lasted}, {signals}."
    lasts = now - incident.opened_at
    so_far = f", {_lasting(lasts)}" if lasts >= timedelta(minutes=1) and incident.state == "open" else ""
    return f"Since {_time(incident.opened_at)}{so_far}, {signals}."


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _lasting(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    named = ((hours, "h"), (minutes, "min"), (seconds if not hours else 0, "s"))
    return " ".join(f"{n:,} {unit}" for n, unit in named if n) or "0 s"
