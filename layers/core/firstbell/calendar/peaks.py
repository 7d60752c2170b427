"""Events to peaks: the operator's rules say what counts and as what; one quiz from two sources counts once. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from firstbell.calendar.values import Event
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource, Kind, Rule

MOMENT_LASTS = timedelta(hours=1)  # what a moment without a partner is taken for
LONGEST_PAIR = timedelta(hours=24)


def of_events(events: Sequence[Event], source: CalendarSource) -> list[Peak]:
    """The peaks of a calendar. Raises nothing: an event that no rule or default makes something is left out."""
    return [
        peak for event in pair_moments(events) if (peak := _peak(event, source)) is not None and peak.participants > 0
    ]


def _peak(event: Event, source: CalendarSource) -> Peak | None:
    rule = next((rule for rule in source.rules if _matches(rule, event)), Rule())
    kind = rule.kind or source.kind
    if rule.ignore or kind is None:
        return None
    people = rule.participants if rule.participants is not None else source.participants or 0
    end = event.end if not event.is_moment else event.start + MOMENT_LASTS
    if event.is_moment and kind == "deadline":
        end = event.start
    return Peak(
        start=event.start,
        end=end,
        participants=round(people * source.participants_factor),
        kind=kind,
        source=source.name,
        title=event.title or kind,
        key=key_of(event.categories[0] if event.categories else event.uid, event),
    )


def _matches(rule: Rule, event: Event) -> bool:
    return bool(re.search(rule.match, event.title)) and bool(
        not rule.category or any(re.search(rule.category, name) for name in event.categories)
    )


def key_of(course: str, interval: Event | Peak) -> str:
    """The identity of a sitting across sources: the course's short name and the times."""
    return f"{course}/{interval.start:%Y%m%dT%H%M%SZ}/{interval.end:%Y%m%dT%H%M%SZ}"


def pair_moments(events: Sequence[Event]) -> list[Event]:
    """Join a quiz's "opens" and "closes", which Moodle exports as two moments, into one event; others stay as they are.

    Moodle numbers the two one after the other (the UID is `<event id>@<host>`), and gives them the same course and
    description. The localised titles are not looked at, but for what both begin with, to name the quiz.
    """
    moments = {uid: e for e in events if e.is_moment and (uid := _moodle_number(e)) is not None}
    used: set[Event] = set()
    joined: list[Event] = []
    for (number, host), opens in sorted(moments.items()):
        closes = moments.get((number + 1, host))
        if closes is not None and opens not in used and _same_quiz(opens, closes):
            used |= {opens, closes}
            joined.append(Event(opens.uid, opens.start, closes.end, _common(opens, closes), "", opens.categories))
    return sorted([e for e in events if e not in used] + joined, key=lambda e: (e.start, e.end, e.uid))


def _moodle_number(event: Event) -> tuple[int, str] | None:
    number, _, host = event.uid.partition("@")
    return (int(number), host) if number.isdecimal() and len(number) < 19 and host else None


def _same_quiz(opens: Event, closes: Event) -> bool:
    return (
        timedelta(0) < closes.start - opens.start <= LONGEST_PAIR
        and opens.categories == closes.categories
        and opens.description == closes.description
        and len(_common(opens, closes)) > 0
    )


def _common(a: Event, b: Event) -> str:
    words = []
    for one, other in zip(a.title.split(), b.title.split(), strict=False):
        if one != other:
            break
        words.append(one)
    return " ".join(words)


def merge(found: Iterable[Peak]) -> tuple[Peak, ...]:
    """All peaks, the same sitting from several sources once: the kind that asks for most, the highest participation."""
    order: tuple[Kind, ...] = ("lecture", "term_start", "deadline", "quiz", "exam")
    best: dict[str, Peak] = {}
    for peak in found:
        known = best.get(peak.key)
        if known is not None:
            most = max(peak, known, key=lambda p: (p.participants, order.index(p.kind)))
            peak = replace(most, kind=max(peak.kind, known.kind, key=order.index))
        best[peak.key] = peak
    return tuple(sorted(best.values()))
