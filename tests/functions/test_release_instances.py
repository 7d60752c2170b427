"""Ways out through the real handler, against the twin's AWS: scale-in, refresh, interruptions, the warm pool."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from firstbell import journal
from firstbell.acting import ActionsFailed
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.instances import interruption, leaving, release
from firstbell.instances.keeping import PREFIX, Records
from firstbell.instances.records import Record
from firstbell.plain import to_plain
from simulator.cloud import Faults
from simulator.cloud.autoscaling import LAUNCHING, TERMINATING, Hook, Instance
from simulator.controller import TABLE
from simulator.world import TARGET_GROUP
from tests.functions.planning_world import SITE, TICK, World, living, term

EVENTS = Path(__file__).parents[2] / "events"
FOR_RELEASE = """\
admission: {drain: 300, exam_drain: 900}
web: {cron: moodle-cron.timer}
"""
HOOK = Hook("firstbell-release", TERMINATING, 900, "ABANDON")
NOTICE = json.loads((EVENTS / "ec2" / "spot-interruption.json").read_text())


@contextmanager
def serving(count: int, hook: Hook = HOOK, exam: bool = False) -> Iterator[World]:
    """So many instances in service, with agents online, at 06:31 (the exam is from 07:00 to 09:00)."""
    with living() as world:
        world.put(site=SITE + FOR_RELEASE, term=term(*(["04T07"] if exam else [])))
        world.plan()
        world.set_sizes(DesiredCapacity=count)
        world.later(minutes=31)
        group(world).settings = replace(group(world).settings, hooks=(hook,))
        assert len(in_service(world)) == count
        world.told()
        world.fleet.gateway.calls.clear()
        yield world


def group(world: World) -> Any:
    """The twin's own group."""
    return world.fleet.scaling.group("campus-web")


def in_service(world: World) -> list[str]:
    return [i.instance_id for i in world.fleet.instances if i.in_service]


def states(world: World) -> dict[str, str]:
    return {i.instance_id: str(i.state) for i in world.fleet.instances}


def scale_in(world: World, instance: str) -> None:
    clients.autoscaling().terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=True
    )


def run(world: World, event: Any = TICK) -> None:
    """One look; on-call then holds open what it heard of."""
    heard = len(world.signals)
    world._run("release_instances", event)
    for signal in world.signals[heard:]:
        state = "resolved" if signal["resolved"] else "open"
        Table(TABLE).put(
            "SITE#campus", f"INCIDENT#{signal['key']}", {"key": signal["key"], "title": "…", "state": state}
        )


def minutes(world: World, count: int) -> None:
    """A look every minute."""
    for _ in range(count):
        world.later(minutes=1)
        run(world)


def done(world: World, *kinds: str) -> list[tuple[str, str]]:
    """(action, reason) of the journal, oldest first."""
    found = reversed(journal.newest(Table(TABLE), "campus", 500))
    return [(e.action, e.reason) for e in found if e.function == "release_instances" and e.action in kinds]


def notice(*instances: str) -> list[dict[str, Any]]:
    """EC2's notices, as it sends them: one for each instance."""
    return [{**NOTICE, "detail": {**NOTICE["detail"], "instance-id": i}} for i in instances]


def interrupt(world: World, *instances: str) -> None:
    """EC2 takes instances back, and its notices arrive a second later."""
    world.fleet.scaling.interrupt(instances)
    world.later(seconds=1)
    for event in notice(*instances):
        run(world, event)


def note(world: World, instance: str, **known: Any) -> None:
    """What admission and patrol remember of an instance."""
    record = replace(Record(instance, world.now - timedelta(hours=1)), **known)
    Table(TABLE).put("SITE#campus", PREFIX + instance, to_plain(record))


def cut_off(world: World, instance: str) -> None:
    """The agent of an instance is no longer there."""
    world.fleet.ssm.agents.disconnect(instance)


# ---------------------------------------------------------------- nobody leaves


def test_with_nobody_leaving_a_look_is_one_call() -> None:
    with serving(2) as world:
        run(world)
        world.later(minutes=1)
        world.fleet.gateway.calls.clear()
        run(world)
        assert world.now.minute % 5
        assert world.fleet.gateway.calls == Counter({"autoscaling.DescribeAutoScalingGroups": 1})


# ---------------------------------------------------------------- scale-in and refresh


def test_an_instance_that_works_on_nothing_goes_once_it_has_drained() -> None:
    with serving(3) as world:
        leaver = in_service(world)[0]
        scale_in(world, leaver)
        minutes(world, 8)
        [(_, reason)] = done(world, "Continue")
        assert reason.endswith("after it began to leave, and nothing left to do")
        assert leaver not in states(world)
        assert world.told() == []
        left = Records.of(Table(TABLE), "campus", world.now, leaving.PREFIX).get(leaver)
        assert left is not None
        assert left.phase == "ended", "AWS may show it for a while"


