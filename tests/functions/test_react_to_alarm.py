"""The reaction through its real handler: in proportion, held, lent or told, once per fact and never under the plan."""

from collections.abc import Iterator
from typing import Any

import pytest

from firstbell.acting import ActionsFailed
from firstbell.alarms.sizing import OWNER
from firstbell.aws.table import Table
from firstbell.capacity import keeping
from simulator.cloud import Faults
from simulator.cloud.cloudwatch import Alarm, Metric
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
    assert world.told() == [("web-saturated", "ticket")]
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


def test_an_older_event_that_says_it_is_well_changes_nothing(world: World):
    world.saturate(100)
    late = world.alarm_event()
    late["detail"]["state"] = {"value": "OK", "timestamp": "2026-05-04T05:00:00.000+0000"}
    world.react(late)
    assert leased(world) == [2], "the present counts, not the event's word"
    changes = world.changes()
    world.react(world.alarm_event())
    world.react(late)
    assert world.changes() == changes


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
        assert world.told() == [("web-saturated", "page")]


def test_without_cpu_data_a_person_is_called(world: World):
    world.saturate(100)
    world.fleet.gateway.serve({("cloudwatch", "GetMetricData"): no_data})
    world.react(world.alarm_event())
    assert world.min_size == 1
    assert world.told() == [(f"alarm/{ALARM}", "page")]


def no_data(params: object) -> dict[str, object]:
    return {"MetricDataResults": [{"Id": "cpu", "Values": [], "Timestamps": [], "StatusCode": "Complete"}]}


def on_call_holds(key: str, state: str = "open", severity: str = "ticket") -> None:
    record = {"key": key, "state": state, "severity": severity, "title": "it is bad", "runbook": "web-saturated"}
    Table(TABLE).put("SITE#campus", f"INCIDENT#{key}", record)


def test_when_the_alarm_has_ended_its_incident_is_resolved_however_late_we_look(world: World):
    world.saturate(100)
    world.react(world.alarm_event())
    on_call_holds("web-saturated")
    world.told()
    world.cpu = 10
    while world.fleet.watch.alarms[ALARM].value != "OK":
        world.later(minutes=1)
    world.later(minutes=30)
    world.react()
    assert world.told() == [("web-saturated", "resolved")]
    on_call_holds("web-saturated", "resolved")
    world.react()
    assert world.told() == [], "on-call knows"


def test_what_on_call_holds_is_not_told_again_each_minute(world: World):
    world.saturate(100)
    world.react()
    on_call_holds("web-saturated")
    world.told()
    for _ in range(3):
        world.later(minutes=1)
        world.react()
    assert [severity for _, severity in world.told()] == ["ticket"], "once more, for once more was added"


def test_an_alarm_without_data_resolves_nothing_and_keeps_the_lease(world: World):
    world.saturate(100)
    world.react()
    on_call_holds("web-saturated")
    world.told()
    world.cpu = None
    world.later(minutes=20)
    assert world.fleet.watch.alarms[ALARM].value == "INSUFFICIENT_DATA"
    world.react()
    assert (world.told(), leased(world), world.min_size) == ([], [2], 2)
    assert world.scheduled()[ends(world)] == 1, "renewed, and AWS lets it go"


def quarter(world: World) -> None:
    """Time goes by until all incidents are looked through."""
    world.later(hours=2)
    while world.now.minute % 15:
        world.later(minutes=1)


def test_the_incident_of_an_alarm_that_was_deleted_is_resolved(world: World):
    on_call_holds("alarm/firstbell-campus-old", severity="page")
    quarter(world)
    world.react()
    assert world.told() == [("alarm/firstbell-campus-old", "resolved")]


def test_between_the_quarters_of_an_hour_quiet_alarms_cost_one_question(world: World):
    quarter(world)
    world.later(minutes=1)
    before = world.fleet.gateway.calls.copy()
    world.react()
    asked = world.fleet.gateway.calls - before
    assert {name: n for name, n in asked.items() if not name.startswith("dynamodb")} == {"cloudwatch.DescribeAlarms": 1}
    assert asked["dynamodb.Query"] <= 1, "the sites, if they were not read a moment ago"


def test_alarms_of_no_site_are_one_ticket_which_ends_with_them(world: World):
    busy = [99.0]
    other = Metric.of("AWS/RDS", "CPUUtilization", "Average", {"DBInstanceIdentifier": "somebody-s"})
    world.fleet.watch.watch(other, lambda: busy[0])
    world.fleet.watch.add_alarm(Alarm("firstbell-other-database", other, 50))
    world.later(minutes=6)
    world.react()
    assert world.told() == [("unknown-alarm", "ticket")]
    Table(TABLE).put("SITE#unknown", "INCIDENT#unknown-alarm", {"key": "unknown-alarm", "state": "open"})
    world.later(minutes=1)
    world.react()
    assert world.told() == []
    busy[0] = 5.0
    quarter(world)
    world.react()
    assert world.told() == [("unknown-alarm", "resolved")]


# ---------------------------------------------------------------- the other tiers


