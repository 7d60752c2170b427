"""The plan of a site: levels that hold from before log-in to the last submission, said in time when they do not fit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.calendar.peaks import merge as merge_peaks
from firstbell.capacity.planning import LATE, instances_for, make_plan
from firstbell.capacity.values import Peak, Plan
from firstbell.site import Kind
from tests.unit.campus_values import DAY, MINUTE, MONDAY, at, peak, site

KINDS: tuple[Kind, ...] = get_args(Kind)
END = MONDAY + 2 * DAY
EXAM = peak(at(9), at(11), 600)


def plan_of(*peaks: Peak, most: int | None = None, **fleet: Any) -> Plan:
    return make_plan(site(**fleet), peaks, MONDAY, END, most)


def test_an_exam_is_served_from_lead_time_before_its_log_in_to_after_its_submissions():
    plan = plan_of(EXAM, lead_time=600)
    up, down = plan.steps[1:]
    assert up.at == at(9) - 25 * MINUTE - 10 * MINUTE - LATE
    assert down.at == at(11, 2)


def test_the_level_is_the_highest_total_demand_in_instances_at_the_target_utilisation():
    plan = plan_of(EXAM, baseline_vcpus=0.5, target_utilisation=0.6)
    people = 600 * (0.92 + 1.6449 * 0.05)  # the 95th percentile of how many of an exam's invited come
    vcpus = 0.5 + people * (41 + 95) * 2 / 1000 / 60 + people * (52 / 150 + 7.2 / 60) * 2 / 1000
    assert plan.at(at(9)).instances == -(-vcpus // (2 * 0.6)) == 4


def test_one_level_is_kept_through_an_exam_because_sessions_are_sticky():
    plan = plan_of(EXAM)
    assert len({plan.at(at(8, 35) + n * MINUTE).instances for n in range(146)}) == 1


def test_the_reason_names_the_peak_its_participants_and_what_makes_the_demand():
    [reason] = plan_of(EXAM).at(at(10)).reasons
    assert reason == "Midterm: 600 exam participants need up to 3.8 vCPUs (starting the attempt, answering)"


def test_overlapping_peaks_add_up_and_say_so():
    both = plan_of(EXAM, peak(at(9), at(11), 600, title="Other"))
    assert both.at(at(10)).instances > plan_of(EXAM).at(at(10)).instances
    assert all("with all else that is on" in f.reason for f in both.floors)


def test_an_exam_week_is_served_at_its_beginning_and_its_end_only():
    plan = make_plan(site(), [peak(at(9), at(9 + 24 * 5), 5000, "quiz")], MONDAY, MONDAY + 7 * DAY)
    last = at(9 + 24 * 5)
    assert [f.end for f in plan.floors] == [at(10), last - 30 * MINUTE, last - 10 * MINUTE, last]
    assert plan.at(at(50)).instances == 1


def test_an_excess_is_limited_and_said_days_ahead_with_its_peak():
    plan = plan_of(peak(at(33), at(35), 20_000))
    assert plan.at(at(34)).instances == 20
    [said] = plan.shortfalls
    assert said.startswith("92 instances wanted from 2026-05-05 08:28 UTC, 20 is the most: 72 missing (Midterm:")


def test_the_group_s_own_maximum_limits_as_well_as_the_site_s():
    assert plan_of(peak(at(9), at(11), 20_000), most=7).at(at(10)).instances == 7
    assert plan_of(peak(at(9), at(11), 20_000), most=700).at(at(10)).instances == 20


def test_a_group_smaller_than_the_site_s_minimum_gets_all_that_it_takes():
    assert [s.instances for s in plan_of(min_instances=4, most=3).steps] == [3]


def test_a_peak_outside_the_plan_s_time_is_not_shown_and_no_shortfall():
    plan = plan_of(peak(at(72), at(74), 50_000), peak(at(-9), at(-8), 50_000, title="Old"))
    assert (plan.peaks, plan.floors, plan.shortfalls, len(plan.steps)) == ((), (), (), 1)


def test_a_plan_without_peaks_is_the_minimum_and_keeps_its_warnings():
    plan = make_plan(site(min_instances=2), [], MONDAY, END, warnings=["nobody is enrolled"])
    assert [(s.at, s.instances) for s in plan.steps] == [(MONDAY, 2)]
    assert plan.warnings == ("nobody is enrolled",)


@pytest.mark.parametrize(
    ("says", "vcpus", "expected"),
    [
        ("no demand needs nobody", 0, 0),
        ("a little needs one", 0.01, 1),
        ("what fits exactly needs no more", 1.2, 1),
        ("what just does not fit needs one more", 1.201, 2),
    ],
)
def test_instances_for_a_demand(says: str, vcpus: float, expected: int):
    assert instances_for(vcpus, site(target_utilisation=0.6)) == expected, says


PEAKS = st.lists(
    st.builds(
        lambda start, lasts, people, kind, title: peak(at(0, start), at(0, start + lasts), people, kind, title),
        st.integers(-300, 2900),
        st.sampled_from([0, 15, 90, 120, 240, 241, 900]),
        st.integers(0, 3000),
        st.sampled_from(KINDS),
        st.sampled_from("abc"),
    ),
    max_size=6,
)
LEVELS = st.tuples(st.integers(0, 4), st.integers(4, 40))


def moments(*plans: Plan) -> list[datetime]:
    """A minute before, at and after every step, and every quarter of an hour."""
    close = {s.at + n * MINUTE for p in plans for s in p.steps for n in (-1, 0, 1)}
    return sorted(m for m in close | {MONDAY + n * 15 * MINUTE for n in range(192)} if MONDAY <= m < END)


def planned(peaks: Sequence[Peak], levels: tuple[int, int]) -> Plan:
    return plan_of(*peaks, min_instances=levels[0], max_instances=levels[1])


@given(PEAKS, LEVELS)
def test_any_plan_is_well_formed_within_bounds_and_over_its_floors(peaks: list[Peak], levels: tuple[int, int]):
    plan = planned(peaks, levels)
    assert plan.steps[0].at == MONDAY
    assert all(a.at < b.at and a.instances != b.instances for a, b in pairwise(plan.steps))
    for moment in moments(plan):
        wanted = max((f.instances for f in plan.floors if f.start <= moment < f.end), default=0)
        assert max(levels[0], min(wanted, levels[1])) <= plan.at(moment).instances <= levels[1]


@given(PEAKS, PEAKS, LEVELS)
def test_peaks_that_are_added_never_lower_a_step(some: list[Peak], more: list[Peak], levels: tuple[int, int]):
    one, two, both = planned(some, levels), planned(more, levels), planned(some + more, levels)
    for moment in moments(one, two, both):
        assert both.at(moment).instances >= max(one.at(moment).instances, two.at(moment).instances)


@given(PEAKS, st.integers(1, 3), LEVELS)
def test_more_participants_never_lower_a_step(peaks: list[Peak], times: int, levels: tuple[int, int]):
    grown = [peak(p.start, p.end, p.participants * times, p.kind, p.title) for p in peaks]
    few, many = planned(peaks, levels), planned(grown, levels)
    assert all(few.at(m).instances <= many.at(m).instances for m in moments(few, many))


@given(PEAKS, LEVELS, st.randoms())
def test_planning_twice_in_any_order_gives_equal_plans(peaks: list[Peak], levels: tuple[int, int], random: Any):
    shuffled = [*peaks, *peaks[:1]]
    random.shuffle(shuffled)
    assert planned(shuffled, levels) == planned(peaks, levels)


@given(PEAKS, LEVELS)
def test_every_excess_is_said(peaks: list[Peak], levels: tuple[int, int]):
    plan = planned(peaks, levels)
    assert len(plan.shortfalls) == sum(f.instances > levels[1] for f in plan.floors)


@given(PEAKS, PEAKS)
def test_a_second_source_never_takes_participants_from_a_peak(some: list[Peak], more: list[Peak]):
    merged = merge_peaks(some, more)
    for peaks in (some, more):
        for key in {p.key for p in peaks}:
            people = [sum(p.participants for p in found if p.key == key) for found in (peaks, merged)]
            assert people[0] <= people[1]


def test_a_plan_knows_its_step_at_any_moment():
    plan = plan_of(EXAM)
    assert plan.at(MONDAY - DAY) == plan.steps[0]
    assert plan.at(plan.steps[1].at) == plan.steps[1]
    assert plan.at(plan.steps[1].at - timedelta(seconds=1)) == plan.steps[0]
    assert plan.at(END + DAY) == plan.steps[-1]
