"""PagerDuty, Events API v2: an alert for each severity that an incident has had (developer.pagerduty.com).

While an alert is acknowledged PagerDuty calls nobody, whatever is triggered under its dedup key: so what became worse
has a key of its own.
"""

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
        for one in events(tell, context, self.key()):
            posting.post(f"{self.host}/v2/enqueue", posting.encode(one), context.now)
        return ""


def events(tell: Tell, context: Context, key: str) -> list[dict[str, Any]]:
    """The events that say it. All alerts are acknowledged or resolved: one that there is not, PagerDuty ignores."""
    action = {"resolved": "resolve", "acknowledged": "acknowledge"}.get(tell.delivery.kind, "trigger")
    incident, alert = tell.incident, _alert(tell, context) if action == "trigger" else {}
    severities = (incident.severity,) if alert else tuple(SEVERITY)
    known = (f"{message.identity(incident)}-{severity}" for severity in severities)
    return [{"routing_key": key, "event_action": action, "dedup_key": one} | alert for one in known]


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
