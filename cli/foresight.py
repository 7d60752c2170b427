"""What would become of a signal: on-call's own pipeline, run ahead in time with everything delivered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from firstbell.oncall import pipeline
from firstbell.oncall.case import Around, Case
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import Incident, Tell
from firstbell.oncall.signal import Signal
from firstbell.site import Site

TICK, AHEAD = timedelta(minutes=5), timedelta(hours=36)
BEGUN = timedelta(hours=1)  # before: when the incidents began that are said to be open
Duty = Callable[[datetime], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One moment at which something is decided: who is told as what, who mutes it, and why."""

    at: datetime
    told: tuple[tuple[str, str], ...]
    muted_by: str
    muted_until: datetime | None
    why: tuple[str, ...]


def opened(site: Site, key: str, now: datetime) -> Incident:
    """An incident that was told an hour ago, as a page, and is open."""
    begun = now - BEGUN
    signal = Signal(site.name, key, "page", "as --open says", "", "", begun)
    case = pipeline.explained(None, Letter(signal), site, begun)
    if case.incident is None:
        raise ValueError(f"{key}: no incident came of it")
    return _delivered(case)


def steps(site: Site, letter: Letter, others: Sequence[Incident], duty: Duty, now: datetime) -> list[Step]:
    """What is decided when the letter arrives, and at each tick after it, until it is over or the first repeat."""
    known = {incident.key: incident for incident in others}
    incident = known.pop(letter.signal.key, None)
    found: list[Step] = []
    at, said = now, ""
    while at <= now + AHEAD:
        going_on = tuple(replace(other, last_signal_at=at) for other in known.values())
        around = Around(others=going_on, duty=duty(at))
        case = pipeline.explained(incident, letter if at == now else None, site, at, around)
        incident = _delivered(case)
        if at == now or case.actions or incident.muted_by != said:
            found.append(_step(case, incident))
        said = incident.muted_by
        if not incident.live or any(kind == "repeat" for step in found[1:] for _, kind in step.told):
            break
        at += TICK
    return found


def _step(case: Case, incident: Incident) -> Step:
    told = tuple((a.delivery.channel, a.delivery.kind) for a in case.actions if isinstance(a, Tell))
    return Step(case.now, told, incident.muted_by, incident.muted_until, case.why)


def _delivered(case: Case) -> Incident:
    if case.incident is None:
        raise ValueError("a letter or an incident always makes an incident")
    told = tuple(
        replace(d, state="told", told_at=case.now, heard=True) if d.state == "pending" else d
        for d in case.incident.deliveries
    )
    return replace(case.incident, deliveries=told)
