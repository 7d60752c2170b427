"""Patrol: who is probed when, and what is said of instances in service beside a replacement."""

from dataclasses import replace
from datetime import timedelta

import pytest

from firstbell.fleet import IN_SERVICE, Group, Instance
from firstbell.instances.actions import HookEnded, SendProbe
from firstbell.instances.patrol import Beat, decide, told
from firstbell.instances.records import WEB_SILENT, Record
from firstbell.instances.replacing import Scene
from firstbell.oncall.signal import Signal
from tests.unit.serving_world import MINUTE, SITE, START, World

NOW = START
LAST = NOW - timedelta(minutes=5)
WELL = Record("", LAST, "serving", verdict="healthy", judged_at=LAST, healthy_at=LAST)
UNKNOWN = Record("", LAST, "serving", no_answer="the command ended as TimedOut", silent_in_a_row=1)
SICK = Record("", LAST, "serving", verdict="hung", detail="d", judged_at=LAST, bad_since=LAST, bad_in_a_row=2)
FIRST_BAD = replace(SICK, bad_in_a_row=1)
SILENT = replace(WELL, verdict="", no_answer=f"{WEB_SILENT}/login answers 502", silent_in_a_row=3)


def beat(*records: Record, raised: frozenset[str] = frozenset(), online: bool = True) -> Beat:
    """A group of five whose first instances have these records; suspicion is left to `storage`, whose page it is."""
    named = tuple(replace(r, instance=f"i-{n}") for n, r in enumerate(records))
    group = Group("web", 1, 9, len(named), tuple(Instance(r.instance, IN_SERVICE) for r in named))
    return Beat(Scene(SITE, NOW, group, named), frozenset(r.instance for r in named if online), raised)


TOLD: list[tuple[str, Beat, list[tuple[str, bool]]]] = [
    ("all are well", beat(WELL, WELL), []),
    ("one bad verdict may be a passing moment", beat(FIRST_BAD, WELL, WELL), []),
    ("unknown is no reason for anything", beat(UNKNOWN, UNKNOWN), []),
    ("unknown does not end a page either", beat(UNKNOWN, WELL, raised=frozenset({"mount/i-0"})), []),
    ("it is well again", beat(WELL, WELL, raised=frozenset({"mount/i-0"})), [("mount/i-0", True)]),
    (
        "its mount is, whatever its web server",
        beat(SILENT, raised=frozenset({"mount/i-0", "web-silent/i-0"})),
        [("mount/i-0", True)],
    ),
    ("it has left", beat(WELL, raised=frozenset({"mount/i-9"})), [("mount/i-9", True)]),
    ("the storage is back", beat(WELL, WELL, raised=frozenset({"storage"})), [("storage", True)]),
    ("a web server was silent twice", beat(replace(SILENT, silent_in_a_row=2), WELL), []),
    ("three times in a row", beat(SILENT, WELL), [("web-silent/i-0", False)]),
    ("that is told once", beat(SILENT, WELL, raised=frozenset({"web-silent/i-0"})), []),
    ("an agent that is silent is not a web server", beat(replace(UNKNOWN, silent_in_a_row=9)), []),
    ("many at once are one incident", beat(SILENT, SILENT, WELL), [("web-silent/several", False)]),
    ("one less of them is no news", beat(SILENT, WELL, raised=frozenset({"web-silent/several"})), []),
    ("it answers", beat(WELL, raised=frozenset({"web-silent/i-0"})), [("web-silent/i-0", True)]),
    ("all answer", beat(WELL, raised=frozenset({"web-silent/several"})), [("web-silent/several", True)]),
    ("the agent's silence does not say so", beat(UNKNOWN, raised=frozenset({"web-silent/i-0"})), []),
    ("nor does a sick mount", beat(FIRST_BAD, raised=frozenset({"web-silent/i-0"})), []),
    ("the silent one has left", beat(WELL, raised=frozenset({"web-silent/i-9"})), [("web-silent/i-9", True)]),
    ("other people's incidents are not ours to end", beat(WELL, raised=frozenset({"readiness/exam"})), []),
]


@pytest.mark.parametrize(("seen", "expected"), [c[1:] for c in TOLD], ids=[c[0] for c in TOLD])
def test_what_is_told(seen: Beat, expected: list[tuple[str, bool]]) -> None:
    assert [(s.key, s.resolved) for s in told(seen)] == expected


