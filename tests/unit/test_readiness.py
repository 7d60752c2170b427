"""Readiness: a person is called while there is time, and not without need."""

from datetime import UTC, datetime, timedelta

import pytest

from firstbell.capacity.readiness import Ready, decide, soon
from firstbell.capacity.values import Peak, Plan, Step
from firstbell.fleet import Group, Instance

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
END = START + timedelta(hours=2)
EXAM = Peak(START, END, 400, "exam", "exams.ics", "Analysis I", "uid-1")
KEY = "readiness/uid-1"
OPEN = frozenset({KEY})


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


PLAN = Plan(
    "campus",
    at(-60),
    at(600),
    (Step(at(-60), 1, ()), Step(at(-40), 3, ("exam",)), Step(at(150), 1, ())),
    peaks=(EXAM,),
)


def ready(*states: str, coming: int = 0) -> Ready:
    serving = tuple(Instance(f"i-{n}", "InService") for n in range(len(states)))
    launching = tuple(Instance(f"i-new{n}", "Pending:Wait") for n in range(coming))
    group = Group("web", 3, 10, 3, serving + launching, suspended=frozenset({"Launch"} if coming else ()))
    return Ready(group, tuple((i.id, state) for i, state in zip(serving, states, strict=True)))


FEW, ENOUGH = ready("healthy", "initial", coming=1), ready("healthy", "healthy", "healthy")
CASES = [
    ("too early to say", -16, FEW, frozenset(), []),
    ("a quarter of an hour ahead", -15, FEW, frozenset(), [(KEY, False)]),
    ("minutes ahead", -5, FEW, frozenset(), [(KEY, False)]),
    ("it has begun: load and alarms tell now", 0, FEW, frozenset(), []),
    ("enough are healthy", -10, ENOUGH, frozenset(), []),
    ("who has been called is not called again", -10, FEW, OPEN, []),
    ("ready after all", -5, ENOUGH, OPEN, [(KEY, True)]),
    ("ready only after the start", 10, ENOUGH, OPEN, [(KEY, True)]),
    ("still not ready during the peak", 60, FEW, OPEN, []),
    ("the peak is over", 121, FEW, OPEN, [(KEY, True)]),
    ("a peak that is no longer planned", -10, FEW, frozenset({"readiness/uid-0", KEY}), [("readiness/uid-0", True)]),
]


@pytest.mark.parametrize(("minutes", "found", "raised", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_readiness(minutes: float, found: Ready, raised: frozenset[str], expected: list[tuple[str, bool]]) -> None:
    assert [(s.key, s.resolved) for s in decide("campus", PLAN, found, raised, at(minutes))] == expected


def test_the_page_says_what_is_missing_and_what_is_on_its_way() -> None:
    (page,) = decide("campus", PLAN, FEW, frozenset(), at(-10))
    assert "3 instances are planned, 1 are healthy, 2 are missing" in page.what
    assert "begins in 10 minutes with 400 participants" in page.what
    assert any("i-new0 is on its way: Pending:Wait" in line for line in page.evidence)
    assert any("i-1 is initial behind the balancer" in line for line in page.evidence)
    assert any("Launch is suspended" in line for line in page.evidence)
    assert page.expected_end == END


def test_without_a_plan_open_complaints_end() -> None:
    assert [(s.key, s.resolved) for s in decide("campus", None, FEW, OPEN, at(-10))] == [(KEY, True)]


def test_it_is_looked_only_when_there_is_something_to_see() -> None:
    assert [soon(PLAN, frozenset(), at(m)) for m in (-16, -10, 0, 30)] == [False, True, False, False]
    assert soon(None, OPEN, at(30))
    assert not soon(None, frozenset(), at(-10))
