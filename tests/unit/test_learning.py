"""What the past teaches: the ordinary week, the lead time and the factors, each with what must not move them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.demand import LEAST_SHARE, MOST_SHARE
from firstbell.fleet import Activity
from firstbell.learning import estimates
from firstbell.learning.outcomes import Outcome, Span, Used
from firstbell.site import Fleet, Kind, Site, Turnout

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
MONDAY = datetime(2026, 4, 20, tzinfo=UTC)  # no change of the clocks within eight weeks from here
FIVE, HOUR, WEEK = timedelta(minutes=5), timedelta(hours=1), timedelta(weeks=1)
TUESDAY_9 = 24 + 9


def busy(hour_of_week: int) -> float:
    """An ordinary week: quiet nights and weekends, two busy working hours."""
    day, hour = divmod(hour_of_week, 24)
    return 0.2 if day > 4 or not 8 <= hour < 18 else 3.0 if hour in (9, 10) else 2.0


def weeks(count: int, start: datetime = MONDAY, load: Callable[[int], float] = busy) -> list[Used]:
    """A point of five minutes at the beginning of each hour."""
    return [Used(start + n * HOUR, load(n % 168)) for n in range(168 * count)]


def changed(hours: Sequence[Used], week: int, change: Callable[[float], float], *of_week: int) -> list[Used]:
    """One week's hours made different: all of them, or those named."""
    at = {week * 168 + n for n in (of_week or range(168))}
    return [replace(h, vcpus=change(h.vcpus)) if n in at else h for n, h in enumerate(hours)]


# ---------------------------------------------------------------- the ordinary week


def test_an_ordinary_week_is_learned_as_it_is():
    assert estimates.baseline(weeks(8), UTC_ZONE) == tuple(busy(n) for n in range(168))


@pytest.mark.parametrize(
    ("says", "hours", "known"),
    [
        ("nothing is known on day one", [], False),
        ("nor after two weeks: an exam and a holiday cannot be told apart", weeks(2), False),
        ("nor an hour before three", weeks(3)[:-1], False),
        ("after three weeks it is known", weeks(3), True),
        ("three weeks apart will do, with gaps between", weeks(3)[:30] + weeks(3)[-30:], True),
    ],
)
def test_when_the_week_is_known(says: str, hours: list[Used], known: bool):
    assert len(estimates.baseline(hours, UTC_ZONE)) == (168 if known else 0), says


@pytest.mark.parametrize("count", [3, 4, 5, 8])
@pytest.mark.parametrize("odd", [0, 1, -1])
def test_one_unknown_exam_is_not_in_it(count: int, odd: int):
    hours = changed(weeks(count), odd % count, lambda v: v + 30, TUESDAY_9, TUESDAY_9 + 1)
    assert estimates.baseline(hours, UTC_ZONE) == estimates.baseline(weeks(count), UTC_ZONE)


@pytest.mark.parametrize("count", [3, 4, 5, 8])
@pytest.mark.parametrize("odd", [0, 1, -1])
def test_one_unknown_holiday_week_is_not_in_it(count: int, odd: int):
    hours = changed(weeks(count), odd % count, lambda v: v * 0.05)
    assert estimates.baseline(hours, UTC_ZONE) == estimates.baseline(weeks(count), UTC_ZONE)


def test_four_unknown_holiday_weeks_of_eight_are_not_in_it_either():
    hours = weeks(8)
    for week in (2, 3, 4, 5):
        hours = changed(hours, week, lambda v: v * 0.05)
    assert estimates.baseline(hours, UTC_ZONE) == tuple(busy(n) for n in range(168))


def test_a_term_after_the_holidays_is_believed_after_two_weeks():
    holidays, term = weeks(6, load=lambda n: 0.1), weeks(2, MONDAY + 6 * WEEK)
    assert max(estimates.baseline(holidays + term[:168], UTC_ZONE)) == 0.1
    assert estimates.baseline(holidays + term, UTC_ZONE) == tuple(busy(n) for n in range(168))


def test_the_holidays_after_a_term_are_believed_when_three_quarters_are_holidays():
    hours = weeks(3) + weeks(6, MONDAY + 3 * WEEK, lambda n: 0.1)
    assert max(estimates.baseline(hours[: 8 * 168], UTC_ZONE)) == 3.0
    assert max(estimates.baseline(hours[168:], UTC_ZONE)) == 0.1


