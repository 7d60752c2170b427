"""The gate before a peak and the watch over an exam through the real handler, against the twin's AWS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firstbell.acting import ActionsFailed
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.capacity import keeping
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record
from firstbell.learning import remembering
from firstbell.learning.memory import Memory
from firstbell.plain import to_plain
from firstbell.readiness import freezing
from simulator.cloud import Faults
from simulator.cloud.autoscaling import TargetTracking
from simulator.controller import TABLE
from tests.functions.planning_world import SITE, TICK, World, living, term

OPENS = datetime(2026, 5, 5, 9, tzinfo=UTC)  # a Tuesday; the log-in begins at 08:35, the exam ends at 11:00
KEY = "readiness/"


@contextmanager
def before_the_exam(minutes: float, **settings: Any) -> Iterator[World]:
    """So long before an exam that is planned with four instances; `settings` are the group's."""
    with living() as world:
        group(world).settings = replace(group(world).settings, **settings)
        world.put(site=SITE, term=term("05T09"))
        world.plan()
        go_to(world, -minutes)
        plan = world.plan_in_force()
        assert plan is not None
        assert plan.at(OPENS).instances == 4
        world.told()
        yield world


def group(world: World) -> Any:
    """The twin's own group."""
    return world.fleet.scaling.group("campus-web")


def go_to(world: World, minutes: float) -> None:
    """Let time pass until so many minutes after the exam opens."""
    world.later(seconds=(OPENS + timedelta(minutes=minutes) - world.now).total_seconds())


def check(world: World) -> list[tuple[str, str]]:
    """One look, and what on-call hears of it and holds open: (key, severity or `resolved`)."""
    world._run("check_readiness", TICK)
    for signal in world.signals:
        state = "resolved" if signal["resolved"] else "open"
        record = {"key": signal["key"], "title": signal["title"], "state": state}
        Table(TABLE).put("SITE#campus", f"INCIDENT#{signal['key']}", record)
    return [(key.partition("/")[0] + "/" if key.startswith(KEY) else key, state) for key, state in world.told()]


def checks(world: World, until: float) -> list[tuple[str, str]]:
    """A look every five minutes, as the schedule has it, the last one `until` minutes after the exam opens."""
    heard = check(world)
    while world.now < OPENS + timedelta(minutes=until):
        world.later(minutes=5)
        heard += check(world)
    return heard


def healthy(world: World) -> int:
    return sum(state == "healthy" for state in world.fleet.balancer.states().values())


def zones(world: World) -> set[str]:
    return {i.zone for i in world.fleet.instances if i.in_service}


def hold(world: World) -> list[int]:
    found = keeping.leases(Table(TABLE), "campus", world.now)
    return [f.instances for f in found if f.owner == freezing.OWNER and f.end > world.now]


# ---------------------------------------------------------------- nothing near


def test_without_a_near_peak_it_costs_two_reads_and_touches_no_group() -> None:
    with before_the_exam(60) as world:
        check(world)  # and the published sites are known
        before = world.fleet.gateway.calls.copy()
        assert check(world) == []
        calls = world.fleet.gateway.calls - before
        assert calls == {"dynamodb.GetItem": 1, "dynamodb.Query": 1}


def test_when_all_is_ready_nothing_is_said_or_changed() -> None:
    with before_the_exam(15) as world:
        check(world)  # which begins the hold
        before, journal = world.changes(), world.journal()
        assert checks(world, -1) == []
        assert (world.changes(), world.journal()) == (before, journal)
        assert healthy(world) == 4


# ---------------------------------------------------------------- the gate


def test_what_a_deploy_reset_is_repaired_before_the_start() -> None:
    with before_the_exam(12) as world:
        world.set_sizes(MinSize=1, DesiredCapacity=1)
        go_to(world, -10)
        assert check(world) == [(KEY, "page"), ("exam-freeze/lost/scale-in/3", "page")], "those had students already"
        assert (world.min_size, world.group["DesiredCapacity"]) == (4, 4)
        assert checks(world, -5)[-1:] == [(KEY, "resolved")]
        go_to(world, 0)
        assert healthy(world) == 4


def test_the_page_says_what_was_missing_and_what_was_done() -> None:
    with before_the_exam(12) as world:
        world.set_sizes(MinSize=1, DesiredCapacity=1)
        go_to(world, -10)
        world._run("check_readiness", TICK)
        [page] = [s for s in world.signals if s["key"].startswith(KEY)]
        assert "4 instances are planned, 1 are healthy, 3 are missing" in page["what"]
        [done] = page["done"]
        assert done.startswith("MinSize is 1, 4 wanted: Exam 0: 600 exam participants need up to")


