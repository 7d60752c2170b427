"""What goes wrong in the scenarios that come with Firstbell, and what must come of it."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch

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


def told(result: Result) -> list[str]:
    """The timeline from 08:30 UTC on as a person reads it: time, what, why; with names instead of ids."""
    lines = [f"{h.at:%H:%M} {h.what}: {h.why}" for h in result.timeline if h.at >= OPENS - timedelta(minutes=30)]
    names: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        return names.setdefault(found[0], f"web-{len(names) + 1}")

    return [re.sub(r"i-0[0-9a-f]{16}", named, line) for line in lines]


def holds(lines: list[str], *patterns: str) -> None:
    """Each pattern matches a line, one after the other; `*` is any text."""
    rest = iter(lines)
    for pattern in patterns:
        assert any(fnmatch(line, f"*{pattern}*") for line in rest), f"{pattern!r} is missing in\n" + "\n".join(lines)


def test_of_ten_servers_that_fall_ill_in_an_exam_only_the_dead_one_is_replaced() -> None:
    result = run("sick-mounts")
    lines = told(result)
    [sick] = {re.search(r"web-\d+", line)[0] for line in lines if "loses its moodledata" in line}  # type: ignore[index]
    holds(
        lines,
        "09:12 * has a stale handle for its mount",
        "09:1? * has its moodledata mounted anew by the probe",
        f"09:24 {sick} loses its moodledata mount",
        f"09:2? {sick} is taken out of service, to be replaced: not_mounted in 2 probes in a row",
        "09:2? * is let into service",
        f"{sick} is terminated through its group: it is replaced: 10 serve",
        f"{sick} may go",
        "09:50 * has a slow mount",
        "page* moodledata is sick: * It is not replaced now: it still serves, and an exam is on",
        "10:06 * has a PHP that no longer answers",
        "page* A web server does not answer: * Nothing is replaced",
        "10:30 the file server is down",
        "10:3? *page* The shared storage looks broken",
        "10:38 the file server is back",
        "resolved* The shared storage looks broken",
    )
    assert sum("to be replaced" in line for line in lines) == 1
    assert not any("abandoned" in line for line in lines)
    assert min(m.instances for m in result.minutes if m.at >= OPENS) >= 9
    assert result.figures["requests_cut"] == result.figures["violations"] == 0


def test_before_an_exam_run_command_is_at_its_worst_and_all_that_can_be_proven_is_in_time() -> None:
    result = run("deaf-agents")
    lines = told(result)
    holds(lines, "* is abandoned: not proven within 900 s; its SSM agent never came online", "ticket* was given up")
    holds(lines, "the hook of * times out just now: ABANDON", "the hook of * ended by itself")
    assert sum("is abandoned" in line for line in lines) == 1
    assert [m.instances for m in result.minutes if m.at < OPENS][-1] >= 10
    assert result.figures["sessions_lost"] == result.figures["violations"] == result.figures["handler_failures"] == 0


@pytest.mark.parametrize("seed", range(4))
def test_what_leaves_in_an_exam_takes_no_session_with_it(seed: int) -> None:
    result = simulate(replace(load("leaving"), attendance=0.1), "firstbell", seed)
    lines = told(result)
    holds(
        lines,
        "09:14 tasks of Moodle's cron run everywhere",
        "09:15 somebody lowers the desired capacity from 10 to 7",
        "09:15 MinSize of greenfield-web is set: MinSize is 7, 10 wanted",
        "09:1? * let into service",
        "09:23 the tasks of the cron are through",
        "09:2? 3 instances * may go",
        "09:50 EC2 takes 3 spot instances back in two minutes",
        "09:50 * terminated through its group: EC2 takes this spot instance back",
        "09:5? * let into service",
    )
    assert sum(m.instances < 7 for m in result.minutes if m.at >= OPENS) == 0
    assert result.minutes[-1].instances >= 10
    assert result.figures["sessions_lost"] == result.figures["requests_cut"] == result.figures["violations"] == 0


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
