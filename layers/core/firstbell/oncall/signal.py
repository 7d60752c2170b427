"""A signal: what a function says when something wants a person, or has ceased to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Severity = Literal["page", "ticket", "info"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One message to `notify_on_call`; signals with the same `site` and `key` are one incident.

    `runbook` is the name of a page in docs/runbooks. `resolved` ends the incident. It is an action like any other: its
    reason is what it says.
    """

    site: str
    key: str
    severity: Severity
    title: str
    what: str
    runbook: str
    at: datetime
    evidence: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    resolved: bool = False
    expected_end: datetime | None = None

    @property
    def subject(self) -> str:
        """What the journal says it is about."""
        return self.key

    @property
    def reason(self) -> str:
        """What the journal says."""
        return f"{'resolved: ' if self.resolved else ''}{self.title}: {self.what}"