def test_what_was_measured_of_launches_says_how_long_they_take() -> None:
    with before_the_exam(12) as world:
        Table(TABLE).put("SITE#campus", remembering.LEARNED, to_plain(Memory(lead_time=480)))
        world.set_sizes(MinSize=1, DesiredCapacity=1)
        go_to(world, -10)
        world._run("check_readiness", TICK)
        [page] = [s for s in world.signals if s["key"].startswith(KEY)]
        assert "serves at about 08:58 UTC (8 minutes from launch to service)" in page["what"]


def test_scheduled_actions_that_do_not_run_are_made_up_for() -> None:
    with before_the_exam(40) as world:
        world.suspend("ScheduledActions")
        go_to(world, -15)
        assert healthy(world) == 1
        assert check(world) == [(KEY, "page")]
        go_to(world, 0)
        assert healthy(world) == 4


@pytest.mark.parametrize("zone", ["eu-central-1a", "eu-central-1b"])
def test_without_capacity_in_one_zone_the_other_serves_and_the_strategy_is_given_back(zone: str) -> None:
    with before_the_exam(60) as world:
        group(world).distribution = "balanced-only"
        world.fleet.scaling.refuse_launches("campus-web", (zone,))
        go_to(world, -15)
        assert healthy(world) < 4
        assert sorted(check(world)) == [(KEY, "page"), ("zones-lent", "info")]
        assert group(world).distribution == "balanced-best-effort"
        assert (KEY, "resolved") in checks(world, 0)
        assert healthy(world) == 4
        go_to(world, 122)
        assert check(world) == [("zones-lent", "resolved")]
        assert group(world).distribution == "balanced-only"
        assert check(world) == []


def test_a_group_that_tries_other_zones_by_itself_is_left_as_it_is() -> None:
    with before_the_exam(60) as world:
        world.fleet.scaling.refuse_launches("campus-web", ("eu-central-1b",))
        go_to(world, -15)
        assert check(world) == []
        assert (healthy(world), zones(world)) == (4, {"eu-central-1a"})


NO_QUOTA = (
    "You have requested more vCPU capacity than your current vCPU limit of 2 allows for the instance bucket that the"
    " specified instance type belongs to."
)


def test_a_used_up_quota_is_said_and_left_to_a_person() -> None:
    with before_the_exam(60) as world:
        world.fleet.scaling.refuse_launches("campus-web", message=NO_QUOTA)
        go_to(world, -15)
        world._run("check_readiness", TICK)
        [page] = [s for s in world.signals if s["key"].startswith(KEY)]
        assert any("the account's quota is used up" in line for line in page["evidence"])
        assert any(line.startswith("not done: no quota is raised") for line in page["evidence"])
        assert "Nothing" in page["done"][0]
        world.fleet.scaling.allow_launches("campus-web")
        go_to(world, 5)
        assert healthy(world) == 4, "AWS goes on trying"


def test_a_refused_change_is_a_failure_and_the_next_look_makes_it() -> None:
    with before_the_exam(12) as world:
        world.set_sizes(MinSize=1, DesiredCapacity=1)
        go_to(world, -10)
        world.fleet.gateway.faults = Faults(throttled={"autoscaling.UpdateAutoScalingGroup": 1.0})
        with pytest.raises(ActionsFailed):
            check(world)
        assert any(s["key"].startswith(KEY) for s in world.signals), "the page is sent nevertheless"
        world.fleet.gateway.faults = Faults()
        check(world)
        assert world.min_size == 4


# ---------------------------------------------------------------- the watch


def test_a_health_replacement_during_the_exam_is_one_page() -> None:
    with before_the_exam(30) as world:
        assert checks(world, 10) == []
        world.fleet.scaling.fail_health(world.fleet.instances[0].instance_id, "EC2")
        assert checks(world, 115) == [("exam-freeze/lost/health/1", "page")]
        world.later(minutes=5)
        assert check(world) == [("exam-freeze/lost/health/1", "resolved")]


def test_somebody_terminates_two_instances() -> None:
    with before_the_exam(30) as world:
        checks(world, 10)
        for instance in world.fleet.instances[:2]:
            clients.autoscaling().terminate_instance_in_auto_scaling_group(
                InstanceId=instance.instance_id, ShouldDecrementDesiredCapacity=False
            )
        assert checks(world, 30) == [("exam-freeze/lost/person/2", "page")]


