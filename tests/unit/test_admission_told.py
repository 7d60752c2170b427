"""What admission tells beside its decisions: logs, hooks that ended without us, mounts that want work."""

from dataclasses import replace

import pytest

from firstbell.fleet import Instance
from firstbell.instances.actions import HookEnded
from firstbell.instances.admission import ended_without_us, wants_console
from firstbell.instances.complaints import BARE_KEY, REPAIRED_KEY, UNPROVEN_KEY
from firstbell.instances.records import Phase, Record
from firstbell.oncall.signal import Signal
from tests.unit.admission_world import MINUTE, START, World, site

A, B, C, D = "i-a", "i-b", "i-c", "i-d"


def test_a_bare_mount_point_and_repairs_are_one_incident_each_until_nobody_says_so() -> None:
    world = World()
    world.launch(A, B)
    world.look()
    repairs = [{"was": "not_mounted", "did": "mount", "ok": True, "ms": 200}]
    for instance in (A, B):
        world.said(instance, "healthy", warnings=["the bare directory is writable"], repairs=repairs)
    world.look()
    assert [(s.key, s.severity, len(s.evidence)) for s in world.signals] == [
        (BARE_KEY, "ticket", 2),
        (REPAIRED_KEY, "info", 2),
    ]
    world.pass_time(20 * MINUTE)
    world.launch(C)
    world.look()
    assert world.raised == {BARE_KEY, REPAIRED_KEY}, "silence ends nothing"
    world.said(C, "healthy")
    world.look()
    assert world.raised == set()


CONSOLE = [
    ("its deadline is over and its agent never came", {}, 15, False, True),
    ("its deadline is not over", {}, 14, False, False),
    ("its console was read already", {"log_tail": "panic"}, 15, False, False),
    ("its agent is there", {}, 15, True, False),
    ("its agent was there once", {"attempts": 1}, 15, False, False),
]


@pytest.mark.parametrize(
    ("changes", "minutes", "online", "wanted"), [c[1:] for c in CONSOLE], ids=[c[0] for c in CONSOLE]
)
def test_the_console_is_read_when(changes: dict[str, object], minutes: int, online: bool, wanted: bool) -> None:
    world = World()
    world.launch(A, online=online)
    world.records[A] = replace(world.records[A], **changes)  # type: ignore[arg-type]
    world.now += minutes * MINUTE
    assert wants_console(world.scene().candidates[0], site(), world.now) == wanted


def test_the_ticket_and_the_page_quote_the_last_log() -> None:
    world = World()
    world.launch(A, B, C, D, online=False)
    for n, instance in enumerate((A, B, C, D)):
        world.records[instance] = replace(world.records[instance], log_tail=f"panic {n}")
    for _ in range(16):
        world.look()
        world.pass_time()
    tickets = [s for s in world.signals if s.severity == "ticket"]
    assert [s.evidence[-1] for s in tickets] == [
        f"the end of the log of {i}: panic {n}" for n, i in enumerate((A, B, C))
    ]
    (page,) = [s for s in world.signals if s.severity == "page"]
    assert page.evidence == (
        *(f"{i}: its SSM agent never came online" for i in (A, B, C)),
        f"the end of the log of {D}: panic 3",
    )


def waited(phase: Phase, proven: float | None = None, pooled: bool = False) -> Record:
    """One that began to wait half an hour ago and was proven so many minutes later."""
    since = START - 30 * MINUTE
    healthy_at = None if proven is None else since + proven * MINUTE
    return Record(A, since, phase, hook="h", default_result="CONTINUE", healthy_at=healthy_at, pooled=pooled)


NEVER = [(UNPROVEN_KEY + A, "page", False)]
LEFT: list[tuple[str, Record, str, list[tuple[str, str, bool]], bool]] = [
    ("it is still waiting", waited("admission"), "Pending:Wait", [], False),
    ("its hook's default let it in", waited("admission"), "InService", NEVER, False),
    ("it came in when we were about to give it up", waited("ended"), "InService", NEVER, False),
    ("the patrol has begun with it", waited("serving"), "InService", NEVER, False),
    ("it is proven, its CONTINUE came too late", waited("ended", 3), "InService", [], False),
    ("it serves by our word", waited("serving", 3), "InService", [], False),
    ("it served before Firstbell came", Record(A, START, "serving"), "InService", [], False),
    ("it was proven for the pool only", waited("ended", 3, pooled=True), "InService", NEVER, False),
    ("it was proven in service, after the pool", waited("serving", 3, pooled=True), "InService", [], False),
    ("it rests in the warm pool", waited("ended", 3, pooled=True), "", [], False),
    ("its hook's default ended it", waited("admission"), "", [(f"admission/{A}", "ticket", False)], True),
    ("it is just being ended", waited("admission"), "Terminating:Wait", [(f"admission/{A}", "ticket", False)], True),
    ("we have given it up", waited("abandoned"), "", [], False),
    ("it served and has left", waited("serving", 3), "", [], False),
]


@pytest.mark.parametrize(("record", "state", "told", "ended"), [c[1:] for c in LEFT], ids=[c[0] for c in LEFT])
def test_a_hook_that_ended_without_us(
    record: Record, state: str, told: list[tuple[str, str, bool]], ended: bool
) -> None:
    instances = [Instance(A, state)] if state else []
    found = ended_without_us("campus", [record], instances, (), START)
    assert [(s.key, s.severity, s.resolved) for s in found if isinstance(s, Signal)] == told
    assert any(isinstance(a, HookEnded) for a in found) == ended


@pytest.mark.parametrize(
    ("record", "state"), [(waited("serving", 40), "InService"), (waited("serving"), "Terminating")]
)
def test_the_page_of_an_unproven_one_ends_when_it_is_proven_or_leaves(record: Record, state: str) -> None:
    (end,) = ended_without_us("campus", [record], [Instance(A, state)], {UNPROVEN_KEY + A}, START)
    assert isinstance(end, Signal)
    assert (end.key, end.resolved) == (UNPROVEN_KEY + A, True)


def test_another_ones_admission_does_not_prove_it() -> None:
    world = World()
    world.raised = {UNPROVEN_KEY + A}
    world.launch(B)
    world.look()
    world.said(B, "healthy")
    world.look()
    assert world.continued == [B]
    assert world.raised == {UNPROVEN_KEY + A}
