"""Events to peaks: the operator's rules say what counts and as what; one quiz from two sources counts once. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

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
    course = event.categories[0] if event.categories else ""
    return Peak(
        start=event.start,
        end=end,
        participants=round(people * source.participants_factor),
        kind=kind,
        source=source.label,
        title=event.title or kind,
        key=key_of(course or event.uid, event.start, *([] if event.is_moment else [event.end])),
        course=course,
    )


def _matches(rule: Rule, event: Event) -> bool:
    return (
        bool(re.search(rule.match, event.title))
        and bool(re.search(rule.calendar, event.calendar))
        and (not rule.category or any(re.search(rule.category, name) for name in event.categories))
    )


def key_of(course: str, *moments: datetime) -> str:
    """The identity of a sitting across sources: the course's short name, and the one or two moments that are known."""
    return "/".join([course, *(f"{moment:%Y%m%dT%H%M%SZ}" for moment in moments)])


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
            title = _common(opens, closes)
            joined.append(Event(opens.uid, opens.start, closes.end, title, "", opens.categories, opens.calendar))
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


ORDER: tuple[Kind, ...] = ("lecture", "term_start", "deadline", "quiz", "exam")
HALF_KNOWN: tuple[Kind, ...] = ("deadline", "quiz", "exam")  # what one source may know by one of its moments only


def merge(found: Iterable[Peak]) -> tuple[Peak, ...]:
    """All peaks, the same sitting from several sources once.

    It is the same when its key is; or when one source knows only its opening or its closing, as Moodle exports a long
    quiz to iCalendar. What is merged has the longest time, the highest participation, and the kind that asks for most.
    """
    best: dict[str, Peak] = {}
    for peak in found:
        known = best.get(peak.key)
        best[peak.key] = peak if known is None else _both(known, peak)
    for key, peak in list(best.items()):
        course, *moments = _parts(key)
        if len(moments) == 2 and peak.kind in HALF_KNOWN:
            for half in (f"{course}/{moment}" for moment in moments):
                if half in best and best[half].kind in HALF_KNOWN:
                    best[key] = _both(best[key], best.pop(half))
    return tuple(sorted(best.values()))


def _parts(key: str) -> list[str]:
    """The course and the moments of a key; a course may contain slashes itself."""
    found = _KEY.fullmatch(key)
    return [found[1], *found[2].split("/")[1:]] if found else [key]


_KEY = re.compile(r"(.*?)((?:/[0-9]{8}T[0-9]{6}Z){1,2})", re.DOTALL)


def _both(one: Peak, other: Peak) -> Peak:
    fuller = max(one, other, key=lambda p: (len(_parts(p.key)), p.participants, ORDER.index(p.kind)))
    return replace(
        fuller,
        start=min(one.start, other.start),
        end=max(one.end, other.end),
        participants=max(one.participants, other.participants),
        kind=max(one.kind, other.kind, key=ORDER.index),
        limit=fuller.limit or one.limit or other.limit,
    )
