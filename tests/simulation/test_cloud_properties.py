"""Whatever is called in whatever order: min ≤ desired ≤ max, and the fleet converges to the desired capacity."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.cloud import Faults, Gateway, Ground
from simulator.cloud.autoscaling import LAUNCHING, TERMINATING, AutoScaling, Group, GroupSettings, Hook
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
size = st.integers(0, 8)
CALLS = st.one_of(
    st.tuples(st.just("update"), st.fixed_dictionaries({}, optional={"MinSize": size, "MaxSize": size})),
    st.tuples(st.just("desire"), st.fixed_dictionaries({"DesiredCapacity": size, "HonorCooldown": st.booleans()})),
    st.tuples(st.just("schedule"), st.fixed_dictionaries({"MinSize": size}, optional={"MaxSize": size})),
    st.tuples(st.just("complete"), st.sampled_from(["CONTINUE", "ABANDON"])),
    st.tuples(st.just("terminate"), st.booleans()),
    st.tuples(st.just("unhealthy"), st.none()),
    st.tuples(st.just("refuse"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(1, 900)),
    st.tuples(st.just("enter standby"), st.booleans()),
    st.tuples(st.just("exit standby"), st.none()),
    st.tuples(st.just("interrupt"), st.none()),
    st.tuples(
        st.just("put pool"),
        st.fixed_dictionaries(
            {"MinSize": st.integers(0, 3)},
            optional={
                "MaxGroupPreparedCapacity": st.integers(-1, 9),
                "PoolState": st.sampled_from(["Stopped", "Running"]),
                "InstanceReusePolicy": st.fixed_dictionaries({"ReuseOnScaleIn": st.booleans()}),
            },
        ),
    ),
    st.tuples(st.just("delete pool"), st.booleans()),
)
LAUNCH, LAUNCHED, ABANDONED = (
    "EC2 Instance-launch Lifecycle Action",
    "EC2 Instance Launch Successful",
    "EC2 Instance Launch Unsuccessful",
)
END, ENDED = "EC2 Instance-terminate Lifecycle Action", "EC2 Instance Terminate Successful"
INTO = {("EC2", "AutoScalingGroup"), ("EC2", "WarmPool"), ("WarmPool", "AutoScalingGroup")}
OUT = {("AutoScalingGroup", "EC2"), ("WarmPool", "EC2"), ("AutoScalingGroup", "WarmPool")}


class Caller:
    """Makes the calls of an example through a real client; a refused call is a result like any other."""

    def __init__(self, seed: int) -> None:
        self.engine = Engine(START, seed)
        self.events: list[dict] = []
        self.scaling = AutoScaling(Ground(self.engine, self.events.append))
        hooks = (Hook("admit", LAUNCHING, 300, "CONTINUE"), Hook("release", TERMINATING, 300, "CONTINUE"))
        self.group = self.scaling.create(GroupSettings("moodle", 1, 6, 2, ("a", "b", "c"), hooks), started=True)
        lifecycle: Any = self.scaling.fleet.lifecycle
        lifecycle.launch, lifecycle.take = self.watched(lifecycle.launch), self.watched(lifecycle.take)
        self.gateway = Gateway(self.engine, faults=Faults(throttled={"*": 0.05}))
        self.gateway.serve(self.scaling.operations())

    @cached_property
    def client(self) -> Any:
        return boto3.client("autoscaling")

    def make(self, number: int, kind: str, what: Any) -> None:
        client = self.client
        some = self.scaling.instances("moodle")[number % 5 :][:1]
        match kind:
            case "update":
                client.update_auto_scaling_group(AutoScalingGroupName="moodle", **what)
            case "desire":
                client.set_desired_capacity(AutoScalingGroupName="moodle", **what)
            case "schedule":
                start = self.engine.utc + timedelta(seconds=60)
                client.put_scheduled_update_group_action(
                    AutoScalingGroupName="moodle", ScheduledActionName=f"action-{number}", StartTime=start, **what
                )
            case "put pool":
                client.put_warm_pool(AutoScalingGroupName="moodle", **what)
            case "delete pool":
                client.delete_warm_pool(AutoScalingGroupName="moodle", ForceDelete=what)
            case "refuse":
                (self.scaling.refuse_launches if what else self.scaling.allow_launches)("moodle")
            case "wait":
                self.engine.run_until(self.engine.now + what)
        for instance in some:
            self.make_for(client, kind, what, instance.instance_id)

    def make_for(self, client: Any, kind: str, what: Any, instance_id: str) -> None:
        match kind:
            case "complete":
                waits = self.scaling.fleet.instance(instance_id)[1].waits
                for hook in [wait.hook.name for wait in waits] or ["admit"]:
                    client.complete_lifecycle_action(
                        AutoScalingGroupName="moodle",
                        LifecycleHookName=hook,
                        InstanceId=instance_id,
                        LifecycleActionResult=what,
                    )
            case "terminate":
                client.terminate_instance_in_auto_scaling_group(
                    InstanceId=instance_id, ShouldDecrementDesiredCapacity=what
                )
            case "unhealthy":
                client.set_instance_health(InstanceId=instance_id, HealthStatus="Unhealthy")
            case "enter standby":
                client.enter_standby(
                    AutoScalingGroupName="moodle", InstanceIds=[instance_id], ShouldDecrementDesiredCapacity=what
                )
            case "exit standby":
                on_standby = [i.instance_id for i in self.scaling.instances("moodle") if i.state == "Standby"]
                client.exit_standby(AutoScalingGroupName="moodle", InstanceIds=on_standby[:1] or [instance_id])
            case "interrupt":
                self.scaling.interrupt([instance_id])

    def make_all(self, calls: list[tuple[str, Any]]) -> None:
        """Make all calls; whatever is refused is refused with a code that AWS has for it, and the bounds hold."""
        for number, (kind, what) in enumerate(calls):
            code = refusal(self, number, kind, what)
            assert code in (None, "AlreadyExists", "ScalingActivityInProgress", "Throttling", "ValidationError")
            assert 0 <= self.group.min_size <= self.group.desired <= self.group.max_size

    def watched(self, bring: Callable[..., Any]) -> Callable[..., Any]:
        """A way into the group that must not lead above its sizes, whatever stands by or waits in the pool."""

        def bringing(group: Group, *args: Any, **how: Any) -> Any:
            brought = bring(group, *args, **how)
            if True in args:  # into the pool
                assert len(group.warm) <= group.pool_size
            else:
                assert len(group.live) <= group.desired <= group.max_size
            return brought

        return bringing


def refusal(caller: Caller, number: int, kind: str, what: Any) -> str | None:
    """The code with which a call is refused, None when it is not."""
    try:
        caller.make(number, kind, what)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calls=st.lists(CALLS, max_size=25), seed=st.integers(0, 1000))
def test_bounds_hold_and_the_fleet_converges(calls: list[tuple[str, Any]], seed: int):
    caller = Caller(seed)
    with caller.gateway.installed():
        caller.make_all(calls)
    caller.scaling.allow_launches("moodle")
    caller.engine.run_until(caller.engine.now + 3 * 3600)
    group = caller.group
    assert group.min_size <= group.desired <= group.max_size
    assert len(group.in_service) == group.desired
    assert not any(instance.dead for instance in group.in_service)
    assert len(group.warm) == group.pool_size
    assert all(instance.ready for instance in group.warm)
    others = {i.instance_id: i.state for i in group.instances.values() if not (i.in_service or i.warm)}
    assert set(others.values()) <= {"Standby"}, "whatever else is there stands by"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calls=st.lists(CALLS, max_size=25), seed=st.integers(0, 1000))
def test_events_tell_of_one_way_through_the_pool_and_the_group(calls: list[tuple[str, Any]], seed: int):
    caller = Caller(seed)
    old = set(caller.group.instances)
    pool = ("put pool", {"MinSize": 1, "InstanceReusePolicy": {"ReuseOnScaleIn": True}})
    tide = [step for size in (5, 2, 5) for step in (("desire", {"DesiredCapacity": size}), ("wait", 900))]
    with caller.gateway.installed():
        caller.make_all([pool, ("wait", 500), *calls, *tide])
    caller.engine.run_until(caller.engine.now + 3 * 3600)
    ways: dict[str, list[tuple[str, tuple[str, str]]]] = {}
    for event in caller.events:
        detail = event["detail"]
        if detail.get("EC2InstanceId"):
            route = (detail["Origin"], detail["Destination"])
            ways.setdefault(detail["EC2InstanceId"], []).append((event["detail-type"], route))
    for instance_id, way in ways.items():
        follow(way, "AutoScalingGroup" if instance_id in old else "EC2")


def follow(way: list[tuple[str, tuple[str, str]]], place: str) -> None:
    """What is told of one instance, which is in `place` at first, fits together."""
    ended = False
    for number, (kind, route) in enumerate(way):
        assert not ended, "nothing is told of an instance that is gone"
        assert route in (INTO if kind in (LAUNCH, LAUNCHED, ABANDONED) else OUT)
        if kind in (LAUNCH, LAUNCHED, ABANDONED):
            assert route[0] == place
            assert kind == LAUNCH or way[number - 1] == (LAUNCH, route), "the launch hook came first"
        elif route[1] == "WarmPool":
            assert route[0] == place
            assert kind == END or way[number - 1] == (END, route), "the terminate hook came first"
        if kind in (LAUNCHED, ENDED):
            place, ended = route[1], kind == ENDED and route[1] == "EC2"


def events_of(seed: int) -> list[dict]:
    """What a run with hooks, a scheduled action and failing calls emits."""
    caller = Caller(seed)
    with caller.gateway.installed():
        for number, (kind, what) in enumerate(
            [("desire", {"DesiredCapacity": 4}), ("wait", 200), ("complete", "ABANDON"), ("schedule", {"MinSize": 5})]
        ):
            refusal(caller, number, kind, what)
        caller.engine.run_until(caller.engine.now + 3600)
    return caller.events


def test_one_seed_is_one_run_to_the_last_identifier():
    assert len(events_of(1)) > 5
    assert events_of(1) == events_of(1)
    assert events_of(1) != events_of(2)
