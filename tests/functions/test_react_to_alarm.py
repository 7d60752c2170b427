"""The reaction to load through its real handler: in proportion, once per fact, leased, and never under the plan."""

from collections.abc import Iterator

import pytest

from firstbell.acting import ActionsFailed
from firstbell.alarms.triage import OWNER
from firstbell.aws.table import Table
from firstbell.capacity import keeping
from simulator.cloud import Faults
from simulator.controller import TABLE
from tests.functions.planning_world import ALARM, SITE, World, living, term


@pytest.fixture
def world() -> Iterator[World]:
    """A campus with a plan for Tuesday, on Monday morning, one server in service."""
    with living() as made:
        made.put(site=SITE, term=term("05T09"))
        made.plan()
        made.later(minutes=10)
        made.told()
        yield made


def leased(world: World) -> list[int]:
    return [f.instances for f in keeping.leases(Table(TABLE), "campus", world.now) if f.owner == OWNER]


def ends(world: World) -> str:
    """When the lease ends, as our scheduled action's name has it."""
    [found] = keeping.leases(Table(TABLE), "campus", world.now)
    return f"firstbell-{found.end:%Y%m%dT%H%M%SZ}"


def test_while_all_is_well_nothing_is_done_and_no_group_is_read(world: World):
    reads = world.calls("DescribeAutoScalingGroups")
    assert world.react() == {"function": "react_to_alarm", "actions": 0}
    assert world.calls("DescribeAutoScalingGroups") == reads
    assert world.told() == []


def test_an_alarm_raises_min_size_in_proportion_for_an_hour_and_says_so(world: World):
    world.saturate(100)
    world.react(world.alarm_event())
    assert (world.min_size, leased(world)) == (2, [2])
    assert world.scheduled()[ends(world)] == 1
    assert world.told() == [(f"alarm/{ALARM}", "ticket")]
    assert world.journal() == ["PutScheduled", "SaveFloor", "Signal", "PutScheduled", "SetMinSize"]


def test_new_servers_come_and_the_end_of_the_lease_takes_them_back_without_the_controller(world: World):
    world.saturate(100)
    world.react(world.alarm_event())
    world.cpu = 10
    world.later(minutes=10)
    assert len(world.fleet.instances) == 2
    world.later(minutes=55)
    assert world.min_size == 1


def test_the_tick_finds_an_alarm_whose_event_was_lost(world: World):
    world.saturate(100)
    world.react()
    assert world.min_size == 2


def test_the_same_alarm_event_twice_does_its_work_once(world: World):
    world.saturate(100)
    event = world.alarm_event()
    first = world.react(event)
    changes, journal = world.changes(), world.journal()
    world.set_sizes(MinSize=1)
    assert world.react(event) == first
    assert (world.changes(), world.journal()) == (changes + 1, journal), "only the test itself changed the group"


def test_another_fact_of_the_same_alarm_is_looked_at_again(world: World):
    world.saturate(100)
    world.react(world.alarm_event())
    first = world.alarm_event()
    world.saturate(10)
    world.saturate(100)
    assert world.alarm_event() != first
    world.react(world.alarm_event())
    assert leased(world) == [4]


def test_an_event_about_a_failed_attempt_is_tried_again(world: World):
    world.saturate(100)
    world.fleet.gateway.faults = Faults(throttled={"autoscaling.UpdateAutoScalingGroup": 1.0})
    with pytest.raises(ActionsFailed):
        world.react(world.alarm_event())
    world.fleet.gateway.faults = Faults()
    world.react(world.alarm_event())
    assert world.min_size == 2


def test_a_raise_settles_before_the_next_is_made(world: World):
    world.saturate(100)
    world.react()
    changes = world.changes()
    world.later(minutes=1)
    world.react()
    assert world.changes() == changes
    world.later(minutes=5)
    world.react()
    assert leased(world) == [4]


def test_a_reaction_never_undercuts_the_plan(world: World):
    world.later(hours=27)  # Tuesday 09:10: the exam is on, four are planned and serve
    assert world.min_size == 4
    world.saturate(55)
    world.react(world.alarm_event())
    assert world.min_size == leased(world)[0] == 5
    world.cpu = 10
    world.later(hours=1, minutes=5)  # the lease is over, the exam is not
    world.react()
    assert world.min_size == 4
    world.later(hours=1)
    assert world.min_size == 1


def test_a_planner_that_runs_meanwhile_keeps_the_lease(world: World):
    world.saturate(100)
    world.react()
    raised = world.scheduled()
    world.plan()
    assert (world.min_size, world.scheduled()) == (2, raised)


@pytest.mark.parametrize("minutes", [1, 5], ids=["while the raise settles", "later"])
def test_a_deploy_that_reset_the_lease_is_repaired_by_the_tick(world: World, minutes: int):
    world.saturate(100)
    world.react()
    world.later(minutes=minutes)
    world.set_sizes(MinSize=1)
    world.unschedule(ends(world))
    world.react()
    assert world.min_size >= 2
    assert ends(world) in world.scheduled()


def test_one_alarm_adds_max_step_at_most(world: World):
    world.set_sizes(MinSize=6)
    world.later(minutes=10)
    world.saturate(100)
    world.react()
    assert world.min_size == 10


def test_at_max_size_a_person_is_called_and_nothing_raised_beyond():
    with living(maximum=1) as world:
        world.put(site=SITE, term=term("05T09"))
        world.plan()
        world.told()
        world.saturate(100)
        world.react(world.alarm_event())
        assert world.min_size == 1
        assert world.told() == [(f"alarm/{ALARM}", "page")]


def test_without_cpu_data_a_person_is_called(world: World):
    world.saturate(100)
    world.fleet.gateway.serve({("cloudwatch", "GetMetricData"): no_data})
    world.react(world.alarm_event())
    assert world.min_size == 1
    assert world.told() == [(f"alarm/{ALARM}", "page")]


def no_data(params: object) -> dict[str, object]:
    return {"MetricDataResults": [{"Id": "cpu", "Values": [], "Timestamps": [], "StatusCode": "Complete"}]}


def on_call_holds(state: str):
    record = {
        "key": f"alarm/{ALARM}",
        "state": state,
        "title": "The web servers are saturated",
        "runbook": "web-saturated",
    }
    Table(TABLE).put("SITE#campus", f"INCIDENT#alarm/{ALARM}", record)


def test_when_the_alarm_has_ended_its_incident_is_resolved_however_late_we_look(world: World):
    world.saturate(100)
    world.react(world.alarm_event())
    on_call_holds("open")
    world.told()
    world.cpu = 10
    while world.fleet.watch.alarms[ALARM].value != "OK":
        world.later(minutes=1)
    world.later(minutes=30)
    world.react()
    assert world.told() == [(f"alarm/{ALARM}", "resolved")]
    on_call_holds("resolved")
    world.react()
    assert world.told() == [], "on-call knows"


def test_an_event_of_no_interest_looks_at_nothing(world: World):
    calls = world.fleet.gateway.calls.copy()
    for event in ({"source": "aws.ec2"}, {}, {"source": "aws.cloudwatch", "detail": {}}):
        assert world.react(event) == {"function": "react_to_alarm", "actions": 0}
    assert world.fleet.gateway.calls == calls


def test_before_any_site_is_published_nothing_is_asked():
    with living() as world:
        world.react()
        assert world.fleet.gateway.calls["cloudwatch.DescribeAlarms"] == 0
