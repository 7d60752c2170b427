"""From calendar text to steps: what holds for any calendars, whatever happens to them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firstbell.calendar import sources
from firstbell.calendar.sources import Content
from firstbell.capacity.planning import make_plan
from firstbell.capacity.values import Plan
from firstbell.site import CalendarSource, Site
from tests.unit.campus_values import DAY, HOUR, MINUTE, MONDAY, site

AHEAD, BEHIND = 14 * DAY, DAY
ONE = CalendarSource(ical="one.ics", participants=700, kind="exam")
OTHER = CalendarSource(ical="other.ics", participants=300, kind="quiz")
Entry = tuple[int, int, str, bool]  # minutes after Monday midnight, minutes that it lasts, course, weekly

ENTRIES = st.lists(
    st.tuples(
        st.integers(0, 20 * 24 * 60),
        st.sampled_from([0, 15, 60, 120, 300, 2000]),
        st.sampled_from(["M1", "M2", ""]),
        st.booleans(),
    ),
    max_size=5,
)


def calendar(entries: Sequence[Entry]) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN"]
    for number, (start, lasts, course, weekly) in enumerate(entries):
        begins = MONDAY + start * MINUTE
        lines += ["BEGIN:VEVENT", f"UID:{number}@campus", f"SUMMARY:Event {number}", f"DTSTART:{begins:%Y%m%dT%H%M%SZ}"]
        lines += [f"DTEND:{begins + lasts * MINUTE:%Y%m%dT%H%M%SZ}"]
        lines += [f"CATEGORIES:{course}"] * bool(course) + ["RRULE:FREQ=WEEKLY;COUNT=4"] * weekly + ["END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def content(of: Site, source: CalendarSource, text: bytes, now: datetime) -> Content:
    return sources.read(of, source, {source.name: text}, now - BEHIND, now + AHEAD, now)


def plan(of: Site, now: datetime, *given_: tuple[CalendarSource, bytes]) -> Plan:
    found = sources.combine([content(of, s, text, now) for s, text in given_], now - BEHIND, now + AHEAD)
    return make_plan(of, found.peaks, now - BEHIND, now + AHEAD)


def moments(start: datetime, end: datetime, *plans: Plan) -> list[datetime]:
    """Around every step, and every half hour."""
    marks = {s.at + n * MINUTE for p in plans for s in p.steps for n in (-1, 0, 1)}
    marks |= {start + n * HOUR / 2 for n in range(int((end - start) / (HOUR / 2)))}
    return sorted(m for m in marks if start <= m < end)


SITE = site(max_instances=200)


@settings(max_examples=40, deadline=None)
@given(ENTRIES, st.integers(0, 10 * 24 * 60))
def test_a_stale_calendar_never_lowers_what_was_promised(entries: list[Entry], later: int):
    """Its kept bytes are read again at a later moment: whatever the earlier plan promised is still planned."""
    text, now = calendar(entries), MONDAY + later * MINUTE
    promised, stale = plan(SITE, MONDAY, (ONE, text)), plan(SITE, now, (ONE, text))
    for moment in moments(now, MONDAY + AHEAD - DAY, promised, stale):
        assert stale.at(moment).instances >= promised.at(moment).instances


def known_better(some: Sequence[Entry], more: Sequence[Entry]) -> bool:
    """A moment of `some` is the beginning or the end of what `more` knows of that course, in whatever week."""
    week = 7 * 24 * 60
    ends = {(course, at % week) for start, lasts, course, _ in more if lasts for at in (start, start + lasts)}
    return any((course, start % week) in ends for start, lasts, course, _ in some if not lasts)


@settings(max_examples=40, deadline=None)
@given(ENTRIES, ENTRIES)
def test_two_calendars_plan_at_least_the_maximum_of_each(some: list[Entry], more: list[Entry]):
    """But for a moment of which the other calendar knows the whole sitting or window: see decision 4."""
    assume(not known_better(some, more) and not known_better(more, some))
    one, other = (ONE, calendar(some)), (OTHER, calendar(more))
    alone, alone_too, both = plan(SITE, MONDAY, one), plan(SITE, MONDAY, other), plan(SITE, MONDAY, one, other)
    for moment in moments(MONDAY, MONDAY + AHEAD, alone, alone_too, both):
        assert both.at(moment).instances >= max(alone.at(moment).instances, alone_too.at(moment).instances)


@settings(max_examples=40, deadline=None)
@given(ENTRIES)
def test_the_same_calendar_twice_plans_what_it_plans_once(entries: list[Entry]):
    copy = replace(ONE, ical="copy.ics")
    once, twice = (
        plan(SITE, MONDAY, *given_)
        for given_ in ([(ONE, calendar(entries))], [(ONE, calendar(entries)), (copy, calendar(entries))])
    )
    assert [(s.at, s.instances) for s in once.steps] == [(s.at, s.instances) for s in twice.steps]


CHANGES = {  # a week in which the clocks change, by zone: its Monday
    "Europe/Berlin": "2026-10-19",
    "America/New_York": "2026-10-26",
    "Australia/Lord_Howe": "2026-03-30",
    "America/Santiago": "2026-08-31",
    "Asia/Beirut": "2026-03-23",
    "Pacific/Auckland": "2026-09-21",
}


@pytest.mark.parametrize("name", CHANGES)
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
def test_a_daily_exam_is_served_from_its_local_time_in_the_week_of_a_clock_change(name: str, hour: int, minute: int):
    zone, monday = ZoneInfo(name), datetime.fromisoformat(f"{CHANGES[name]}T{hour:02}:{minute:02}")
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Exam\r\n"
        f"DTSTART:{monday:%Y%m%dT%H%M%S}\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY;COUNT=14\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()
    local = Site("campus", name, SITE.fleet)
    begin = monday.replace(tzinfo=zone).astimezone(MONDAY.tzinfo) - DAY
    made = plan(local, begin, (ONE, text))
    for day in range(12):
        wall = monday + timedelta(days=day)
        for fold in (0, 1):
            starts = wall.replace(tzinfo=zone, fold=fold).astimezone(MONDAY.tzinfo)
            assert made.at(starts - 30 * MINUTE).instances == made.at(starts + 50 * MINUTE).instances == 4
