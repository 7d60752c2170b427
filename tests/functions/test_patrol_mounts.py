"""The patrol through the real handler, against the twin's AWS: probes, replacements, and what on-call hears."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from firstbell.acting import ActionsFailed
from firstbell.aws import autoscaling, balancer, clients
from firstbell.aws.table import Table
from firstbell.fleet import Hook
from firstbell.instances import serving
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record, in_hook
from firstbell.instances.serving import OvertakenError, Turn
from simulator.cloud import Faults
from simulator.controller import TABLE
from tests.functions.planning_world import SITE, TICK, World, living, term

WEB = SITE + "web: {host: moodle.example.edu}\n"


@contextmanager
def serving_three(exam: str = "25T09") -> Iterator[World]:
    """Three instances serve, and each has been proven once; the calendar has one exam."""
    with living() as world:
        world.put(site=WEB, term=term(exam))
        world.plan()
        world.set_sizes(MinSize=3, DesiredCapacity=3)
        world.later(minutes=8)
        patrols(world, 2)
        assert world.told() == []
        assert sorted(states(world).values()) == ["InService"] * 3
        yield world


def patrol(world: World, event: object = TICK) -> None:
    """One look; what it publishes is what on-call holds open then."""
    heard = len(world.signals)
    world._run("patrol_mounts", event)
    for signal in world.signals[heard:]:
        state = "resolved" if signal["resolved"] else "open"
        Table(TABLE).put(
            "SITE#campus", f"INCIDENT#{signal['key']}", {"key": signal["key"], "title": "", "state": state}
        )


def patrols(world: World, minutes: int) -> None:
    """A look a minute, as the schedule has it."""
    for _ in range(minutes):
        patrol(world)
        world.later(minutes=1)
    patrol(world)


def states(world: World) -> dict[str, str]:
    return {i["InstanceId"]: i["LifecycleState"] for i in world.group["Instances"]}


def names(world: World, state: str = "InService") -> list[str]:
    return sorted(name for name, its in states(world).items() if its == state)


def record(world: World, instance: str) -> Record:
    found = Records.of(Table(TABLE), "campus", world.now).get(instance)
    assert found is not None
    return found


def aside(world: World) -> list[str]:
    """Who is in Standby, or on the way there."""
    return names(world, "EnteringStandby") + names(world, "Standby")


def until_aside(world: World) -> None:
    """Look every minute until one is taken out of service."""
    for _ in range(15):
        if aside(world):
            return
        patrols(world, 1)
    raise AssertionError(f"nobody is taken out of service: {states(world)}")


def test_in_good_times_a_minute_costs_one_look_at_the_group_and_a_round_one_command() -> None:
    with serving_three() as world:
        before = world.fleet.gateway.calls.copy()
        patrols(world, 8)
        calls = world.fleet.gateway.calls - before
        assert calls["autoscaling.DescribeAutoScalingGroups"] == 9
        assert calls["ssm.SendCommand"] == 2
        assert {name for name in calls if not name.startswith("dynamodb.")} == {
            "autoscaling.DescribeAutoScalingGroups",
            "ssm.SendCommand",
            "ssm.ListCommandInvocations",
        }


def test_a_sick_one_is_replaced_and_its_replacement_comes_first() -> None:
    with serving_three() as world:
        sick, *others = names(world)
        world.fleet.spoil(sick, "stale")
        until_aside(world)
        assert aside(world) == [sick]
        assert world.told() == [("mount-repaired", "info"), (f"mount/{sick}", "ticket")]
        assert world.group["DesiredCapacity"] == 3
        while sick in states(world):
            assert set(others) <= set(names(world))
            assert sick in aside(world) or len(names(world)) == 3
            patrols(world, 1)
        assert len(names(world)) == 3
        assert (f"mount/{sick}", "resolved") in world.told()
        assert record(world, sick).phase == "ended"
        assert world.journal().count("EnterStandby") == world.journal().count("Terminate") == 1


def test_two_bad_probes_come_within_a_minute_or_so_and_a_witness_with_the_second() -> None:
    with serving_three() as world:
        sick, *others = names(world)
        world.fleet.spoil(sick, "stale")
        failed = {"source": "aws.ssm", "detail": {"command-id": "c", "instance-id": sick, "status": "Failed"}}
        while not aside(world):  # more often than it is woken, for the events of failed probes come at any moment
            world.later(seconds=10)
            patrol(world, failed)
        first = record(world, sick).bad_since
        assert first is not None
        assert world.now - first <= timedelta(seconds=60)
        assert any((record(world, other).healthy_at or first) > first for other in others)


def test_a_broken_storage_is_one_page_and_costs_no_instance() -> None:
    with serving_three() as world:
        before = states(world)
        world.fleet.set_storage(up=False)
        patrols(world, 12)
        assert world.told() == [("storage", "page")]
        world.fleet.set_storage(up=True)
        patrols(world, 6)
        assert world.told() == [("storage", "resolved")]
        assert states(world) == before


def test_a_slow_one_stays_while_an_exam_is_on_and_goes_when_it_is_over() -> None:
    with serving_three(exam="04T07") as world:
        world.later(minutes=25)
        slow = names(world)[0]
        world.fleet.spoil(slow, "slow")
        patrols(world, 12)
        [page] = world.signals
        assert (page["key"], page["severity"]) == (f"mount/{slow}", "page")
        assert "an exam is on" in page["what"]
        assert slow in names(world)
        world.later(hours=2, minutes=30)
        until_aside(world)
        assert aside(world) == [slow]


STILL = [("draining", False), ("healthy", False), ("unused", True), ("", True)]


@pytest.mark.parametrize(("state", "drained"), STILL)
def test_it_has_drained_when_no_target_group_has_it_any_more(
    state: str, drained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_three() as world:
        sick, site = names(world)[0], world.site()
        world.fleet.spoil(sick, "slow")
        until_aside(world)
        monkeypatch.setattr(balancer, "target_states", lambda _: {sick: state} if state else {})
        assert site is not None
        seen, _, _ = serving.look(Table(TABLE), site, world.now)
        assert (sick in seen.scene.drained) == drained


def test_where_no_replacement_comes_it_stays_in_standby_and_the_page_says_why() -> None:
    with serving_three() as world:
        sick = names(world)[0]
        world.fleet.spoil(sick, "slow")
        world.fleet.set_capacity("", there=False)
        until_aside(world)
        world.told()
        patrols(world, 33)
        [page] = world.signals
        assert (page["key"], page["severity"]) == (f"replacement/{sick}", "page")
        assert "AWS lacks capacity" in page["evidence"][0]
        assert aside(world) == [sick]
        world.signals.clear()
        world.fleet.set_capacity("", there=True)
        patrols(world, 40)
        assert sick not in states(world)
        assert world.told() == [(f"mount/{sick}", "resolved"), (f"replacement/{sick}", "resolved")]


def test_a_protected_one_is_left_alone_and_a_person_is_told() -> None:
    with serving_three() as world:
        sick = names(world)[0]
        clients.autoscaling().set_instance_protection(
            AutoScalingGroupName="campus-web", InstanceIds=[sick], ProtectedFromScaleIn=True
        )
        world.fleet.spoil(sick, "slow")
        patrols(world, 12)
        assert sick in names(world)
        assert world.told() == [(f"mount/{sick}", "page")]


def test_what_aws_refuses_is_told_as_not_done_and_raised_and_tried_again() -> None:
    with serving_three() as world:
        sick = names(world)[0]
        world.fleet.spoil(sick, "slow")
        world.fleet.gateway.faults = Faults(throttled={"autoscaling.EnterStandby": 1.0})
        with pytest.raises(ActionsFailed):
            patrols(world, 12)
        assert sick in names(world)
        [page] = world.signals
        assert "taking it out of service failed" in page["what"]
        world.fleet.gateway.faults = Faults()
        patrols(world, 6)
        assert aside(world) == [sick]


def test_one_that_aws_took_out_without_telling_us_is_replaced_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_three() as world:
        sick = names(world)[0]
        world.fleet.spoil(sick, "stale")
        enter, done = autoscaling.enter_standby, []

        def answer_is_lost(group: str, instance: str) -> None:
            enter(group, instance)
            done.append(instance)
            raise TimeoutError

        monkeypatch.setattr(autoscaling, "enter_standby", answer_is_lost)
        with pytest.raises(ActionsFailed):
            patrols(world, 15)
        assert done == [sick]
        patrols(world, 25)
        assert sick not in states(world)
        assert len(names(world)) == 3
        assert (f"mount/{sick}", "resolved") in world.told()


def test_one_that_a_person_puts_into_standby_later_is_left_alone() -> None:
    with serving_three() as world:
        theirs, table = names(world)[0], Table(TABLE)
        Turn.of(table, "campus").take(theirs, world.now - serving.LOST)
        world.set_sizes(MinSize=2)
        clients.autoscaling().enter_standby(
            AutoScalingGroupName="campus-web", InstanceIds=[theirs], ShouldDecrementDesiredCapacity=True
        )
        patrols(world, 10)
        assert aside(world) == [theirs]


def test_a_person_takes_it_back_and_it_begins_anew() -> None:
    with serving_three() as world:
        sick = names(world)[0]
        world.fleet.spoil(sick, "slow")
        until_aside(world)
        world.fleet.spoil(sick, "fine")
        while states(world)[sick] != "Standby":
            world.later(seconds=10)
        clients.autoscaling().exit_standby(AutoScalingGroupName="campus-web", InstanceIds=[sick])
        world.told()
        patrols(world, 6)
        assert sick in names(world)
        assert record(world, sick).phase == "serving"
        assert (f"mount/{sick}", "resolved") in world.told()
        assert "Terminate" not in world.journal()


def test_a_web_server_that_is_silent_is_told_and_stays() -> None:
    with serving_three() as world:
        silent = names(world)[0]
        world.fleet.hosts[silent].server.answers = False
        patrols(world, 9)
        assert world.told() == [(f"web-silent/{silent}", "page")]
        assert silent in names(world)
        world.fleet.hosts[silent].server.answers = True
        patrols(world, 6)
        assert world.told() == [(f"web-silent/{silent}", "resolved")]


def test_one_that_its_hook_let_in_unproven_is_a_page_until_it_is_proven() -> None:
    with serving_three() as world:
        table, name = Table(TABLE), names(world)[0]
        table.delete("SITE#campus", f"INSTANCE#{name}")
        hook = Hook("firstbell-admit", "", timedelta(minutes=5), "CONTINUE")
        Records(table, "campus", world.now).save(in_hook(name, world.now - timedelta(minutes=9), hook))
        patrol(world)
        assert world.told() == [(f"admission/unproven/{name}", "page")]
        patrols(world, 1)
        assert world.told() == [(f"admission/unproven/{name}", "resolved")]
        assert record(world, name).phase == "serving"


def test_of_two_looks_at_once_one_begins_a_replacement() -> None:
    with serving_three() as world:
        one, other = Turn.of(Table(TABLE), "campus"), Turn.of(Table(TABLE), "campus")
        one.take("i-1", world.now)
        with pytest.raises(OvertakenError, match="i-2 is not taken out"):
            other.take("i-2", world.now)
        again = Turn.of(Table(TABLE), "campus")
        assert again.begun == world.now
        again.take("i-2", world.now)
