"""When the storage is suspected rather than an instance."""

from datetime import UTC, datetime, timedelta

import pytest

from firstbell.instances.records import Phase, Record
from firstbell.instances.storage import BLIND_KEY, KEY, Report, is_worth_asking, signals, suspicion

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def sick(name: str, since: float, verdict: str = "hung", row: int = 2, phase: Phase = "admission") -> Record:
    return Record(
        name, at(-30), phase, verdict=verdict, judged_at=max(at(since), at(-1)), bad_since=at(since), bad_in_a_row=row
    )


def well(name: str, when: float, phase: Phase = "serving") -> Record:
    return Record(name, at(-30), phase, verdict="healthy", judged_at=at(when), healthy_at=at(when))


CASES: list[tuple[str, list[Record], set[str]]] = [
    ("nobody is sick", [well("a", -1), well("b", -2)], set()),
    ("one sick instance is one sick instance", [sick("a", -1)], set()),
    ("two sick ones and nobody proven since", [sick("a", -4), sick("b", -1)], {"a", "b"}),
    ("two sick ones, the proof is older than both", [sick("a", -4), sick("b", -1), well("c", -5)], {"a", "b"}),
    ("two sick ones, but one was proven healthy since", [sick("a", -4), sick("b", -3), well("c", -2)], set()),
    (
        "an old sick one does not hide two new ones",
        [sick("a", -14), sick("b", -3), sick("d", -2), well("c", -9)],
        {"b", "d"},
    ),
    ("the second one may have been given up already", [sick("a", -4, phase="abandoned"), sick("b", -1)], {"a", "b"}),
    (
        "a wrong source is the instance's own fault",
        [sick("a", -4, "wrong_source"), sick("b", -1, "wrong_source")],
        set(),
    ),
    ("one slow answer is no sign", [sick("a", -4, "slow", 1), sick("b", -1, "slow", 1)], set()),
    ("slow twice is one", [sick("a", -4, "slow", 2), sick("b", -1, "slow", 2)], {"a", "b"}),
    ("a full file system is everybody's", [sick("a", -1, "full", 1)], {"a"}),
    (
        "half of those in service",
        [sick("a", -1, phase="serving"), sick("b", -1, phase="serving"), well("c", -1), well("d", -1)],
        {"a", "b"},
    ),
    (
        "less than half of those in service, one after the other",
        [sick("a", -6, phase="serving"), sick("b", -1, phase="serving"), *(well(n, -1) for n in "cde")],
        set(),
    ),
    (
        "but together: one zone may have lost its way to it",
        [sick("a", -5, phase="serving"), sick("b", -1, phase="serving"), *(well(n, -1) for n in "cdefghi")],
        {"a", "b"},
    ),
    ("launches that fail together may share a mistake", [sick("a", -2), sick("b", -2), well("c", -1)], set()),
    (
        "a wrong source of one that serves and of a launched one: the site file may be wrong",
        [sick("a", -4, "wrong_source", phase="serving"), sick("b", -1, "wrong_source")],
        {"a", "b"},
    ),
]


