"""The rota: an iCalendar file becomes shifts, the shifts say who is on call, and a broken rota is a ticket."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from firstbell import web
from firstbell.aws.table import Table
from firstbell.calendar.values import Event
from firstbell.oncall import rota, rota_keeping, silences
from firstbell.oncall.rota import Shift, Shifts
from firstbell.site import Fleet, OnCall, Rota, Site
from tests.unit.state_table import state_table

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)  # a Monday
WEEKLY = b"""BEGIN:VCALENDAR
BEGIN:VEVENT
UID:a
DTSTART;TZID=Europe/Berlin:20260427T090000
DTEND;TZID=Europe/Berlin:20260504T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:pager
END:VEVENT
BEGIN:VEVENT
UID:b
DTSTART;TZID=Europe/Berlin:20260504T090000
DTEND;TZID=Europe/Berlin:20260511T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:Ann (+49 30 1234)
END:VEVENT
BEGIN:VEVENT
UID:c
DTSTART:20260504T080000Z
SUMMARY:a reminder without a duration
END:VEVENT
END:VCALENDAR
"""
FEED = "https://rota.example.org/private-1234/rota.ics"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    with state_table(monkeypatch) as found:
        yield found
    web.use(None)


def campus(ical: str = "rota.ics") -> Site:
    return Site("campus", "Europe/Berlin", Fleet("web"), oncall=OnCall(rota=Rota(ical)))


def local(text: bytes | None):
    return lambda path: {path: text} if text is not None else {}


def kept(table: Table) -> Shifts:
    found = silences.rota(table, "campus")
    assert found
    return found


@pytest.mark.parametrize(
    ("at", "who"),
    [
        ("2026-05-04T06:59:59+00:00", ("pager",)),
        ("2026-05-04T07:00:00+00:00", ("Ann (+49 30 1234)",)),
        ("2026-05-11T07:00:00+00:00", ("pager",)),
        ("2027-01-01T00:00:00+00:00", ()),
    ],
)
def test_who_is_on_call_changes_when_a_shift_ends(table: Table, at: str, who: tuple[str, ...]):
    assert rota_keeping.refresh(campus(), local(WEEKLY), table, {}, NOW) == []
    assert kept(table).duty(datetime.fromisoformat(at)) == who


def test_two_on_call_at_once_are_both_named_once_each():
    hour = timedelta(hours=1)
    shifts = tuple(Shift(NOW - hour * n, NOW + hour, who) for n, who in ((3, "ann"), (2, "bo"), (1, "ann")))
    assert Shifts(NOW, shifts).duty(NOW) == ("ann", "bo")


def test_the_name_of_a_shift_is_one_short_line_and_one_without_a_name_is_none():
    hour = timedelta(hours=1)
    events = [Event("1", NOW, NOW + hour, "ann\n<b>" + "x" * 300), Event("2", NOW, NOW + hour, " ")]
    (only,) = rota.of_events(events, NOW).shifts
    assert (len(only.who), "\n" in only.who) == (200, False)


@pytest.mark.parametrize(
    ("says", "text", "expected"),
    [
        ("it is not there", None, "rota.ics: not found beside the site file"),
        ("it is no calendar", b"hello", "rota.ics"),
        (
            "it has run out",
            WEEKLY.replace(b"INTERVAL=2", b"UNTIL=20260101T000000Z"),
            "has no shift in the next 14 days",
        ),
    ],
)
def test_a_rota_that_cannot_be_used_is_a_ticket_and_the_shifts_before_stay(table: Table, says, text, expected: str):
    rota_keeping.refresh(campus(), local(WEEKLY), table, {}, NOW)
    (ticket,) = rota_keeping.refresh(campus(), local(text), table, {}, NOW + timedelta(days=1))
    assert (ticket.key, ticket.severity, ticket.runbook) == ("rota", "ticket", "rota")
    assert expected in ticket.evidence[0]
    assert kept(table).read_at == NOW
    assert kept(table).duty(NOW) == ("Ann (+49 30 1234)",)


def test_a_feed_that_does_not_answer_has_an_hour_and_its_address_is_never_told(table: Table):
    down = False

    def fetch(url: str, form: object) -> bytes:
        assert url == FEED
        if down:
            raise web.WebError("no answer within 10 s")
        return WEEKLY

    web.use(fetch)
    assert rota_keeping.refresh(campus(FEED), local(None), table, {}, NOW) == []
    down = True
    assert rota_keeping.refresh(campus(FEED), local(None), table, {}, NOW + timedelta(minutes=45)) == []
    (ticket,) = rota_keeping.refresh(campus(FEED), local(None), table, {}, NOW + timedelta(minutes=60))
    assert "rota.example.org" in ticket.evidence[0]
    assert "private-1234" not in str(ticket)


def test_what_was_wrong_with_it_is_over_when_it_is_read_again_or_named_no_more(table: Table):
    opened = {"rota": {"title": "The rota cannot be read", "runbook": "rota"}}
    for where in (campus(), campus("")):
        (over,) = rota_keeping.refresh(where, local(WEEKLY), table, opened, NOW)
        assert (over.key, over.resolved) == ("rota", True)
    assert rota_keeping.refresh(campus(""), local(None), table, {}, NOW) == []
