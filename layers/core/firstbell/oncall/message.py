"""What a channel is told, in words for people and in fields for machines. Pure."""

import json
from datetime import datetime, timedelta
from typing import assert_never

from firstbell.oncall.incident import Incident, Kind, Tell
from firstbell.oncall.texts import digest


def subject(tell: Tell) -> str:
    """One line: how urgent, which site, what."""
    incident, kind = tell.incident, tell.delivery.kind
    urgency = "resolved" if kind == "resolved" else incident.severity
    return f"[{urgency}] {incident.site}: {_adverb(kind)}{incident.title}"


def text(tell: Tell, runbooks: str = "") -> str:
    """The whole story in plain text; times are UTC. `runbooks` is the address of the pages, if they have one."""
    incident = tell.incident
    parts = [subject(tell), "", incident.what]
    parts += _list("Evidence", incident.evidence) + _list("What Firstbell did", incident.done)
    parts += ["", _since(incident)]
    if incident.expected_end and incident.state == "open":
        parts.append(f"Expected to last until {_time(incident.expected_end)}.")
    if incident.runbook:
        parts.append(f"Runbook: {runbook(incident.runbook, runbooks)}")
    parts.append(f"Incident: {incident.site} {incident.key} (notice {tell.delivery.number})")
    return "\n".join(parts) + "\n"


def body(tell: Tell, runbooks: str = "") -> bytes:
    """The JSON that a webhook receives, version 1; times are ISO 8601 in UTC. Fields may be added, none goes away."""
    incident, delivery = tell.incident, tell.delivery
    fields = {
        "version": 1,
        "status": "resolved" if delivery.kind == "resolved" else "firing",
        "kind": delivery.kind,
        "site": incident.site,
        "key": incident.key,
        "severity": incident.severity,
        "title": incident.title,
        "what": incident.what,
        "evidence": list(incident.evidence),
        "done": list(incident.done),
        "runbook": runbook(incident.runbook, runbooks),
        "opened_at": incident.opened_at.isoformat(),
        "at": delivery.since.isoformat(),
        "expected_end": incident.expected_end.isoformat() if incident.expected_end else None,
        "count": incident.count,
        "text": text(tell, runbooks),
    }
    return json.dumps(fields).encode()


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
        case _:
            assert_never(kind)


def _list(heading: str, lines: tuple[str, ...]) -> list[str]:
    return ["", f"{heading}:", *(f"  - {line}" for line in lines)] if lines else []


def _since(incident: Incident) -> str:
    signals = f"{incident.count} signal{'' if incident.count == 1 else 's'}"
    if incident.resolved_at is None or incident.resolved_at <= incident.opened_at:
        return f"Since {_time(incident.opened_at)}, {signals}."
    lasted = _lasting(incident.resolved_at - incident.opened_at)
    return f"From {_time(incident.opened_at)} to {_time(incident.resolved_at)}: {lasted}, {signals}."


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _lasting(span: timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    named = ((hours, "h"), (minutes, "min"), (seconds if not hours else 0, "s"))
    return " ".join(f"{n:,} {unit}" for n, unit in named if n) or "0 s"