@pytest.mark.parametrize(("records", "witnesses"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_suspicion(records: list[Record], witnesses: set[str]) -> None:
    assert {r.instance for r in suspicion(records, NOW)} == witnesses


def test_what_was_seen_a_quarter_of_an_hour_ago_is_no_witness() -> None:
    old = Record("a", at(-60), verdict="hung", judged_at=at(-16), bad_since=at(-20), bad_in_a_row=4)
    assert suspicion([old, sick("b", -1)], NOW) == ()


def test_one_page_quotes_every_witness() -> None:
    (page,) = signals("campus", [sick("a", -4), sick("b", -1)], NOW, frozenset())
    assert (page.key, page.severity, page.resolved, len(page.evidence)) == (KEY, "page", False, 2)


def test_it_is_told_once() -> None:
    assert signals("campus", [sick("a", -4), sick("b", -1)], NOW, {KEY}) == []


def test_launches_that_have_not_mounted_yet_wake_nobody() -> None:
    booting = [sick("a", -1, "not_mounted", 1), sick("b", -1, "not_mounted", 2)]
    assert suspicion(booting, NOW)
    assert signals("campus", booting, NOW, frozenset()) == []


def test_a_healthy_probe_ends_it() -> None:
    (end,) = signals("campus", [sick("a", -4), sick("b", -3), well("c", -2)], NOW, {KEY})
    assert end.resolved
    assert "c" in end.what


def test_silence_does_not_end_it() -> None:
    assert signals("campus", [], NOW, {KEY}) == []


TROUBLE, BLIND = Report("i-0abc is stopped"), Report("i-0abc: AccessDenied", failed=True)
REPORTED: list[tuple[str, list[Record], list[Report], set[str]]] = [
    ("trouble and one sick instance", [sick("a", -1), well("b", -1)], [TROUBLE], {"a"}),
    ("trouble, and all are well", [well("a", -1)], [TROUBLE], set()),
    ("trouble, and one with a mistake of its own", [sick("a", -1, "wrong_source")], [TROUBLE], set()),
    ("trouble, and one slow answer", [sick("a", -1, "slow", 1)], [TROUBLE], set()),
    ("a question that failed says nothing", [sick("a", -1)], [BLIND], set()),
    ("two sick ones need no report", [sick("a", -4), sick("b", -1)], [], {"a", "b"}),
]


@pytest.mark.parametrize(("records", "reports", "witnesses"), [c[1:] for c in REPORTED], ids=[c[0] for c in REPORTED])
def test_what_aws_reports_is_a_witness(records: list[Record], reports: list[Report], witnesses: set[str]) -> None:
    assert {r.instance for r in suspicion(records, NOW, reports)} == witnesses


ASKED = [
    ("somebody is sick", [sick("a", -1), well("b", -1)], True),
    ("even one slow answer is worth a question", [sick("a", -1, "slow", 1)], True),
    ("all are well", [well("a", -1)], False),
    ("the one that is bad is so by itself", [sick("a", -1, "wrong_source")], False),
    ("it was sick long ago", [Record("a", at(-60), verdict="hung", judged_at=at(-16), bad_in_a_row=4)], False),
]


@pytest.mark.parametrize(("records", "asked"), [c[1:] for c in ASKED], ids=[c[0] for c in ASKED])
def test_aws_is_asked_when(records: list[Record], asked: bool) -> None:
    assert is_worth_asking(records, NOW) == asked


def test_the_page_quotes_what_aws_reports() -> None:
    (page,) = signals("campus", [sick("a", -4), well("b", -1)], NOW, (), [TROUBLE])
    assert page.evidence == ("i-0abc is stopped", "a: hung: ")
    assert "a cannot use moodledata and AWS itself reports trouble" in page.what


def test_that_aws_cannot_be_asked_is_a_ticket_until_nobody_is_sick() -> None:
    (ticket,) = signals("campus", [sick("a", -1)], NOW, (), [BLIND])
    assert (ticket.key, ticket.severity, ticket.evidence) == (BLIND_KEY, "ticket", ("i-0abc: AccessDenied",))
    assert signals("campus", [sick("a", -1)], NOW, {BLIND_KEY}, [BLIND]) == []
    assert signals("campus", [sick("a", -1)], NOW, {BLIND_KEY}) == []
    (end,) = signals("campus", [well("a", -1)], NOW, {BLIND_KEY})
    assert (end.key, end.resolved) == (BLIND_KEY, True)


MOMENTS = [
    ("nobody was well at that moment", -2, 1, True),
    ("others were, so it may pass", -1, 1, False),
    ("it did not pass", -1, 2, True),
]


@pytest.mark.parametrize(("proven", "row", "paged"), [c[1:] for c in MOMENTS], ids=[c[0] for c in MOMENTS])
def test_a_bad_moment_of_several_wakes_somebody_when(proven: float, row: int, paged: bool) -> None:
    both = [sick(name, -1, row=row, phase="serving") for name in "ab"]
    assert suspicion([*both, well("c", proven)], NOW), "nothing is replaced meanwhile"
    assert bool(signals("campus", [*both, well("c", proven)], NOW, ())) == paged
