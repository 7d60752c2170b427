"""The planner through its real handler: good files, broken files, deploys that interfere, and nothing done twice."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from firstbell import published
from firstbell.acting import ActionsFailed
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.calendar.keeping import key_of
from firstbell.site import CalendarSource
from simulator.cloud import Faults
from simulator.controller import TABLE
from tests.functions.planning_world import SITE, TICK, World, living, term

TERM, MORE = (f"calendar-source/{key_of(CalendarSource(ical=p, participants=1))}" for p in ("term.ics", "more.ics"))
UP_DOWN = [("05T0828", 4), ("05T1102", 1)]  # an exam on Tuesday 09:00 to 11:00 UTC


@pytest.fixture
def world() -> Iterator[World]:
    with living() as made:
        yield made


@pytest.fixture
def planned(world: World) -> World:
    """A world in which one exam is planned, and everything said so far was heard."""
    world.put(site=SITE, term=term("05T09"))
    world.plan()
    assert world.told() == []
    return world


def bucket_event(kind: str = "Created", key: str = "sites/campus/term.ics") -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": f"Object {kind}", "detail": {"object": {"key": key}}}


# ---------------------------------------------------------------- good files


def test_a_good_site_is_published_and_its_exam_becomes_scheduled_actions(world: World):
    world.put(site=SITE, term=term("05T09"))
    assert world.plan() == {"function": "plan_capacity", "actions": 2}  # what was learned is kept, too
    assert world.steps() == UP_DOWN
    site, plan = world.site(), world.plan_in_force()
    assert site is not None
    assert site.fleet.auto_scaling_group == "campus-web"
    assert plan is not None
    assert [p.title for p in plan.peaks] == ["Exam 0"]
    assert world.journal() == ["PutScheduled"]


def test_aws_carries_the_plan_even_when_the_planner_sleeps(planned: World):
    planned.later(hours=27, minutes=30)  # Tuesday 09:30
    assert planned.min_size == 4
    assert len(planned.fleet.instances) == 4
    planned.later(hours=2)
    assert planned.min_size == 1


def test_an_empty_bucket_is_no_failure(world: World):
    assert world.plan() == {"function": "plan_capacity", "actions": 0}


def test_files_outside_a_site_s_folder_are_not_looked_at(world: World):
    world.put_as("../../notes.txt", b"")
    world.put_as("term.ics", b"", site="unfinished")
    assert world.plan()["actions"] == 0
    assert world.told() == []


def test_a_second_run_changes_nothing(planned: World):
    before, journal = planned.changes(), planned.journal()
    for _ in range(3):
        planned.later(minutes=15)
        assert planned.plan()["actions"] == 0
    assert (planned.changes(), planned.journal()) == (before, journal)


def test_the_same_event_twice_changes_nothing_the_second_time(planned: World):
    planned.put(term=term("05T09", "06T09"))
    planned.plan(bucket_event())
    before = planned.changes()
    assert planned.plan(bucket_event()) == {"function": "plan_capacity", "actions": 0}
    assert planned.changes() == before


def test_a_changed_calendar_is_planned_when_the_bucket_says_so(planned: World):
    planned.put(term=term("05T09", "06T09"))
    planned.plan(bucket_event())
    assert planned.steps() == [*UP_DOWN, ("06T0828", 4), ("06T1102", 1)]


def test_a_moved_exam_takes_its_actions_along(planned: World):
    planned.later(minutes=1)
    planned.put(term=term("06T09"))
    planned.plan(bucket_event())
    assert planned.steps() == [("06T0828", 4), ("06T1102", 1)]
    assert planned.journal() == ["PutScheduled", "PutScheduled", "DeleteScheduled"]


def test_an_exam_that_is_cancelled_while_it_is_on_is_taken_back(planned: World):
    planned.later(hours=27, minutes=30)
    planned.put(term=term())
    planned.plan(bucket_event())
    assert (planned.min_size, planned.steps()) == (1, [])


def test_a_changed_site_file_is_in_force_at_once(planned: World):
    planned.put(site=SITE.replace("min_instances: 1", "min_instances: 2"))
    planned.plan(bucket_event(key="sites/campus/site.yaml"))
    assert planned.min_size == 2
    assert planned.steps() == [("05T0828", 4), ("05T1102", 2)]
    [site] = published.sites(Table(TABLE), planned.now)
    assert site.fleet.min_instances == 2


def test_two_sites_are_planned_and_one_that_fails_does_not_stop_the_other(planned: World):
    planned.put_as("site.yaml", SITE.replace("campus", "annex").encode(), site="annex")  # its calendar is missing
    planned.put(term=term("06T09"))
    planned.plan()
    assert planned.steps() == [("06T0828", 4), ("06T1102", 1)]
    assert {s["site"] for s in planned.signals} == {"annex"}


def test_a_second_site_with_the_same_group_is_refused_and_the_first_stays_planned(planned: World):
    planned.put_as("site.yaml", SITE.replace("name: campus", "name: annex").encode(), site="annex")
    planned.put_as("term.ics", term("07T09").encode(), site="annex")
    for _ in range(2):
        planned.plan()
        assert planned.steps() == UP_DOWN
        assert "'campus-web' is the group of site campus" in planned.signals[0]["evidence"][0]
        assert [(s["site"], s["key"]) for s in planned.signals] == [("annex", "site-file")]
        planned.signals.clear()


def test_a_raise_by_hand_before_an_exam_of_the_same_size_stays(planned: World):
    planned.set_sizes(MinSize=4)
    for _ in range(3):
        planned.later(minutes=15)
        planned.plan()
    assert (planned.min_size, planned.group["DesiredCapacity"]) == (4, 4)


def test_what_fails_beside_the_plan_does_not_keep_it_from_being_written(world: World):
    world.put(site=SITE, term=term("05T09"))
    world.fleet.set_capacity("", False)
    world.set_sizes(MinSize=3)
    world.fleet.gateway.faults = Faults(throttled={"autoscaling.DescribeScalingActivities": 1.0})
    with pytest.raises(ActionsFailed):
        world.plan()
    assert world.steps()[0] == ("05T0828", 4)


def test_an_event_of_no_interest_looks_at_nothing(planned: World):
    calls = planned.fleet.gateway.calls.copy()
    for event in ({"source": "aws.ec2"}, {}, [], {"source": "aws.s3", "detail": {}}):
        assert planned.plan(event) == {"function": "plan_capacity", "actions": 0}
    assert planned.fleet.gateway.calls == calls


# ---------------------------------------------------------------- broken files


def test_a_site_file_that_is_broken_from_the_beginning_is_a_page_and_nothing_else(world: World):
    world.put(site="name: campus\ntimezone: Mars\n", term=term("05T09"))
    world.plan()
    assert [(s["key"], s["severity"]) for s in world.signals] == [("site-file", "page")]
    assert world.signals[0]["evidence"] == [
        "sites/campus/site.yaml: line 2, timezone: 'Mars' is not an IANA time zone such as Europe/Berlin",
        "sites/campus/site.yaml: line 1, fleet: is missing",
    ]
    assert (world.site(), world.plan_in_force(), world.scheduled(), world.changes()) == (None, None, {}, 0)


@pytest.mark.parametrize(
    ("says", "text"),
    [
        ("no YAML", "name: [campus"),
        ("a limit that is broken", SITE.replace("max_instances: 20", "max_instances: 0")),
        ("another site's name", SITE.replace("name: campus", "name: other")),
        ("an empty file", ""),
        ("too large a file", SITE + "#" * 11 * 2**20),
    ],
)
def test_a_site_file_that_breaks_leaves_the_last_good_one_in_force(planned: World, says: str, text: str):
    good, plan, steps = planned.site(), planned.plan_in_force(), planned.steps()
    planned.put(site=text)
    planned.plan(bucket_event(key="sites/campus/site.yaml"))
    assert planned.told() == [("site-file", "page")], says
    assert (planned.site(), planned.steps()) == (good, steps)
    assert plan is not None
    assert replace(plan, levels=()) == replace(planned.plan_in_force() or plan, levels=())


def test_while_the_site_file_is_broken_its_calendars_are_still_planned(planned: World):
    planned.put(site="name: [", term=term("06T09"))
    planned.plan()
    assert planned.steps() == [("06T0828", 4), ("06T1102", 1)]


@pytest.mark.parametrize(
    ("says", "body"),
    [
        ("Moodle's answer to an old token", b"Invalid authentication"),
        ("a log-in page", b"<html>Log in</html>"),
        ("nothing", b""),
        ("six megabytes", b"BEGIN:VCALENDAR" + b" " * 6 * 2**20),
        ("eleven megabytes, which are not even read", b" " * 11 * 2**20),
    ],
)
def test_a_calendar_that_is_none_leaves_the_last_good_plan_in_force(planned: World, says: str, body: bytes):
    planned.put_as("term.ics", body)
    planned.plan(bucket_event())
    assert "term.ics" in planned.signals[0]["evidence"][0]
    assert planned.told() == [(TERM, "page")], says
    assert planned.steps() == UP_DOWN
    planned.later(hours=27, minutes=30)
    planned.plan()
    assert planned.min_size == 4, "the exam has its servers all the same"


def test_a_calendar_that_is_missing_is_a_page(world: World):
    world.put(site=SITE)
    world.plan()
    assert world.signals[0]["evidence"] == [
        "term.ics is stale since 2026-05-04 06:00 UTC, it has never been read: not found beside the site file"
    ]
    assert world.told() == [(TERM, "page")]
    assert world.scheduled() == {}


def test_a_broken_calendar_does_not_stop_the_other_s_changes(planned: World):
    planned.put(site=SITE + "  - {ical: more.ics, participants: 900, kind: exam}\n", term=term("06T09"), more="oops")
    planned.plan()
    assert planned.told() == [(MORE, "page")]
    assert planned.steps() == [("06T0828", 4), ("06T1102", 1)]


def test_a_group_that_nobody_knows_is_a_page_and_no_failure(world: World):
    world.put(site=SITE.replace("campus-web", "cumpas-web"), term=term("05T09"))
    assert world.plan()["actions"] == 1
    assert "no Auto Scaling group 'cumpas-web' here" in world.signals[0]["evidence"][0]
    assert world.told() == [("unknown-group", "page")]
    assert world.plan_in_force() is None


def test_more_than_is_allowed_is_a_page_days_ahead(world: World):
    world.put(site=SITE.replace("participants: 600", "participants: 9000"), term=term("08T09"))
    world.plan()
    assert "20 is the most" in world.signals[0]["evidence"][0]
    assert world.told() == [("plan-shortfall", "page")]
    assert world.steps() == [("08T0828", 20), ("08T1102", 1)]


def test_the_group_s_own_maximum_is_known():
    with living(maximum=3) as world:
        world.put(site=SITE, term=term("05T09"))
        world.plan()
        assert world.steps() == [("05T0828", 3), ("05T1102", 1)]
        assert world.told() == [("plan-shortfall", "page")]


def test_scheduled_actions_that_somebody_suspended_are_a_page(planned: World):
    planned.suspend("ScheduledActions")
    planned.plan()
    assert planned.told() == [("scheduled-actions-suspended", "page")]


def test_launches_that_fail_are_a_page_with_aws_s_own_words(planned: World):
    planned.fleet.set_capacity("", False)
    planned.set_sizes(MinSize=3)
    planned.later(minutes=10)
    planned.plan()
    [signal] = planned.signals
    assert (signal["key"], signal["severity"]) == ("launches-fail", "page")
    assert all("AWS lacks capacity" in said for said in signal["evidence"])
    planned.incident("launches-fail")
    planned.fleet.set_capacity("", True)
    planned.later(minutes=40)
    planned.signals.clear()
    planned.plan()
    assert planned.told() == [("launches-fail", "resolved")]


def test_what_is_well_again_is_said_once_on_call_knows_of_it(planned: World):
    planned.incident(TERM)
    planned.incident("calendar-source/of-one-that-is-not-there-any-more")
    planned.incident("mount/i-0abc")
    planned.plan()
    assert planned.told() == [
        (TERM, "resolved"),
        ("calendar-source/of-one-that-is-not-there-any-more", "resolved"),
    ]


def test_what_is_still_broken_is_not_said_to_be_well(planned: World):
    planned.put_as("term.ics", b"Invalid authentication")
    planned.incident(TERM)
    planned.plan()
    assert planned.told() == [(TERM, "page")]


# ---------------------------------------------------------------- others at the same group


def test_a_deploy_that_reset_the_group_is_repaired_at_the_next_run(planned: World):
    planned.later(hours=27, minutes=30)
    planned.set_sizes(MinSize=1)
    planned.unschedule(*planned.scheduled())
    planned.plan()
    assert planned.min_size == 4
    assert planned.steps() == [("05T1102", 1)]


def test_somebody_else_s_scheduled_actions_stay(planned: World):
    planned.schedule("night", planned.now.replace(hour=20), MinSize=0)
    planned.schedule("morning", planned.now.replace(hour=22), MaxSize=20, DesiredCapacity=2)
    planned.put(term=term("06T09"))
    planned.plan()
    assert {name: planned.scheduled()[name] for name in ("night", "morning")} == {"night": 0, "morning": None}
    assert planned.steps() == [("06T0828", 4), ("06T1102", 1)]


def test_after_a_peak_the_group_goes_back_to_its_own_min_size(world: World):
    world.set_sizes(MinSize=2)  # before Firstbell came; the site file's least is 1
    world.put(site=SITE, term=term("05T09"))
    world.plan()
    assert world.steps() == [("05T0828", 4), ("05T1102", 2)]
    world.later(hours=28)
    world.plan()
    world.later(hours=3)
    world.plan()
    assert world.min_size == 2
    world.set_sizes(MinSize=1)  # the person thinks better of it
    world.plan()
    world.later(minutes=15)
    world.plan()
    assert world.min_size == 1


def test_a_group_without_a_policy_is_taken_back_after_the_peak(planned: World):
    planned.later(hours=28)
    assert planned.group["DesiredCapacity"] == 4
    planned.later(hours=2)
    assert (planned.min_size, planned.group["DesiredCapacity"]) == (1, 4), "MinSize alone keeps every instance"
    planned.plan()
    assert planned.group["DesiredCapacity"] == 1
    assert planned.journal()[-1] == "SetDesired"


def test_what_a_person_wants_beyond_the_plan_stays(planned: World):
    planned.later(hours=30)
    planned.plan()
    clients.autoscaling().set_desired_capacity(AutoScalingGroupName="campus-web", DesiredCapacity=3)
    planned.plan()
    assert planned.group["DesiredCapacity"] == 3


def test_a_group_with_a_scaling_policy_is_left_to_it():
    with living(tracking=True) as world:
        world.put(site=SITE, term=term("04T07"))
        world.plan()
        world.later(minutes=45)
        assert world.group["DesiredCapacity"] == 4
        world.later(hours=2, minutes=20)
        before = world.group["DesiredCapacity"]
        world.plan()
        assert (world.min_size, world.group["DesiredCapacity"]) == (1, before)


def test_a_person_s_higher_min_size_stays(planned: World):
    planned.set_sizes(MinSize=7)
    planned.plan()
    assert planned.min_size == 7


def test_a_site_whose_file_is_gone_is_forgotten_and_its_group_left_alone(planned: World):
    planned.remove("site.yaml")
    before = planned.changes()
    planned.plan(bucket_event("Deleted", "sites/campus/site.yaml"))
    assert planned.site() is None
    assert (planned.steps(), planned.changes()) == (UP_DOWN, before)
    assert planned.plan(TICK) == {"function": "plan_capacity", "actions": 0}


# ---------------------------------------------------------------- AWS says no


def test_a_refused_change_is_journalled_raised_and_made_by_the_retry(world: World):
    world.put(site=SITE, term=term("05T09"))
    world.fleet.gateway.faults = Faults(throttled={"autoscaling.BatchPutScheduledUpdateGroupAction": 1.0})
    with pytest.raises(ActionsFailed) as caught:
        world.plan()
    assert [type(e).__name__ for e in caught.value.exceptions] == ["ClientError"]
    assert world.journal() == ["PutScheduled"]
    world.fleet.gateway.faults = Faults()
    world.later(minutes=1)
    world.plan()
    assert world.steps() == UP_DOWN


def test_a_lowering_that_was_refused_is_made_by_the_next_run(planned: World):
    planned.later(hours=27, minutes=30)
    planned.put(term=term())
    planned.fleet.gateway.faults = Faults(throttled={"autoscaling.UpdateAutoScalingGroup": 1.0})
    with pytest.raises(ActionsFailed):
        planned.plan()
    assert planned.min_size == 4
    planned.fleet.gateway.faults = Faults()
    planned.plan()
    assert planned.min_size == 1


def test_one_refused_change_does_not_stop_the_others(planned: World):
    planned.put(site=SITE.replace("min_instances: 1", "min_instances: 2"))
    planned.fleet.gateway.faults = Faults(throttled={"autoscaling.BatchPutScheduledUpdateGroupAction": 1.0})
    with pytest.raises(ActionsFailed):
        planned.plan()
    assert planned.min_size == 2


def test_a_topic_that_is_down_does_not_hinder_the_plan(planned: World):
    planned.put(site="name: [", term=term("06T09"))
    planned.fleet.gateway.faults = Faults(broken={"sns.Publish": 1.0})
    with pytest.raises(ActionsFailed):
        planned.plan()
    assert planned.steps() == [("06T0828", 4), ("06T1102", 1)]


def test_a_group_that_cannot_be_read_is_a_failure_of_its_site_only(planned: World):
    planned.fleet.gateway.faults = Faults(broken={"autoscaling.DescribeAutoScalingGroups": 1.0})
    with pytest.raises(ActionsFailed) as caught:
        planned.plan()
    assert caught.value.exceptions[0].__notes__ == ["site campus"]
    assert planned.steps() == UP_DOWN
