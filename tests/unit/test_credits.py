"""What is used up is told in hours: a ticket half a day before, a page three hours before, and not when it is gone."""

from datetime import timedelta
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.alarms.credits import Forecast, forecasts, remaining
from firstbell.alarms.tiers import MEASURES, Series, Tiers
from tests.unit.campus_values import MINUTE
from tests.unit.reaction_world import GIBI, NOW, course, series, tiers


@pytest.mark.parametrize(
    ("says", "seen", "hours"),
    [
        ("ten an hour, and thirty left", course(50, 30), 3.0),
        ("what grows is never gone", course(30, 50), None),
        ("what stays is never gone", course(576, 576), None),
        ("what is gone is gone now", course(20, 0), 0.0),
        ("one point has no slope", series(30), None),
        ("a quarter of an hour is no slope", course(60, 30, minutes=15), None),
        ("old points say nothing of now", series(*range(60, 0, -1), last=NOW - timedelta(minutes=20)), None),
        ("nothing known", Series(), None),
    ],
)
def test_the_slope_of_the_last_hours_says_when(says: str, seen: Series, hours: float | None) -> None:
    found = remaining(seen)
    assert (None if found is None else round(found, 6)) == hours, says


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.integers(35, 180))
def test_a_straight_line_is_followed_to_its_end(first: float, last: float, minutes: int) -> None:
    found = remaining(course(first, last, minutes))
    if last < first * 0.999:
        assert found == pytest.approx(last / (first - last) * (minutes // 5 * 5 / 60), rel=1e-3)
    elif last >= first:
        assert found is None or found > 1e3


def found(seen: Tiers) -> list[tuple[str, bool]]:
    return [(f.supply.tier, f.wakes) for f in forecasts(seen)]


@pytest.mark.parametrize(
    ("says", "seen", "expected"),
    [
        ("gone in a day is no news", tiers(web_credits=course(260, 240)), []),
        ("gone in ten hours is a ticket", tiers(web_credits=course(120, 100)), [("web", False)]),
        ("gone in two hours is a page", tiers(database_credits=course(40, 20)), [("database", True)]),
        ("gone already is a page", tiers(server_credits=course(10, 0)), [("file-server", True)]),
        (
            "in unlimited mode it costs money and wakes nobody",
            tiers(web_credits=course(20, 0), web_surplus=12),
            [("web", False)],
        ),
        ("space of a disk that fills", tiers(free_space=course(40 * GIBI, 20 * GIBI)), [("database-space", True)]),
        ("a disk's burst balance", tiers(disk_burst=course(90, 60)), [("database-disk", False)]),
        ("burst credits of files", tiers(burst_credits=course(900 * GIBI, 700 * GIBI)), [("storage", False)]),
        ("nothing measured", Tiers(), []),
    ],
)
def test_each_tier_s_supplies(says: str, seen: Tiers, expected: list[tuple[str, bool]]) -> None:
    assert found(seen) == expected, says


def test_a_forecast_says_when_and_what_then() -> None:
    [soon] = forecasts(tiers(web_credits=course(50, 30)))
    assert soon.said(NOW) == (
        "the web servers' CPU credits are gone in 3.0 h, about 12:07 UTC: then its CPU falls to its baseline"
    )
    paid = Forecast(next(iter(forecasts(tiers(web_credits=course(20, 0), web_surplus=1)))).supply, 0.0)
    assert "are gone: then" in paid.said(NOW)
    assert paid.said(NOW).endswith("it is in unlimited mode: that costs money, and nobody notices")


def test_new_servers_begin_without_credits_and_are_no_forecast() -> None:
    """Four servers with 500 credits each, and four new ones an hour ago."""
    of_all = {"Average": fmean, "Maximum": max}[MEASURES["web_credits"].stat]
    fleets = [[500] * 4] * 24 + [[500] * 4 + [0] * 4] * 12
    assert found(tiers(web_credits=series(*map(of_all, fleets), every=5 * MINUTE))) == []


def test_points_every_five_minutes_are_enough() -> None:
    assert remaining(series(*range(40, 20, -2), every=5 * MINUTE)) is not None
