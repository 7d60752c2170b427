"""Demand in vCPUs: the phases of each kind of peak, and the highest of what overlaps."""

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.demand import CLOSING, LOG_IN, Phase, highest, phases, starts_within
from firstbell.site import Costs, Kind
from tests.unit.campus_values import HOUR, MINUTE, MONDAY, at, peak

KINDS: tuple[Kind, ...] = get_args(Kind)
COSTS = Costs()


def whats(kind: Kind, hours: float) -> list[str]:
    return [p.what for p in phases(peak(at(9), at(9 + hours), 100, kind), COSTS)]


SITTING = ["logging in", "logging in", "starting the attempt", "answering", "submitting"]
LONG = ["starting in the first hour", "finishing in the last hour"]
CASES: list[tuple[str, Kind, float, list[str]]] = [
    ("an exam has its log-in, its start, its answering and its closing", "exam", 2, SITTING),
    ("a short quiz is sat through as an exam is", "quiz", 0.25, SITTING),
    ("a window of exactly four hours is still sat through", "quiz", 4, SITTING),
    ("a week's window is not: people come at its beginning and at its end", "quiz", 168, LONG),
    ("a lecture has people arriving only", "lecture", 1.5, ["arriving"]),
    ("a term has people arriving only", "term_start", 0, ["arriving"]),
    ("a deadline has people submitting before it", "deadline", 0, ["submitting before the deadline"]),
]


@pytest.mark.parametrize(("says", "kind", "hours", "expected"), CASES, ids=[c[0] for c in CASES])
def test_phases(says: str, kind: Kind, hours: float, expected: list[str]):
    assert whats(kind, hours) == expected


def test_an_exam_asks_for_what_its_steps_cost_in_the_time_in_which_all_do_them():
    found = phases(peak(at(9), at(11), 600, "exam"), COSTS)
    by_hand = [
        (-25, -12, 600 * (111 + 70 + 80) * 0.3 * 2 / 1000 / (13 * 60)),
        (-12, 0, 600 * (111 + 70 + 80) * 0.7 * 2 / 1000 / (12 * 60)),
        (0, 1, 600 * (41 + 95) * 2 / 1000 / 60),
        (0, 120, 600 * (52 / 150 + 7.2 / 60) * 2 / 1000),
        (118, 122, 600 * 93 * 2 / 1000 / 240),
    ]
    assert [(p.start, p.end) for p in found] == [(at(9, a), at(9, b)) for a, b, _ in by_hand]
    assert [p.vcpus for p in found] == pytest.approx([vcpus for _, _, vcpus in by_hand])


def test_a_deadline_asks_for_the_hour_before_it():
    [found] = phases(peak(at(23, 59), at(23, 59), 300, "deadline"), COSTS)
    assert (found.start, found.end) == (at(22, 59), at(23, 59))
    assert found.vcpus == pytest.approx(300 * (111 + 70 + 80 + 93 + 2 * 52) * 2 / 1000 / 3600)


def test_nobody_asks_for_nothing():
    assert [phases(peak(at(9), at(11), 0, kind), COSTS) for kind in KINDS] == [[]] * 5


def test_an_exam_that_ends_before_it_begins_is_taken_for_a_moment():
    found = phases(peak(at(9), at(8), 100, "exam"), COSTS)
    assert all(at(9) - LOG_IN <= p.start <= p.end <= at(9) + CLOSING for p in found)


def test_an_exam_starts_steeper_than_any_other_kind():
    assert sorted(KINDS, key=starts_within)[:2] == ["exam", "quiz"]


@given(st.sampled_from(KINDS), st.integers(1, 20_000), st.integers(0, 200), st.floats(0.5, 4))
def test_demand_is_in_proportion_to_the_participants(kind: Kind, people: int, hours: int, factor: float):
    one = phases(peak(at(9), at(9) + hours * HOUR, people, kind), COSTS)
    two = phases(peak(at(9), at(9) + hours * HOUR, 2 * people, kind), COSTS)
    assert [p.vcpus for p in two] == pytest.approx([2 * p.vcpus for p in one])
    assert all((p.vcpus > 0 and p.start < p.end) or p.what == "answering" for p in one)


PHASES = st.lists(
    st.builds(
        lambda start, lasts, vcpus: Phase(at(0, start), at(0, start + lasts), vcpus, "x"),
        st.integers(0, 300),
        st.integers(1, 120),
        st.floats(0, 50),
    ),
    max_size=8,
)


@given(PHASES)
def test_the_highest_is_what_sampling_every_minute_finds(found: list[Phase]):
    sampled = max(sum(p.vcpus for p in found if p.start <= at(0, m) < p.end) for m in range(60, 200))
    vcpus, making = highest(found, at(1), at(0, 200))
    assert vcpus == pytest.approx(sampled)
    assert sum(p.vcpus for p in making) == pytest.approx(vcpus)


def test_what_ends_when_another_begins_does_not_add_up():
    one, two = Phase(at(8), at(9), 3, "one"), Phase(at(9), at(10), 4, "two")
    assert highest([one, two], at(8), at(10)) == (4, (two,))
    assert highest([one, two], at(8), at(9)) == (3, (one,))
    assert highest([], MONDAY, MONDAY + timedelta(days=1)) == (0, ())
    assert highest([one], at(9), at(9) + MINUTE) == (0, ())
