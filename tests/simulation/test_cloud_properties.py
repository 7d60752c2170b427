"""Whatever is called in whatever order: min ≤ desired ≤ max, and the fleet converges to the desired capacity."""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.cloud import Faults, Gateway, Ground
from simulator.cloud.autoscaling import LAUNCHING, TERMINATING, AutoScaling, GroupSettings, Hook
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
)


class Caller:
    """Makes the calls of an example through a real client; a refused call is a result like any other."""

    def __init__(self, seed: int) -> None:
        self.engine = Engine(START, seed)
        self.events: list[dict] = []
        self.scaling = AutoScaling(Ground(self.engine, self.events.append))
        hooks = (Hook("admit", LAUNCHING, 300, "CONTINUE"), Hook("release", TERMINATING, 300, "CONTINUE"))
        self.group = self.scaling.create(GroupSettings("moodle", 1, 6, 2, ("a", "b", "c"), hooks), started=True)
        self.gateway = Gateway(self.engine, faults=Faults(throttled={"*": 0.05}))
        self.gateway.serve(self.scaling.operations())

    @cached_property
    def client(self) -> Any:
        return boto3.client("autoscaling")

    def make(self, number: int, kind: str, what: Any) -> None:
        client = self.client
        some = self.scaling.instances("moodle")[number % 3 :][:1]
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
            case "refuse":
                (self.scaling.refuse_launches if what else self.scaling.allow_launches)("moodle")
            case "wait":
                self.engine.run_until(self.engine.now + what)
        for instance in some:
            self.make_for(client, kind, what, instance.instance_id)

    def make_for(self, client: Any, kind: str, what: Any, instance_id: str) -> None:
        match kind:
            case "complete":
                for hook in ("admit", "release"):
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
        for number, (kind, what) in enumerate(calls):
            code = refusal(caller, number, kind, what)
            assert code in (None, "AlreadyExists", "ScalingActivityInProgress", "Throttling", "ValidationError")
            assert 0 <= caller.group.min_size <= caller.group.desired <= caller.group.max_size
    caller.scaling.allow_launches("moodle")
    caller.engine.run_until(caller.engine.now + 3 * 3600)
    assert caller.group.min_size <= caller.group.desired <= caller.group.max_size
    assert len(caller.group.in_service) == len(caller.group.instances) == caller.group.desired


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