def test_a_lecture_every_other_week_is_in_it():
    hours = weeks(8)
    for week in (0, 2, 4, 6):
        hours = changed(hours, week, lambda v: 5.0, TUESDAY_9)
    assert estimates.baseline(hours, UTC_ZONE)[TUESDAY_9] == 5.0


def at(hour_of_week: int, week: int, **later: float) -> datetime:
    return MONDAY + week * WEEK + hour_of_week * HOUR + timedelta(**later)


@pytest.mark.parametrize(
    ("says", "touched"),
    [
        ("its points are", (TUESDAY_9, TUESDAY_9 + 1)),
        ("so is a point that it ends in", (TUESDAY_9 - 3, TUESDAY_9 + 0.01)),
        ("and one in which its instances boot", (TUESDAY_9 + 0.3, TUESDAY_9 + 9)),
    ],
)
def test_a_known_peak_is_left_out_however_often_it_comes(says: str, touched: tuple[float, float]):
    hours = weeks(8)
    for week in range(5):
        hours = changed(hours, week, lambda v: v + 30, TUESDAY_9)
    excluded = [Span(at(0, week) + touched[0] * HOUR, at(0, week) + touched[1] * HOUR) for week in range(5)]
    assert estimates.baseline(hours, UTC_ZONE)[TUESDAY_9] == 33.0, "else this test shows nothing"
    assert estimates.baseline(hours, UTC_ZONE, excluded)[TUESDAY_9] == 3.0, says


def test_a_peak_that_only_touches_a_point_leaves_it_in():
    hours = [Used(h.start, 7.0 if n % 168 == TUESDAY_9 else 1.0) for n, h in enumerate(weeks(8))]
    around = [Span(at(TUESDAY_9 - 1, w), at(TUESDAY_9, w)) for w in range(8)]
    around += [Span(at(TUESDAY_9, w, minutes=20), at(TUESDAY_9 + 2, w)) for w in range(8)]
    assert estimates.baseline(hours, UTC_ZONE, around)[TUESDAY_9] == 7.0


def by_minute(count: int, load: Callable[[int], float]) -> list[Used]:
    """All points of the weeks; `load` is given the minute of the week."""
    return [Used(MONDAY + n * FIVE, load(5 * n % (168 * 60))) for n in range(12 * 168 * count)]


def test_a_lecture_in_each_hour_of_the_week_leaves_the_hour_s_other_points():
    """From quarter past to 35 there are 9 vCPUs more; the load before it rises by the minute."""
    lectures = [Span(at(n, week, minutes=15), at(n, week, minutes=35)) for n in range(168) for week in range(4)]
    points = by_minute(4, lambda m: 2.0 + m % 60 / 100 + (9.0 if 15 <= m % 60 < 35 else 0.0))
    assert max(estimates.baseline(points, UTC_ZONE)) > 11.0, "else this test shows nothing"
    assert set(estimates.baseline(points, UTC_ZONE, lectures)) == {2.55}, "of each hour the highest that is left"


@pytest.mark.parametrize(
    ("says", "gone", "expected"),
    [
        ("the higher of the hours beside it: lectures fill it, and the campus is as full before", [9], 3.0),
        ("the one beside it that is known", [9, 10, 11], 2.0),
        ("that hour of other days when none beside it is known", [8, 9, 10], 4.0),
    ],
)
def test_an_hour_that_is_always_a_peak_borrows(says: str, gone: list[int], expected: float):
    points = weeks(8, load=lambda n: 4.0 if n == 2 * 24 + 9 else busy(n))
    excluded = [Span(at(24 + hour, week), at(25 + hour, week, minutes=-20)) for week in range(8) for hour in gone]
    assert estimates.baseline(points, UTC_ZONE, excluded)[TUESDAY_9] == expected, says


def test_an_hour_that_nothing_is_known_of_is_as_the_site_file_says():
    mornings = [Span(at(8 + 24 * day, week), at(11 + 24 * day, week)) for week in range(8) for day in range(7)]
    found = estimates.baseline(weeks(8), UTC_ZONE, mornings, otherwise=0.5)
    assert [found[n] for n in range(9, 168, 24)] == [0.5] * 7
    assert (found[8], found[10]) == (0.2, 2.0), "as at seven and at eleven"


def test_hours_in_any_order_teach_the_same():
    hours = changed(weeks(4), 3, lambda v: v * 2)
    assert estimates.baseline(hours[::-1], UTC_ZONE) == estimates.baseline(hours, UTC_ZONE)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("start", ["2026-02-23", "2026-09-07", "2026-10-05"])
