"""Demand in vCPUs: the phases of each kind of peak, and the highest of what overlaps."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.demand import Phase, is_sat_through, phases, share
from firstbell.capacity.planning import Total
from firstbell.capacity.values import Factor, Learned
from firstbell.site import Arrivals, Kind, Participation, Turnout
from tests.unit.campus_values import HOUR, MINUTE, MONDAY, at, peak, site

KINDS: tuple[Kind, ...] = get_args(Kind)
SITE = site()


def whats(kind: Kind, hours: float) -> list[str]:
    return list(dict.fromkeys(p.what for p in phases(peak(at(9), at(9 + hours), 100, kind), SITE)))


SITTING = ["logging in", "starting the attempt", "answering", "submitting"]
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
    found = phases(peak(at(9), at(11), 600, "exam"), SITE)
    by_hand = [
        (-25, -12, 600 * (111 + 70 + 80) * 0.3 * 2 / 1000 / (13 * 60)),
        (-12, 0, 600 * (111 + 70 + 80) * 0.7 * 2 / 1000 / (12 * 60)),
        (0, 1, 600 * (41 + 95) * 2 / 1000 / 60),
        (0, 122, 600 * (52 / 150 + 7.2 / 60) * 2 / 1000),
        (118, 122, 600 * 93 * 2 / 1000 / 240),
    ]
    assert [(p.start, p.end) for p in found] == [(at(9, a), at(9, b)) for a, b, _ in by_hand]
    assert [p.vcpus for p in found] == pytest.approx([vcpus for _, _, vcpus in by_hand])


def test_a_quiz_starts_as_steeply_as_the_classes_that_were_measured():
    starting = [p for p in phases(peak(at(9), at(10), 100, "quiz"), SITE) if p.what == "starting the attempt"]
    work = 100 * (41 + 95) * 2 / 1000
    assert [(p.start, p.end) for p in starting] == [(at(9), at(9, 1)), (at(9, 1), at(9, 3)), (at(9, 3), at(9, 5))]
    assert [p.vcpus for p in starting] == pytest.approx([work * 0.25 / 60, work * 0.5 / 120, work * 0.25 / 120])


def test_the_arrival_profile_is_a_parameter_of_the_site():
    own = replace(SITE, arrivals=Arrivals(exam=((30, 0.5), (300, 1.0))))
    starting = [p for p in phases(peak(at(9), at(11), 600), own) if p.what == "starting the attempt"]
    assert [(p.end - p.start).total_seconds() for p in starting] == [30, 270]
    assert starting[0].vcpus == pytest.approx(600 * (41 + 95) * 2 / 1000 * 0.5 / 30)


def test_with_a_time_limit_the_closing_rush_comes_when_the_first_have_used_it_up():
    limited = replace(peak(at(9), at(11), 600), limit=5400)
    [closing] = [p for p in phases(limited, SITE) if p.what == "submitting"]
    assert (closing.start, closing.end) == (at(10, 28), at(10, 32))


def test_a_limit_longer_than_the_window_ends_with_the_window():
    [closing] = [p for p in phases(replace(peak(at(9), at(11), 600), limit=9000), SITE) if p.what == "submitting"]
    assert closing.end == at(11, 2)


def test_a_deadline_asks_for_the_hour_before_it_and_most_of_its_last_minutes():
    found = phases(peak(at(23, 59), at(23, 59), 300, "deadline"), SITE)
    work = 300 * (111 + 70 + 80 + 93 + 2 * 52) * 2 / 1000
    assert (found[0].start, found[-1].end) == (at(22, 59), at(23, 59))
    assert sum(p.vcpus * (p.end - p.start).total_seconds() for p in found) == pytest.approx(work)
    assert found[-1].vcpus == max(p.vcpus for p in found) == pytest.approx(work * 0.4 / 600)


def test_nobody_asks_for_nothing():
    assert [phases(peak(at(9), at(11), 0, kind), SITE) for kind in KINDS] == [[]] * 5


def test_an_exam_that_ends_before_it_begins_is_taken_for_a_moment():
    found = phases(peak(at(9), at(8), 100, "exam"), SITE)
    assert all(at(8, 35) <= p.start <= p.end <= at(9, 2) for p in found)


def test_what_is_sat_through():
    whole_day = peak(at(0), at(25), 9, "exam")  # of which a calendar says the day only; the clocks may change on it
    sat = [peak(at(9), at(14), 9, "exam"), whole_day, peak(at(9), at(13), 9, "quiz")]
    not_sat = [peak(at(0), at(25, 1), 9, "exam"), peak(at(9), at(13, 1), 9, "quiz"), peak(at(9), at(10), 9, "lecture")]
    assert all(map(is_sat_through, sat))
    assert not any(map(is_sat_through, not_sat))


@pytest.mark.parametrize(
    ("says", "quantile", "turnout", "expected"),
    [
        ("the median is the mean", 0.5, Turnout(0.8, 0.1), 0.8),
        ("the 95th percentile is 1.645 deviations more", 0.95, Turnout(0.8, 0.1), 0.96449),
        ("never less than half of the invited", 0.5, Turnout(0.2, 0.0), 0.5),
        ("never more than one and a half times the invited", 0.99, Turnout(1.4, 0.5), 1.5),
    ],
)
def test_the_share_of_the_invited_that_is_planned_for(says: str, quantile: float, turnout: Turnout, expected: float):
    own = replace(SITE, participation=Participation(quantile=quantile, exam=turnout))
    assert share(own, Learned(), "exam") == pytest.approx(expected, abs=1e-4), says


def test_what_outcomes_have_taught_counts_more_than_the_site_file():
    learned = Learned(factors=(Factor("exam", 0.71, 12),))
    assert share(SITE, learned, "exam") == 0.71
    assert share(SITE, learned, "quiz") == share(SITE, Learned(), "quiz")


@given(st.sampled_from(KINDS), st.integers(1, 20_000), st.integers(0, 200), st.floats(0.5, 4))
def test_demand_is_in_proportion_to_the_participants(kind: Kind, people: int, hours: int, factor: float):
    one = phases(peak(at(9), at(9) + hours * HOUR, people, kind), SITE)
    two = phases(peak(at(9), at(9) + hours * HOUR, 2 * people, kind), SITE)
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
    assert Total.of(found, 0.0).highest(at(1), at(0, 200)) == pytest.approx(sampled)
    assert Total.of(found, 2.5).highest(at(1), at(0, 200)) == pytest.approx(sampled + 2.5)


def test_what_ends_when_another_begins_does_not_add_up():
    one, two = Phase(at(8), at(9), 3, "one"), Phase(at(9), at(10), 4, "two")
    both = Total.of([one, two], 0.0)
    assert (both.highest(at(8), at(10)), both.highest(at(8), at(9))) == (4, 3)
    assert Total.of([], 0.5).highest(MONDAY, MONDAY + timedelta(days=1)) == 0.5
    assert Total.of([one], 0.5).highest(at(9), at(9) + MINUTE) == 0.5