def test_target_tracking_wants_to_scale_in_and_nothing_leaves_before_the_end() -> None:
    with before_the_exam(30, policy=TargetTracking()) as world:  # the idle servers of the twin ask for one instance
        clients.autoscaling().set_desired_capacity(AutoScalingGroupName="campus-web", DesiredCapacity=7)
        assert checks(world, 115) == []
        assert hold(world) == [7], "four are planned"
        assert sum(i.in_service for i in world.fleet.instances) == 7
        go_to(world, 180)
        assert world.min_size == 1
        assert sum(i.in_service for i in world.fleet.instances) < 7


def test_the_hold_ends_by_itself_when_the_controller_dies() -> None:
    with before_the_exam(30) as world:
        clients.autoscaling().set_desired_capacity(AutoScalingGroupName="campus-web", DesiredCapacity=7)
        check(world)  # the last time that anybody looks
        assert (world.min_size, hold(world)) == (7, [7])
        go_to(world, 104)
        assert world.min_size == 7
        go_to(world, 125 + 2)  # a scheduled action may run two minutes late
        assert (world.min_size, hold(world)) == (1, [])


def test_what_is_added_during_the_exam_is_kept_until_its_end_and_no_longer() -> None:
    with before_the_exam(30) as world:
        checks(world, 10)
        clients.autoscaling().set_desired_capacity(AutoScalingGroupName="campus-web", DesiredCapacity=6)
        checks(world, 40)
        assert (world.min_size, hold(world)) == (6, [6])
        checks(world, 119)
        world.later(minutes=10)
        check(world)
        world.plan()
        assert (world.min_size, hold(world)) == (1, [])


def test_a_deploy_that_resets_the_group_in_the_exam_is_repaired() -> None:
    with before_the_exam(30) as world:
        checks(world, 10)
        world.set_sizes(MinSize=1, DesiredCapacity=1)
        world.later(minutes=2)
        assert checks(world, 20) == [("exam-freeze/lost/scale-in/3", "page")]
        assert (world.min_size, hold(world)) == (4, [4])


def test_looking_again_changes_nothing() -> None:
    with before_the_exam(30) as world:
        check(world)
        before, journal = world.changes(), world.journal()
        for _ in range(3):
            assert check(world) == []
        assert (world.changes(), world.journal()) == (before, journal)


def test_ways_to_lose_an_instance_are_told_before_they_happen_and_once() -> None:
    with before_the_exam(30, max_instance_lifetime=28 * 3600, capacity_rebalance=True, on_demand_share=50) as world:
        oldest = world.fleet.instances[0]
        known = Record(oldest.instance_id, datetime.fromtimestamp(oldest.launched, UTC), phase="serving")
        Records(Table(TABLE), "campus", world.now).save(known)
        world.fleet.scaling.begin_refresh("campus-web")
        world.schedule("nightly", OPENS + timedelta(minutes=30), MinSize=0)
        world.suspend("Launch")
        assert sorted(check(world)) == [
            ("exam-freeze/lifetime", "page"),
            ("exam-freeze/refresh", "page"),
            ("exam-freeze/scheduled/nightly", "page"),
            ("exam-freeze/spot", "page"),
            ("exam-freeze/suspended/Launch", "page"),
        ]
        assert check(world) == []
        world.fleet.scaling.end_refresh("campus-web")
        world.unschedule("nightly")
        assert sorted(check(world)) == [
            ("exam-freeze/refresh", "resolved"),
            ("exam-freeze/scheduled/nightly", "resolved"),
        ]
        go_to(world, 121)
        assert sorted(check(world)) == [
            ("exam-freeze/lifetime", "resolved"),
            ("exam-freeze/spot", "resolved"),
            ("exam-freeze/suspended/Launch", "resolved"),
        ]


def test_two_exams_that_follow_on_each_other_are_held_through() -> None:
    with living() as world:
        world.put(site=SITE, term=term("05T09", "05T11"))
        world.plan()
        go_to(world, -30)
        checks(world, 110)
        plan = world.plan_in_force()
        assert plan is not None
        assert hold(world) == [max(s.instances for s in plan.steps)]
        go_to(world, 245 + 2)
        assert (world.min_size, hold(world)) == (1, [])


def test_a_site_without_a_freeze_is_not_held() -> None:
    with living() as world:
        world.put(site=SITE + "tiers: {freeze: false}\n", term=term("05T09"))
        world.plan()
        go_to(world, -10)
        assert checks(world, 30) == []
        assert hold(world) == []
