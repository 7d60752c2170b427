"""EC2's own word: status checks, console output, and spot instances that are taken back whatever they are doing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Gateway, Ground
from simulator.cloud.autoscaling import (
    LAUNCHING,
    TERMINATING,
    AutoScaling,
    Duration,
    GroupSettings,
    Hook,
    Instance,
    World,
)
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
NFS = "i-0123456789abcdef0"
ADMIT = Hook("admit", LAUNCHING, heartbeat_timeout=900)
RELEASE = Hook("release", TERMINATING, heartbeat_timeout=900, default_result="CONTINUE")
WEB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"


class Twin:
    """A group of three instances behind a balancer that drains for five minutes, and the EC2 under it."""

    def __init__(self, seed: int = 3) -> None:
        self.engine = Engine(START, seed=seed)
        self.events: list[dict] = []
        self.told: list[tuple[str, str]] = []
        self.deregistered: dict[str, float] = {}
        world = World(
            on_boot=lambda i: self.tell("boot", i),
            on_deregister=lambda i: self.deregistered.update({i.instance_id: self.engine.now}),
            draining=lambda i: self.engine.now < self.deregistered.get(i.instance_id, 0.0) + 300,
            on_stop=lambda i: self.tell("stop", i),
            on_gone=lambda i: self.tell("gone", i),
        )
        self.scaling = AutoScaling(Ground(self.engine, self.events.append), world)
        self.ec2 = self.scaling.ec2
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.scaling.operations())

    def tell(self, what: str, instance: Instance) -> None:
        self.told.append((what, instance.instance_id))

    def create(self, desired: int = 3, hooks: tuple[Hook, ...] = (), started: bool = True) -> list[str]:
        zones = ("eu-central-1a", "eu-central-1b")
        settings = GroupSettings("moodle", 0, 6, desired, zones, hooks, target_group_arns=(WEB,))
        self.scaling.create(settings, started)
        self.run(0 if started else 120)
        self.told.clear()
        return [i.instance_id for i in self.scaling.instances("moodle")]

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    @property
    def states(self) -> dict[str, str]:
        return {i.instance_id: str(i.state) for i in self.scaling.instances("moodle")}

    @property
    def living(self) -> list[str]:
        """The states of the instances that were not there at the beginning."""
        return sorted(str(i.state) for i in self.scaling.instances("moodle") if i.launched > START.timestamp())

    def causes(self, words: str) -> int:
        client = boto3.client("autoscaling")
        activities = client.describe_scaling_activities(AutoScalingGroupName="moodle")["Activities"]
        return sum(words in a["Cause"] for a in activities)


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin()
    with twin.gateway.installed():
        yield twin


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code


# ---------------------------------------------------------------- status checks and the console


def checks(**how: Any) -> list[tuple[str, str, str]]:
    found = boto3.client("ec2").describe_instance_status(**how)["InstanceStatuses"]
    return [(s["InstanceState"]["Name"], s["SystemStatus"]["Status"], s["InstanceStatus"]["Status"]) for s in found]


CHECKS = [
    ("all is well", {}, ("running", "ok", "ok")),
    ("the host is impaired", {"system_ok": False}, ("running", "impaired", "ok")),
    ("the operating system is impaired", {"instance_ok": False}, ("running", "ok", "impaired")),
    ("a stopped one has no checks", {"running": False}, ("stopped", "not-applicable", "not-applicable")),
]


@pytest.mark.parametrize(("says", "how", "expected"), CHECKS, ids=[c[0] for c in CHECKS])
def test_status_checks_are_what_was_set(twin: Twin, says: str, how: Any, expected: Any):
    twin.ec2.set_status(NFS, **how)
    assert checks(InstanceIds=[NFS], IncludeAllInstances=True) == [expected]


def test_only_running_instances_are_told_of_unless_all_are_asked_for(twin: Twin):
    twin.ec2.set_status(NFS, running=False)
    assert checks(InstanceIds=[NFS]) == checks() == []
    twin.ec2.set_status(NFS, running=True)
    assert checks() == [("running", "ok", "ok")]


def test_an_instance_that_nobody_set_is_not_found(twin: Twin):
    with refused("InvalidInstanceID.NotFound"):
        checks(InstanceIds=[NFS])


def test_the_console_says_what_was_written_and_nothing_before(twin: Twin):
    client = boto3.client("ec2")
    assert "Output" not in client.get_console_output(InstanceId=NFS)
    twin.ec2.set_console(NFS, "mount.nfs4: Connection timed out\n")
    assert client.get_console_output(InstanceId=NFS)["Output"] == "mount.nfs4: Connection timed out\n"
    twin.ec2.set_console(NFS, "a" * 70_000 + "end")
    assert len(client.get_console_output(InstanceId=NFS)["Output"]) == 65_536
    assert client.get_console_output(InstanceId=NFS)["Output"].endswith("end")


# ---------------------------------------------------------------- spot interruptions


def requests(*instances: str) -> list[tuple[str, str]]:
    filters: Any = [{"Name": "instance-id", "Values": list(instances)}]
    found = boto3.client("ec2").describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
    return [(r["State"], r["Status"]["Code"]) for r in found]


def test_the_warning_has_the_documented_form(twin: Twin):
    first = twin.create()[0]
    twin.scaling.interrupt([first])
    [event] = [e for e in twin.events if e["source"] == "aws.ec2"]
    assert event["detail-type"] == "EC2 Spot Instance Interruption Warning"
    assert event["detail"] == {"instance-id": first, "instance-action": "terminate"}
    assert event["resources"] == [f"arn:aws:ec2:eu-central-1a:instance/{first}"]


def test_the_request_tells_of_the_interruption_in_one_of_the_two_ways_that_aws_does(twin: Twin):
    ids = twin.create(desired=6)
    assert requests(*ids) == []
    twin.scaling.interrupt(ids)
    assert set(requests(*ids)) == {("active", "marked-for-termination"), ("closed", "instance-terminated-no-capacity")}
    assert len(requests(ids[0])) == 1
    twin.run(121)
    assert set(requests(*ids)) == {("closed", "instance-terminated-no-capacity")}


def test_a_request_is_found_by_its_id_and_an_unknown_one_is_not(twin: Twin):
    twin.scaling.interrupt(twin.create()[:1])
    client = boto3.client("ec2")
    [request] = client.describe_spot_instance_requests()["SpotInstanceRequests"]
    assert client.describe_spot_instance_requests(SpotInstanceRequestIds=[request["SpotInstanceRequestId"]])
    with refused("InvalidSpotInstanceRequestID.NotFound"):
        client.describe_spot_instance_requests(SpotInstanceRequestIds=["sir-00000000"])


def test_two_minutes_later_what_runs_on_it_is_lost_and_within_a_minute_the_group_replaces_it(twin: Twin):
    first = twin.create()[0]
    twin.scaling.interrupt([first])
    twin.run(119)
    assert twin.told == []
    twin.run(2)
    assert twin.told == [("stop", first)]
    assert twin.states[first] == "InService"  # nobody has noticed
    twin.run(62)
    assert twin.states.get(first) in ("Terminating:Proceed", None)  # nothing is left that could drain
    assert len(twin.living) == 1
    assert twin.causes("an EC2 health check indicating it has been terminated or stopped") == 1
    twin.run(300)
    assert list(twin.states.values()) == ["InService"] * 3
    assert ("gone", first) in twin.told


def test_hooks_run_on_the_dead_and_are_completed_as_ever(twin: Twin):
    first = twin.create(hooks=(RELEASE,))[0]
    twin.scaling.interrupt([first])
    twin.run(185)
    assert twin.states[first] == "Terminating:Wait"
    boto3.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName="moodle", LifecycleHookName="release", InstanceId=first, LifecycleActionResult="CONTINUE"
    )
    twin.run(200)
    assert first not in twin.states


def test_one_that_was_terminated_in_time_is_replaced_once(twin: Twin):
    first = twin.create()[0]
    twin.scaling.interrupt([first])
    client = boto3.client("autoscaling")
    client.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
    twin.run(119)
    assert twin.states[first] == "Terminating"  # it drains
    assert twin.living == ["InService"]
    twin.run(2)
    assert twin.told[-1] == ("stop", first)
    twin.run(300)
    assert len(twin.states) == 3
    assert twin.causes("an EC2 health check") == 0


def test_one_that_is_gone_by_then_was_terminated_by_the_user(twin: Twin):
    [first] = twin.create(desired=1, hooks=(ADMIT,), started=False)
    twin.scaling.interrupt([first])
    client = boto3.client("autoscaling")
    client.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
    twin.run(115)
    assert first not in twin.states
    twin.run(10)
    assert requests(first) == [("closed", "instance-terminated-by-user")]
    assert ("stop", first) not in twin.told


def test_one_that_still_waits_to_be_admitted_is_taken_back_too(twin: Twin):
    [first] = twin.create(desired=1, hooks=(ADMIT,), started=False)
    twin.scaling.interrupt([first])
    twin.run(185)
    assert first not in twin.states or twin.states[first].startswith("Terminating")
    assert twin.living.count("Pending:Wait") + twin.living.count("Pending") == 1


def test_one_that_has_not_booted_yet_never_does(twin: Twin):
    zones = ("eu-central-1a",)
    twin.scaling.create(GroupSettings("slow", 1, 1, 1, zones, boot=Duration(400.0, 0.01)))
    twin.run(5)
    [slow] = twin.scaling.instances("slow")
    twin.scaling.interrupt([slow.instance_id])
    twin.run(600)
    assert [what for what, who in twin.told if who == slow.instance_id] == ["stop", "gone"]
    assert [i.state for i in twin.scaling.instances("slow")] == ["InService"]


def test_the_dead_are_not_paid_for(twin: Twin):
    twin.create()
    first, other, _ = twin.scaling.instances("moodle")
    twin.scaling.interrupt([first.instance_id])
    twin.run(150)
    begin = START.timestamp()
    assert first.paid(begin, twin.engine.now) == 120.0
    assert other.paid(begin, twin.engine.now) == 150.0


def test_an_instance_of_no_group_cannot_be_interrupted(twin: Twin):
    twin.create()
    with pytest.raises(Exception, match="No managed instance found for instance ID: i-0000"):
        twin.scaling.interrupt(["i-0000"])
