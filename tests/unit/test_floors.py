"""Floors become steps: by maximum, without dips in short gaps, within bounds, and one floor more never lowers one."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.floors import SHORT_GAP, merge
from firstbell.capacity.values import Floor, Step
from tests.unit.campus_values import DAY, MINUTE, MONDAY, at, floor

END = MONDAY + DAY


def level(steps: Sequence[Step], moment: datetime) -> int:
    """What the steps say at a moment from the first step on."""
    return [s.instances for s in steps if s.at <= moment][-1]


def shape(steps: Sequence[Step]) -> str:
    """Steps as a text such as `0:00 x1, 8:00 x4`, hours and minutes after Monday midnight."""
    minutes = [(int((s.at - MONDAY) / MINUTE), s.instances) for s in steps]
    return ", ".join(f"{m // 60}:{m % 60:02} x{n}" for m, n in minutes)


def floors_of(text: str) -> list[Floor]:
    """Floors from a text such as `8:00 to 9:30 x4`; a minus sign is the day before."""
    found = re.findall(r"(-?\d+:\d+) to (-?\d+:\d+) x(\d+)", text)
    return [floor(_moment(start), _moment(end), int(instances)) for start, end, instances in found]


def _moment(text: str) -> datetime:
    hours, minutes = text.removeprefix("-").split(":")
    after = timedelta(hours=int(hours), minutes=int(minutes))
    return MONDAY - after if text.startswith("-") else MONDAY + after


@pytest.mark.parametrize(
    ("says", "floors", "expected"),
    [
        ("without floors it is the least all day", "", "0:00 x1"),
        ("one floor goes up and down again", "8:00 to 10:00 x4", "0:00 x1, 8:00 x4, 10:00 x1"),
        ("a floor that began before counts from the start", "-2:00 to 3:00 x4", "0:00 x4, 3:00 x1"),
        ("a floor that lasts beyond the end is not taken back", "20:00 to 30:00 x4", "0:00 x1, 20:00 x4"),
        ("floors of other days are not seen", "30:00 to 31:00 x4, -9:00 to -8:00 x4", "0:00 x1"),
        (
            "the larger of two counts",
            "8:00 to 12:00 x3, 9:00 to 10:00 x5",
            "0:00 x1, 8:00 x3, 9:00 x5, 10:00 x3, 12:00 x1",
        ),
        ("floors do not add up", "8:00 to 12:00 x3, 8:00 to 12:00 x3", "0:00 x1, 8:00 x3, 12:00 x1"),
        ("no dip at a hand-over", "8:00 to 9:00 x3, 9:00 to 10:00 x3", "0:00 x1, 8:00 x3, 10:00 x1"),
        ("a gap of 29 minutes is bridged", "8:00 to 9:00 x3, 9:29 to 10:00 x3", "0:00 x1, 8:00 x3, 10:00 x1"),
        (
            "a gap of 31 minutes is not",
            "8:00 to 9:00 x3, 9:31 to 10:00 x3",
            "0:00 x1, 8:00 x3, 9:00 x1, 9:31 x3, 10:00 x1",
        ),
        (
            "a gap is bridged at the level of the lower side",
            "8:00 to 9:00 x5, 9:15 to 10:00 x3",
            "0:00 x1, 8:00 x5, 9:00 x3, 10:00 x1",
        ),
        (
            "a gap over the beginning of the plan is bridged",
            "-2:00 to -0:10 x3, 0:10 to 2:00 x3",
            "0:00 x3, 2:00 x1",
        ),
        ("a floor under the least changes nothing", "8:00 to 10:00 x0", "0:00 x1"),
        ("an excess is limited to the most", "8:00 to 10:00 x99", "0:00 x1, 8:00 x20, 10:00 x1"),
        ("a floor without duration changes nothing", "8:00 to 8:00 x4", "0:00 x1"),
    ],
)
def test_merging(says: str, floors: str, expected: str):
    assert shape(merge(floors_of(floors), 1, 20, MONDAY, END)) == expected, says


def test_a_step_says_why_it_is_so_high():
    steps = merge([floor(at(8), at(10), 4, "the midterm"), floor(at(9), at(9, 30), 4, "a quiz")], 1, 20, MONDAY, END)
    assert [s.reasons for s in steps] == [("nothing is planned",), ("the midterm",), ("nothing is planned",)]


def test_a_bridge_says_that_it_is_one():
    steps = merge([floor(at(8), at(9), 5, "a"), floor(at(9, 15), at(10), 3, "b")], 1, 20, MONDAY, END)
    assert steps[2].reasons == ("kept at 3: the gap to the next peak is shorter than 30 min",)


def test_a_step_that_is_limited_says_what_would_be_needed():
    steps = merge([floor(at(8), at(9), 25, "the midterm")], 1, 20, MONDAY, END)
    assert steps[1].reasons == ("the midterm", "25 would be needed, 20 is the most")


def test_neighbours_that_both_are_limited_are_one_step():
    steps = merge([floor(at(8), at(9), 25), floor(at(9), at(10), 30)], 1, 20, MONDAY, END)
    assert shape(steps) == "0:00 x1, 8:00 x20, 10:00 x1"


FLOORS = st.lists(
    st.builds(
        lambda start, lasts, n: floor(MONDAY + start * MINUTE, MONDAY + (start + lasts) * MINUTE, n),
        st.integers(-90, 1500),
        st.integers(0, 300),
        st.integers(0, 30),
    ),
    max_size=8,
)
BOUNDS = st.tuples(st.integers(0, 5), st.integers(5, 25))


def moments(floors: Sequence[Floor]) -> list[datetime]:
    """Every boundary there can be, a second to either side of each, and a grid between them."""
    edges = {f.start for f in floors} | {f.end for f in floors} | {MONDAY, END}
    edges |= {e + gap for e in set(edges) for gap in (SHORT_GAP, -SHORT_GAP)}
    close = {e + timedelta(seconds=s) for e in edges for s in (-1, 0, 1)} | {
        MONDAY + n * 7 * MINUTE for n in range(206)
    }
    return sorted(m for m in close if MONDAY <= m < END)


@given(FLOORS, BOUNDS)
def test_steps_begin_at_the_start_ascend_differ_and_stay_within_the_bounds(
    floors: list[Floor], bounds: tuple[int, int]
):
    steps = merge(floors, *bounds, MONDAY, END)
    assert steps[0].at == MONDAY
    assert all(a.at < b.at < END and a.instances != b.instances for a, b in pairwise(steps))
    assert all(bounds[0] <= s.instances <= bounds[1] and s.reasons for s in steps)


@given(FLOORS, BOUNDS)
def test_steps_are_nowhere_under_a_floor_but_for_the_limit(floors: list[Floor], bounds: tuple[int, int]):
    steps = merge(floors, *bounds, MONDAY, END)
    for moment in moments(floors):
        wanted = max((f.instances for f in floors if f.start <= moment < f.end), default=0)
        assert level(steps, moment) >= min(wanted, bounds[1])


@given(FLOORS, FLOORS, BOUNDS)
def test_more_floors_never_lower_a_step(some: list[Floor], more: list[Floor], bounds: tuple[int, int]):
    before, after = (merge(floors, *bounds, MONDAY, END) for floors in (some, some + more))
    assert all(level(before, m) <= level(after, m) for m in moments(some + more))


@given(FLOORS, BOUNDS)
def test_the_order_of_floors_and_merging_again_change_no_step(floors: list[Floor], bounds: tuple[int, int]):
    steps = merge(floors, *bounds, MONDAY, END)
    assert merge(floors, *bounds, MONDAY, END) == steps
    assert shape(merge(floors[::-1], *bounds, MONDAY, END)) == shape(steps)


@given(FLOORS, BOUNDS, st.integers(0, 1439))
def test_looking_later_says_the_same_of_what_is_left(floors: list[Floor], bounds: tuple[int, int], minutes: int):
    """The reconciliation merges anew every quarter of an hour: a step must not depend on when it is computed."""
    later = MONDAY + minutes * MINUTE
    early, late = merge(floors, *bounds, MONDAY, END), merge(floors, *bounds, later, END)
    assert all(level(early, m) == level(late, m) for m in moments(floors) if m >= later)


@given(st.integers(1, 120), st.integers(2, 9), st.integers(2, 9))
def test_a_gap_dips_exactly_when_it_is_longer_than_half_an_hour(gap: int, first: int, second: int):
    end, again = at(9), at(9) + gap * MINUTE
    steps = merge([floor(at(8), end, first), floor(again, at(14), second)], 1, 20, MONDAY, END)
    inside = {level(steps, end + n * MINUTE) for n in range(gap)}
    assert inside == ({min(first, second)} if gap * MINUTE <= SHORT_GAP else {1})