def test_the_change_of_the_clocks_shifts_no_hour(zone: str, start: str):
    """People go by the wall clock: their 9 o'clock stays at 9, before and after."""
    local, first = ZoneInfo(zone), datetime.fromisoformat(start).replace(tzinfo=UTC)
    wall = [(first + n * HOUR) for n in range(168 * 8)]
    hours = [Used(m, busy(m.astimezone(local).weekday() * 24 + m.astimezone(local).hour)) for m in wall]
    found = estimates.baseline(hours, local)
    sharp = first.astimezone(local).minute == 0 and zone != "Australia/Lord_Howe"  # this one changes by half an hour
    if sharp:
        assert found == tuple(busy(n) for n in range(168))
    else:
        assert all(abs(found[n] - busy(n)) <= 1.0 for n in range(168) if 0 < n % 24 < 8 or 12 < n % 24 < 17)


def test_in_a_zone_of_half_hours_a_point_is_in_its_local_hour():
    zone = ZoneInfo("Asia/Kolkata")  # UTC+5:30: 03:30 UTC is 09:00
    points = by_minute(4, lambda m: 4.0 if 3 * 60 + 30 <= m % 1440 < 4 * 60 + 30 else 0.0)
    found = estimates.baseline(points, zone)
    assert (found[8], found[9], found[10]) == (0.0, 4.0, 0.0)


@given(st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=12), min_size=3, max_size=8), st.data())
def test_more_in_any_five_minutes_never_lowers_an_hour(values: list[list[float]], data: st.DataObject):
    week = data.draw(st.integers(0, len(values) - 1))
    point, more = data.draw(st.integers(0, len(values[week]) - 1)), data.draw(st.floats(0, 50))
    grown = [[v + more * ((w, n) == (week, point)) for n, v in enumerate(found)] for w, found in enumerate(values)]
    less, after = (
        estimates.baseline(
            [Used(at(TUESDAY_9, w) + n * FIVE, v) for w, found in enumerate(all_) for n, v in enumerate(found)]
            + [Used(at(0, 0), 0.0), Used(at(167, len(values) - 1), 0.0)],
            UTC_ZONE,
        )
        for all_ in (values, grown)
    )
    assert all(a <= b for a, b in zip(less, after, strict=True))


AMOUNTS = st.lists(st.floats(0, 100), min_size=3, max_size=8)


