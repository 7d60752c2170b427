"""Forecast against actual: which peaks are judged, what their share is, and when nothing is said."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.demand import phases
from firstbell.capacity.values import Peak
from firstbell.learning import outcomes
from firstbell.learning.outcomes import Outcome, Span, Used, due, judge, merged, spans
from firstbell.site import Fleet, Kind, Site

NINE = datetime(2026, 5, 5, 9, tzinfo=UTC)  # a Tuesday
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SITE = Site("campus", "UTC", Fleet("web", max_instances=20, baseline_vcpus=0.5))
PLANNED = 1.0


def peak(start: datetime = NINE, lasts: float = 120, people: int = 600, kind: Kind = "exam", key: str = "") -> Peak:
    """`lasts` minutes."""
    return Peak(start, start + lasts * MINUTE, people, kind, "term.ics", f"{kind} {key}", key or f"{kind}/{start}")


EXAM = peak()


def used(*peaks: Peak, come: float = 1.0, beyond: float = 0.5, busy: float = 0.4) -> list[Used]:
    """Five-minute points around the peaks, when `come` of their people do what is expected, on top of `beyond`."""
    found = [phase for p in peaks for phase in phases(p, SITE, come)]
    begin = min(p.start for p in peaks).replace(minute=0) - HOUR
    starts = [begin + n * outcomes.PERIOD for n in range(12 * 8)]
    each = outcomes.PERIOD.total_seconds()
    return [
        Used(
            at,
            beyond + sum(p.vcpus * Span(p.start, p.end).shared(at, at + outcomes.PERIOD) for p in found) / each,
            busy,
        )
        for at in starts
    ]


def judged(points: Sequence[Used], of: Peak = EXAM, peaks: Sequence[Peak] = (EXAM,)) -> Outcome | str | None:
    return judge(of, peaks, points, SITE, (), PLANNED)


def share(points: Sequence[Used], **more: Sequence[Peak]) -> float:
    found = judged(points, **more)
    assert isinstance(found, Outcome), found
    return found.share


# ---------------------------------------------------------------- spans


@pytest.mark.parametrize(
    ("says", "given_", "expected"),
    [
        ("none", [], []),
        ("one", [(0, 1)], [(0, 1)]),
        ("two apart, in order", [(5, 6), (0, 1)], [(0, 1), (5, 6)]),
        ("two that touch are one", [(0, 1), (1, 2)], [(0, 2)]),
        ("one within another", [(0, 9), (2, 3)], [(0, 9)]),
        ("three that overlap", [(4, 7), (0, 3), (2, 5)], [(0, 7)]),
    ],
)
def test_spans_are_merged(says, given_, expected):
    found = merged(Span(NINE + a * HOUR, NINE + b * HOUR) for a, b in given_)
    assert [((s.start - NINE) / HOUR, (s.end - NINE) / HOUR) for s in found] == expected, says


def test_an_exam_takes_more_from_the_first_log_in_to_the_last_submission():
    assert spans(EXAM, SITE) == (Span(NINE - 25 * MINUTE, NINE + 122 * MINUTE),)


def test_a_long_window_takes_more_at_its_beginning_and_its_end():
    week = peak(lasts=7 * 24 * 60, kind="quiz")
    assert spans(week, SITE) == (Span(NINE, NINE + HOUR), Span(week.end - HOUR, week.end))


# ---------------------------------------------------------------- when it is judged


@pytest.mark.parametrize(
    ("says", "later", "is_due"),
    [
        ("not while it is on", timedelta(0), False),
        ("not before CloudWatch has everything, last submissions included", 31 * MINUTE, False),
        ("half an hour after the end", 32 * MINUTE, True),
        ("for two days", 48 * HOUR, True),
        ("and then no more", 48 * HOUR + MINUTE, False),
    ],
)
def test_when_a_peak_is_due(says: str, later: timedelta, is_due: bool):
    assert due([EXAM], [], SITE, EXAM.end + later) == ([EXAM] if is_due else []), says


def test_a_peak_is_judged_once():
    assert due([EXAM], [EXAM.key], SITE, EXAM.end + HOUR) == []


# ---------------------------------------------------------------- the share


@pytest.mark.parametrize("come", [0.0, 0.5, 0.92, 1.0, 1.3])
def test_the_share_is_what_came(come: float):
    assert share(used(EXAM, come=come)) == pytest.approx(come, abs=0.001)


@pytest.mark.parametrize("kind", ["exam", "quiz", "lecture", "deadline", "term_start"])
@pytest.mark.parametrize("minute", [0, 7])
def test_every_kind_of_peak_is_judged_wherever_the_points_begin(kind: Kind, minute: int):
    it = peak(NINE + minute * MINUTE, people=8000, kind=kind)
    assert share(used(it, come=0.8), of=it, peaks=[it]) == pytest.approx(0.8, abs=0.001)


def test_an_outcome_says_what_was_forecast_and_what_was_used():
    found = judged(used(EXAM, come=0.8))
    seconds = 150 * 60  # 08:35 to 11:05: the last submission is at 11:02
    forecast = sum(p.vcpus * (p.end - p.start).total_seconds() for p in phases(EXAM, SITE)) / seconds
    assert found == Outcome(
        EXAM.key,
        "exam",
        EXAM.title,
        EXAM.start,
        EXAM.end,
        600,
        round(forecast, 3),
        pytest.approx(0.8 * forecast, abs=0.001),
        pytest.approx(0.8, abs=0.001),
    )


def test_less_than_the_ordinary_load_is_nothing_and_not_negative():
    assert share(used(EXAM, come=0.0, beyond=0.1)) == 0.0


def test_the_learned_week_goes_before_the_site_file_s_number():
    baseline = [0.9 if n // 24 == 1 else 9.9 for n in range(168)]  # Tuesdays
    found = judge(EXAM, [EXAM], used(EXAM, come=0.8, beyond=0.9), SITE, baseline, PLANNED)
    assert isinstance(found, Outcome)
    assert found.share == pytest.approx(0.8, abs=0.001)


def test_a_long_title_is_cut():
    found = judged(used(EXAM), of=replace(EXAM, title="x" * 5000))
    assert isinstance(found, Outcome)
    assert len(found.title) == 120


SMALL = peak(people=60, key="small")
LARGE = peak(people=500, key="large")
LECTURE = peak(people=3000, kind="lecture", key="lecture")
LATE = peak(NINE + 5 * HOUR, key="late")
LIMIT = "the web servers were at their limit: it may have wanted more than it got"


@pytest.mark.parametrize(
    ("says", "of", "peaks", "points", "why"),
    [
        ("two kinds at once", EXAM, [EXAM, LECTURE], used(EXAM), "other peaks were on at the same time"),
        (
            "the smaller of two exams",
            LARGE,
            [EXAM, LARGE],
            used(EXAM),
            "a larger exam at the same time speaks for both",
        ),
        (
            "the same, two of a size",
            peak(key="a"),
            [EXAM],
            used(EXAM),
            "a larger exam at the same time speaks for both",
        ),
        ("nobody", peak(people=0), [], used(EXAM), "nobody was invited"),
        ("too few", peak(people=10), [], used(EXAM), "it is too small to stand out from the ordinary load"),
        ("full servers and no more than planned", EXAM, [EXAM], used(EXAM, come=0.9, busy=0.97), LIMIT),
    ],
)
def test_when_nothing_can_be_said(says: str, of: Peak, peaks: list[Peak], points: list[Used], why: str):
    assert judged(points, of=of, peaks=peaks) == why, says


@pytest.mark.parametrize(
    ("says", "peaks", "points", "expected"),
    [
        ("a small one beside it is allotted its part", [EXAM, SMALL], used(EXAM, SMALL, come=0.8), 0.8),
        ("so is a large one of its kind: it speaks for both", [EXAM, LARGE], used(EXAM, LARGE, come=0.8), 0.8),
        ("one at another time is none of it", [EXAM, LATE], used(EXAM, LATE, come=0.8), 0.8),
        ("full servers and more than planned: at least that", [EXAM], used(EXAM, come=1.2, busy=0.97), 1.2),
        ("full servers at another time", [EXAM], [*used(EXAM, come=0.8), Used(NINE + 9 * HOUR, 8.0, 1.0)], 0.8),
    ],
)
def test_what_does_not_keep_it_from_being_judged(says: str, peaks: list[Peak], points: list[Used], expected: float):
    assert share(points, peaks=peaks) == pytest.approx(expected, abs=0.001), says


def without(keep: Callable[[datetime], bool]) -> list[Used]:
    return [p for p in used(EXAM, come=0.8) if keep(p.start)]


@pytest.mark.parametrize(
    ("says", "points", "is_judged"),
    [
        ("no points at all", [], False),
        ("nothing after the start", without(lambda at: at < NINE), False),
        ("points of another day", [replace(p, start=p.start - 24 * HOUR) for p in used(EXAM)], False),
        ("one point of thirty is missing", without(lambda at: at != NINE + HOUR), True),
    ],
)
def test_a_peak_waits_for_its_points(says: str, points: list[Used], is_judged: bool):
    assert (judged(points) is not None) == is_judged, says


def test_a_missing_point_is_taken_for_an_average_one():
    assert share(without(lambda at: at != NINE + HOUR)) == pytest.approx(0.8, abs=0.02)
    assert share(without(lambda at: not NINE < at < NINE + 15 * MINUTE)) == pytest.approx(0.8, abs=0.02)


@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 1))
def test_more_use_never_means_a_smaller_share(come: float, more: float, beyond: float):
    low, high = share(used(EXAM, come=come, beyond=beyond)), share(used(EXAM, come=come + more, beyond=beyond))
    assert 0 <= low <= high
