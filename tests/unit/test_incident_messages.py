"""What arrives for on-call and what is said: letters, tidy texts, messages."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstbell.oncall import message
from firstbell.oncall.inbox import Letter, hint, read
from firstbell.oncall.incident import Delivery, Incident, Kind, Tell
from firstbell.oncall.message import Context, Link
from firstbell.oncall.pipeline import decide
from firstbell.oncall.signal import Signal
from firstbell.oncall.texts import identity, one_line, tidy
from firstbell.plain import to_plain
from firstbell.site import PEOPLE, Channel, Fleet, OnCall, Site
from tests.unit.channel_world import tell

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
HOOK = Channel(webhook="https://hooks.example.org/services/T0/very-secret-path", hears="info")
NOBODY = Site("campus", "UTC", Fleet(auto_scaling_group="moodle"))
BOTH = replace(NOBODY, oncall=OnCall(channels=(HOOK,)))
CONTEXT = Context(START)


def signal() -> Signal:
    return Signal("campus", "mount/i-0abc", "page", "moodledata is not mounted", "i-0abc has no mount.", "mount", START)


def told(incident: Incident | None) -> Incident:
    """The incident after every pending delivery succeeded."""
    assert incident is not None
    return replace(incident, deliveries=tuple(replace(d, state="told", told_at=d.since) for d in incident.deliveries))


def heard(actions: tuple[object, ...]) -> list[tuple[str, str]]:
    return [(a.delivery.channel, a.delivery.kind) for a in actions if isinstance(a, Tell)]


# ---------------------------------------------------------------- what arrives


def sns(*messages: object) -> dict:
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "1", "Message": m}} for m in messages]}


GOOD = json.dumps(to_plain(signal()))
UNREADABLE = [
    ("text that is no JSON", sns("CloudWatch says hello")),
    ("JSON that is no object", sns("[]")),
    ("a signal without a site", sns(json.dumps({**to_plain(signal()), "site": ""}))),
    ("a signal without a title", sns(json.dumps({k: v for k, v in to_plain(signal()).items() if k != "title"}))),
    ("a severity that does not exist", sns(json.dumps({**to_plain(signal()), "severity": "panic"}))),
    ("a time that is none", sns(json.dumps({**to_plain(signal()), "at": "tomorrow"}))),
    ("a time before all time zones", sns(json.dumps({**to_plain(signal()), "at": "0001-01-01T00:00:00+05:00"}))),
    ("evidence that is a text", sns(json.dumps({**to_plain(signal()), "evidence": "none"}))),
    ("a message that is no text", sns(17)),
    ("brackets nested without end", sns("[" * 100_000)),
    ("a record without a message", {"Records": [{"Sns": {}}]}),
    ("a record that is a number", {"Records": [3]}),
]


@pytest.mark.parametrize(("says", "event"), UNREADABLE, ids=[c[0] for c in UNREADABLE])
def test_what_cannot_be_read_is_passed_on_as_a_ticket(says: str, event: dict):
    (letter,) = read(event, START)
    assert not letter.readable
    assert (letter.signal.severity, letter.signal.title) == ("ticket", "unreadable notification")
    assert 0 < len(letter.signal.what) <= 2000
    _, actions = decide(None, letter, NOBODY, START)
    assert heard(actions) == [(PEOPLE, "new")]


def test_one_unreadable_record_does_not_hide_the_others():
    assert [letter.readable for letter in read(sns(GOOD, "?", GOOD), START)] == [True, False, True]


def test_an_unreadable_message_is_told_once_a_day_never_repeated_and_never_resolved():
    (letter,) = read(sns("?"), START)
    first, _ = decide(None, letter, NOBODY, START)
    again = replace(letter, signal=replace(letter.signal, at=START + timedelta(hours=23)))
    tomorrow = replace(letter, signal=replace(letter.signal, at=START + timedelta(hours=24)))
    assert decide(told(first), again, NOBODY, again.signal.at)[1] == ()
    assert decide(told(first), None, NOBODY, START + timedelta(days=7))[1] == ()
    assert heard(decide(told(first), tomorrow, NOBODY, tomorrow.signal.at)[1]) == [(PEOPLE, "new")]


def test_the_recorded_event_of_sns_reads_as_the_signal_that_it_carries():
    event = json.loads((Path(__file__).parents[2] / "events" / "sns" / "notification.json").read_text())
    (letter,) = read(event, datetime(2026, 10, 12, 6, 0, tzinfo=UTC))
    assert letter.readable
    assert (letter.signal.site, letter.signal.key) == ("riverside", "mount/i-0a1b2c3d4e5f60001")
    assert letter.signal.evidence == ("verdict stale_handle in step sentinel",)


def test_a_signal_reads_back_as_it_was_sent_and_other_events_have_no_letters():
    assert read(sns(GOOD), START) == (Letter(signal()),)
    tick = {"source": "firstbell.schedule"}
    assert (read(tick, START), hint(tick)) == ((), tick)
    assert (read("?", START), hint(["?"])) == ((), ["?"])
    assert hint(sns(GOOD)) == tick


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda c: st.lists(c) | st.dictionaries(st.sampled_from(["Sns", "Message", "Records"]), c),
    )
)
def test_reading_never_raises_and_loses_no_record(anything):
    event = {"Records": anything}
    expected = len(anything) if isinstance(anything, list) else 0
    assert len(read(event, START)) == expected


# ---------------------------------------------------------------- texts

TIDY: list[tuple[str, Callable[[Signal], object], object]] = [
    ("a line break in evidence becomes a blank", lambda s: s.evidence[0], "mounted Runbook: evil"),
    ("a long title is cut to 200", lambda s: len(s.title), 200),
    ("a long text is cut to 2,000", lambda s: len(s.what), 2000),
    ("at most 20 lines of evidence are kept", lambda s: len(s.evidence), 20),
    ("a line of evidence is cut to 500", lambda s: max(map(len, s.evidence)), 500),
    ("a name that is no runbook's is dropped", lambda s: s.runbook, ""),
    ("a time in the future becomes now", lambda s: s.at, START),
    ("a time without zone is UTC", lambda s: s.expected_end, START + timedelta(hours=1)),
    ("a long key keeps its identity", lambda s: (len(s.key), s.key != identity("k" * 301)), (200, True)),
]


@pytest.mark.parametrize(("says", "seen", "expected"), TIDY, ids=[c[0] for c in TIDY])
def test_tidy(says: str, seen: Callable[[Signal], object], expected: object):
    untidy = Signal(
        site="campus",
        key="k" * 300,
        severity="page",
        title="t\x1b" * 300,
        what="w" * 5000,
        runbook="../../etc/passwd",
        at=START + timedelta(days=400),
        evidence=("mounted\r\nRunbook: evil", *("e" * 600 for _ in range(30))),
        expected_end=datetime(2026, 5, 4, 9, 0),  # noqa: DTZ001 - it is the case
    )
    assert seen(tidy(untidy, START)) == expected


@given(st.text(), st.integers(1, 50))
@example("in\u200bvis\u2060ib\ufeffle \u202e\u2066 \U000e0041", 40)
@example("\ud800 is half a character, as JSON can smuggle it in\x1b[31m", 40)
def test_one_line_has_no_control_characters_and_can_be_encoded(text: str, longest: int):
    flat = one_line(text, longest)
    assert len(flat) <= longest
    assert flat.isprintable() or not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in flat)
    assert not set("\u200b\u202e\u2066\u2060\ufeff\U000e0041") & set(flat)
    flat.encode()


def test_a_message_tells_the_whole_story():
    long = replace(
        signal(), evidence=("verdict hung",), done=("drained i-0abc",), expected_end=START + timedelta(hours=1)
    )
    _, (_, notice, _) = decide(None, Letter(long), BOTH, START)
    assert isinstance(notice, Tell)
    assert message.text(notice, CONTEXT) == (
        "[page] campus: moodledata is not mounted\n\ni-0abc has no mount.\n\nEvidence:\n  - verdict hung\n\n"
        "What Firstbell did:\n  - drained i-0abc\n\nSince 2026-05-04 08:00:00 UTC, 1 signal.\n"
        "Expected to last until 2026-05-04 09:00:00 UTC.\nRunbook: docs/runbooks/mount.md\n"
        "Incident: campus mount/i-0abc (notice 1)\n"
    )
    elsewhere = Context(
        START,
        "https://wiki.example.org/ops/",
        lambda _, n: f"https://ack/{n}",
        (Link("console", "Console", "https://c"),),
    )
    said = message.text(notice, elsewhere)
    assert "Runbook: https://wiki.example.org/ops/mount.md\nAcknowledge: https://ack/1\nConsole: https://c\nInc" in said


SUBJECTS = [
    ("new", "[page] campus: moodledata is not mounted"),
    ("worse", "[page] campus: worse: moodledata is not mounted"),
    ("repeat", "[page] campus: still: moodledata is not mounted"),
    ("again", "[page] campus: again: moodledata is not mounted"),
    ("flaps", "[page] campus: comes and goes: moodledata is not mounted"),
    ("escalated", "[page] campus: nobody acknowledged: moodledata is not mounted"),
    ("acknowledged", "[page] campus: acknowledged: moodledata is not mounted"),
    ("resolved", "[resolved] campus: moodledata is not mounted"),
]


@pytest.mark.parametrize(("kind", "expected"), SUBJECTS)
def test_subjects(kind: Kind, expected: str):
    incident, _ = decide(None, Letter(signal()), BOTH, START)
    assert message.subject(Tell(told(incident), Delivery(PEOPLE, 1, kind, START, START))) == expected


def test_a_notice_keeps_its_delivery_id_over_attempts_and_the_next_has_another():
    incident, actions = decide(None, Letter(signal()), BOTH, START)
    _, retried = decide(incident, None, BOTH, START + timedelta(minutes=5))
    end = replace(signal(), at=START + timedelta(minutes=6), resolved=True)
    _, ended = decide(incident, Letter(end), BOTH, end.at)
    ids = [[message.delivery_id(a) for a in some if isinstance(a, Tell)][-1] for some in (actions, retried, ended)]
    assert ids[0] == ids[1] != ids[2]


HOUR = timedelta(hours=1)
FACTS: list[tuple[str, Tell, list[str]]] = [
    ("a new one says since when", tell(), ["Since 2026-05-04 08:00:00 UTC, 1 h, 1 signal."]),
    ("one signal or several", tell(count=3), ["Since 2026-05-04 08:00:00 UTC, 1 h, 3 signals."]),
    (
        "the end says how long it took",
        tell("resolved"),
        ["From 2026-05-04 08:00:00 UTC to 2026-05-04 08:06:00 UTC: 6 min, 1 signal."],
    ),
    ("what flaps says how often it came", tell(flaps=True, times=4), ["It flaps: it came 4 times."]),
    ("so does its end", tell("resolved", flaps=True, times=4), ["It flaps: it came 4 times."]),
    (
        "what is held open says so",
        tell(flaps=True, times=3, over_since=START),
        ["It is over since 2026-05-04 08:00:00 UTC, and held open until it stays so."],
    ),
    (
        "who has it, and since when",
        tell("acknowledged", acknowledged_at=START, acknowledged_by="Ada\nRunbook: evil"),
        ["Acknowledged by Ada Runbook: evil at 2026-05-04 08:00:00 UTC."],
    ),
    ("somebody has it", tell(acknowledged_at=START), ["Acknowledged by somebody at 2026-05-04 08:00:00 UTC."]),
    ("nobody has it", tell("escalated", escalated=True), ["Escalated, for nobody acknowledged it."]),
    (
        "who mutes it, and until when",
        tell(muted_by="silence of ops: update", muted_until=START + HOUR),
        ["Muted until 2026-05-04 09:00:00 UTC: silence of ops: update"],
    ),
    ("muted as long as that lasts", tell(muted_by="storage is open"), ["Muted: storage is open"]),
    ("who is on call", tell(on_duty="ops@example.org"), ["On call now: ops@example.org."]),
]


@pytest.mark.parametrize(("says", "notice", "expected"), FACTS, ids=[c[0] for c in FACTS])
def test_facts(says: str, notice: Tell, expected: list[str]):
    context = Context(START + HOUR)
    found = message.facts(notice.incident, context)
    assert [fact for fact in found if fact in expected] == expected
    assert all(fact in message.text(notice, context).split("\n") for fact in found)


TO_TAKE = [
    ("an open incident can be acknowledged", tell(), True),
    ("one that somebody has cannot", tell(acknowledged_at=START), False),
    ("one that is over cannot", tell("resolved"), False),
]


@pytest.mark.parametrize(("says", "notice", "expected"), TO_TAKE, ids=[c[0] for c in TO_TAKE])
def test_who_can_be_asked_to_acknowledge(says: str, notice: Tell, expected: bool):
    context = Context(START, ack_url=lambda incident, number: f"https://ack/{number}")
    assert ("https://ack/1" in message.text(notice, context)) is expected
    assert (json.loads(message.body(notice, context))["links"] == {"acknowledge": "https://ack/1"}) is expected


def test_the_fields_for_machines():
    fields = json.loads(message.body(tell("resolved", acknowledged_at=START, acknowledged_by="Ada"), CONTEXT))
    assert fields.pop("text").startswith("[resolved] campus: ")
    assert fields == {
        "version": 1,
        "status": "resolved",
        "kind": "resolved",
        "site": "campus",
        "key": "mount/i-0abc",
        "incident": message.identity(tell().incident),
        "severity": "page",
        "title": "moodledata is not mounted",
        "what": "i-0abc has no mount.",
        "evidence": ["verdict hung", "latency 4,000 ms"],
        "done": ["drained i-0abc"],
        "runbook": "docs/runbooks/mount-sick.md",
        "links": {},
        "opened_at": "2026-05-04T08:00:00+00:00",
        "at": "2026-05-04T08:00:00+00:00",
        "expected_end": None,
        "resolved_at": "2026-05-04T08:06:00+00:00",
        "acknowledged_at": "2026-05-04T08:00:00+00:00",
        "acknowledged_by": "Ada",
        "count": 1,
    }


def test_nothing_that_is_said_holds_a_webhooks_path_which_may_be_a_secret():
    _, actions = decide(None, Letter(signal()), BOTH, START)
    said = [*(a.reason for a in actions), *(message.text(a, CONTEXT) for a in actions if isinstance(a, Tell))]
    assert "webhook" in "".join(said)
    assert "very-secret-path" not in "".join(said)
