"""What arrives for on-call and what is said: letters, tidy texts, messages, signatures."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstbell.oncall import message, routing, webhook
from firstbell.oncall.inbox import Letter, hint, read
from firstbell.oncall.incident import Delivery, Incident, Kind, Tell
from firstbell.oncall.pipeline import decide
from firstbell.oncall.signal import Signal
from firstbell.oncall.texts import identity, one_line, tidy
from firstbell.plain import to_plain
from firstbell.site import OnCall, Webhook

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
HOOK = Webhook("https://hooks.example.org/services/T0/very-secret-path", "/firstbell/hook")
BOTH = OnCall(webhooks=(HOOK,))
PEOPLE, MACHINE = routing.channels(BOTH)


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
    _, actions = decide(None, letter, OnCall(), START)
    assert heard(actions) == [(PEOPLE, "new")]


def test_one_unreadable_record_does_not_hide_the_others():
    assert [letter.readable for letter in read(sns(GOOD, "?", GOOD), START)] == [True, False, True]


def test_an_unreadable_message_is_told_once_a_day_never_repeated_and_never_resolved():
    (letter,) = read(sns("?"), START)
    first, _ = decide(None, letter, OnCall(), START)
    again = replace(letter, signal=replace(letter.signal, at=START + timedelta(hours=23)))
    tomorrow = replace(letter, signal=replace(letter.signal, at=START + timedelta(hours=24)))
    assert decide(told(first), again, OnCall(), again.signal.at)[1] == ()
    assert decide(told(first), None, OnCall(), START + timedelta(days=7))[1] == ()
    assert heard(decide(told(first), tomorrow, OnCall(), tomorrow.signal.at)[1]) == [(PEOPLE, "new")]


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
@example("\ud800 is half a character, as JSON can smuggle it in\x1b[31m", 40)
def test_one_line_has_no_control_characters_and_can_be_encoded(text: str, longest: int):
    flat = one_line(text, longest)
    assert len(flat) <= longest
    assert flat.isprintable() or not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in flat)
    flat.encode()


def test_a_message_tells_the_whole_story():
    long = replace(
        signal(), evidence=("verdict hung",), done=("drained i-0abc",), expected_end=START + timedelta(hours=1)
    )
    _, (_, tell, _) = decide(None, Letter(long), BOTH, START)
    assert isinstance(tell, Tell)
    assert message.text(tell) == (
        "[page] campus: moodledata is not mounted\n\ni-0abc has no mount.\n\nEvidence:\n  - verdict hung\n\n"
        "What Firstbell did:\n  - drained i-0abc\n\nSince 2026-05-04 08:00:00 UTC, 1 signal.\n"
        "Expected to last until 2026-05-04 09:00:00 UTC.\nRunbook: docs/runbooks/mount.md\n"
        "Incident: campus mount/i-0abc (notice 1)\n"
    )
    assert "Runbook: https://wiki.example.org/ops/mount.md\n" in message.text(tell, "https://wiki.example.org/ops/")


SUBJECTS = [
    ("new", "[page] campus: moodledata is not mounted"),
    ("worse", "[page] campus: worse: moodledata is not mounted"),
    ("repeat", "[page] campus: still: moodledata is not mounted"),
    ("again", "[page] campus: again: moodledata is not mounted"),
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


# ---------------------------------------------------------------- webhooks


def test_nothing_that_is_said_holds_a_webhooks_path_which_may_be_a_secret():
    _, actions = decide(None, Letter(signal()), BOTH, START)
    said = [*(a.reason for a in actions), *(message.text(a) for a in actions if isinstance(a, Tell))]
    assert "hooks.example.org" in "".join(said)
    assert "very-secret-path" not in "".join(said)


def test_two_webhooks_with_one_url_are_one_channel():
    assert routing.channels(OnCall(webhooks=(HOOK, HOOK))) == (PEOPLE, MACHINE)


def test_the_signature_can_be_checked_by_whoever_knows_the_secret():
    header = webhook.signature("secret", b'{"a": 1}', START)
    t, v1 = (part.partition("=")[2] for part in header.split(","))
    assert int(t) == START.timestamp()
    assert hmac.new(b"secret", t.encode() + b'.{"a": 1}', hashlib.sha256).hexdigest() == v1


class Broken:
    """A network on which everything fails with one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def open(self, fullurl: Request, data: object = None, timeout: float | None = None) -> object:
        raise self.error


BREAKAGES = [
    ("no route", OSError("no route to host"), "no answer: no route to host"),
    ("silence", TimeoutError("timed out"), "no answer: timed out"),
    ("an error that quotes the address", ValueError(f"bad {HOOK.url}"), "no answer: ValueError"),
]


@pytest.mark.parametrize(("says", "error", "expected"), BREAKAGES, ids=[c[0] for c in BREAKAGES])
def test_a_broken_network_is_unreachable(says: str, error: Exception, expected: str):
    webhook.use(Broken(error))
    try:
        with pytest.raises(webhook.UnreachableError) as raised:
            webhook.send(HOOK.url, b"{}", "id", "", START)
    finally:
        webhook.use(None)
    assert str(raised.value) == expected
