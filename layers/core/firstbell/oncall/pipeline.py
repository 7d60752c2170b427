"""From a signal (or a tick) to what is recorded and told: a list of pure stages, each a question of its own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from firstbell.oncall.calling import escalate, route
from firstbell.oncall.case import Around, Case
from firstbell.oncall.claiming import claim
from firstbell.oncall.flapping import damp
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import RANK, Action, Incident, Kind, Noted
from firstbell.oncall.muting import Muted, muted, quiet
from firstbell.oncall.signal import Signal
from firstbell.oncall.texts import LINES
from firstbell.site import Site

AGAIN = timedelta(minutes=15)  # back within this of its end, it is the same incident
QUOTED = timedelta(days=1)  # the same unreadable text is passed on once in this time
NOTHING = Around()


def decide(
    incident: Incident | None,
    letter: Letter | None,
    site: Site,
    now: datetime,
    around: Around | None = NOTHING,
    repeats: bool = True,
) -> tuple[Incident | None, tuple[Action, ...]]:
    """The incident as it is to be recorded, and what to do once it is. `repeats`: open incidents are told again."""
    case = explained(incident, letter, site, now, around, repeats)
    return case.incident, case.actions


def explained(
    incident: Incident | None,
    letter: Letter | None,
    site: Site,
    now: datetime,
    around: Around | None = NOTHING,
    repeats: bool = True,
) -> Case:
    """The same as a case, whose `why` says what each stage found."""
    case = Case(incident, letter, site, now, around, repeats)
    for stage in PIPELINE:
        case = stage(case)
    return case


def is_news(incident: Incident | None, letter: Letter, site: Site, now: datetime) -> bool:
    """Whether a letter may have to be told, so that it is worth to look around."""
    return correlate(Case(incident, letter, site, now, None)).kind is not None


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
        return case.because("it is older than what is known already")
    match old.state, signal.resolved:
        case "resolved", True:
            return replace(case, incident=replace(old, last_signal_at=signal.at)).because("it is over already")
        case "resolved", False:
            return _return(case, old, signal)
        case _, True:
            return _end(case, old, signal)
        case _ if old.over_since:
            return _return(case, old, signal)
        case _:
            return _go_on(case, old, signal)


def _begin(case: Case, signal: Signal) -> Case:
    old = case.incident
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
    )
    if old is not None:  # what is still to be told of the one before, and whether it flaps
        pending = (d for d in old.deliveries if d.state == "pending")
        left = tuple(replace(d, attempts=0, heard=False, receipt="") for d in pending)
        incident = replace(incident, number=old.number, deliveries=left, openings=old.openings)
    return replace(case, incident=incident, kind="new").because("it is a new incident")


def _quote(case: Case, signal: Signal) -> Case:
    """Nothing will resolve what nobody can read: it is told once and is over."""
    if case.incident and signal.at - case.incident.last_signal_at < QUOTED:
        return case.because("this text was quoted within a day")
    begun = _begin(case, signal)
    return begun if begun.incident is None else replace(begun, incident=_over(begun.incident, signal.at))


def _end_unheard_of(case: Case, signal: Signal) -> Case:
    """Remember that it is over, and tell nobody: its beginning may still be on the way."""
    begun = _begin(case, signal).incident
    if begun is None:
        return case
    return replace(case, incident=replace(_over(begun, signal.at), count=0)).because("nobody has heard that it began")


def _return(case: Case, old: Incident, signal: Signal) -> Case:
    """Back: within a quarter of an hour of its end, or while it is held open, it is the same incident."""
    held = old.over_since is not None
    if not held and (not old.count or old.resolved_at is None or signal.at - old.resolved_at > AGAIN):
        return _begin(case, signal)
    back = replace(
        _updated(old, signal),
        state="open",
        severity=max(old.severity, signal.severity, key=RANK.__getitem__) if held else signal.severity,
        resolved_at=None,
        over_since=None,
        times=old.times + 1,
        flaps=held and old.flaps,
    )
    rose = held and back.severity != old.severity
    return replace(case, incident=back, kind="worse" if rose else "again").because("it is back")


def _end(case: Case, old: Incident, signal: Signal) -> Case:
    """Its end has words of its own; title, severity and runbook stay those of the incident."""
    if old.over_since:
        return replace(case, incident=replace(old, last_signal_at=signal.at)).because("it is waited for calm already")
    ended = replace(
        _over(old, signal.at),
        last_signal_at=signal.at,
        what=signal.what or old.what,
        evidence=signal.evidence or old.evidence,
        done=_all_done(old, signal),
    )
    return replace(case, incident=ended, kind="resolved").because("it is over")


def _go_on(case: Case, old: Incident, signal: Signal) -> Case:
    rose = RANK[signal.severity] > RANK[old.severity]
    if signal.at == old.last_signal_at and not rose:
        return case.because("it is the same signal, delivered twice")
    on = replace(_updated(old, signal), severity=signal.severity if rose else old.severity)
    says = f"it became worse: {signal.severity}" if rose else "it is open already: the signal is counted"
    return replace(case, incident=on, kind="worse" if rose else None).because(says)


def _updated(old: Incident, signal: Signal) -> Incident:
    return replace(
        old,
        title=signal.title,
        what=signal.what,
        runbook=signal.runbook or old.runbook,
        evidence=signal.evidence,
        done=_all_done(old, signal),
        expected_end=signal.expected_end,
        last_signal_at=signal.at,
        count=old.count + 1,
    )


def _all_done(old: Incident, signal: Signal) -> tuple[str, ...]:
    """What was done for it so far, the latest of it: its end says all of it."""
    return tuple(dict.fromkeys((*old.done, *signal.done)))[-LINES:]


def _over(incident: Incident, at: datetime) -> Incident:
    return replace(incident, state="resolved", resolved_at=at)


def mute(case: Case) -> Case:
    """May anybody be told now? What nobody is told of is remembered, and told when nothing mutes it any more.

    The end of what was told waits for the end of quiet hours only.
    """
    incident = case.incident
    if incident is None or case.around is None or not (incident.live or case.kind):
        return case
    due = _due(incident, case.kind)
    found = _muted(case, incident, due)
    if found is None:
        clear = replace(incident, muted_by="", muted_until=None, untold=None)
        told = replace(case, incident=clear, kind=due)
        return told.because("nothing mutes it any more") if incident.muted_by else told.because("nothing mutes it")
    held = replace(incident, muted_by=found.by, muted_until=found.until, untold=due)
    noted = (Noted(held, case.kind),) if case.kind else ()
    until = f"until {found.until:%Y-%m-%d %H:%M} UTC" if found.until else "as long as that is open"
    return replace(case, incident=held, kind=None, actions=(*case.actions, *noted)).because(
        f"nobody is told: {found.by}, {until}"
    )


def _due(incident: Incident, kind: Kind | None) -> Kind | None:
    """What is to be told: the latest, but what nobody has heard of is new and not worse."""
    unheard = incident.untold in ("new", "again", "flaps")
    return incident.untold if kind is None or (kind == "worse" and unheard) else kind


def _muted(case: Case, incident: Incident, due: Kind | None) -> Muted | None:
    if case.around is None or (incident.state == "resolved" and due is None):
        return None
    if due == "resolved":
        known = any(d.may_be_known for d in incident.deliveries)
        return quiet(incident, case.site, case.now) if known else None
    return muted(incident, case.site, case.around.silences, case.around.others, case.now)


PIPELINE: tuple[Callable[[Case], Case], ...] = (correlate, damp, mute, route, escalate, claim)
