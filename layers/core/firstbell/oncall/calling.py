"""Who is to hear it, and who else when nobody answers: the stages that make notices. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from firstbell.oncall.case import Case
from firstbell.oncall.incident import CALLS, Delivery, Incident, Kind, Noted
from firstbell.oncall.routing import called, channels


def route(case: Case) -> Case:
    """Who is to hear it? Whoever is called for a change; of an open incident those that heard nothing for `repeat`.

    An end is told to those who may know of the beginning.
    """
    incident, around = case.incident, case.around
    if incident is None or around is None:
        return case
    first = called(case.site.oncall, incident.severity, around.duty)
    match case.kind:
        case None:
            wanted = [c for c in _listeners(incident, first) if _repeat_is_due(case, incident, c)]
        case "resolved":
            wanted = [d.channel for d in incident.deliveries if d.may_be_known and d.kind != "resolved"]
        case _:
            wanted = list(first)
    if case.kind in CALLS:
        incident = _anew(case, incident)
    noticed = _noticed(case, incident, wanted, case.kind or "repeat")
    if case.kind is None or noticed.incident is None:
        return noticed
    return replace(noticed, actions=(*noticed.actions, Noted(noticed.incident, case.kind)))


def _anew(case: Case, incident: Incident) -> Incident:
    """Somebody is wanted: whoever acknowledged it before did not know this."""
    return replace(
        incident,
        called=incident.number + 1,
        called_at=case.now,
        acknowledged_at=None,
        acknowledged_by="",
        escalated=False,
    )


def _listeners(incident: Incident, first: tuple[str, ...]) -> tuple[str, ...]:
    """Who hears repeats: those who are called now, and whoever it was escalated to."""
    if not incident.escalated:
        return first
    return tuple(dict.fromkeys((*first, *(d.channel for d in incident.deliveries if d.may_be_known))))


def _repeat_is_due(case: Case, incident: Incident, channel: str) -> bool:
    if not case.repeats or not _wants_somebody(incident):
        return False
    last = incident.delivery(channel)
    if last is None:
        return True
    return last.state != "pending" and case.now - last.since >= timedelta(seconds=case.site.oncall.repeat)


def _wants_somebody(incident: Incident) -> bool:
    held = incident.muted_by or incident.over_since or incident.acknowledged_at
    return incident.state == "open" and not held


def _noticed(case: Case, incident: Incident, wanted: Iterable[str], kind: Kind) -> Case:
    """The case with a notice for each channel wanted; it replaces one that is pending, for it tells the whole story."""
    number, chosen = incident.number + 1, tuple(wanted)
    if not chosen:
        return replace(case, incident=incident)
    before = {d.channel: d for d in incident.deliveries}
    fresh = tuple(_fresh(case, channel, before.get(channel), number, kind) for channel in chosen)
    others = tuple(d for d in incident.deliveries if d.channel not in chosen)
    duty = ", ".join(case.around.duty) if case.around else ""
    noticed = replace(incident, number=number, deliveries=fresh + others, on_duty=duty)
    return replace(case, incident=noticed).because(f"{kind}, notice {number}, for {', '.join(chosen)}")


def _fresh(case: Case, channel: str, before: Delivery | None, number: int, kind: Kind) -> Delivery:
    fresh = Delivery(channel, number, kind, since=case.now, due=case.now)
    return fresh if before is None else replace(fresh, heard=before.may_be_known, receipt=before.receipt)


def escalate(case: Case) -> Case:
    """Does nobody answer? A page that nobody took in time, or that did not arrive, is told to others too."""
    incident, on_call = case.incident, case.site.oncall
    if incident is None or case.around is None or not case.repeats:
        return case
    if incident.severity != "page" or not _wants_somebody(incident) or incident.called_at is None:
        return case
    sent = [d for d in incident.deliveries if d.number >= incident.called]
    known = {d.channel for d in sent}
    unheard = [channel for channel in channels(on_call) if channel not in known]
    late = case.now - incident.called_at >= timedelta(seconds=on_call.escalate.after)
    if late and not incident.escalated:
        to = on_call.escalate.to or unheard
        busy = {d.channel for d in incident.deliveries if d.state == "pending" and d.since == case.now}
        if wanted := [channel for channel in to if channel not in busy]:
            told = case.because(f"nobody acknowledged it within {on_call.escalate.after} s")
            return _noticed(told, replace(incident, escalated=True), wanted, "escalated")
    if any(_failed(d, case) for d in sent):
        nobody = not any(d.state == "told" for d in sent)
        instead = [c for c in unheard if nobody or c in channels(on_call, "page")]
        if instead:
            return _noticed(case.because("it did not arrive where it was sent"), incident, instead, "escalated")
    return case


def _failed(delivery: Delivery, case: Case) -> bool:
    tried = delivery.state == "pending" and delivery.attempts > 0 and case.now >= delivery.due
    return tried or delivery.state == "given_up"
