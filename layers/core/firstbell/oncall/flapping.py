"""Incidents that come and go: from the third opening within an hour on they are held open until it is calm. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from firstbell.oncall.case import Case
from firstbell.oncall.incident import Incident

OFTEN, WITHIN = 3, timedelta(hours=1)  # so many openings within this time are flapping
CALM = timedelta(minutes=30)  # without it, then it is over


def damp(case: Case) -> Case:
    """Does it flap? Then that is told once, and it is over only when it has been calm for half an hour."""
    incident = case.incident
    if incident is None:
        return case
    if case.kind in ("new", "again") and incident.state == "open":
        return _opened(case, incident, incident.last_signal_at)
    if case.kind == "resolved" and incident.flaps:
        held = replace(incident, state="open", over_since=incident.resolved_at, resolved_at=None)
        return replace(case, incident=held, kind=None).because("it comes and goes: its end is believed when it lasts")
    if incident.over_since and case.now - incident.over_since >= CALM:
        ended = replace(incident, state="resolved", resolved_at=incident.over_since, over_since=None)
        return replace(case, incident=ended, kind="resolved").because(f"it has been calm for {_minutes(CALM)} minutes")
    return case


def _opened(case: Case, incident: Incident, at: datetime) -> Case:
    openings = (*(t for t in incident.openings if at - t < WITHIN), at)[-OFTEN:]
    flaps = len(openings) >= OFTEN
    counted = replace(incident, openings=openings, flaps=incident.flaps or flaps)
    if incident.flaps:
        return replace(case, incident=counted, kind=None).because("it comes and goes, as was said already")
    if flaps:
        return replace(case, incident=counted, kind="flaps").because(
            f"it opened {OFTEN} times within {_minutes(WITHIN)} minutes: it comes and goes"
        )
    return replace(case, incident=counted)


def _minutes(span: timedelta) -> int:
    return span // timedelta(minutes=1)