DATABASE, FILES = {"DBInstanceIdentifier": "campus-db"}, {"FileSystemId": "fs-0123456789abcdef0"}
REACTION = "reaction: {database: campus-db}\n"
LENDS = "tiers: {efs: {file_system: fs-0123456789abcdef0}, freeze: false}\n"


def measure(world: World, namespace: str, name: str, stat: str, dimensions: dict[str, str], value: float) -> Metric:
    metric = Metric.of(namespace, name, stat, dimensions)
    world.fleet.watch.watch(metric, lambda: value)
    return metric


def test_a_saturated_database_is_a_page_and_no_web_server(world: World):
    world.put(site=SITE + REACTION)
    world.plan()
    world.told()
    measure(world, "AWS/RDS", "CPUUtilization", "Average", DATABASE, 96)
    world.set_sizes(MinSize=3)
    world.later(minutes=10)
    world.saturate(100)
    world.react()
    assert (leased(world), world.min_size) == ([3], 3)
    assert world.told() == [("database-saturated", "page")]


def test_all_tiers_are_asked_for_in_one_call(world: World):
    world.put(site=SITE + REACTION + LENDS)
    world.plan()
    world.saturate(100)
    before = world.fleet.gateway.calls["cloudwatch.GetMetricData"]
    world.react()
    assert world.fleet.gateway.calls["cloudwatch.GetMetricData"] == before + 1


def test_metrics_that_cannot_be_read_are_not_known_and_the_failure_is_raised(world: World):
    world.set_sizes(MinSize=2)
    world.later(minutes=10)
    world.saturate(100)
    world.fleet.gateway.faults = Faults(throttled={"cloudwatch.GetMetricData": 1.0})
    with pytest.raises(ActionsFailed):
        world.react()
    assert leased(world) == [2], "in doubt what there is is kept"
    assert world.told() == [(f"alarm/{ALARM}", "page")]


@pytest.fixture
def lender() -> Iterator[World]:
    """A campus whose file system gives all that it may, at 09:00 UTC."""
    with living(site=SITE + LENDS) as made:
        made.put(site=SITE + LENDS, term=term("12T09"))
        made.plan()
        made.later(hours=3)
        made.plan()
        measure(made, "AWS/EFS", "MeteredIOBytes", "Sum", FILES, 60 * 8 * 1024**2)
        permitted = measure(made, "AWS/EFS", "PermittedThroughput", "Average", FILES, 8 * 1024**2)
        made.fleet.watch.add_alarm(Alarm("firstbell-campus-files", permitted, 1))
        made.later(minutes=6)
        made.told()
        yield made


def throughput(world: World) -> tuple[str, float]:
    files = world.fleet.efs.file_systems["fs-0123456789abcdef0"]
    return files.mode, files.mibps


def test_throughput_is_lent_at_once_kept_by_the_planner_and_returned_after_a_day(lender: World):
    lender.react()
    assert lender.told() == [("storage-slow", "page")]
    assert throughput(lender) == ("provisioned", 20.0)
    lender.later(minutes=5)
    lender.plan()
    assert throughput(lender) == ("provisioned", 20.0), "the planner knows the wish"
    lender.later(minutes=5)
    lender.react()
    assert lender.journal().count("Ask") == 1
    lender.later(hours=2)
    lender.plan()
    assert throughput(lender) == ("provisioned", 20.0), "AWS lowers nothing within a day"
    lender.later(hours=25)
    assert throughput(lender) == ("bursting", 0.0), "and then by itself"


def test_a_loan_that_fails_keeps_nothing_else_back(lender: World):
    lender.fleet.gateway.faults = Faults(throttled={"efs.UpdateFileSystem": 1.0})
    with pytest.raises(ActionsFailed):
        lender.react()
    assert lender.told() == [("storage-slow", "page")]
    lender.fleet.gateway.faults = Faults()
    lender.later(minutes=1)
    lender.react()
    assert throughput(lender) == ("provisioned", 20.0)


def test_composite_alarms_are_seen_too(world: World):
    world.cpu = 90
    world.later(minutes=2)
    since = world.now
    over: dict[str, Any] = {
        "AlarmName": "firstbell-campus-slow",
        "AlarmRule": f'ALARM("{ALARM}")',
        "StateValue": "ALARM",
        "StateUpdatedTimestamp": since,
        "StateTransitionedTimestamp": since,
    }
    asked: list[Any] = []

    def describe(params: Any) -> dict[str, Any]:
        asked.append(params["AlarmTypes"])
        return {"MetricAlarms": [], "CompositeAlarms": [over]}

    world.fleet.gateway.serve({("cloudwatch", "DescribeAlarms"): describe})
    world.react()
    assert asked == [["MetricAlarm", "CompositeAlarm"]]
    assert leased(world) == [2]


def test_an_event_of_no_interest_looks_at_nothing(world: World):
    calls = world.fleet.gateway.calls.copy()
    for event in ({"source": "aws.ec2"}, {}, {"source": "aws.cloudwatch", "detail": {}}):
        assert world.react(event) == {"function": "react_to_alarm", "actions": 0}
    assert world.fleet.gateway.calls == calls


def test_before_any_site_is_published_nothing_is_asked():
    with living() as world:
        world.react()
        assert world.fleet.gateway.calls["cloudwatch.DescribeAlarms"] == 0
