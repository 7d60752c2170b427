"""What the tests of on-call's decisions share: a site with channels, signals, and an incident's life step by step."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from firstbell.oncall import pipeline
from firstbell.oncall.case import Around
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import Delivery, Incident, Noted, Tell
from firstbell.oncall.muting import Silence
from firstbell.oncall.signal import Severity, Signal
from firstbell.site import Channel, Fleet, OnCall, Site

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)  # a Monday; 10:00 in Berlin
PAGER = Channel(pagerduty="ssm:/firstbell/pager", name="pager")
BOSS = Channel(slack="ssm:/firstbell/slack", room="C0123456", name="boss", hears="escalation")


def site(*channels: Channel, **oncall: Any) -> Site:
    return Site("campus", "Europe/Berlin", Fleet("web"), oncall=OnCall(channels=channels, **oncall))


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def signal(minute: float = 0, severity: Severity = "page", key: str = "mount/i-0abc", resolved: bool = False) -> Signal:
    return Signal("campus", key, severity, "not mounted", "No mount.", "mount-sick", at(minute), resolved=resolved)


def silence(begin: float, end: float, matches: str = "*", owner: str = "ann") -> Silence:
    return Silence(owner, "we know", matches, at(begin), at(end))


def incident(key: str, severity: Severity = "page", begun: float = 0, **more: Any) -> Incident:
    made, _ = pipeline.decide(None, Letter(signal(begun, severity, key)), site(), at(begun))
    assert made is not None
    return replace(made, **more)


@dataclass
class Life:
    """An incident's life: what was told when, as (minute, channel, kind)."""

    site: Site = field(default_factory=site)
    around: Around = field(default_factory=Around)
    incident: Incident | None = None
    told: list[tuple[float, str, str]] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    fails: frozenset[str] = frozenset()  # channels that cannot be reached

    def gets(self, minute: float, severity: Severity = "page", **more: Any) -> "Life":
        return self._step(Letter(signal(minute, severity, **more)), minute)

    def ends(self, minute: float) -> "Life":
        return self.gets(minute, resolved=True)

    def ticks(self, first: float, last: float, every: float = 5) -> "Life":
        minute = first
        while minute <= last:
            self._step(None, minute)
            minute += every
        return self

    def _step(self, letter: Letter | None, minute: float) -> "Life":
        self.incident, actions = pipeline.decide(self.incident, letter, self.site, at(minute), self.around)
        tells = [a for a in actions if isinstance(a, Tell) and a.delivery.channel not in self.fails]
        self.told += [(minute, a.delivery.channel, a.delivery.kind) for a in tells]
        self.noted += [a.kind for a in actions if isinstance(a, Noted)]
        if self.incident:
            arrived = {a.delivery.channel for a in tells}
            self.incident = replace(
                self.incident,
                deliveries=tuple(_told(d) if d.channel in arrived else d for d in self.incident.deliveries),
            )
        return self


def _told(delivery: Delivery) -> Delivery:
    return replace(delivery, state="told", told_at=delivery.since, heard=True)
