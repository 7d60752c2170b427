"""The invariants of a run: each is broken by a controller that does the wrong thing, and not by the right thing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from simulator.cloud import Gateway, Ground
from simulator.cloud.efs import Efs
from simulator.engine import Engine
from simulator.ledger import Ledger
from simulator.scenario import load
from simulator.traffic import WebServer
from simulator.world import PROBE_DOCUMENT, Fleet

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


class Control:
    """A fleet of four with hooks, and somebody who sends AWS commands by hand in the place of the controller."""

    def __init__(self) -> None:
        self.engine = Engine(START, seed=5)
        self.ledger = Ledger(self.engine, controlled=True)
        site = load("exam-morning").read_site()
        self.group = site.fleet.auto_scaling_group
        self.fleet = Fleet(self.engine, site, lambda event: None, True, (2, 20, 4), False, self.ledger)

    @property
    def broken(self) -> list[str]:
        return [h.what for h in self.ledger.happenings if h.kind == "broken"]

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    def call(self, operation: str, **parameters: Any) -> Any:
        return getattr(boto3.client("autoscaling"), operation)(**parameters)

    def serving(self) -> list[str]:
        return [i.instance_id for i in self.fleet.instances if i.in_service]

    def launch(self) -> str:
        """One more instance, which waits in its launch hook with its agent online."""
        before = {i.instance_id for i in self.fleet.instances}
        desired = self.fleet.scaling.group(self.group).desired + 1
        self.call("set_desired_capacity", AutoScalingGroupName=self.group, DesiredCapacity=desired)
        self.run(150)
        [new] = {i.instance_id for i in self.fleet.instances} - before
        return new

    def probe(self, instance: str) -> None:
        boto3.client("ssm").send_command(DocumentName=PROBE_DOCUMENT, InstanceIds=[instance])
        self.run(30)

    def end_hook(self, instance: str, result: str, hook: str = "firstbell-admit") -> None:
        self.call(
            "complete_lifecycle_action",
            AutoScalingGroupName=self.group,
            LifecycleHookName=hook,
            InstanceId=instance,
            LifecycleActionResult=result,
        )

    def replace(self, instance: str) -> None:
        self.call(
            "enter_standby",
            AutoScalingGroupName=self.group,
            InstanceIds=[instance],
            ShouldDecrementDesiredCapacity=False,
        )

    def terminate(self, instance: str, smaller: bool = True) -> None:
        self.call(
            "terminate_instance_in_auto_scaling_group", InstanceId=instance, ShouldDecrementDesiredCapacity=smaller
        )

    def let_go(self, instance: str) -> None:
        """End its terminate hook as soon as it waits there, which it does once it is out of the balancer."""
        self.run(400)
        self.end_hook(instance, "CONTINUE", "firstbell-release")

    def server(self, instance: str) -> WebServer:
        return self.fleet.hosts[instance].server


@pytest.fixture
def control() -> Iterator[Control]:
    control = Control()
    with control.fleet.gateway.installed():
        control.fleet.create()
        control.run(120)
        yield control


def test_an_instance_that_is_proven_let_in_and_let_go_breaks_nothing(control: Control) -> None:
    new = control.launch()
    control.probe(new)
    control.end_hook(new, "CONTINUE")
    control.run(30)
    assert new in control.serving()
    control.terminate(new)
    control.let_go(new)
    control.run(200)
    assert new not in control.fleet.hosts
    assert control.broken == []


def test_unproven_into_service(control: Control) -> None:
    new = control.launch()
    control.end_hook(new, "CONTINUE")
    assert control.broken == [f"{new} is let into service unproven: its last answer was 'none'"]


def test_into_service_though_the_last_answer_was_bad(control: Control) -> None:
    control.fleet.dead_launches = {control.fleet.launched + 1}
    new = control.launch()
    control.probe(new)
    control.end_hook(new, "CONTINUE")
    control.run(30)
    assert control.broken == [
        f"{new} is let into service unproven: its last answer was 'not_mounted'",
        f"{new} serves without its moodledata mount",
    ]


@pytest.mark.parametrize(("waits", "lines"), [(10, 0), (600, 1)])
def test_a_mount_that_is_lost_after_the_proof_is_somebody_s_fault_only_after_a_while(
    control: Control, waits: float, lines: int
) -> None:
    new = control.launch()
    control.probe(new)
    control.fleet.spoil(new, "gone")
    control.run(waits)
    control.end_hook(new, "CONTINUE")
    control.run(30)
    assert len(control.broken) == lines


def test_a_hook_that_ends_by_itself(control: Control) -> None:
    new = control.launch()
    control.run(2400)
    assert f"the launch hook of {new} ended by itself, not by us" in control.broken
    assert f"the terminate hook of {new} ended by itself, not by us" in control.broken


def test_a_hook_that_ends_by_itself_while_the_controller_is_down(control: Control) -> None:
    control.fleet.witness.pardon(control.engine.now + 3600)
    control.launch()
    control.run(2400)
    assert control.broken == []


def test_two_replacements_at_a_time(control: Control) -> None:
    first, second, *_ = control.serving()
    control.fleet.spoil(first, "gone")
    control.replace(first)
    assert control.broken == []
    control.replace(second)
    assert control.broken == [f"{second} is taken out of service while {first} is still being replaced"]


def test_one_replacement_after_the_other(control: Control) -> None:
    first, second, *_ = control.serving()
    control.replace(first)
    control.run(400)
    control.terminate(first, smaller=False)
    control.let_go(first)
    control.run(200)
    control.replace(second)
    assert control.broken == []


def test_the_termination_of_one_that_serves_is_a_replacement_too(control: Control) -> None:
    first, second, *_ = control.serving()
    control.terminate(first)
    control.terminate(second)
    assert control.broken == [f"{second} is terminated while {first} is still being replaced"]


def test_all_that_ec2_takes_back_may_be_terminated_at_once(control: Control) -> None:
    for instance in control.serving()[:2]:
        control.fleet.witness.taken(instance)
        control.terminate(instance)
    assert control.broken == []


@pytest.mark.parametrize("after", [0.0, 100.0])
def test_an_instance_is_replaced_or_given_up_for_the_storage(control: Control, after: float) -> None:
    new = control.launch()
    control.fleet.set_storage(False)
    if after:  # an old verdict must not harm anybody just after the storage is back
        control.fleet.set_storage(True)
        control.run(after)
    serving = control.serving()[0]
    control.replace(serving)
    control.end_hook(new, "ABANDON")
    assert control.broken == [
        f"{serving} is taken out of service in a storage incident though nothing is wrong with it",
        f"{new} is abandoned in a storage incident though nothing is wrong with it",
    ]


def test_what_is_sick_by_itself_may_go_whatever_the_storage_does(control: Control) -> None:
    serving = control.serving()[0]
    control.fleet.spoil(serving, "gone")
    control.fleet.set_storage(False)
    control.replace(serving)
    assert control.broken == []


@pytest.mark.parametrize(("work", "cut"), [(1.0, 0), (5000.0, 1)])
def test_students_on_an_instance_that_is_let_go(control: Control, work: float, cut: int) -> None:
    leaving = control.serving()[0]
    control.terminate(leaving)
    control.run(380)
    control.server(leaving).start(work, lambda ok: None)
    control.let_go(leaving)
    control.run(200)
    assert control.broken == [f"{leaving} went by our word with {cut} requests running on it"] * cut
    assert control.fleet.witness.cut == cut


def test_without_a_controller_nothing_is_broken() -> None:
    control = Control()
    control.fleet.ledger.controlled = False
    with control.fleet.gateway.installed():
        control.fleet.create()
        control.fleet.dead_launches = {1}
        new = control.launch()
        control.end_hook(new, "CONTINUE")
        control.run(30)
    assert control.broken == []
    assert any(h.why == "nobody looked" for h in control.ledger.happenings)


def test_what_aws_itself_says_of_the_storage_follows_the_fault(control: Control) -> None:
    server = control.fleet.site.moodledata.server
    ec2 = boto3.client("ec2")

    def status() -> str:
        [found] = ec2.describe_instance_status(InstanceIds=[server])["InstanceStatuses"]
        return found["InstanceStatus"]["Status"]

    assert status() == "ok"
    control.fleet.report_storage(up=False)
    assert status() == "impaired"
    control.fleet.report_storage(up=True)
    assert status() == "ok"


def test_the_mount_targets_of_a_file_system_are_available_or_not() -> None:
    engine = Engine(START)
    efs = Efs(Ground(engine, lambda event: None), ("fs-0123456789abcdef0",))
    gateway = Gateway(engine)
    gateway.serve(efs.operations())
    with gateway.installed():
        for reachable, state in ((True, "available"), (False, "error")):
            efs.reachable = reachable
            found = boto3.client("efs").describe_mount_targets(FileSystemId="fs-0123456789abcdef0")["MountTargets"]
            assert [target["LifeCycleState"] for target in found] == [state, state]