def ago(record: Record, minutes: float, **changes: object) -> Record:
    return replace(record, sent_at=NOW - minutes * MINUTE, **changes)  # type: ignore[arg-type]


PROBED: list[tuple[str, Beat, list[int]]] = [
    ("whoever has never been", beat(WELL, UNKNOWN, SICK), [0, 1, 2]),
    ("once a round", beat(ago(WELL, 3.9), ago(WELL, 4), ago(SICK, 1)), [1]),
    ("who is not online is not", beat(WELL, online=False), []),
    ("nor who has a probe running", beat(ago(WELL, 5, command="c"), ago(WELL, 5)), [1]),
    (
        "a first bad verdict is checked at once, with witnesses",
        beat(ago(WELL, 0), ago(FIRST_BAD, 0), ago(WELL, 0)),
        [0, 1, 2],
    ),
    ("two of them are enough", beat(ago(FIRST_BAD, 0), *[ago(WELL, 0)] * 5), [0, 1, 2]),
    ("sick ones and unknown ones are no witnesses", beat(ago(FIRST_BAD, 0), ago(SICK, 0), ago(UNKNOWN, 0)), [0]),
    ("nor is one that is being probed", beat(ago(FIRST_BAD, 0), ago(WELL, 0, command="c")), [0]),
    ("a second bad one waits for the round", beat(ago(SICK, 0), ago(WELL, 0)), []),
    ("an answer that said nothing is asked for again after a minute", beat(ago(UNKNOWN, 0.9), ago(UNKNOWN, 1)), [1]),
    ("but not for ever", beat(ago(replace(WELL, no_answer="x", silent_in_a_row=3), 2)), []),
    ("unless it was never judged at all", beat(ago(replace(UNKNOWN, silent_in_a_row=3), 2)), [0]),
    ("nor at once after a bad one", beat(ago(FIRST_BAD, 0.5, no_answer="another probe is running")), []),
]


@pytest.mark.parametrize(("seen", "expected"), [c[1:] for c in PROBED], ids=[c[0] for c in PROBED])
def test_who_is_probed(seen: Beat, expected: list[int]) -> None:
    probed = [i for a in decide(seen) if isinstance(a, SendProbe) for i in a.instances]
    assert sorted(probed) == [f"i-{n}" for n in expected]


def test_one_let_in_by_its_hook_s_default_is_told_and_probed() -> None:
    slipped = replace(UNKNOWN, hook="firstbell-admit", default_result="CONTINUE")
    found = decide(beat(WELL, slipped))
    assert [(a.key, a.severity) for a in found if isinstance(a, Signal)] == [("admission/unproven/i-1", "page")]
    assert [a.instances for a in found if isinstance(a, SendProbe)] == [("i-0", "i-1")]


def test_a_launch_that_is_gone_is_ended_but_not_one_that_is_newer_than_the_group_as_it_was_seen() -> None:
    seen = beat(WELL)
    waits = [Record(f"i-{n}", NOW - n * MINUTE, hook="firstbell-admit") for n in (1, 10)]
    seen = replace(seen, scene=replace(seen.scene, records=(*seen.scene.records, *waits)))
    assert [a.subject for a in decide(seen) if isinstance(a, HookEnded)] == ["i-10"]


def test_what_probes_say_beside_their_verdict_is_told() -> None:
    found = told(beat(replace(WELL, warnings=("writable",), judged_at=NOW)))
    assert [(s.key, s.severity) for s in found] == [("mount-bare", "ticket")]


def test_who_is_being_taken_out_is_not_probed() -> None:
    world = World(3)
    world.minutes(5)
    world.bad["i-0"] = "hung"
    while not world.out:
        world.minutes(1)
    assert not world.records["i-0"].command


def test_a_silent_web_server_is_told_within_minutes_and_nothing_is_replaced() -> None:
    world = World(3)
    world.minutes(5)
    world.bad = {"i-0": "silent"}
    world.minutes(9)
    assert world.told() == [("web-silent/i-0", "page")]
    world.bad = {}
    world.minutes(5)
    assert world.told() == [("web-silent/i-0", "resolved")]
    assert world.out == []