def test_a_task_that_ends_in_time_is_let_end() -> None:
    with serving(3) as world:
        leaver = in_service(world)[0]
        world.fleet.hosts[leaver].task_since = world.engine.now - 60
        scale_in(world, leaver)
        minutes(world, 8)
        assert states(world)[leaver] == "Terminating:Wait"
        assert ("Wait", "drained, and waiting for admin/cli/cron.php") in done(world, "Wait")
        world.fleet.hosts[leaver].task_since = None
        minutes(world, 2)
        world.later(minutes=2)
        assert leaver not in states(world)
        assert world.told() == []


def test_a_task_that_does_not_end_is_cut_off_and_that_is_told_until_nobody_leaves_with_one() -> None:
    with serving(3) as world:
        leaver = in_service(world)[0]
        world.fleet.hosts[leaver].task_since = world.engine.now - 60
        scale_in(world, leaver)
        minutes(world, 12)
        [(_, reason)] = done(world, "Continue")
        assert "it has drained and works on: admin/cli/cron.php, " in reason
        assert reason.endswith("and 300 s is the limit")
        [evidence] = [s["evidence"] for s in world.signals]
        assert f"{leaver}: admin/cli/cron.php, " in evidence[0]
        minutes(world, 5)
        assert world.told() == [(release.KEY, "ticket"), (release.KEY, "resolved")]


def test_while_an_exam_is_on_it_is_let_work_for_longer() -> None:
    with serving(6, exam=True) as world:
        leaver = in_service(world)[0]
        world.fleet.hosts[leaver].task_since = world.engine.now - 60
        scale_in(world, leaver)
        minutes(world, 15)
        assert states(world)[leaver] == "Terminating:Wait"
        minutes(world, 8)
        [(_, reason)] = done(world, "Continue")
        assert reason.endswith("900 s is the limit while Exam 0 is on")


def test_without_an_agent_draining_alone_decides() -> None:
    with serving(3) as world:
        leaver = in_service(world)[0]
        cut_off(world, leaver)
        scale_in(world, leaver)
        minutes(world, 9)
        [(_, reason)] = done(world, "Continue")
        assert "what it still works on it did not say: not sent: " in reason


def test_a_refused_document_is_a_failure_and_draining_decides() -> None:
    with serving(3) as world:
        leaver = in_service(world)[0]
        world.fleet.ssm._documents = set()  # somebody has deleted it
        scale_in(world, leaver)
        world.later(minutes=6)
        for _ in range(2):
            with pytest.raises(ActionsFailed):
                run(world)
            world.later(minutes=1)
        run(world)
        [(_, reason)] = done(world, "Continue")
        assert "InvalidDocument" in reason


def test_where_the_balancer_tells_nothing_it_is_taken_out_once_and_kept_until_its_time_is_over() -> None:
    with serving(3, hook=replace(HOOK, heartbeat_timeout=240)) as world:
        leaver = in_service(world)[0]
        scale_in(world, leaver)
        world.later(minutes=6)
        world.fleet.gateway.faults = Faults(throttled={"elbv2.DescribeTargetHealth": 1.0})
        for _ in range(4):
            world.later(minutes=1)
            with pytest.raises(ActionsFailed):
                run(world)
        assert [kind for kind, _ in done(world, "Deregister", "Heartbeat")] == ["Deregister", "Heartbeat", "Heartbeat"]
        assert states(world)[leaver] == "Terminating:Wait"
        world.fleet.gateway.faults = Faults()
        minutes(world, 3)
        world.later(minutes=1)
        assert leaver not in states(world)


def test_an_outage_of_run_command_keeps_its_hook_alive_and_is_told() -> None:
    with serving(3, hook=replace(HOOK, heartbeat_timeout=240)) as world:
        leaver = in_service(world)[0]
        scale_in(world, leaver)
        while not world.fleet.gateway.calls["ssm.SendCommand"]:
            world.later(seconds=10)
            run(world)
        world.fleet.gateway.faults = Faults(throttled={"ssm.*": 1.0})
        for _ in range(2):
            world.later(minutes=1)
            with pytest.raises(ActionsFailed):
                run(world)
        assert done(world, "Heartbeat")
        assert states(world)[leaver] == "Terminating:Wait"


CAUSES = ["an instance refresh.", "an EC2 health check indicating it has been terminated or stopped."]


@pytest.mark.parametrize("cause", CAUSES)
def test_whatever_took_it_out_it_goes_the_same_way(cause: str) -> None:
    with serving(3) as world:
        leaver: Instance = group(world).instances[in_service(world)[0]]
        world.fleet.scaling.fleet.lifecycle.terminate(
            group(world), leaver, f"An instance was taken out in response to {cause}"
        )
        minutes(world, 8)
        assert [kind for kind, _ in done(world, "LookAtLeaving", "Continue")] == ["LookAtLeaving", "Continue"]
        assert leaver.instance_id not in states(world)


def test_two_looks_at_once_ask_it_once() -> None:
    with serving(3) as world:
        scale_in(world, in_service(world)[0])
        world.later(minutes=6)
        run(world)
        run(world)
        assert world.fleet.gateway.calls["ssm.SendCommand"] == 1


