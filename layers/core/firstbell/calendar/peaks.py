"""Events to peaks: the operator's rules say what counts and as what; one quiz from two sources counts once. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile

from firstbell.calendar.values import Event
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource, Kind, Rule

MOMENT_LASTS = timedelta(hours=1)  # what a moment without a partner is taken for
LONGEST_PAIR = timedelta(hours=24)
ORDER: tuple[Kind, ...] = ("lecture", "term_start", "deadline", "quiz", "exam")
HALF_KNOWN: tuple[Kind, ...] = ("deadline", "quiz", "exam")  # what one source may know by one of its moments only


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
    start, end = event.start, event.end
    if event.is_moment and kind != "deadline":
        end += MOMENT_LASTS
        if kind in HALF_KNOWN and _moodle_number(event):  # an opening or a closing: people come after it, or before
            start -= MOMENT_LASTS
    course = _course(event)
    known = [event.start] if event.is_moment else [event.start, event.end]
    return Peak(
        start=start,
        end=end,
        participants=round(people * source.participants_factor),
        kind=kind,
        source=source.label,
        title=event.title or kind,
        key=key_of(course or f"{event.uid} {event.title}", *known),
        course=course,
    )


def _course(event: Event) -> str:
    """The course's short name, which is the first category in a Moodle's export; elsewhere a category is any word."""
    return event.categories[0] if event.categories and _moodle_number(event) else ""


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
    description. The localised titles are not looked at, but for what both begin or end with, to name the quiz.
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
    """What two titles begin or end with: in whole words, or in letters where a language has no spaces."""
    one, other, space = a.title.split(), b.title.split(), " "
    if min(len(one), len(other)) < 2:
        one, other, space = list(a.title), list(b.title), ""
    begins, ends = _prefix(one, other), _prefix(one[::-1], other[::-1])[::-1]
    return space.join(begins if len(begins) >= len(ends) else ends)


def _prefix(one: list[str], other: list[str]) -> list[str]:
    return [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))]


def merge(*sources: Iterable[Peak]) -> tuple[Peak, ...]:
    """The peaks of all sources, the same sitting of several of them once; what one source tells apart is apart.

    It is the same when its key is; or when another source knows only its opening or its closing, as Moodle exports a
    long quiz to iCalendar. What is merged has the longest time, the most participants and the kind that asks for most.
    """
    places: dict[str, list[_Place]] = {}
    for number, source in enumerate(sources):
        used: Counter[str] = Counter()
        for peak in sorted(source):
            same = places.setdefault(peak.key, [])
            if used[peak.key] == len(same):
                same.append(_Place(peak))
            same[used[peak.key]].add(peak, number)
            used[peak.key] += 1
    _fold_halves(places)
    return tuple(sorted(place.peak for same in places.values() for place in same))


@dataclass
class _Place:
    """A sitting, and the sources that know it."""

    peak: Peak
    known_by: set[int] = field(default_factory=set)

    def add(self, other: Peak, *source: int) -> None:
        self.peak = _both(self.peak, other)
        self.known_by |= set(source)


def _fold_halves(places: dict[str, list[_Place]]) -> None:
    """Join what a source knows by one moment to the sitting that another source knows by both."""
    for key, same in list(places.items()):
        course, *moments = _parts(key)
        for place in same if len(moments) == 2 else ():
            for half in (f"{course}/{moment}" for moment in moments):
                found = places.get(half, [])
                fits = [h for h in found if HALF_KNOWN.count(h.peak.kind) and not h.known_by & place.known_by]
                if fits and place.peak.kind in HALF_KNOWN:
                    half_known = fits[0].peak
                    people = max(place.peak.participants, half_known.participants)
                    kind = max(place.peak.kind, half_known.kind, key=ORDER.index)
                    place.peak = replace(place.peak, participants=people, kind=kind)
                    place.known_by |= fits[0].known_by
                    found.remove(fits[0])


def _parts(key: str) -> list[str]:
    """The course and the moments of a key; a course may contain slashes itself."""
    found = _KEY.fullmatch(key)
    return [found[1], *found[2].split("/")[1:]] if found else [key]


_KEY = re.compile(r"(.*?)((?:/[0-9]{8}T[0-9]{6}Z){1,2})", re.DOTALL)


def _both(one: Peak, other: Peak) -> Peak:
    """Two words on the same sitting, whose key is one."""
    more = max(one, other, key=lambda p: (p.participants, ORDER.index(p.kind)))
    return replace(
        more,
        start=min(one.start, other.start),
        end=max(one.end, other.end),
        kind=max(one.kind, other.kind, key=ORDER.index),
        limit=one.limit or other.limit,
        course=one.course or other.course,
    )
