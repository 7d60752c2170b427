"""What an operator would write down of the days that go wrong: each scenario's story, in a handful of lines.

A line is the time in UTC and what students did, what failed, how large the group was to be, and what on-call was told.
"""

from dataclasses import replace

import pytest

from simulator.cloud.cloudwatch import Metric
from simulator.delivery import Weather
from simulator.engine import Engine
from simulator.ledger import Ledger
from simulator.results import Result
from simulator.run import deployed, simulate
from simulator.scenario import Scenario, load

STORIES = {
    "beyond-max": """
        18:00 an unplanned rush begins: 280 more requests a second for 12 min
        18:03 the group goes from 2 to 4 instances
        18:03 on-call is told: [ticket] greenfield: The web servers are saturated
        18:07 the group goes from 4 to 8 instances
        18:10 the group goes from 8 to 13 instances
        18:12 on-call is told: [page] greenfield: worse: The web servers are saturated
        18:13 the group goes from 13 to 20 instances
    """,
    "database-saturated": """
        08:29 the group goes from 2 to 10 instances
        09:00 Midterm exam opens: 1,919 students start
        09:30 the database has 25 times the work with each request
        09:33 on-call is told: [page] greenfield: The database is saturated
        09:55 the database is as fast as ever
        09:58 on-call is told: [resolved] greenfield: The database is saturated
    """,
    "outage-at-start": """
        08:29 the group goes from 2 to 10 instances
        09:00 the file server is down
        09:00 Midterm exam opens: 1,919 students start
        09:02 on-call is told: [page] greenfield: The shared storage looks broken
        09:12 the file server is back
        09:16 on-call is told: [resolved] greenfield: The shared storage looks broken
    """,
    "zone-lost": """
        08:29 the group goes from 2 to 10 instances
        09:00 Midterm exam opens: 1,919 students start
        09:20 zone b is lost, and 5 instances with it
        09:20 EC2 has no capacity in eu-central-1b
        09:20 on-call is told: [page] greenfield: Launches fail
        09:21 the group goes from 10 to 15 instances
        09:25 on-call is told: [page] greenfield: An exam has lost a web server
        09:35 on-call is told: [resolved] greenfield: Launches fail
    """,
    "flapping": """
        12:20 an alarm about slow pages flaps for 90 min
        12:20 on-call is told: [page] greenfield: Alarm firstbell-greenfield-slow is on
        12:20 on-call is told: [resolved] greenfield: Alarm firstbell-greenfield-slow is on
        12:24 on-call is told: [page] greenfield: again: Alarm firstbell-greenfield-slow is on
        12:24 on-call is told: [resolved] greenfield: Alarm firstbell-greenfield-slow is on
        12:28 on-call is told: [page] greenfield: comes and goes: Alarm firstbell-greenfield-slow is on
        14:20 on-call is told: [resolved] greenfield: Alarm firstbell-greenfield-slow is on
    """,
}


def story(result: Result) -> list[str]:
    """The lines that a person would keep."""
    kept = [h for h in result.timeline if h.kind in ("students", "fault", "call", "broken") or "group goes" in h.what]
    return [f"{h.at:%H:%M} {h.what}" for h in kept]


def told(result: Result, words: str) -> list[str]:
    """What on-call was told, in full, where the subject has these words."""
    return [h.why for h in result.timeline if h.kind == "call" and words in h.what]


@pytest.fixture(scope="module")
def days() -> dict[str, Result]:
    """Each scenario's day under Firstbell, run when it is first asked for."""
    return {}


def day(days: dict[str, Result], name: str) -> Result:
    if name not in days:
        days[name] = simulate(load(name), "firstbell", seed=1)
    return days[name]


@pytest.mark.parametrize("name", STORIES)
def test_the_story_of(days: dict[str, Result], name: str) -> None:
    result = day(days, name)
    assert story(result) == [line.strip() for line in STORIES[name].strip().splitlines()]
    assert result.figures["violations"] == 0
    assert result.figures["handler_failures"] == 0


def test_max_size_is_never_exceeded_and_the_page_says_what_it_would_take(days: dict[str, Result]) -> None:
    result = day(days, "beyond-max")
    assert max(m.instances for m in result.minutes) == 20
    [page] = told(result, "[page]")
    assert "24 instances would be needed, 20 is the most" in page
    assert "$" in page


def test_a_saturated_database_gets_no_web_server_more_and_the_page_has_the_evidence(days: dict[str, Result]) -> None:
    result = day(days, "database-saturated")
    assert max(m.instances for m in result.minutes) == 10
    assert any("nothing of the 10 instances leaves" in h.why for h in result.timeline if h.kind == "alarm")
    [page] = told(result, "[page]")
    assert "The database's CPU is at 100 %" in page
    assert "no web server was added" in page


def test_a_dead_file_server_costs_no_instance_and_its_page_is_the_only_one(days: dict[str, Result]) -> None:
    result = day(days, "outage-at-start")
    assert min(m.instances for m in result.minutes if m.at.hour >= 9) == 10
    assert result.figures["failed"] > 10_000, "all ten servers answer with errors, and nobody hears of each"
    assert result.figures["pages"] == 1


def test_what_a_lost_zone_had_is_replaced_in_the_other_within_minutes(days: dict[str, Result]) -> None:
    result = day(days, "zone-lost")
    after = [m.instances for m in result.minutes if (m.at.hour, m.at.minute) >= (9, 26)]
    assert min(after) >= 10
    assert result.figures["failed"] < 0.005 * result.figures["requests"]


@pytest.fixture
def quiet() -> Scenario:
    """A site on which nothing happens."""
    return replace(load("flapping"), hours=1.0, faults=(), campus=0.2)


def test_an_alarm_storm_of_one_cause_is_one_page(quiet: Scenario) -> None:
    """A thousand changes of state in a minute, some of them delivered twice; by hand also run with 5,000."""
    engine = Engine(quiet.start, 1)
    ledger = Ledger(engine, controlled=True)
    with deployed(quiet, quiet.read_site(), engine, ledger, Weather(twice=0.2)) as (fleet, firstbell):
        database = {"DBInstanceIdentifier": "greenfield-db"}
        fleet.watch.watch(Metric.of("AWS/RDS", "CPUUtilization", "Average", database), lambda: 97.0)
        engine.run_until(engine.now + 150)
        for number in range(1000):
            name = f"firstbell-greenfield-database-{('cpu', 'space')[number // 2 % 2]}"
            engine.after(number * 0.06, fleet.watch.set_state, name, ("ALARM", "OK")[number % 2], "A storm.")
        engine.run_until(engine.now + 180)
    assert firstbell.delivery.invocations["react_to_alarm"] > 1000
    assert firstbell.delivery.failures == []
    pages = [mail for mail in firstbell.mails if mail.startswith("[page]")]
    assert pages == ["[page] greenfield: The database is saturated"]
    assert len(firstbell.mails) <= len(pages) + 3
