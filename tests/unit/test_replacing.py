"""Replacing an instance that serves: who is taken out, who stays and why, and what must hold whatever happens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.fleet import IN_SERVICE, STANDBY, Group, Instance
from firstbell.instances import storage
from firstbell.instances.actions import EnterStandby, Terminate
from firstbell.instances.records import Record
from firstbell.instances.replacing import Scene, decide, kept
from firstbell.instances.sick_mounts import told
from firstbell.instances.storage import Report
from firstbell.instances.verdicts import NEEDED_IN_A_ROW
from firstbell.readiness.launch_troubles import Trouble
from firstbell.site import Admission, Moodledata
from tests.unit.serving_world import EXAM, MINUTE, SITE, START, World

FIRST, LAST, NOW = START, START + MINUTE, START + 2 * MINUTE
SERVER = replace(SITE, moodledata=Moodledata(server="i-0123456789abcdef0"))


def well(name: str, **changes: object) -> Record:
    found = Record(name, START, "serving", verdict="healthy", judged_at=LAST, healthy_at=LAST)
    return replace(found, **changes)  # type: ignore[arg-type]


def sick(name: str = "i-0", verdict: str = "hung", **changes: object) -> Record:
    found = Record(name, START, "serving", verdict=verdict, detail="d", judged_at=LAST, bad_since=FIRST, bad_in_a_row=2)
    return replace(found, **changes)  # type: ignore[arg-type]


def scene(*records: Record, **changes: object) -> Scene:
    """A group at rest whose instances are those of the records; one that is being replaced is in Standby."""
    standing = {"replacing": STANDBY, "ended": "Terminating:Wait"}
    found = tuple(Instance(r.instance, standing.get(r.phase, IN_SERVICE), "a") for r in records)
    group = Group("web", 1, 9, sum(i.state == IN_SERVICE for i in found), found)
    return replace(Scene(SITE, NOW, group, records), **changes)  # type: ignore[arg-type]


def of_group(it: Scene, **changes: object) -> Scene:
    return replace(it, group=replace(it.group, **changes))  # type: ignore[arg-type]


def protected(it: Scene) -> Scene:
    return of_group(it, instances=tuple(replace(i, protected=i.id == "i-0") for i in it.group.instances))


ONE_OF_THREE = scene(sick(), well("i-1"), well("i-2"))
ONLY = scene(sick(verdict="not_mounted", healthy_at=START - MINUTE), site=SERVER)
WELL_SINCE = well("i-1", healthy_at=FIRST, judged_at=FIRST)
DOWN = (Report("the NFS server's status checks fail"),)
TROUBLE = Trouble("capacity", "a", "", "Insufficient", START)

STAYS: list[tuple[str, Scene, str]] = [
    ("one of three is replaced", ONE_OF_THREE, ""),
    ("in an exam too, for its replacement comes first", replace(ONE_OF_THREE, exam=EXAM), ""),
    ("a broken storage costs no instance", replace(ONE_OF_THREE, reports=DOWN), "storage"),
    ("a full file system is everybody's", scene(sick(verdict="full"), well("i-1")), "everybody"),
    ("somebody wants to keep it", protected(ONE_OF_THREE), "protected"),
    ("a slow one is replaced", scene(sick(verdict="slow", bad_since=NOW - 10 * MINUTE), well("i-1")), ""),
    ("but not at once", scene(sick(verdict="slow", bad_since=NOW - 9.9 * MINUTE), well("i-1")), "slow for 10 minutes"),
    ("nor in an exam", scene(sick(verdict="slow"), well("i-1"), exam=EXAM), "exam"),
    ("nor the only one", scene(sick(verdict="slow")), "only one"),
    ("no other was proven at all", scene(sick(), well("i-1", healthy_at=None)), "no other"),
    ("the others were proven before it became sick", scene(sick(), WELL_SINCE), "no other"),
    ("or only after it was last seen sick", scene(sick(), well("i-1", healthy_at=NOW)), "no other"),
    ("its own proof is none", scene(sick(healthy_at=LAST), WELL_SINCE), "no other"),
    ("an old verdict is no reason", replace(ONE_OF_THREE, now=LAST + timedelta(minutes=15)), "old"),
    ("one at a time", scene(sick(), well("i-1"), sick("i-9", phase="replacing")), "i-9 is to be gone"),
    ("until it is gone", scene(sick(), well("i-1"), sick("i-9", phase="ended")), "i-9 is to be gone"),
    ("another look was faster", replace(ONE_OF_THREE, begun=NOW - MINUTE), "a moment ago"),
    ("that was long ago", replace(ONE_OF_THREE, begun=NOW - timedelta(hours=1)), ""),
    ("nothing is launched", of_group(ONE_OF_THREE, suspended=frozenset({"Launch"})), "Launch is suspended"),
    ("what is launched gets no requests", of_group(ONE_OF_THREE, suspended=frozenset({"AddToLoadBalancer"})), "AddTo"),
    ("other processes do not matter", of_group(ONE_OF_THREE, suspended=frozenset({"AZRebalance"})), ""),
    ("the group has not got what it wants", of_group(ONE_OF_THREE, desired=4), "only 3 of 4"),
    ("launches fail where it is", replace(ONE_OF_THREE, troubles=(TROUBLE,)), "lacks capacity"),
    ("launches fail elsewhere", replace(ONE_OF_THREE, troubles=(replace(TROUBLE, zone="b"),)), ""),
    ("the only one lost its mount, and AWS vouches for the server", ONLY, ""),
    ("AWS knows nothing of the server", replace(ONLY, site=SITE), "only one"),
    (
        "the only one was never well: the site file may be wrong",
        scene(sick(verdict="not_mounted"), site=SERVER),
        "only",
    ),
    (
        "the only one hangs: that may be the server",
        scene(sick(healthy_at=START - MINUTE), site=SERVER),
        "hung may not be its fault",
    ),
]


@pytest.mark.parametrize(("seen", "why"), [c[1:] for c in STAYS], ids=[c[0] for c in STAYS])
def test_who_stays_and_why(seen: Scene, why: str) -> None:
    assert why in kept(seen, seen.sick[0])
    assert bool(why) == bool(kept(seen, seen.sick[0]))
    assert [a.subject for a in decide(seen) if isinstance(a, EnterStandby)] == ([] if why else ["i-0"])


def test_one_bad_verdict_is_not_enough_and_two_name_themselves() -> None:
    assert decide(scene(sick(bad_in_a_row=1), well("i-1"))) == []
    [action] = decide(ONE_OF_THREE)
    assert (
        action.reason
        == "hung in 2 probes in a row since 08:00 UTC, the last time: d, and others were proven healthy meanwhile"
    )


def test_of_two_sick_the_longer_one_goes_first() -> None:
    longer = sick("i-1", bad_since=FIRST - 5 * MINUTE)
    assert [a.subject for a in decide(scene(sick(), longer, *(well(f"i-{n}") for n in range(2, 6))))] == ["i-1"]


# ---------------------------------------------------------------- the end

AWAY = sick("i-9", phase="replacing", ended_at=NOW - MINUTE)
LONG_AWAY = replace(AWAY, ended_at=NOW - timedelta(minutes=5))
REPLACED = scene(AWAY, well("i-1"), drained=frozenset({"i-9"}))

ENDS: list[tuple[str, Scene, bool]] = [
    ("its replacement serves, and it has drained", REPLACED, True),
    ("it has not drained", replace(REPLACED, drained=frozenset()), False),
    ("it had time enough", scene(LONG_AWAY, well("i-1")), True),
    ("in an exam it has more", scene(LONG_AWAY, well("i-1"), exam=EXAM), False),
    ("no replacement serves", of_group(REPLACED, desired=2), False),
    ("the storage has become suspect meanwhile", replace(REPLACED, reports=DOWN), False),
    (
        "it is still on its way into Standby",
        of_group(REPLACED, instances=(Instance("i-9", "EnteringStandby"), Instance("i-1", IN_SERVICE))),
        False,
    ),
    ("it ends already", scene(replace(AWAY, phase="ended"), well("i-1")), False),
    (
        "somebody else's Standby is left alone",
        of_group(scene(well("i-1")), instances=(Instance("i-9", STANDBY), Instance("i-1", IN_SERVICE))),
        False,
    ),
]


@pytest.mark.parametrize(("seen", "ends"), [c[1:] for c in ENDS], ids=[c[0] for c in ENDS])
def test_when_the_sick_one_is_terminated(seen: Scene, ends: bool) -> None:
    assert decide(seen) == ([Terminate("i-9", decide(seen)[0].reason)] if ends else [])


def test_the_wait_for_draining_is_the_site_s() -> None:
    site = replace(SITE, admission=Admission(drain=30))
    assert len(decide(scene(AWAY, well("i-1"), site=site))) == 1


# ---------------------------------------------------------------- what is told

WAITING = of_group(scene(AWAY, well("i-1")), desired=2)
LATE = replace(WAITING, records=(replace(AWAY, ended_at=NOW - timedelta(minutes=30)), well("i-1")))
PAGED = ["mount/i-9"]
BOTH = ["mount/i-9", "replacement/i-9"]

TELLS: list[tuple[str, Scene, list[str], list[tuple[str, str]]]] = [
    ("all are well", scene(well("i-1")), [], []),
    ("others serve: a ticket is enough", WAITING, [], [("mount/i-9", "ticket")]),
    ("nobody serves", of_group(scene(AWAY), desired=1), [], [("mount/i-9", "page")]),
    ("in an exam it is a page", replace(WAITING, exam=EXAM), [], [("mount/i-9", "page")]),
    ("it is told once", WAITING, PAGED, []),
    ("no replacement for half an hour", LATE, PAGED, [("replacement/i-9", "page")]),
    ("the replacement serves", REPLACED, BOTH, [("mount/i-9", "resolved"), ("replacement/i-9", "resolved")]),
    ("somebody terminated it", scene(well("i-1")), BOTH, [("mount/i-9", "resolved"), ("replacement/i-9", "resolved")]),
    (
        "somebody took it back: nothing is waited for",
        scene(well("i-9", judged_at=None)),
        BOTH,
        [("replacement/i-9", "resolved")],
    ),
    ("and it is well", scene(well("i-9")), PAGED, [("mount/i-9", "resolved")]),
    ("one that stays is a page", protected(ONE_OF_THREE), [], [("mount/i-0", "page")]),
    ("not while a witness is being asked", scene(sick(), WELL_SINCE), [], []),
    ("but if it never answers", scene(sick(bad_in_a_row=3), WELL_SINCE), [], [("mount/i-0", "page")]),
    (
        "nor for a verdict from before the storage came back",
        scene(sick(bad_in_a_row=3), well("i-1", healthy_at=NOW, judged_at=NOW)),
        [],
        [],
    ),
    ("a suspected storage has its own page", replace(ONE_OF_THREE, reports=DOWN), [], []),
    ("AWS did not take it out", ONE_OF_THREE, [], [("mount/i-0", "page")]),
    ("other people's incidents are not ours to end", scene(well("i-1")), ["readiness/exam", "storage"], []),
]


@pytest.mark.parametrize(("seen", "raised", "expected"), [c[1:] for c in TELLS], ids=[c[0] for c in TELLS])
def test_what_is_told(seen: Scene, raised: list[str], expected: list[tuple[str, str]]) -> None:
    assert [(s.key, "resolved" if s.resolved else s.severity) for s in told(seen, raised)] == expected


def test_a_message_says_what_was_seen_done_and_comes_next() -> None:
    theirs = of_group(WAITING, instances=(*WAITING.group.instances, Instance("i-8", STANDBY)))
    [ticket] = told(
        replace(theirs, records=(replace(AWAY, repairs=("not_mounted: mount, which did not help",)), well("i-1"))), []
    )
    assert "hung in 2 probes in a row" in ticket.what
    assert "terminated as soon as" in ticket.what
    assert ticket.evidence == ("hung: d", "not_mounted: mount, which did not help")
    assert ticket.done[-1] == "Left alone what somebody else has in Standby: i-8."
    [page] = told(LATE, PAGED)
    assert "30 minutes" in page.what
    [page] = told(protected(ONE_OF_THREE), [])
    assert "not replaced now: it is protected" in page.what


# ---------------------------------------------------------------- whatever happens

WORDS = st.sampled_from(["healthy", "healthy", "silent", "unknown", *NEEDED_IN_A_ROW])
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("bad"), st.integers(0, 8), WORDS),
        st.tuples(st.just("all"), st.just(0), WORDS),
        st.tuples(st.just("desired"), st.integers(1, 6), st.just("")),
        st.tuples(st.just("exam"), st.integers(0, 1), st.just("")),
        st.tuples(st.just("suspend"), st.integers(0, 1), st.just("")),
        st.tuples(st.just("protect"), st.integers(0, 8), st.just("")),
        st.tuples(st.just("exit standby"), st.just(0), st.just("")),
        st.tuples(st.just("kill"), st.integers(0, 8), st.just("")),
        st.tuples(st.just("quiet"), st.integers(1, 12), st.just("")),
    ),
    min_size=3,
    max_size=40,
)


def happen(world: World, what: str, number: int, word: str) -> int:
    """One happening; returns the minutes that pass after it."""
    names = sorted(world.states)
    one = names[number % len(names)] if names else ""
    does: dict[str, Callable[[], object]] = {
        "bad": lambda: world.bad.update({one: word}),
        "all": lambda: world.bad.update(dict.fromkeys(names, word)),
        "desired": lambda: setattr(world, "desired", number),
        "exam": lambda: setattr(world, "exam", EXAM if number else None),
        "suspend": lambda: (world.suspended.add if number else world.suspended.discard)("Launch"),
        "protect": lambda: world.protected.add(one),
        "exit standby": lambda: world.exit_standby(),
        "kill": lambda: world.states.pop(one, None) and world.coming.pop(one, None),
    }
    if what in does:
        does[what]()
    return number if what == "quiet" else 1


def look(world: World) -> None:
    """One look, with everything that must hold for it."""
    before = world.scene()
    serving = len(before.serving)
    suspected = bool(storage.suspicion(world.records.values(), world.now))
    actions = world.look()
    out = [a.subject for a in actions if isinstance(a, EnterStandby)]
    ended = [a.subject for a in actions if isinstance(a, Terminate)]
    assert len(out) + len(ended) <= 1, "one at a time"
    assert not (out and (suspected or before.under_way or world.protected & set(out)))
    assert len(world.scene().serving) >= serving - 1
    for instance in out:
        record = next(r for r in before.records if r.instance == instance)
        assert record.bad_in_a_row >= 2
        assert record.verdict != "full"
        assert serving > 1 or record.verdict in ("not_mounted", "stale_handle")
    assert not ended or serving >= world.desired, "its replacement serves"
    assert world.look() == [], "deciding again gives nothing new"


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 6), st.booleans(), HAPPENINGS)
def test_whatever_happens(desired: int, vouched: bool, happenings: list[tuple[str, int, str]]) -> None:
    world = World(desired, site=SERVER if vouched else SITE)
    for happening in happenings:
        for _ in range(happen(world, *happening)):
            look(world)
            world.pass_time()


VERDICTS = st.sampled_from([v for v in NEEDED_IN_A_ROW if v != "full"])


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 8), VERDICTS, st.integers(0, 10), st.integers(1, 29))
def test_a_sick_one_of_several_is_replaced_in_the_end(desired: int, verdict: str, after: int, launch: int) -> None:
    world = World(desired, launch_minutes=launch)
    world.minutes(after)
    world.bad["i-0"] = verdict
    world.minutes(20)
    assert world.out == ["i-0"]
    assert world.told() == [("mount/i-0", "ticket")] + ([("mount/i-0", "resolved")] if world.ended else [])
    world.minutes(40)
    assert (world.out, world.ended, world.raised) == (["i-0"], ["i-0"], set())
    assert len(world.scene().serving) == desired


@settings(max_examples=50, deadline=None)
@given(st.integers(3, 8), VERDICTS, VERDICTS)
def test_a_second_sick_one_waits_for_its_turn(desired: int, one: str, other: str) -> None:
    world = World(desired)
    world.minutes(10)
    world.bad["i-0"] = one
    world.minutes(25)
    world.bad["i-1"] = other
    world.minutes(60)
    assert world.out == world.ended == ["i-0", "i-1"]
    assert world.raised == set()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 8), st.sampled_from(sorted(storage.STORAGE_LIKE)))
def test_an_outage_of_the_storage_costs_no_instance(desired: int, verdict: str) -> None:
    world = World(desired)
    world.minutes(10)
    world.bad = {f"i-{n}": verdict for n in range(desired)}
    world.minutes(60)
    assert world.out == []
    assert desired == 1 or {key for key, _ in world.told()} == {"storage"}
    world.bad = {}
    world.minutes(30)
    assert (world.out, world.raised) == ([], set())


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 12), st.sampled_from(["hung", "stale_handle", "read_only"]), st.integers(6, 30), st.data())
def test_clients_that_get_on_again_minutes_after_the_others_are_not_replaced(
    desired: int, verdict: str, minutes: int, data: st.DataObject
) -> None:
    world = World(desired)
    world.minutes(10)
    late = data.draw(st.integers(0, desired - 1))
    world.bad = {f"i-{n}": verdict for n in range(desired)}
    world.minutes(minutes)
    world.bad = {f"i-{n}": verdict for n in range(late)}
    world.minutes(2)
    world.bad = {}
    world.minutes(30)
    assert (world.out, world.raised) == ([], set())


def test_one_that_is_still_sick_minutes_after_the_storage_is_back_is_replaced() -> None:
    world = World(4)
    world.minutes(10)
    world.bad = {f"i-{n}": "stale_handle" for n in range(4)}
    world.minutes(10)
    world.bad = {"i-0": "stale_handle"}
    world.minutes(10)
    assert world.out == ["i-0"]


@pytest.mark.parametrize("verdict", ["hung", "not_mounted", "wrong_source"])
def test_a_zone_that_loses_its_way_to_the_storage_costs_no_instance(verdict: str) -> None:
    world = World(9)
    world.minutes(10)
    world.bad = {f"i-{n}": verdict for n in range(3)}
    world.minutes(30)
    assert world.out == []
    [page] = world.signals
    assert (page.key, page.severity) == ("storage", "page")
    assert "too many to have failed each by itself" in page.what
    world.bad = {}
    world.minutes(10)
    assert (world.out, world.raised) == ([], set())


def test_storage_that_is_slow_now_and_then_costs_no_instance() -> None:
    world, random = World(10), Random("slow now and then")
    for _ in range(240):
        world.bad = {f"i-{n}": "slow" for n in range(10) if random.random() < 0.2}
        world.minutes(1)
    assert world.out == []


def test_a_site_file_with_a_wrong_source_costs_no_instance() -> None:
    world = World(3, bad={f"i-{n}": "wrong_source" for n in range(3)})
    world.minutes(30)
    assert world.out == []
    [page] = world.signals
    assert (page.key, page.severity) == ("storage", "page")
    assert "`moodledata` in the site file first" in page.what


def test_without_a_replacement_it_stays_and_a_person_is_told() -> None:
    world = World(3)
    world.minutes(10)
    world.bad["i-0"] = "hung"
    world.minutes(6)
    assert world.out == ["i-0"]
    world.launch_minutes = 10_000
    world.coming = dict.fromkeys(world.coming, 10_000)
    world.told()
    world.minutes(60)
    assert world.told() == [("replacement/i-0", "page")]
    assert world.ended == []