def of_one_hour(values: Sequence[float], rest: float = 1.0) -> list[Used]:
    """As many weeks as values; only Tuesday's ninth hour has them."""
    return [Used(h.start, values[n // 168] if n % 168 == TUESDAY_9 else rest) for n, h in enumerate(weeks(len(values)))]


@given(AMOUNTS)
def test_the_learned_hour_lies_between_the_least_and_the_most(values: list[float]):
    found = estimates.baseline(of_one_hour(values), UTC_ZONE)
    assert min(values) <= found[TUESDAY_9] <= max(values)
    assert found[TUESDAY_9 + 1] == 1.0


@given(AMOUNTS, st.data())
def test_more_load_never_lowers_an_hour(values: list[float], data: st.DataObject):
    week = data.draw(st.integers(0, len(values) - 1))
    more = [v + data.draw(st.floats(0, 50)) if n == week else v for n, v in enumerate(values)]
    less, grown = (estimates.baseline(of_one_hour(found), UTC_ZONE) for found in (values, more))
    assert all(a <= b for a, b in zip(less, grown, strict=True))


@given(AMOUNTS, st.floats(0, 1000), st.data())
def test_what_is_excluded_has_no_say(values: list[float], odd: float, data: st.DataObject):
    week = data.draw(st.integers(0, len(values) - 1))
    excluded = [Span(at(TUESDAY_9, week, minutes=2), at(TUESDAY_9, week, minutes=40))]
    other = [odd if n == week else v for n, v in enumerate(values)]
    first, second = (estimates.baseline(of_one_hour(found), UTC_ZONE, excluded) for found in (values, other))
    assert first == second


# ---------------------------------------------------------------- vCPUs in use

SITE = Site("campus", "Europe/Berlin", Fleet("web", vcpus_per_instance=2.0, max_instances=5))


@pytest.mark.parametrize(
    ("says", "cpu", "requests", "period", "samples", "vcpus", "busy_"),
    [
        ("two instances at 50 % for an hour", (50.0, 120.0), None, HOUR, 60.0, 2.0, 0.5),
        ("the same, one sample in five minutes", (50.0, 24.0), None, HOUR, 12.0, 2.0, 0.5),
        ("one instance that ran for half the hour", (80.0, 30.0), None, HOUR, 60.0, 0.8, 0.8),
        ("three instances in five minutes", (10.0, 15.0), None, FIVE, 60.0, 0.6, 0.1),
        ("CPU goes first", (50.0, 60.0), 1e6, HOUR, 60.0, 1.0, 0.5),
        (
            "requests where there is no CPU: 30 ms of a core, twice as many of a vCPU",
            None,
            36_000.0,
            HOUR,
            60.0,
            0.6,
            0,
        ),
        ("never more than the fleet can have", (100.0, 6000.0), None, HOUR, 60.0, 10.0, 1.0),
        ("nor by requests", None, 1e9, HOUR, 60.0, 10.0, 0),
    ],
)
def test_the_use_of_a_period(says, cpu, requests, period, samples, vcpus, busy_):
    [found] = estimates.used(
        {MONDAY: cpu} if cpu else {}, {MONDAY: requests} if requests else {}, period, samples, SITE
    )
    assert (found.start, pytest.approx(found.vcpus), found.busy) == (MONDAY, vcpus, busy_), says


# ---------------------------------------------------------------- the lead time

FIRST = datetime(2026, 5, 4, 8, tzinfo=UTC)
LAUNCH = "Launching a new EC2 instance: i-{:017x}"


def launch(number: int, seconds: float | None, status: str = "Successful", says: str = LAUNCH) -> Activity:
    start = FIRST + number * HOUR
    end = None if seconds is None else start + timedelta(seconds=seconds)
    return Activity(start, status, says.format(number), instance=f"i-{number:017x}", end=end)


@pytest.mark.parametrize(
    ("says", "activity", "seconds"),
    [
        ("from its start to its end", launch(1, 200.0), [200.0]),
        ("an abandoned launch says nothing", launch(1, 900.0, "Cancelled"), []),
        ("nor does one that failed", launch(1, 1.0, "Failed"), []),
        ("nor one that is under way", launch(1, None, "InProgress"), []),
        ("a termination is no launch", launch(1, 90.0, says="Terminating EC2 instance: i-{:017x}"), []),
        ("into a warm pool is not into service", launch(1, 260.0, says=LAUNCH.replace(":", " into warm pool:", 1)), []),
        ("out of one is what a plan may exceed", launch(1, 36.0, says=LAUNCH.replace(":", " from warm pool:", 1)), []),
    ],
)
def test_what_counts_as_a_launch(says: str, activity: Activity, seconds: list[float]):
    assert estimates.launches([activity], {}) == seconds, says


@pytest.mark.parametrize(
    ("says", "let_in", "seconds"),
    [
        (
            "when it was let in is exact: the activity's end may have the warm-up in it",
            FIRST + timedelta(seconds=150),
            150,
        ),
        ("an admission before the launch is somebody else's", FIRST - HOUR, 450),
        ("an admission after the end is none of this launch", FIRST + HOUR, 450),
    ],
)
def test_an_admission_goes_first(says: str, let_in: datetime, seconds: float):
    assert estimates.launches([launch(0, 450.0)], {f"i-{0:017x}": let_in}) == [seconds], says


@pytest.mark.parametrize(
    ("says", "seconds", "expected"),
    [
        ("nothing is known on day one", [], None),
        ("four are too few", [200.0] * 4, None),
        ("five will do", [200.0] * 5, 200),
        ("nearly all must be in time", [100.0] * 90 + [400.0] * 10, 400),
        ("but not every last one", [100.0] * 97 + [3000.0] * 3, 100),
        ("never less than a minute", [5.0] * 10, 60),
        ("never more than an hour", [9999.0] * 10, 3600),
    ],
)
def test_the_lead_time(says: str, seconds: list[float], expected: int | None):
    assert estimates.lead_time(seconds) == expected, says


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0, 1))
def test_a_quantile_lies_between_the_least_and_the_most(values: list[float], share: float):
    assert min(values) <= estimates.quantile(values, share) <= max(values)


# ---------------------------------------------------------------- factors

EXAM = Turnout(0.92, 0.05)
PLANNED = 0.92 + 1.64485363 * 0.05  # its 95th percentile, rounded up


def outcomes(*shares: float, kind: Kind = "exam") -> list[Outcome]:
    """Weekly, the oldest first."""
    begins = [FIRST + n * WEEK for n in range(len(shares))]
    return [
        Outcome(f"{kind}{n}", kind, "t", start, start + HOUR, 100, 10.0, 10 * share, share)
        for n, (start, share) in enumerate(zip(begins, shares, strict=True))
    ]


def planned(*shares: float, turnout: Turnout = EXAM, quantile: float = 0.95) -> float:
    return estimates.factor("exam", turnout, quantile, outcomes(*shares)).share


def test_without_outcomes_it_is_the_turnout_s_quantile():
    found = estimates.factor("exam", EXAM, 0.95, [])
    assert (pytest.approx(found.share), found.outcomes) == (PLANNED, 0)
    assert planned(quantile=0.5) == pytest.approx(0.92)


@pytest.mark.parametrize(
    ("says", "shares", "low", "high"),
    [
        ("outcomes as expected change little", [0.92] * 10, PLANNED - 0.03, PLANNED),
        ("one low outcome moves it little", [0.92] * 10 + [0.0], PLANNED - 0.06, PLANNED),
        ("one high outcome moves it little", [0.92] * 10 + [9.0], PLANNED - 0.01, PLANNED + 0.03),
        ("a first outcome far too high, too", [9.0], PLANNED, PLANNED + 0.05),
        ("a first outcome of nothing, too", [0.0], PLANNED - 0.05, PLANNED),
        ("two that are high are believed", [1.4, 1.4], 1.05, 1.2),
        ("a site that needs half is believed after a term", [0.55] * 20, 0.65, 0.72),
        ("a site that needs more is believed after a term", [1.3] * 20, 1.25, 1.35),
        ("a site that varies is planned at its upper end", [0.5, 1.2] * 10, 1.1, 1.2),
        ("only the newest twenty count", [0.1] * 50 + [0.92] * 20, PLANNED - 0.03, PLANNED),
    ],
)
def test_what_outcomes_teach(says: str, shares: list[float], low: float, high: float):
    assert low <= planned(*shares) <= high, says


@pytest.mark.parametrize("shares", [[0.0] * 20, [50.0] * 20, [0.0] * 10 + [50.0] * 10])
@pytest.mark.parametrize("turnout", [EXAM, Turnout(0.01, 0.0), Turnout(2.0, 1.0)])
def test_a_broken_measurement_neither_starves_nor_explodes_a_plan(shares: list[float], turnout: Turnout):
    assert LEAST_SHARE <= planned(*shares, turnout=turnout) <= MOST_SHARE


def test_a_kind_learns_from_its_own_peaks_only():
    found = estimates.factor("exam", EXAM, 0.95, outcomes(1.4, 1.4, 1.4, kind="quiz"))
    assert (pytest.approx(found.share), found.outcomes) == (PLANNED, 0)


def test_a_kind_without_outcomes_is_left_to_the_site_file():
    [factor] = estimates.factors(SITE, outcomes(0.9, 0.8))
    assert (factor.kind, factor.outcomes) == ("exam", 2)


SHARES = st.lists(st.floats(0, 5), max_size=25)
TURNOUTS = st.builds(Turnout, st.floats(0.01, 2), st.floats(0, 1))
QUANTILES = st.floats(0.5, 0.999)


@given(SHARES, TURNOUTS, QUANTILES)
def test_a_factor_is_between_half_and_one_and_a_half(shares: list[float], turnout: Turnout, quantile: float):
    assert LEAST_SHARE <= planned(*shares, turnout=turnout, quantile=quantile) <= MOST_SHARE


@given(SHARES.filter(bool), TURNOUTS, QUANTILES, st.data())
def test_a_higher_outcome_never_lowers_the_factor(
    shares: list[float], turnout: Turnout, quantile: float, data: st.DataObject
):
    which, more = data.draw(st.integers(0, len(shares) - 1)), data.draw(st.floats(0, 5))
    higher = [s + more if n == which else s for n, s in enumerate(shares)]
    low, high = (planned(*found, turnout=turnout, quantile=quantile) for found in (shares, higher))
    assert low <= high + 1e-9


@given(SHARES, st.floats(0, 5))
def test_one_outcome_more_moves_it_by_a_tenth_at_most_once_there_are_some(shares: list[float], odd: float):
    known = [0.9, 0.95, 1.0, *(0.85 + s / 25 for s in shares)]
    assert abs(planned(*known, odd) - planned(*known)) <= 0.1