# ---------------------------------------------------------------- the warm pool


def test_one_that_leaves_the_warm_pool_goes_at_once() -> None:
    with serving(2) as world:
        clients.autoscaling().put_warm_pool(AutoScalingGroupName="campus-web", MinSize=1, MaxGroupPreparedCapacity=2)
        world.later(minutes=10)
        pooled = next(i for i in world.fleet.instances if i.pooled)
        clients.autoscaling().delete_warm_pool(AutoScalingGroupName="campus-web")
        world.later(minutes=1)
        assert states(world)[pooled.instance_id] == "Warmed:Terminating:Wait"
        run(world)
        assert [r for _, r in done(world, "Continue")] == [
            "it leaves the warm pool, where it served nobody: nothing to drain"
        ]
        assert not done(world, "LookAtLeaving", "Deregister")


def test_one_that_returns_to_the_warm_pool_is_drained_and_let_in_there() -> None:
    with serving(3) as world:
        clients.autoscaling().put_warm_pool(
            AutoScalingGroupName="campus-web", MinSize=1, InstanceReusePolicy={"ReuseOnScaleIn": True}
        )
        world.later(minutes=10)
        for instance in in_service(world):
            note(world, instance, phase="serving")
        before = set(in_service(world))
        world.set_sizes(DesiredCapacity=2)
        minutes(world, 6)
        [back] = before - set(in_service(world))
        assert states(world)[back] == "Warmed:Pending:Wait"
        minutes(world, 3)
        [(_, reason)] = done(world, "Continue")
        assert reason.endswith("and nothing left to do")
        world.later(minutes=2)
        assert states(world)[back] == "Warmed:Stopped"


def test_one_that_is_launched_into_the_warm_pool_is_left_to_its_admission() -> None:
    with serving(2) as world:
        entering = Hook("firstbell-admit", LAUNCHING, 900, "ABANDON")
        group(world).settings = replace(group(world).settings, hooks=(HOOK, entering))
        clients.autoscaling().put_warm_pool(AutoScalingGroupName="campus-web", MinSize=1, MaxGroupPreparedCapacity=2)
        world.later(minutes=4)
        fresh = next(i for i in world.fleet.instances if i.pooled)
        assert states(world)[fresh.instance_id] == "Warmed:Pending:Wait"
        run(world)
        note(world, fresh.instance_id, phase="serving", pooled=True)  # it was let in, and AWS does not show it yet
        minutes(world, 1)
        assert not done(world, "Wait", "LookAtLeaving", "Continue")


# ---------------------------------------------------------------- spot


def test_three_interrupted_at_once_leave_at_once_and_are_replaced() -> None:
    with serving(4) as world:
        taken = in_service(world)[:3]
        interrupt(world, *taken)
        assert {states(world)[i] for i in taken} <= {"Terminating", "Terminating:Wait"}
        health = clients.balancer().describe_target_health(TargetGroupArn=TARGET_GROUP)["TargetHealthDescriptions"]
        assert {t["TargetHealth"]["State"] for t in health if t["Target"]["Id"] in taken} <= {"draining"}
        world.later(seconds=5)
        assert len([i for i in world.fleet.instances if i.pending]) == 3, "the replacements come two minutes early"
        assert world.told() == [(interruption.KEY, "ticket")] * 3
        minutes(world, 15)
        assert len(in_service(world)) == 4
        assert world.told() == [(interruption.KEY, "resolved")]


def test_while_an_exam_is_on_an_interruption_pages() -> None:
    with serving(4, exam=True) as world:
        world.later(minutes=10)
        interrupt(world, in_service(world)[0])
        assert world.told() == [(interruption.KEY, "page")]


def test_a_notice_of_an_instance_that_ec2_does_not_take_does_nothing() -> None:
    with serving(2) as world:
        for event in notice(in_service(world)[0], "i-0000000000000abcd"):
            run(world, event)
        assert set(states(world).values()) == {"InService"}
        assert world.fleet.gateway.calls["ec2.DescribeSpotInstanceRequests"] == 1, "only one is in a group of ours"
        assert world.told() == []


def test_the_same_notice_twice_is_one_interruption() -> None:
    with serving(3) as world:
        taken = in_service(world)[0]
        interrupt(world, taken)
        for event in notice(taken, taken):
            run(world, event)
        assert len(done(world, "Terminate")) == 1
        assert world.told() == [(interruption.KEY, "ticket")]


def test_one_that_another_look_has_just_terminated_is_left_to_it() -> None:
    with serving(3) as world:
        taken = in_service(world)[0]
        note(world, taken, phase="ended", ended_at=world.now)
        interrupt(world, taken)
        assert not done(world, "Terminate")


def test_a_rebalance_recommendation_is_nobodys_business() -> None:
    with serving(2) as world:
        run(world, json.loads((EVENTS / "ec2" / "rebalance-recommendation.json").read_text()))
        assert not world.fleet.gateway.calls["autoscaling.DescribeAutoScalingGroups"]
