"""Muting: silences, maintenance, inhibition, quiet hours, flapping; what is held is told once, and nothing is lost."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.oncall import muting
from firstbell.oncall.case import Around
from firstbell.oncall.incident import Incident
from firstbell.oncall.muting import LINGERS, STUCK, Silence, muted
from firstbell.site import PEOPLE, Inhibit, Maintenance, Quiet, Site
from tests.unit.on_call_case import PAGER, START, Life, at, incident, silence, site

EXAM = "readiness/analysis-1"
STORAGE = incident("storage")


def silent(since: timedelta, seconds: int = 0) -> Incident:
    return replace(STORAGE, last_signal_at=START + since + timedelta(seconds=seconds))


def maintained(begins: str, ends: str) -> Site:
    times = (datetime.fromisoformat(f"2026-05-04T{text}") for text in (begins, ends))
    return site(maintenance=(Maintenance(*times, "update"),))


CASES = [
    ("nothing mutes an ordinary incident", "mount/i-1", [], [], site(), ""),
    ("a silence of just its key", "mount/i-1", [silence(-1, 9, "mount/i-1")], [], site(), "silenced by ann: we know"),
    ("a silence by a pattern", "mount/i-1", [silence(-1, 9, "mount/*")], [], site(), "silenced by ann: we know"),
    ("a silence by a prefix", "mount/i-1", [silence(-1, 9, "mount/")], [], site(), "silenced by ann: we know"),
    ("a silence of another key", "mount/i-1", [silence(-1, 9, "mount/i-2")], [], site(), ""),
    ("keys are case-sensitive", "mount/i-1", [silence(-1, 9, "Mount/*")], [], site(), ""),
    ("a key with brackets is silenced by itself", "alarm/a[1]", [silence(-1, 9, "alarm/a[1]")], [], site(), "silenced"),
    ("a silence that has not begun", "mount/i-1", [silence(1, 9)], [], site(), ""),
    ("a silence that ends this second", "mount/i-1", [silence(-9, 0)], [], site(), ""),
    (
        "of two silences the one that lasts longer is named",
        "mount/i-1",
        [silence(-1, 9), silence(-1, 99, owner="bob")],
        [],
        site(),
        "silenced by bob: we know",
    ),
    ("an exam that is not ready, by a pattern: never", EXAM, [silence(-1, 9)], [], site(), ""),
    ("an exam that is not ready, by just its key", EXAM, [silence(-1, 9, EXAM)], [], site(), "silenced by ann"),
    (
        "an exam that is not ready, by maintenance: never",
        EXAM,
        [],
        [],
        maintained("09:00", "11:00"),
        "",
    ),
    (
        "maintenance, in local time",
        "mount/i-1",
        [],
        [],
        maintained("10:00", "11:00"),
        "silenced by maintenance: update",
    ),
    (
        "maintenance that is only in UTC at this hour",
        "mount/i-1",
        [],
        [],
        maintained("08:00", "09:00"),
        "",
    ),
    (
        "maintenance with an offset",
        "mount/i-1",
        [],
        [],
        maintained("09:55+02:00", "10:55+02:00"),
        "silenced by maintenance: update",
    ),
    ("the storage explains a mount", "mount/i-1", [], [STORAGE], site(), "explained by storage: not mounted"),
    ("the storage explains an admission", "admission/i-1", [], [STORAGE], site(), "explained by storage"),
    ("the storage explains no exam that is not ready", EXAM, [], [STORAGE], site(), ""),
    ("the storage explains not itself", "storage", [], [STORAGE], site(), ""),
    ("the storage explains no calendar", "calendar-source/x", [], [STORAGE], site(), ""),
    ("a storage that is a ticket explains no page", "mount/i-1", [], [replace(STORAGE, severity="ticket")], site(), ""),
    (
        "a cause that is over explains for a while what it left behind",
        "mount/i-1",
        [],
        [replace(STORAGE, state="resolved", resolved_at=START - LINGERS + timedelta(seconds=1))],
        site(),
        "explained by storage",
    ),
    (
        "and then no more",
        "mount/i-1",
        [],
        [replace(STORAGE, state="resolved", resolved_at=START - LINGERS)],
        site(),
        "",
    ),
    (
        "a silenced storage still explains",
        "mount/i-1",
        [],
        [replace(STORAGE, muted_by="silenced by ann: we know")],
        site(),
        "explained by storage",
    ),
    ("a storage that said something within a day explains", "mount/i-1", [], [silent(-STUCK, 1)], site(), "explained"),
    ("one that is open without a word for a day may be so by mistake", "mount/i-1", [], [silent(-STUCK)], site(), ""),
    (
        "what is itself explained explains nothing",
        "mount/i-1",
        [],
        [replace(STORAGE, muted_by="explained by power: x")],
        site(),
        "",
    ),
    (
        "the site file adds pairs",
        "alarm/web-5xx",
        [],
        [incident("alarm/campus-db")],
        site(inhibit=(Inhibit("alarm/campus-db", "alarm/"),)),
        "explained by alarm/campus-db",
    ),
]


@pytest.mark.parametrize(("says", "key", "silences", "others", "where", "expected"), CASES, ids=[c[0] for c in CASES])
def test_what_mutes(says: str, key: str, silences: list[Silence], others: list[Incident], where: Site, expected: str):
    found = muted(incident(key), where, silences, others, START)
    assert (found.by if found else "").startswith(expected)
    assert bool(found) == bool(expected)


def test_the_end_of_maintenance_is_known_in_utc():
    found = muted(incident("x"), maintained("09:55+02:00", "10:55+02:00"), (), (), START)
    assert found
    assert f"{found.until:%H:%M %Z}" == "08:55 UTC"


@pytest.mark.parametrize(
    ("severity", "quiet", "local", "until"),
    [
        ("page", Quiet("22:00-07:00"), "2026-05-04T23:00", None),
        ("ticket", Quiet("22:00-07:00"), "2026-05-04T21:59", None),
        ("ticket", Quiet("22:00-07:00"), "2026-05-04T22:00", "2026-05-05T07:00"),
        ("ticket", Quiet("22:00-07:00"), "2026-05-05T06:59", "2026-05-05T07:00"),
        ("ticket", Quiet("22:00-07:00"), "2026-05-05T07:00", None),
        ("info", Quiet("22:00-07:00"), "2026-05-05T01:00", "2026-05-05T07:00"),
        ("info", Quiet("22:00-07:00", "20:00-09:00"), "2026-05-05T01:00", "2026-05-05T09:00"),
        ("ticket", Quiet(info="20:00-09:00"), "2026-05-05T01:00", None),
        ("ticket", Quiet("12:00-13:00"), "2026-05-04T12:30", "2026-05-04T13:00"),
        ("ticket", Quiet("22:00-02:30"), "2026-10-24T23:00", "2026-10-25T02:30"),  # which comes twice: the later one
        ("ticket", Quiet("22:00-02:30"), "2026-03-28T23:00", "2026-03-29T03:30"),  # which does not come
    ],
)
def test_quiet_hours_are_local_and_never_for_pages(severity, quiet: Quiet, local: str, until: str | None):
    where = site(quiet=quiet)
    now = datetime.fromisoformat(local).replace(tzinfo=where.zone).astimezone(START.tzinfo)
    found = muting.quiet(incident("x", severity), where, now)
    ends = datetime.fromisoformat(until).replace(tzinfo=where.zone, fold=1) if until else None
    assert (found.until if found else None) == (ends.astimezone(START.tzinfo) if ends else None)


def silenced(begin: float, end: float) -> Life:
    return Life(site(PAGER), Around((silence(begin, end),)))


def test_what_is_muted_is_told_once_when_that_ends_while_it_is_open():
    life = silenced(-1, 60).gets(0).ticks(5, 300)
    assert life.told == [(60, PEOPLE, "new"), (60, "pager", "new"), (300, PEOPLE, "repeat"), (300, "pager", "repeat")]
    assert life.noted == ["new", "new"], "the journal has when it began, and when it was told"
    assert life.incident
    assert life.incident.muted_by == ""


def test_while_it_is_muted_its_record_says_by_whom_and_until_when():
    life = silenced(-1, 60).gets(0)
    assert life.incident
    assert (life.incident.state, life.incident.muted_by) == ("open", "silenced by ann: we know")
    assert life.incident.muted_until == at(60)


def test_what_nobody_heard_of_ends_silently():
    assert silenced(-1, 60).gets(0).gets(10, "page").ends(30).ticks(35, 120).told == []


def test_what_became_worse_while_muted_is_told_as_new_if_nobody_knew_of_it():
    assert silenced(-1, 60).gets(0, "ticket").gets(10, "page").ticks(60, 65).told == [
        (60, PEOPLE, "new"),
        (60, "pager", "new"),
    ]


def test_what_became_worse_while_muted_is_told_as_worse_if_it_was_known():
    life = silenced(5, 60).gets(0, "ticket").gets(10, "page").ticks(15, 65)
    assert life.told[2:] == [(60, PEOPLE, "worse"), (60, "pager", "worse")]


def test_what_is_known_is_not_repeated_while_muted_and_its_end_is_told():
    life = silenced(5, 600).gets(0).ticks(5, 300)
    assert [kind for _, _, kind in life.told] == ["new", "new"]
    assert life.ends(301).told[2:] == [(301, PEOPLE, "resolved"), (301, "pager", "resolved")]


def test_in_quiet_hours_the_end_of_a_known_ticket_waits_too():
    night = Life(site(quiet=Quiet("10:30-12:00"))).gets(0, "ticket").ends(40).ticks(45, 200)
    assert night.told == [(0, PEOPLE, "new"), (120, PEOPLE, "resolved")]


def test_what_comes_back_in_quiet_hours_is_told_after_as_what_it_is_then():
    night = Life(site(quiet=Quiet("10:30-12:00"))).gets(0, "ticket").ends(40).gets(50, "ticket").ticks(55, 200)
    assert night.told == [(0, PEOPLE, "new"), (120, PEOPLE, "again")]


def test_what_comes_back_and_ends_in_quiet_hours_is_not_told_to_be_over_twice():
    night = Life(site(quiet=Quiet("10:30-12:00"))).gets(0, "ticket").ends(20).gets(32, "ticket").ends(40).ticks(45, 200)
    assert night.told == [(0, PEOPLE, "new"), (20, PEOPLE, "resolved")]


def test_a_ticket_of_quiet_hours_that_becomes_a_page_is_told_at_once():
    night = Life(site(quiet=Quiet("09:00-12:00"))).gets(0, "ticket").gets(10, "page")
    assert night.told == [(10, PEOPLE, "new")]


def test_a_storage_incident_mutes_the_fifty_mounts_that_it_explains_and_they_are_told_if_they_outlast_it():
    around = Around(others=(STORAGE,))
    lives = [Life(site(), around).gets(1, key=f"mount/i-{n}") for n in range(50)]
    assert [life.told for life in lives] == [[]] * 50
    over = Around(others=(replace(STORAGE, state="resolved", resolved_at=at(20)),))
    for life in lives:
        life.around = over
    well = [life.gets(25, key=life.incident.key, resolved=True).ticks(30, 60) for life in lives[1:] if life.incident]
    assert [life.told for life in well] == [[]] * 49
    assert lives[0].ticks(25, 60).told == [(30, PEOPLE, "new")]


# ---------------------------------------------------------------- flapping


def test_what_opens_for_the_third_time_within_an_hour_flaps_which_is_told_once():
    life = Life(site()).gets(0).ends(2).gets(4).ends(6).gets(8).ends(10).gets(12).ends(14).gets(16).ends(18)
    assert [kind for _, _, kind in life.told] == ["new", "resolved", "again", "resolved", "flaps"]
    assert life.incident
    assert (life.incident.state, life.incident.over_since) == ("open", at(18))
    life.ticks(20, 120)
    assert life.told[5:] == [(50, PEOPLE, "resolved")]
    assert (life.incident.times, life.incident.resolved_at) == (5, at(18))


def test_what_flaps_is_not_repeated_while_it_is_calm_and_is_while_it_is_not():
    where = site(repeat=600)
    life = Life(where).gets(0).ends(2).gets(4).ends(6).gets(8).ticks(10, 30).ends(31).ticks(35, 55)
    assert [kind for _, _, kind in life.told[5:]] == ["repeat", "repeat"]


def test_what_opens_three_times_within_three_hours_does_not_flap():
    life = Life(site()).gets(0).ends(2).gets(60).ends(62).gets(120).ends(122)
    assert [kind for _, _, kind in life.told] == ["new", "resolved"] * 3


def test_what_flaps_and_becomes_worse_is_told():
    life = Life(site()).gets(0, "ticket").ends(1).gets(2, "ticket").ends(3).gets(4, "ticket").ends(5).gets(6, "page")
    assert [kind for _, _, kind in life.told][-2:] == ["flaps", "worse"]


# ---------------------------------------------------------------- rules

happenings = st.lists(
    st.tuples(st.integers(1, 90), st.sampled_from(["signal", "end", "tick"]), st.sampled_from(["page", "ticket"])),
    min_size=1,
    max_size=40,
)


def lived(life: Life, steps, key: str = "mount/i-0abc") -> Life:
    minute = 0.0
    for pause, what, severity in steps:
        minute += pause
        if what == "tick":
            life.ticks(minute, minute)
        else:
            life.gets(minute, severity, resolved=what == "end", key=key)
    return life


@given(happenings)
@settings(deadline=None)
def test_what_is_muted_all_its_life_is_never_told(steps):
    life = lived(silenced(-1, 100_000), steps)
    assert life.told == []


@given(happenings)
@settings(deadline=None)
def test_when_what_muted_it_ends_what_is_open_is_told_once_and_what_is_over_never(steps):
    life = lived(silenced(-1, 40_000), steps)
    is_open = life.incident is not None and life.incident.state == "open" and not life.incident.over_since
    life.ticks(40_000, 40_100)
    assert len(life.told) == (2 if is_open else 0)


@given(happenings)
@settings(deadline=None)
def test_an_exam_that_is_not_ready_is_told_whatever_is_around(steps):
    where = site(PAGER, quiet=Quiet("00:00-23:59"), inhibit=(Inhibit("*", "*"),))
    noisy = Around((silence(-1, 100_000),), (STORAGE,))
    pages = [(pause, what, "page") for pause, what, _ in steps]
    heard, alone = lived(Life(where, noisy), pages, EXAM), lived(Life(site(PAGER)), pages, EXAM)
    assert heard.told == alone.told


@given(st.lists(st.integers(1, 10), min_size=50, max_size=200), st.integers(0, 20))
@settings(deadline=None)
def test_however_it_flaps_few_messages_go_out(pauses, calm):
    life, minute = Life(site()), 0.0
    for n, pause in enumerate(pauses):
        minute += pause
        life.gets(minute, resolved=bool(n % 2))
        life.ticks(minute + 0.5, minute + 0.5)
    kinds = [kind for _, _, kind in life.told]
    assert len(kinds) <= 5 + minute / 240, kinds
    assert all((a, b) != ("new", "new") for a, b in pairwise(kinds))


def test_two_incidents_that_explain_each_other_do_not_mute_each_other():
    where = site(inhibit=(Inhibit("alarm/a", "alarm/b"), Inhibit("alarm/b", "alarm/a")))
    first = Life(where).gets(0, key="alarm/a")
    assert first.incident
    second = Life(where, Around(others=(first.incident,))).gets(1, key="alarm/b")
    assert second.incident
    first.around = Around(others=(second.incident,))
    first.ticks(5, 5)
    assert (len(first.told), second.told, first.incident.muted_by) == (1, [], "")
