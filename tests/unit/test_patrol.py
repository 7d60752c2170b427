"""Patrol: what is said of instances in service, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from firstbell.instances.actions import SendProbe
from firstbell.instances.patrol import Beat, decide
from firstbell.instances.records import Record
from firstbell.oncall.signal import Signal

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LAST = NOW - timedelta(minutes=5)
WELL = Record("i-0", LAST, "serving", verdict="healthy", judged_at=LAST, healthy_at=LAST)
UNKNOWN = Record("i-0", LAST, "serving", no_answer="the command ended as TimedOut")


def sick(row: int = 2, verdict: str = "hung") -> Record:
    return Record("i-0", LAST, "serving", verdict=verdict, detail="d", judged_at=LAST, bad_since=LAST, bad_in_a_row=row)


def beat(*records: Record, raised: frozenset[str] = frozenset(), online: bool = True) -> Beat:
    named = tuple(replace(r, instance=f"i-{n}") for n, r in enumerate(records))
    ids = tuple(r.instance for r in named)
    return Beat("campus", NOW, ids, frozenset(ids if online else ()), named, raised)


def told(seen: Beat) -> list[tuple[str, bool]]:
    return [(a.key, a.resolved) for a in decide(seen) if isinstance(a, Signal)]


CASES: list[tuple[str, Beat, list[tuple[str, bool]]]] = [
    ("all are well", beat(WELL, WELL), []),
    ("one bad verdict may be a passing moment", beat(sick(1), WELL, WELL), []),
    ("two in a row call a person", beat(sick(), WELL, WELL), [("mount/i-0", False)]),
    ("who has been called is not called again", beat(sick(3), WELL, WELL, raised=frozenset({"mount/i-0"})), []),
    ("it is well again", beat(WELL, WELL, raised=frozenset({"mount/i-0"})), [("mount/i-0", True)]),
    ("it has left", beat(WELL, raised=frozenset({"mount/i-9"})), [("mount/i-9", True)]),
    ("unknown is no reason for anything", beat(UNKNOWN, UNKNOWN), []),
    ("unknown does not end a page either", beat(UNKNOWN, WELL, raised=frozenset({"mount/i-0"})), []),
    ("two of four are the storage, told once", beat(sick(), sick(), WELL, WELL), [("storage", False)]),
    ("already at the first bad round", beat(sick(1), sick(1)), [("storage", False)]),
    ("those who did not answer do not count", beat(sick(), sick(), WELL, UNKNOWN, UNKNOWN), [("storage", False)]),
    (
        "two of five are two sick instances",
        beat(sick(), sick(), WELL, WELL, WELL),
        [("mount/i-0", False), ("mount/i-1", False)],
    ),
    (
        "two wrong sources are two wrong instances",
        beat(sick(2, "wrong_source"), sick(2, "wrong_source")),
        [("mount/i-0", False), ("mount/i-1", False)],
    ),
    ("the storage is back", beat(WELL, WELL, raised=frozenset({"storage"})), [("storage", True)]),
    ("other people's incidents are not ours to end", beat(WELL, raised=frozenset({"readiness/exam"})), []),
]


@pytest.mark.parametrize(("seen", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_what_is_told(seen: Beat, expected: list[tuple[str, bool]]) -> None:
    assert told(seen) == expected


def probed(seen: Beat) -> list[str]:
    return [i for a in decide(seen) if isinstance(a, SendProbe) for i in a.instances]


def test_everyone_online_is_probed() -> None:
    assert probed(beat(WELL, UNKNOWN, sick())) == ["i-0", "i-1", "i-2"]


def test_a_first_bad_verdict_is_checked_at_once_and_only_once() -> None:
    now = [
        replace(r, sent_at=NOW)
        for r in (WELL, sick(1), sick(2), replace(sick(1), no_answer="another probe is running"))
    ]
    assert probed(beat(*now)) == ["i-1"]


def test_who_is_not_online_or_has_a_probe_running_is_not() -> None:
    assert probed(beat(WELL, online=False)) == []
    assert probed(beat(replace(WELL, command="c-1", sent_at=LAST), WELL)) == ["i-1"]


def test_a_second_wake_in_the_same_round_probes_nobody_again() -> None:
    assert probed(beat(replace(WELL, sent_at=NOW - timedelta(minutes=1)), replace(WELL, sent_at=LAST))) == ["i-1"]


def test_nothing_is_replaced_and_the_page_says_so() -> None:
    (page,) = [a for a in decide(beat(sick(), WELL, WELL)) if isinstance(a, Signal)]
    assert "nothing is replaced" in page.what
    assert page.evidence == ("hung: d",)
