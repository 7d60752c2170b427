"""Admission through its real handler, in the twin's AWS: what it lets in, what it gives up, and what it costs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.instances import waits
from firstbell.instances.actions import Abandon
from firstbell.instances.applying import Applier
from firstbell.instances.keeping import Records
from simulator.cloud import Faults
from simulator.cloud.gateway import ApiError
from simulator.cloud.ssm import AgentBehaviour
from tests.functions.admission_twin import GROUP, SERVER, TABLE, World, healthy, living, site


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with living(monkeypatch) as made:
        yield made


def test_a_launched_instance_is_proven_and_warmed_and_serves(world: World) -> None:
    world.answer = lambda _: {**healthy(_), "warm": {"done": True, "ms": 3210, "pages": 9}}
    world.want(1)
    world.later(120)
    assert world.serving == 1
    [asked] = world.asked
    assert (asked["purpose"], asked["warmSeconds"], asked["webHost"]) == (["admitting"], ["45"], ["moodle.example.edu"])
    assert world.reasons("Continue") == ["its moodledata is proven healthy: fine; warm in 3.2 s, 9 pages"]


def test_it_costs_six_calls(world: World) -> None:
    world.want(1)
    world.later(130)  # a warm function: it knows the hook, and looked a moment ago
    world.want(2)
    world.later(2)
    before, world.ticks = world.calls(), False
    world.later(100)
    assert world.serving == 2
    assert world.calls() - before == 6


def test_within_seconds_of_its_agent_it_is_proven(world: World) -> None:
    world.ticks = False
    world.want(1)
    world.later(120)
    [instance] = world.states
    [record] = world.records().values()
    assert record.ended_at is not None
    came = world.ssm.agents.since(instance)
    assert came is not None
    assert record.ended_at.timestamp() - came - world.seconds < 10


def test_a_hundred_at_once_are_a_few_looks(world: World) -> None:
    world.want(100)
    world.later(240)
    assert world.serving == 100
    for operation, most in {
        "autoscaling.DescribeLifecycleHooks": 2,
        "autoscaling.DescribeScalingActivities": 1,
        "ssm.DescribeInstanceInformation": 5,
        "ssm.SendCommand": 40,
    }.items():
        assert world.made(operation) <= most, operation
    assert world.calls() < 6 * 100


def test_events_that_are_lost_cost_minutes_and_no_instance(world: World) -> None:
    world.lost = True
    world.want(3)
    world.later(400)
    assert world.serving == 3


def test_a_web_server_that_is_silent_keeps_it_out_until_it_answers(world: World) -> None:
    world.answer = lambda _: {"verdict": "unknown", "step": "web", "detail": "/login/index.php: status 502"}
    world.want(1)
    world.later(300)
    assert set(world.states.values()) == {"Pending:Wait"}
    world.answer = healthy
    world.later(200)
    assert world.serving == 1
    assert world.told() == []


def test_an_instance_whose_agent_never_comes_is_given_up_with_the_end_of_its_console(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with living(monkeypatch, deadline=300, agents=AgentBehaviour(never_online=1.0)) as world:
        world.want(1)
        world.later(60)
        [instance] = world.states
        world.scaling.ec2.set_console(instance, "booting\r\n\x1b[31mKernel panic\x1b[0m")
        world.later(330)
        ticket = next(s for s in world.signals if s["key"] == f"admission/{instance}")
        assert "its SSM agent never came online" in ticket["what"]
        assert ticket["evidence"][-1] == f"the end of the log of {instance}: booting\nKernel panic"
        assert world.made("ec2.GetConsoleOutput") == 1


def test_a_console_that_cannot_be_read_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with living(monkeypatch, deadline=300, agents=AgentBehaviour(never_online=1.0)) as world:
        world.gateway.serve({("ec2", "GetConsoleOutput"): _denied})
        world.want(1)
        world.later(420)
        assert "its console could not be read: UnauthorizedOperation" in world.signals[0]["evidence"][-1]
        assert len(world.reasons("Abandon")) >= 1


def test_one_sick_instance_is_held_while_aws_says_that_the_server_is_down(world: World) -> None:
    world.scaling.ec2.set_status(SERVER, running=False)
    world.answer = lambda _: {"verdict": "hung", "detail": "no answer"}
    world.want(1)
    world.later(600)
    assert set(world.states.values()) == {"Pending:Wait"}
    [page] = world.signals
    assert (page["key"], page["evidence"][0]) == ("storage", f"{SERVER} is stopped")
    world.scaling.ec2.set_status(SERVER)
    world.answer = healthy
    world.later(300)
    assert world.serving == 1
    assert world.told()[-1] == ("storage", "resolved")


def test_without_an_answer_of_aws_it_is_decided_as_if_there_were_none(world: World) -> None:
    world.answer = lambda _: {"verdict": "wrong_export", "detail": "another site"}  # and the server is not known to EC2
    world.want(1)
    world.later(120)
    assert len(world.reasons("Abandon")) >= 1
    assert ("storage-reports", "ticket") in world.told()


def test_in_good_times_the_storage_is_not_asked_for(world: World) -> None:
    world.want(3)
    world.later(200)
    assert world.serving == 3
    assert world.made("ec2.DescribeInstanceStatus") == 0


def test_an_instance_goes_through_the_hook_into_the_warm_pool_and_once_more_out_of_it(world: World) -> None:
    clients.autoscaling().put_warm_pool(AutoScalingGroupName=GROUP, MinSize=1, MaxGroupPreparedCapacity=1)
    world.later(300)
    assert list(world.states.values()) == ["Warmed:Stopped"]
    [first] = world.records().values()
    assert (first.phase, first.pooled) == ("ended", True)
    world.want(1)
    world.later(150)
    instance = first.instance
    assert world.states[instance] == "InService"
    second = world.records()[instance]
    assert (second.phase, second.pooled, second.since > first.since) == ("serving", False, True)
    assert [asked["warmSeconds"] for asked in world.asked[:2]] == [["0"], ["45"]]


def test_leaving_the_pool_within_moments_is_a_second_wait_too(world: World) -> None:
    clients.autoscaling().put_warm_pool(
        AutoScalingGroupName=GROUP, MinSize=1, MaxGroupPreparedCapacity=1, PoolState="Running"
    )
    while "Warmed:Running" not in world.states.values():
        world.later(1)
    [instance] = world.states
    world.want(1)
    world.later(60)
    assert world.states[instance] == "InService"
    assert world.records()[instance].proven


def test_an_outage_of_run_command_costs_no_instance_and_no_hook(world: World) -> None:
    world.want(2)
    world.later(20)
    before = set(world.states)
    world.gateway.faults = Faults({"ssm.*": 1.0})
    world.later(1800)
    assert world.states == dict.fromkeys(before, "Pending:Wait")
    assert world.failures, "it is told: the function fails"
    world.gateway.faults = Faults()
    world.later(300)
    assert world.serving == 2
    assert world.reasons("Abandon") == []


def test_a_hook_that_cannot_be_asked_for_keeps_out_the_new_ones_only(world: World) -> None:
    world.want(1)
    while not world.records():
        world.later(1)
    waits.forget()  # another process, which knows no hook
    world.gateway.faults = Faults({"autoscaling.DescribeLifecycleHooks": 1.0})
    world.want(2)
    world.later(180)
    assert sorted(world.states.values()) == ["InService", "Pending:Wait"]
    world.gateway.faults = Faults()
    world.later(180)
    assert world.serving == 2


def test_of_two_looks_that_give_one_up_both_count_it(world: World) -> None:
    world.answer = lambda _: {"verdict": "wrong_source", "detail": "another file server"}
    world.want(1)
    while not world.reasons("Abandon"):
        world.later(1)
    [record] = [r for r in world.records().values() if r.phase == "abandoned"]
    late = Records.of(Table(TABLE), "campus", world.engine.utc)
    late._read[record.instance] = replace(record, phase="admission", ended_at=None), 0  # as a look before it saw it
    Applier(site(900), late)(Abandon(record.instance, "firstbell-admit", "it is bad"))
    assert world.records()[record.instance].phase == "abandoned"


ROUGH = AgentBehaviour(lost=0.2, late=0.3, twice=0.3, early=0.3)
THROTTLED = Faults({"autoscaling.*": 0.1, "ssm.*": 0.1, "ec2.*": 0.1})


def test_in_rough_weather_all_are_proven_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with living(monkeypatch, agents=ROUGH, faults=THROTTLED) as world:
        world.want(20)
        world.later(1500)
        assert world.serving == 20
        assert world.failures, "the weather was rough"
        assert [key for key, _ in world.told() if key.startswith("admission/")] == []
        assert all(record.proven for record in world.records().values())


def agent_of(instance: str) -> dict[str, Any]:
    kind = "EC2 State Manager Instance Association State Change"
    return {
        "source": "aws.ssm",
        "detail-type": kind,
        "detail": {"instance-id": instance, "association-id": "agent-came"},
    }


def probe_of(instance: str) -> dict[str, Any]:
    detail = {"command-id": "c", "instance-id": instance, "status": "Success"}
    return {"source": "aws.ssm", "detail-type": "EC2 Command Invocation Status-change Notification", "detail": detail}


LOOKS = [
    ("the agent of one that is not known yet", lambda _: agent_of("i-0ffffffffffffffff"), 1),
    ("the agent of one that serves", agent_of, 0),
    ("a probe of the patrol", probe_of, 0),
    ("a probe of one that is not known", lambda _: probe_of("i-0ffffffffffffffff"), 0),
]


@pytest.mark.parametrize(("event", "calls"), [c[1:] for c in LOOKS], ids=[c[0] for c in LOOKS])
def test_an_event_is_worth_a_look(world: World, event: Callable[[str], dict[str, Any]], calls: int) -> None:
    world.want(1)
    world.later(120)
    [instance] = world.states
    before, world.ticks = world.calls(), False
    world.run(event(instance))
    assert world.calls() - before == calls


def _denied(_: object) -> None:
    raise ApiError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
