"""Who is called first, who else when nobody answers, and what an acknowledgement changes."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.oncall import pipeline
from firstbell.oncall.acknowledging import acknowledged
from firstbell.oncall.case import Around
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import Incident
from firstbell.oncall.routing import called, channels
from firstbell.plain import from_plain, to_plain
from firstbell.site import PEOPLE, Channel, Escalate, OnCall
from tests.unit.on_call_case import BOSS, PAGER, Life, at, signal, silence, site

HOOK = Channel(webhook="https://hooks.example.org/x", name="hook", hears="info")
ONLY_PAGES = Channel(teams="ssm:/firstbell/teams", hears="page")
ALL = OnCall(channels=(PAGER, BOSS, HOOK, ONLY_PAGES))


@pytest.mark.parametrize(
    ("severity", "duty", "expected"),
    [
        ("page", (), [PEOPLE, "pager", "hook", "teams"]),
        ("ticket", (), [PEOPLE, "pager", "hook"]),
        ("info", (), ["hook"]),
        ("page", ("Pager",), ["pager"]),
        ("page", ("ann@example.edu",), [PEOPLE, "pager", "hook", "teams"]),
        ("page", ("ann@example.edu", "boss"), ["boss"]),
        ("page", ("people",), [PEOPLE]),
        ("ticket", ("pager",), [PEOPLE, "pager", "hook"]),
    ],
)
def test_who_is_called(severity, duty: tuple[str, ...], expected: list[str]):
    assert list(called(ALL, severity, duty)) == expected


def test_all_channels_are_known_and_people_come_first():
    assert channels(ALL) == (PEOPLE, "pager", "boss", "hook", "teams")


def kinds(life: Life, channel: str) -> list[tuple[float, str]]:
    return [(minute, kind) for minute, heard, kind in life.told if heard == channel]


def take(life: Life, minute: float, number: int | None = None, by: str = "Ann") -> Life:
    assert life.incident
    found = acknowledged(life.incident, life.incident.called if number is None else number, by, at(minute))
    assert isinstance(found, Incident), found
    life.incident = found
    return life


def test_a_page_that_nobody_takes_goes_to_who_hears_only_that():
    life = Life(site(PAGER, BOSS)).gets(0).ticks(5, 60)
    assert kinds(life, "boss") == [(15, "escalated")]
    assert kinds(life, "pager") == [(0, "new")]


def test_a_channel_that_is_named_rings_again():
    life = Life(site(PAGER, BOSS, escalate=Escalate(600, ("pager",)))).gets(0).ticks(5, 60)
    assert kinds(life, "pager") == [(0, "new"), (10, "escalated")]
    assert kinds(life, "boss") == []


def test_a_repeat_puts_off_no_escalation_and_reaches_who_it_was_escalated_to():
    life = Life(site(BOSS, repeat=300)).gets(0).ticks(5, 25)
    assert kinds(life, "boss") == [(15, "escalated"), (20, "repeat"), (25, "repeat")]


@pytest.mark.parametrize("severity", ["ticket", "info"])
def test_only_pages_escalate(severity):
    assert kinds(Life(site(BOSS)).gets(0, severity).ticks(5, 60), "boss") == []


def test_where_everybody_was_told_and_nobody_is_named_nothing_escalates():
    life = Life(site(PAGER)).gets(0).ticks(5, 200)
    assert [kind for _, _, kind in life.told] == ["new", "new"]


def test_who_the_rota_names_is_called_alone_and_the_others_when_nobody_answers():
    life = Life(site(PAGER, BOSS), Around(duty=("pager",))).gets(0)
    assert life.told == [(0, "pager", "new")]
    assert life.incident
    assert life.incident.on_duty == "pager"
    life.ticks(5, 60)
    assert life.told[1:] == [(15, PEOPLE, "escalated"), (15, "boss", "escalated")]


def test_when_the_shift_changes_the_next_one_hears_of_what_is_open():
    life = Life(site(PAGER, HOOK), Around(duty=("pager",))).gets(0)
    life.around = Around(duty=("hook",))
    assert life.ticks(5, 5).told[1:] == [(5, "hook", "repeat")]


def test_the_end_is_told_to_those_who_know_of_it_only():
    life = Life(site(PAGER, BOSS), Around(duty=("pager",))).gets(0).ends(5)
    assert life.told[1:] == [(5, "pager", "resolved")]


def test_what_cannot_be_told_to_who_is_called_is_told_to_the_others_at_the_next_tick():
    life = Life(site(PAGER, BOSS), Around(duty=("pager",)), fails=frozenset({"pager"})).gets(0).ticks(5, 10)
    assert life.told == [(5, PEOPLE, "escalated"), (5, "boss", "escalated")]


def test_a_refused_delivery_is_as_good_as_a_failed_one():
    life = Life(site(BOSS), fails=frozenset({PEOPLE})).gets(0)
    assert life.incident
    life.incident = replace(
        life.incident, deliveries=tuple(replace(d, state="given_up") for d in life.incident.deliveries)
    )
    assert life.ticks(1, 5).told == [(1, "boss", "escalated")]


def test_what_somebody_was_told_of_wakes_nobody_else_because_another_channel_fails():
    life = Life(site(PAGER, BOSS), fails=frozenset({"pager"})).gets(0).ticks(5, 10)
    assert life.told == [(0, PEOPLE, "new")]
    assert kinds(life.ticks(15, 15), "boss") == [(15, "escalated")]


# ---------------------------------------------------------------- acknowledging


def test_who_takes_it_is_named_to_those_who_know_of_it_and_it_rests():
    life = take(Life(site(PAGER, BOSS)).gets(0), 3).ticks(5, 600)
    assert life.told[2:] == [(5, PEOPLE, "acknowledged"), (5, "pager", "acknowledged")]
    assert life.incident
    assert (life.incident.acknowledged_by, life.incident.acknowledged_at) == ("Ann", at(3))
    assert life.ends(601).told[4:] == [(601, PEOPLE, "resolved"), (601, "pager", "resolved")]


def test_what_becomes_worse_must_be_taken_again():
    life = take(Life(site(BOSS)).gets(0, "ticket"), 3).gets(10, "page").ticks(15, 30)
    assert kinds(life, "boss") == [(25, "escalated")]
    assert life.incident
    assert life.incident.acknowledged_at is None


def test_what_comes_back_must_be_taken_again():
    life = take(Life(site(BOSS)).gets(0), 3).ends(5).gets(10).ticks(15, 30)
    assert kinds(life, "boss") == [(25, "escalated")]


def test_what_comes_back_after_it_was_escalated_is_escalated_anew():
    life = Life(site(BOSS)).gets(0).ticks(5, 20).ends(21).gets(25).ticks(30, 60)
    assert kinds(life, "boss") == [(15, "escalated"), (21, "resolved"), (40, "escalated")]


NO = [
    ("nothing is known of it", None, 1, "There is no such incident."),
    ("it is over", Life(site()).gets(0).ends(5), 1, "It is over already"),
    ("it became worse since", Life(site()).gets(0, "ticket").gets(5, "page"), 1, "It has changed since"),
    ("a new incident has its key", Life(site()).gets(0).ends(5).gets(60), 1, "It has changed since"),
    ("it is taken", take(Life(site()).gets(0), 5), 1, "Ann has taken it at 08:05 UTC"),
]


@pytest.mark.parametrize(("says", "life", "number", "expected"), NO, ids=[c[0] for c in NO])
def test_what_is_not_to_be_taken_is_said(says: str, life: Life | None, number: int, expected: str):
    found = acknowledged(life.incident if life else None, number, "Bob", at(90))
    assert isinstance(found, str)
    assert found.startswith(expected)


def test_the_name_of_who_takes_it_is_one_short_line():
    life = take(Life(site()).gets(0), 5, by="Ann\n\x1b[31m" + "x" * 500)
    assert life.incident
    assert len(life.incident.acknowledged_by) == 200
    assert "\n" not in life.incident.acknowledged_by


def test_any_notice_since_it_was_called_takes_it():
    life = Life(site(repeat=300)).gets(0).ticks(5, 20)
    assert life.incident
    assert isinstance(acknowledged(life.incident, 1, "Ann", at(21)), Incident)
    assert isinstance(acknowledged(life.incident, life.incident.number, "Ann", at(21)), Incident)


def test_it_survives_being_stored():
    life = take(Life(site(BOSS), Around(duty=("x",))).gets(0).ends(1).gets(2).ends(3).gets(4), 5)
    assert life.incident
    assert from_plain(Incident, json.loads(json.dumps(to_plain(life.incident)))) == life.incident


# ---------------------------------------------------------------- rules

channel_sets = st.lists(st.sampled_from([PAGER, BOSS, HOOK, ONLY_PAGES]), unique=True)
duties = st.lists(st.sampled_from(["pager", "boss", "hook", "people", "ann@example.edu"]), unique=True, max_size=2)
steps = st.lists(
    st.tuples(
        st.integers(1, 60), st.sampled_from(["signal", "end", "tick", "take"]), st.sampled_from(["page", "info"])
    ),
    max_size=30,
)


def lived(life: Life, history) -> tuple[Life, float]:
    minute = 0.0
    for pause, what, severity in history:
        minute += pause
        if what == "take":
            known = life.incident
            found = acknowledged(known, known.number if known else 0, "Ann", at(minute))
            life.incident = found if isinstance(found, Incident) else known
        elif what == "tick":
            life.ticks(minute, minute)
        else:
            life.gets(minute, severity, resolved=what == "end")
    return life, minute


@given(channel_sets, duties, steps)
@settings(deadline=None)
def test_every_open_unmuted_page_was_told_to_somebody(found, duty, history):
    life, _ = lived(Life(site(*found), Around(duty=tuple(duty))), history)
    now = life.incident
    if now and now.state == "open" and now.severity == "page" and not now.over_since:
        assert [d for d in now.deliveries if d.may_be_known and d.kind != "resolved"]


@given(channel_sets, steps, st.sets(st.sampled_from(["pager", "hook", "teams"])))
@settings(deadline=None)
def test_a_page_reaches_everybody_who_can_be_reached_though_others_fail(found, history, fails):
    untaken = [step for step in history if step[1] != "take"]
    life, minute = lived(Life(site(*found), Around(duty=("pager",)), fails=frozenset(fails)), untaken)
    life.gets(minute + 1).ticks(minute + 2, minute + 60)
    assert {heard for _, heard, _ in life.told} >= {PEOPLE} if "pager" in fails else True
    assert life.told


@given(channel_sets, steps, st.integers(1, 30))
@settings(deadline=None)
def test_what_is_taken_is_not_told_again_until_it_is_worse(found, history, more):
    life, minute = lived(Life(site(*found, repeat=300)), history)
    if life.incident is None or life.incident.state != "open" or life.incident.over_since:
        return
    if life.incident.acknowledged_at is None:
        take(life, minute)
    before = len(life.told)
    for n in range(1, more):
        life.gets(minute + n, "info").ticks(minute + n + 0.5, minute + n + 0.5)
    assert {kind for _, _, kind in life.told[before:]} <= {"acknowledged"}
    once = [heard for _, heard, _ in life.told[before:]]
    assert len(once) == len(set(once))


def test_what_is_muted_does_not_escalate():
    life = Life(site(PAGER, BOSS), Around((silence(5, 60),))).gets(0).ticks(5, 55)
    assert [kind for _, _, kind in life.told] == ["new", "new"]
    assert kinds(life.ticks(60, 60), "boss") == [(60, "escalated")]


def test_signals_that_are_no_news_need_nothing_around_them():
    life = Life(site()).gets(0)
    assert life.incident

    assert not pipeline.is_news(life.incident, Letter(signal(500)), site(), at(500))
    same, actions = pipeline.decide(life.incident, Letter(signal(500)), site(), at(500), None)
    assert same
    assert (same.count, actions) == (2, ()), "the next tick repeats it"
