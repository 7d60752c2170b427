"""Incidents: what a signal or a tick changes, who is told because of it, and what becomes of a delivery that fails."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firstbell.oncall import message, pipeline
from firstbell.oncall.calling import escalate, route
from firstbell.oncall.claiming import GIVE_UP, claim
from firstbell.oncall.flapping import damp
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import GivenUp, Incident, Noted, Tell
from firstbell.oncall.pipeline import PIPELINE, correlate, mute
from firstbell.oncall.signal import Severity, Signal
from firstbell.plain import from_plain, to_plain
from firstbell.site import PEOPLE, Channel, Fleet, OnCall, Site

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
MACHINE = "webhook"
BOTH = OnCall(channels=(Channel(webhook="https://hooks.example.org/very-secret-path", hears="info"),))
REPEAT = timedelta(seconds=BOTH.repeat)


def decide(incident: Incident | None, letter: Letter | None, on_call: OnCall, now: datetime, repeats: bool = True):
    site = Site("campus", "Europe/Berlin", Fleet("web"), oncall=on_call)
    return pipeline.decide(incident, letter, site, now, repeats=repeats)


def signal(minute: float = 0, severity: Severity = "page", resolved: bool = False, **more: str) -> Signal:
    words = {"title": "moodledata is not mounted", "what": "i-0abc has no mount.", "runbook": "mount"} | more
    at = START + timedelta(minutes=minute)
    return Signal(site="campus", key="mount/i-0abc", severity=severity, at=at, resolved=resolved, **words)


def told(incident: Incident) -> Incident:
    """The incident after every pending delivery succeeded."""
    return replace(incident, deliveries=tuple(replace(d, state="told", told_at=d.since) for d in incident.deliveries))


def after(*signals: Signal, on_call: OnCall = BOTH) -> Incident | None:
    """The incident after the signals, each received at its own time and delivered."""
    incident = None
    for one in signals:
        incident, _ = decide(incident, Letter(one), on_call, one.at)
        incident = told(incident) if incident else None
    return incident


def heard(actions: tuple[object, ...]) -> list[tuple[str, str]]:
    return [(a.delivery.channel, a.delivery.kind) for a in actions if isinstance(a, Tell)]


END = {"resolved": True}
CASES = [
    ("a first signal is told to everybody", [], signal(), ["new"]),
    ("a first signal of severity info is told to machines only", [], signal(severity="info"), ["new to machines"]),
    ("a duplicate while it is open is told to nobody", [signal(0)], signal(1), []),
    ("the very same signal once more is told to nobody", [signal(0)], signal(0), []),
    ("a duplicate after the repeat interval is told as a repeat", [signal(0)], signal(240), ["repeat"]),
    ("a second less than the repeat interval is too early", [signal(0)], signal(240 - 1 / 60), []),
    ("a severity that rose is told", [signal(0, "ticket")], signal(1, "page"), ["worse"]),
    ("a severity that rose in the same second is told", [signal(0, "ticket")], signal(0, "page"), ["worse"]),
    ("people hear when information becomes a ticket", [signal(0, "info")], signal(1, "ticket"), ["worse"]),
    ("a severity that fell is told to nobody", [signal(0, "page")], signal(1, "ticket"), []),
    ("a severity that rises back is no news", [signal(0), signal(1, "ticket")], signal(2), []),
    ("an end is told", [signal(0)], signal(5, **END), ["resolved"]),
    ("who heard the page hears its end, though an end is info", [signal(0)], signal(5, "info", **END), ["resolved"]),
    (
        "an end of what was only info is not told to people",
        [signal(0, "info")],
        signal(5, **END),
        ["resolved to machines"],
    ),
    ("an end of something unknown is told to nobody", [], signal(5, **END), []),
    ("a second end is told to nobody", [signal(0), signal(5, **END)], signal(6, **END), []),
    ("back within a quarter of an hour it is told as again", [signal(0), signal(5, **END)], signal(20), ["again"]),
    ("back later it is a new incident", [signal(0), signal(5, **END)], signal(21), ["new"]),
    ("a beginning that arrives after its end is told to nobody", [signal(5, **END)], signal(0), []),
    ("a beginning after an end unheard of is new", [signal(5, **END)], signal(6), ["new"]),
    ("an old signal that arrives after the end is told to nobody", [signal(0), signal(5, **END)], signal(4), []),
    ("an old end that arrives after it began again changes nothing", [signal(0), signal(5)], signal(4, **END), []),
    ("an end in the very second of its beginning is told", [signal(0)], signal(0, **END), ["resolved"]),
]


@pytest.mark.parametrize(("says", "before", "now", "expected"), CASES, ids=[c[0] for c in CASES])
def test_who_is_told_what(says: str, before: list[Signal], now: Signal, expected: list[str]):
    received = max([now.at, *(s.at for s in before)])
    _, actions = decide(after(*before), Letter(now), BOTH, received)
    wanted = []
    for kind in expected:
        name = kind.removesuffix(" to machines")
        wanted += ([] if name != kind else [(PEOPLE, name)]) + [(MACHINE, name)]
    assert heard(actions) == wanted
    assert [a.kind for a in actions if isinstance(a, Noted)] == [k for _, k in wanted[:1] if k != "repeat"]


def test_an_incident_counts_its_signals_keeps_its_worst_severity_and_knows_how_long_it_lasted():
    incident = after(signal(0, "ticket"), signal(1), signal(2, "info"), signal(65, **END, what="It is mounted."))
    assert incident is not None
    assert (incident.state, incident.severity, incident.count) == ("resolved", "page", 3)
    assert (incident.opened_at, incident.resolved_at) == (START, START + timedelta(minutes=65))
    assert (incident.title, incident.what) == ("moodledata is not mounted", "It is mounted.")
    assert "From 2026-05-04 08:00:00 UTC to 2026-05-04 09:05:00 UTC: 1 h 5 min, 3 signals." in text_of(incident)


def text_of(incident: Incident) -> str:
    return message.text(Tell(incident, incident.deliveries[0]), message.Context(START))


def test_what_came_back_keeps_its_beginning_and_what_begins_anew_does_not():
    back = after(signal(0), signal(5, **END), signal(15))
    new = after(signal(0), signal(5, **END), signal(60))
    assert back is not None
    assert new is not None
    assert (back.opened_at, back.count, back.resolved_at) == (START, 2, None)
    assert (new.opened_at, new.count) == (START + timedelta(hours=1), 1)
    assert new.number == 3, "a notice's number is never used twice, so that receivers can tell notices apart"


def test_a_thousand_duplicates_make_one_message_and_a_count():
    incident, actions = None, []
    for n in range(1000):
        incident, more = decide(incident, Letter(signal(n / 60)), BOTH, START + timedelta(seconds=n))
        actions += more
        incident = told(incident) if incident else None
    assert heard(tuple(actions)) == [(PEOPLE, "new"), (MACHINE, "new")]
    assert incident is not None
    assert incident.count == 1000


def ticked(incident: Incident | None, minute: float, on_call: OnCall = BOTH, repeats: bool = True):
    return decide(incident, None, on_call, START + timedelta(minutes=minute), repeats)


def test_a_tick_repeats_an_open_incident_and_nothing_else():
    _, early = ticked(after(signal(0)), 239)
    again, due = ticked(after(signal(0)), 240)
    _, ended = ticked(after(signal(0), signal(1, **END)), 1000)
    _, unpublished = ticked(after(signal(0)), 1000, repeats=False)
    assert heard(due) == [(PEOPLE, "repeat"), (MACHINE, "repeat")]
    assert (early, ended, unpublished) == ((), (), ())
    assert again is not None
    assert ticked(told(again), 479)[1] == ()
    assert heard(ticked(told(again), 480)[1]) == [(PEOPLE, "repeat"), (MACHINE, "repeat")]


def test_a_webhook_that_was_added_meanwhile_hears_of_what_is_open():
    incident = after(signal(0), on_call=OnCall())
    assert heard(ticked(incident, 5)[1]) == [(MACHINE, "repeat")]


def attempts(first_minutes: int) -> list[float]:
    """Minutes at which a channel is tried that always fails, with a tick every minute."""
    incident, _ = decide(None, Letter(signal()), OnCall(), START)
    tried = [0.0]
    for minute in range(1, first_minutes):
        incident, actions = ticked(incident, minute, OnCall(repeat=604_800))
        tried += [float(minute)] * len(heard(actions))
    return tried


def test_a_delivery_that_fails_is_tried_again_at_growing_intervals():
    tried = attempts(12 * 60)
    pauses = [b - a for a, b in pairwise(tried)]
    assert pauses[:7] == [1, 2, 3, 6, 12, 24, 48]
    assert set(pauses[7:]) == {60}


def test_after_a_day_a_delivery_is_given_up_and_the_journal_says_so():
    incident, _ = decide(None, Letter(signal(severity="info")), BOTH, START)
    _, still = decide(incident, None, BOTH, START + GIVE_UP - timedelta(seconds=1), repeats=False)
    over, actions = decide(incident, None, BOTH, START + GIVE_UP, repeats=False)
    assert heard(still) == [(MACHINE, "new")]
    assert [type(a) for a in actions] == [GivenUp]
    assert actions[0].reason == f"{MACHINE} was never told 'new' (notice 1, 1 attempts): tried for 24 hours"
    assert over is not None
    assert decide(over, None, BOTH, START + 2 * GIVE_UP, repeats=False) == (over, ())


def test_a_channel_that_the_site_file_no_longer_names_is_given_up():
    incident, _ = decide(None, Letter(signal()), BOTH, START)
    left, actions = ticked(incident, 5, OnCall())
    assert [a.why for a in actions if isinstance(a, GivenUp)] == ["the site file no longer names it"]
    assert heard(actions) == [(PEOPLE, "new")]
    assert left is not None


def test_while_one_process_delivers_another_does_not():
    incident, first = decide(None, Letter(signal()), BOTH, START)
    same, second = decide(incident, Letter(signal()), BOTH, START + timedelta(seconds=44))
    assert (len(heard(first)), heard(second), same) == (2, [], incident)


def test_the_newest_notice_takes_the_place_of_one_that_could_not_be_delivered():
    incident, _ = decide(None, Letter(signal(0)), OnCall(), START)
    ended, actions = decide(incident, Letter(signal(5, **END)), OnCall(), START + timedelta(minutes=5))
    assert heard(actions) == [(PEOPLE, "resolved")]
    assert ended is not None
    assert [(d.kind, d.number, d.attempts) for d in ended.deliveries] == [("resolved", 2, 1)]


def test_the_pipeline_is_a_list_that_can_be_read():
    assert (correlate, damp, mute, route, escalate, claim) == PIPELINE


def test_an_incident_survives_being_stored():
    incident = after(signal(0), signal(1, **END))
    assert from_plain(Incident, json.loads(json.dumps(to_plain(incident)))) == incident


steps = st.lists(
    st.tuples(
        st.integers(0, 400),  # minutes since the step before
        st.sampled_from(["signal", "signal", "end", "tick", "old"]),
        st.sampled_from(["page", "ticket", "info"]),
        st.booleans(),  # does the delivery succeed?
    ),
    max_size=40,
)


@given(steps)
@example(
    [(0, "signal", "page", True), (240, "tick", "page", True), (1, "end", "info", True), (1, "signal", "page", True)]
)
@settings(max_examples=300, deadline=None)
def test_any_history_makes_at_most_one_message_for_each_change_plus_repeats(history):
    incident, minute = None, 0.0
    for pause, what, severity, arrives in history:
        minute += pause
        now = START + timedelta(minutes=minute)
        at = minute - 1000 if what == "old" else minute
        one = signal(at, severity, resolved=what == "end")
        before = incident
        incident, actions = decide(before, None if what == "tick" else Letter(one), BOTH, now)
        spoken = heard(actions)
        assert len(spoken) == len(set(spoken)) == len({channel for channel, _ in spoken})
        changed = before is None or incident is None or changes(before, incident)
        for channel, kind in spoken:
            last = next((d for d in before.deliveries if d.channel == channel), None) if before else None
            fresh = last is None or last.state != "pending"
            assert changed or kind == "repeat" or not fresh, "no change, nothing to retry, and still a message"
            if kind == "repeat" and fresh and last is not None:
                assert now - last.since >= REPEAT
        assert decide(incident, None if what == "tick" else Letter(one), BOTH, now) == (incident, ()), "twice is once"
        incident = told(incident) if arrives and incident else incident


def changes(before: Incident, now: Incident) -> bool:
    return (before.state, before.severity, before.opened_at) != (now.state, now.severity, now.opened_at)


@given(st.permutations([signal(0), signal(5, **END), signal(7), signal(9, **END)]))
def test_in_whatever_order_signals_arrive_the_last_of_them_decides(order):
    incident, now = None, START + timedelta(minutes=10)
    for one in order:
        incident, _ = decide(incident, Letter(one), BOTH, now)
    assert incident is not None
    assert incident.state == "resolved"
