"""What goes wrong in the scenarios that come with Firstbell, and what must come of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simulator.results import Result
from simulator.run import replay, simulate
from simulator.scenario import ScenarioError, load, names

OPENS = datetime(2026, 11, 24, 9, tzinfo=UTC)


def run(name: str, **changes: object) -> Result:
    """A scenario with fewer students than it has (they are not what is tested here)."""
    return simulate(replace(load(name), attendance=0.1, **changes), "firstbell", seed=3)  # type: ignore[arg-type]


def test_an_outage_of_the_storage_costs_no_instance_and_pages_once() -> None:
    result = run("storage-outage", hours=1.25)
    assert not [h for h in result.timeline if "abandoned" in h.what]
    pages = [h.what for h in result.timeline if "on-call is told: [page]" in h.what]
    assert len(pages) == 1
    assert "storage" in pages[0]
    assert any("[resolved]" in h.what and "storage" in h.what for h in result.timeline)
    assert result.minutes[-1].instances >= 10


def test_an_exam_in_rough_weather_has_its_instances_and_loses_nobody() -> None:
    result = run("rough-weather", hours=2.5)
    assert result.figures["violations"] == 0
    assert result.figures["sessions_lost"] == 0
    assert result.figures["start_p95"] < 1.0


def test_what_goes_viral_is_answered_again_and_again_up_to_max_size_and_never_above() -> None:
    result = run("viral", hours=1.6)
    assert sum("a floor is leased" in h.what for h in result.timeline) >= 3
    assert max(m.instances for m in result.minutes) <= 20
    assert result.minutes[-1].p95 < 2.0


def test_a_zone_without_capacity_is_made_up_for_by_the_other_before_the_exam() -> None:
    result = run("no-capacity", hours=3.25)
    [lent] = [h for h in result.timeline if "may use other zones" in h.what]
    assert "launches fail in eu-central-1b" in lent.why
    assert lent.at < OPENS
    assert [m.instances for m in result.minutes if m.at < OPENS][-1] >= 10
    [back] = [h for h in result.timeline if "gets its own strategy for zones back" in h.what]
    assert back.at >= OPENS + timedelta(hours=2)


def test_calendars_that_break_before_the_exam_take_nothing_back_and_are_told_once_each() -> None:
    result = run("stale-calendar", hours=3)
    assert [m.instances for m in result.minutes if m.at < OPENS][-1] >= 10
    told = [h.what for h in result.timeline if "on-call is told: [page]" in h.what]
    assert len(told) == 2, "one a calendar"
    assert all("calendar cannot be used" in what for what in told)


@pytest.mark.parametrize("name", names())
def test_every_scenario_can_be_loaded_and_its_site_read(name: str) -> None:
    assert load(name).read_site().name == "greenfield"


def test_an_unknown_scenario_is_named_with_those_that_exist() -> None:
    with pytest.raises(ScenarioError, match="exam-morning"):
        load("no-such-thing")


def test_a_replayed_tick_runs_the_real_planner_and_changes_nothing_the_second_time() -> None:
    told = replay("plan_capacity", {"source": "firstbell.schedule"})
    assert told["error"] is None
    assert told["calls"]["autoscaling.DescribeScheduledActions"] == 1
    assert told["calls"]["autoscaling.BatchPutScheduledUpdateGroupAction"] == 0
    assert told["journal"] == []
