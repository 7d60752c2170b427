"""PagerDuty, Events API v2: one alert for an incident, held together by its dedup key (developer.pagerduty.com)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firstbell.oncall import message
from firstbell.oncall.channels import posting
from firstbell.oncall.incident import Tell
from firstbell.oncall.message import Context
from firstbell.oncall.signal import Severity
from firstbell.oncall.texts import one_line

HOST = "https://events.pagerduty.com"
SUMMARY = 1024  # characters; the event as a whole may have 512 KB, which tidy texts never reach
SEVERITY: dict[Severity, str] = {"page": "critical", "ticket": "warning", "info": "info"}


@dataclass(frozen=True)
class PagerDuty:
    """A service of PagerDuty, by what returns its routing key."""

    name: str
    key: Callable[[], str]
    host: str = HOST
    interval: float = 0.0

    def deliver(self, tell: Tell, context: Context) -> str:
        """Trigger, acknowledge or resolve. Raises RetryLater or Refused."""
        body = posting.encode(event(tell, context, self.key()))
        posting.post(f"{self.host}/v2/enqueue", body, context.now)
        return ""


def event(tell: Tell, context: Context, key: str) -> dict[str, Any]:
    """The event that says it. What is acknowledged or resolved is known by the dedup key alone."""
    action = {"resolved": "resolve", "acknowledged": "acknowledge"}.get(tell.delivery.kind, "trigger")
    known = {"routing_key": key, "event_action": action, "dedup_key": message.identity(tell.incident)}
    return known if action != "trigger" else known | _alert(tell, context)


def _alert(tell: Tell, context: Context) -> dict[str, Any]:
    incident = tell.incident
    details = {
        "what": incident.what,
        "evidence": list(incident.evidence),
        "what Firstbell did": list(incident.done),
        "facts": list(message.facts(incident, context)),
        "incident": f"{incident.site} {incident.key}",
        "runbook": message.runbook(incident.runbook, context.runbooks),
    }
    return {
        "client": "Firstbell",
        "links": [{"href": link.url, "text": link.label} for link in message.links(tell, context)],
        "payload": {
            "summary": one_line(message.subject(tell), SUMMARY),
            "source": incident.site,
            "severity": SEVERITY[incident.severity],
            "timestamp": tell.delivery.since.isoformat(),
            "component": incident.key,
            "group": incident.site,
            "class": incident.key.partition("/")[0],
            "custom_details": {name: value for name, value in details.items() if value},
        },
    }
