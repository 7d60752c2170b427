"""From a signal (or a tick) to what is recorded and told: a list of pure stages, each a question of its own.

Inhibition, silences and escalation are further stages between `correlate` and `route`: each may change `kind`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import RANK, Action, Delivery, GivenUp, Incident, Kind, Noted, Tell
from firstbell.oncall.routing import channels
from firstbell.oncall.signal import Signal
from firstbell.site import OnCall

AGAIN = timedelta(minutes=15)  # back within this of its end, it is the same incident
QUOTED = timedelta(days=1)  # the same unreadable text is passed on once in this time
GIVE_UP = timedelta(hours=24)
FIRST_PAUSE = timedelta(seconds=45)  # less than the minute after which Lambda retries an asynchronous call
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Case:
    """What the stages work on. `letter` is None at a tick; `kind` is why a notice is due now, if one is."""

    incident: Incident | None
    letter: Letter | None
    on_call: OnCall
    now: datetime
    repeats: bool = True
    kind: Kind | None = None
    actions: tuple[Action, ...] = ()


def decide(
    incident: Incident | None, letter: Letter | None, on_call: OnCall, now: datetime, repeats: bool = True
) -> tuple[Incident | None, tuple[Action, ...]]:
    """The incident as it is to be recorded, and what to do once it is. `repeats`: open incidents are told again."""
    case = Case(incident, letter, on_call, now, repeats)
    for stage in PIPELINE:
        case = stage(case)
    return case.incident, case.actions


def correlate(case: Case) -> Case:
    """What does the letter change? An older one than the last known changes nothing: SNS keeps no order."""
    if case.letter is None:
        return case
    old, signal = case.incident, case.letter.signal
    if not case.letter.readable:
        return _quote(case, signal)
    if old is None:
        return _end_unheard_of(case, signal) if signal.resolved else _begin(case, signal)
    if signal.at < old.last_signal_at:
        return case
    match old.state, signal.resolved:
        case "resolved", True:
            return replace(case, incident=replace(old, last_signal_at=signal.at))
        case "resolved", False:
            return _return(case, old, signal)
        case _, True:
            return _end(case, old, signal)
        case _:
            return _go_on(case, old, signal)


def _begin(case: Case, signal: Signal) -> Case:
    number, deliveries = (case.incident.number, case.incident.deliveries) if case.incident else (0, ())
    incident = Incident(
        site=signal.site,
        key=signal.key,
        state="open",
        severity=signal.severity,
        title=signal.title,
        what=signal.what,
        runbook=signal.runbook,
        opened_at=signal.at,
        last_signal_at=signal.at,
        count=1,
        evidence=signal.evidence,
        done=signal.done,
        expected_end=signal.expected_end,
        number=number,
        deliveries=deliveries,
    )
    return replace(case, incident=incident, kind="new")


def _quote(case: Case, signal: Signal) -> Case:
    """Nothing will resolve what nobody can read: it is told once and is over."""
    if case.incident and signal.at - case.incident.last_signal_at < QUOTED:
        return case
    begun = _begin(case, signal)
    return begun if begun.incident is None else replace(begun, incident=_over(begun.incident, signal.at))


def _end_unheard_of(case: Case, signal: Signal) -> Case:
    """Remember that it is over, and tell nobody: its beginning may still be on the way."""
    begun = _begin(case, signal).incident
    return case if begun is None else replace(case, incident=replace(_over(begun, signal.at), count=0))


def _return(case: Case, old: Incident, signal: Signal) -> Case:
    if not old.count or old.resolved_at is None or signal.at - old.resolved_at > AGAIN:
        return _begin(case, signal)
    back = replace(_updated(old, signal), state="open", severity=signal.severity, resolved_at=None)
    return replace(case, incident=back, kind="again")


def _end(case: Case, old: Incident, signal: Signal) -> Case:
    """Its end has words of its own; title, severity and runbook stay those of the incident."""
    ended = replace(
        _over(old, signal.at),
        last_signal_at=signal.at,
        what=signal.what or old.what,
        evidence=signal.evidence or old.evidence,
        done=signal.done or old.done,
    )
    return replace(case, incident=ended, kind="resolved")


def _go_on(case: Case, old: Incident, signal: Signal) -> Case:
    rose = RANK[signal.severity] > RANK[old.severity]
    if signal.at == old.last_signal_at and not rose:
        return case  # the same signal, delivered twice
    on = replace(_updated(old, signal), severity=signal.severity if rose else old.severity)
    return replace(case, incident=on, kind="worse" if rose else None)


def _updated(old: Incident, signal: Signal) -> Incident:
    return replace(
        old,
        title=signal.title,
        what=signal.what,
        runbook=signal.runbook or old.runbook,
        evidence=signal.evidence,
        done=signal.done,
        expected_end=signal.expected_end,
        last_signal_at=signal.at,
        count=old.count + 1,
    )


def _over(incident: Incident, at: datetime) -> Incident:
    return replace(incident, state="resolved", resolved_at=at)


def route(case: Case) -> Case:
    """Who is to hear it? All channels of a change; of an open incident those that heard nothing for `repeat`.

    A notice replaces one that is still pending for the channel: the newest state tells the whole story.
    """
    incident = case.incident
    if incident is None:
        return case
    wanted = channels(case.on_call, incident.severity)
    if case.kind is None:
        wanted = tuple(c for c in wanted if case.repeats and _repeat_is_due(case, incident, c))
    if not wanted:
        return _noted(case)
    number = incident.number + 1
    fresh = tuple(Delivery(c, number, case.kind or "repeat", since=case.now, due=case.now) for c in wanted)
    others = tuple(d for d in incident.deliveries if d.channel not in wanted)
    return _noted(replace(case, incident=replace(incident, number=number, deliveries=fresh + others)))


def _repeat_is_due(case: Case, incident: Incident, channel: str) -> bool:
    if incident.state != "open":
        return False
    last = next((d for d in incident.deliveries if d.channel == channel), None)
    if last is None:
        return True
    return last.state != "pending" and case.now - last.since >= timedelta(seconds=case.on_call.repeat)


def _noted(case: Case) -> Case:
    if case.kind is None or case.incident is None:
        return case
    return replace(case, actions=(*case.actions, Noted(case.incident, case.kind)))


def claim(case: Case) -> Case:
    """Which deliveries are attempted now, and which are hopeless? Both are recorded before anything is done."""
    if case.incident is None:
        return case
    known = channels(case.on_call)
    looked_at = [(d, _claimed(d, known, case.now)) for d in case.incident.deliveries]
    incident = replace(case.incident, deliveries=tuple(after for _, (after, _) in looked_at))
    due: list[Action] = []
    for before, (after, why) in looked_at:
        if after.state == "given_up" and before.state == "pending":
            due.append(GivenUp(incident, after, why))
        elif after.attempts > before.attempts:
            due.append(Tell(incident, after))
    return replace(case, incident=incident, actions=(*case.actions, *due))


def _claimed(delivery: Delivery, known: tuple[str, ...], now: datetime) -> tuple[Delivery, str]:
    if delivery.state != "pending":
        return delivery, ""
    if delivery.channel not in known:
        return replace(delivery, state="given_up", since=now), "the site file no longer names it"
    if now - delivery.since >= GIVE_UP:
        return replace(delivery, state="given_up", since=now), f"tried for {GIVE_UP // timedelta(hours=1)} hours"
    if now < delivery.due:
        return delivery, ""
    pause = min(FIRST_PAUSE * 2 ** min(delivery.attempts, 10), LONGEST_PAUSE)
    return replace(delivery, attempts=delivery.attempts + 1, due=now + pause), ""


PIPELINE: tuple[Callable[[Case], Case], ...] = (correlate, route, claim)
