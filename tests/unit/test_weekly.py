"""The ordinary week: a learned baseline becomes demand by the local hour, and floors over the least."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.planning import Demand, make_plan
from firstbell.capacity.values import Learned
from firstbell.capacity.weekly import HOURS, hour_of, hours
from firstbell.site import Fleet, Site
from tests.unit.campus_values import DAY, MONDAY, at, peak, site

MORNING = tuple(4.0 if n % 24 in (8, 9, 10) and n < 120 else 0.4 for n in range(HOURS))  # 08:00 to 11:00, Mon to Fri
END = MONDAY + 7 * DAY


def test_the_ordinary_morning_is_planned_in_local_time_before_it_begins():
    plan = make_plan(site(), [], MONDAY, END, learned=Learned(MORNING))
    up, down = plan.steps[1:3]
    assert (up.at, up.instances) == (at(6) - timedelta(minutes=7), 4)  # 08:00 in Berlin; launches take 5 min, 2 late
    assert (down.at, down.instances) == (at(9), 1)
    assert up.reasons == ("an ordinary Monday at 08:00 takes 4.0 vCPUs",)
    assert len(plan.steps) == 1 + 2 * 5, "a working day each"


def test_an_exam_comes_on_top_of_the_ordinary_morning():
    exam = peak(at(7), at(8), 600)
    alone, both = (make_plan(site(), [exam], MONDAY, END, learned=Learned(b)) for b in ((), MORNING))
    assert both.at(at(7)).instances > max(alone.at(at(7)).instances, 4)


def test_without_a_baseline_the_site_file_s_number_counts():
    demand = Demand.of(site(baseline_vcpus=3), [], MONDAY, END)
    assert demand.week == ()
    assert demand.total.highest(at(9), at(10)) == 3


def test_a_learned_baseline_takes_the_place_of_the_site_file_s_number():
    demand = Demand.of(site(baseline_vcpus=3), [], MONDAY, END, Learned(MORNING))
    assert demand.total.highest(at(0), at(1)) == 0.4
    assert demand.total.highest(at(6), at(9)) == 4.0


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu", "UTC"]
CHANGES = [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC)]


@pytest.mark.parametrize("zone", ZONES)
@given(st.sampled_from(CHANGES), st.integers(-3000, 3000), st.integers(1, 5000))
def test_every_hour_bears_its_local_hour_s_value_also_when_the_clocks_change(
    zone: str, near: datetime, minutes: int, lasts: int
):
    of_zone = Site("campus", zone, Fleet("web"))
    start = near + timedelta(minutes=minutes)
    found = hours(of_zone, [float(n) for n in range(HOURS)], start, start + timedelta(minutes=lasts))
    assert found[0].start == start
    assert found[-1].end >= start + timedelta(minutes=lasts)
    assert all(a.end == b.start for a, b in pairwise(found))
    for hour in found:
        assert hour.vcpus == hour_of(hour.start.astimezone(ZoneInfo(zone)))
        assert hour.start < hour.end <= hour.start + timedelta(hours=1)


@given(st.lists(st.floats(0, 30), min_size=HOURS, max_size=HOURS), st.integers(0, HOURS - 1), st.floats(0, 20))
def test_a_busier_hour_never_lowers_a_step(baseline: list[float], hour: int, more: float):
    busier = [value + (more if n == hour else 0.0) for n, value in enumerate(baseline)]
    few, many = (make_plan(site(), [], MONDAY, END, learned=Learned(tuple(b))) for b in (baseline, busier))
    moments = {s.at for p in (few, many) for s in p.steps}
    assert all(few.at(m).instances <= many.at(m).instances for m in moments)
