"""Run Command: agents that come late, commands that take time, answers that get lost, and the events of all that."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from simulator.cloud import Gateway, Ground
from simulator.cloud.ssm import AgentBehaviour, Ssm
from simulator.cloud.ssm.associations import KIND
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
HEALTHY = '{"probe": 1, "verdict": "healthy"}'


class Twin:
    """Instances i-1 … whose document "probe" answers what `answers` says: (seconds, exit code, output) or None."""

    def __init__(self, behaviour: AgentBehaviour | None = None, instances: int = 2) -> None:
        self.engine = Engine(START, seed=11)
        self.events: list[dict] = []
        self.answers: dict[str, tuple[float, int, str] | None] = {}
        self.ran: list[tuple[str, str, dict]] = []
        ground = Ground(self.engine, self.events.append)
        self.ssm = Ssm(ground, self.run_document, {"probe"}, behaviour, association_id="association")
        self.gateway = Gateway(self.engine)
        self.gateway.serve(self.ssm.operations())
        for number in range(1, instances + 1):
            self.ssm.agents.boot(f"i-{number}")

    def run_document(self, instance_id: str, document: str, parameters: dict) -> tuple[float, int, str] | None:
        self.ran.append((instance_id, document, parameters))
        return self.answers.get(instance_id, (2.0, 0, HEALTHY))

    @cached_property
    def client(self) -> Any:
        return boto3.client("ssm")

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    def online(self, **options: Any) -> list[str]:
        pages = self.client.get_paginator("describe_instance_information").paginate(**options)
        return [each["InstanceId"] for page in pages for each in page["InstanceInformationList"]]

    def send(self, *instance_ids: str, **options: Any) -> str:
        answer = self.client.send_command(DocumentName="probe", InstanceIds=instance_ids or ["i-1"], **options)
        return answer["Command"]["CommandId"]

    def told(self, kind: str, **detail: str) -> list[dict]:
        """The events of a kind whose details say so."""
        found = [event for event in self.events if event["detail-type"] == kind]
        return [event for event in found if detail.items() <= event["detail"].items()]

    def invocations(self, command_id: str) -> list[dict]:
        return self.client.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]

    def status(self, command_id: str) -> tuple[str, str]:
        (invocation,) = self.invocations(command_id)
        return invocation["Status"], invocation["StatusDetails"]


@pytest.fixture
def twin() -> Iterator[Twin]:
    twin = Twin()
    with twin.gateway.installed():
        yield twin


def test_an_agent_comes_online_some_tens_of_seconds_after_the_boot(twin: Twin):
    assert twin.online() == []
    twin.run(19)
    assert twin.online() == []
    twin.run(42)
    assert sorted(twin.online()) == ["i-1", "i-2"]
    answer = twin.client.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": ["i-2"]}])
    assert [(each["InstanceId"], each["PingStatus"]) for each in answer["InstanceInformationList"]] == [
        ("i-2", "Online")
    ]


def test_agents_are_listed_ten_a_page_by_default():
    twin = Twin(instances=23)
    with twin.gateway.installed():
        twin.run(61)
        assert len(twin.client.describe_instance_information()["InstanceInformationList"]) == 10
        assert len(twin.online()) == 23


def test_a_command_to_an_instance_without_an_agent_is_refused_as_a_whole(twin: Twin):
    with pytest.raises(ClientError, match="not in a valid state for account 123456789012") as raised:
        twin.send("i-1")
    assert raised.value.response["Error"]["Code"] == "InvalidInstanceId"
    twin.run(61)
    with pytest.raises(ClientError, match=r"Instances \[\[i-9\]\]"):
        twin.send("i-1", "i-9")
    assert twin.ran == []


def test_an_unknown_document_and_more_than_fifty_instances_are_refused(twin: Twin):
    twin.run(61)
    with pytest.raises(twin.client.exceptions.InvalidDocument):
        twin.client.send_command(DocumentName="other", InstanceIds=["i-1"])
    with pytest.raises(ClientError, match="50"):
        twin.send(*(f"i-{number}" for number in range(51)))


def test_right_after_sending_the_api_knows_nothing_of_the_command(twin: Twin):
    twin.run(61)
    command_id = twin.send("i-1")
    assert twin.invocations(command_id) == []
    with pytest.raises(twin.client.exceptions.InvocationDoesNotExist):
        twin.client.get_command_invocation(CommandId=command_id, InstanceId="i-1")
    twin.run(3)
    assert twin.status(command_id)[0] in ("Pending", "InProgress", "Success")


def test_a_command_runs_in_its_time_and_its_output_can_be_read(twin: Twin):
    twin.run(61)
    twin.answers["i-1"] = (20.0, 0, HEALTHY)
    command_id = twin.send("i-1", Parameters={"executionTimeout": ["60"]})
    twin.run(10)
    assert twin.status(command_id) == ("InProgress", "InProgress")
    twin.run(15)
    assert twin.status(command_id) == ("Success", "Success")
    assert twin.invocations(command_id)[0]["CommandPlugins"][0]["Output"] == HEALTHY
    assert twin.ran == [("i-1", "probe", {"executionTimeout": ["60"]})]
    single = twin.client.get_command_invocation(CommandId=command_id, InstanceId="i-1")
    assert (single["Status"], single["ResponseCode"], single["StandardOutputContent"]) == ("Success", 0, HEALTHY)


def test_without_details_there_is_no_output(twin: Twin):
    twin.run(61)
    command_id = twin.send("i-1")
    twin.run(10)
    (invocation,) = twin.client.list_command_invocations(CommandId=command_id)["CommandInvocations"]
    assert (invocation["Status"], invocation["CommandPlugins"]) == ("Success", [])


def test_long_output_is_cut_at_2500_characters(twin: Twin):
    twin.run(61)
    twin.answers["i-1"] = (1.0, 0, "x" * 5000)
    command_id = twin.send("i-1")
    twin.run(10)
    assert len(twin.invocations(command_id)[0]["CommandPlugins"][0]["Output"]) == 2500


ENDINGS = [
    ("an exit code other than 0 fails", (2.0, 1, "bad"), 10, ("Failed", "Failed")),
    ("a document that runs too long times out in execution", (1e6, 0, ""), 70, ("TimedOut", "ExecutionTimedOut")),
    ("an instance that never answers stays in progress", None, 85, ("InProgress", "InProgress")),
    ("until both timeouts together are over", None, 95, ("TimedOut", "DeliveryTimedOut")),
]


@pytest.mark.parametrize(("why", "answer", "seconds", "status"), ENDINGS, ids=[why for why, *_ in ENDINGS])
def test_how_a_command_ends(twin: Twin, why: str, answer: Any, seconds: float, status: tuple[str, str]):
    twin.run(61)
    twin.answers["i-1"] = answer
    command_id = twin.send("i-1", TimeoutSeconds=30, Parameters={"executionTimeout": ["60"]})
    twin.run(seconds)
    assert twin.status(command_id) == status


def test_the_default_timeouts_of_a_command_that_nobody_answers_are_two_hours(twin: Twin):
    twin.run(61)
    twin.answers["i-1"] = None
    command_id = twin.send("i-1")
    twin.run(7199)
    assert twin.status(command_id)[0] == "InProgress"
    twin.run(2)
    assert twin.status(command_id)[0] == "TimedOut"


def test_an_instance_that_loses_its_agent_does_not_answer(twin: Twin):
    twin.run(61)
    command_id = twin.send("i-1")
    twin.ssm.agents.disconnect("i-1")
    twin.run(60)
    assert twin.status(command_id)[0] == "InProgress"
    information = twin.client.describe_instance_information()["InstanceInformationList"]
    assert {each["InstanceId"]: each["PingStatus"] for each in information} == {
        "i-1": "ConnectionLost",
        "i-2": "Online",
    }
    with pytest.raises(twin.client.exceptions.InvalidInstanceId):
        twin.send("i-1")
    twin.ssm.agents.reconnect("i-1")
    twin.send("i-1")
    twin.ssm.agents.gone("i-1")
    assert twin.online() == ["i-2"]


BEHAVIOURS = [
    ("an agent that never comes online", AgentBehaviour(never_online=1.0), 600, None),
    ("a result that gets lost", AgentBehaviour(lost=1.0), 600, "InProgress"),
    ("a result that is late", AgentBehaviour(late=1.0, late_by=120.0), 60, "InProgress"),
    ("a late result arrives", AgentBehaviour(late=1.0, late_by=120.0), 130, "Success"),
]


@pytest.mark.parametrize(("why", "behaviour", "seconds", "status"), BEHAVIOURS, ids=[why for why, *_ in BEHAVIOURS])
def test_misbehaving_agents(why: str, behaviour: AgentBehaviour, seconds: float, status: str | None):
    twin = Twin(behaviour)
    with twin.gateway.installed():
        twin.run(61)
        if status is None:
            twin.run(seconds)
            assert twin.online() == []
            return
        command_id = twin.send("i-1")
        twin.run(seconds)
        assert twin.status(command_id)[0] == status


def test_status_events_have_the_documented_form(twin: Twin):
    twin.run(61)
    command_id = twin.send("i-1", "i-2", Parameters={"path": ["/moodledata"]})
    twin.run(10)
    twin.events = [event for event in twin.events if event["detail-type"] != KIND]
    kinds = [event["detail-type"] for event in twin.events]
    assert kinds.count("EC2 Command Invocation Status-change Notification") == 4
    assert kinds[-1] == "EC2 Command Status-change Notification"
    first, last = twin.events[0], twin.events[-1]
    assert first["source"] == "aws.ssm"
    assert first["resources"] == [f"arn:aws:ec2:eu-central-1:123456789012:instance/{first['detail']['instance-id']}"]
    assert first["detail"] == {
        "command-id": command_id,
        "document-name": "probe",
        "instance-id": first["detail"]["instance-id"],
        "requested-date-time": "2026-05-04T08:01:01.000Z",
        "status": "InProgress",
    }
    assert last["detail"]["status"] == "Success"
    assert last["detail"]["parameters"] == {"path": ["/moodledata"]}
    assert set(last["detail"]) == {
        "command-id",
        "document-name",
        "expire-after",
        "parameters",
        "requested-date-time",
        "status",
    }


def test_invocations_can_be_filtered(twin: Twin):
    twin.run(61)
    twin.answers["i-1"] = (1.0, 1, "bad")
    command_id = twin.send("i-1", "i-2")
    twin.run(10)
    failed = twin.client.list_command_invocations(Filters=[{"key": "Status", "value": "Failed"}])["CommandInvocations"]
    assert [each["InstanceId"] for each in failed] == ["i-1"]
    mine = twin.client.list_command_invocations(CommandId=command_id, InstanceId="i-2")["CommandInvocations"]
    assert [each["InstanceId"] for each in mine] == ["i-2"]
    later = twin.client.list_command_invocations(Filters=[{"key": "InvokedAfter", "value": "2026-05-04T09:00:00Z"}])
    assert later["CommandInvocations"] == []


COMMAND_EVENT = "EC2 Command Invocation Status-change Notification"


def test_the_association_runs_as_soon_as_an_agent_is_online_and_only_the_first_time(twin: Twin):
    twin.run(66)
    since = twin.ssm.agents.since("i-1")
    assert since is not None
    pending, success = twin.told(KIND, **{"instance-id": "i-1"})
    assert (pending["detail"]["status"], success["detail"]["status"]) == ("Pending", "Success")
    assert success["source"] == "aws.ssm"
    assert success["detail"]["association-id"] == "association"
    assert 0 <= datetime.fromisoformat(success["time"]).timestamp() - since <= 4
    twin.ssm.agents.disconnect("i-1")
    twin.ssm.agents.reconnect("i-1")
    twin.run(60)
    assert len(twin.told(KIND, **{"instance-id": "i-1"})) == 2


def test_an_agent_that_never_comes_is_never_told_of(twin: Twin):
    twin.ssm.agents.boot("i-3", comes=False)
    twin.run(600)
    assert "i-3" not in twin.online()
    assert twin.ssm.agents.since("i-3") is None
    assert twin.told(KIND, **{"instance-id": "i-3"}) == []


@pytest.mark.parametrize(
    ("wanted", "rounds"),
    [("1", 4), ("2", 2), ("50", 1), ("25%", 4), ("60%", 2), ("100%", 1)],
)
def test_a_command_runs_on_so_many_instances_at_once(wanted: str, rounds: int):
    twin = Twin(instances=4)
    with twin.gateway.installed():
        twin.run(61)
        twin.answers = {f"i-{n}": (60.0, 0, HEALTHY) for n in range(1, 5)}
        command_id = twin.send(*twin.answers, MaxConcurrency=wanted)
        twin.run(60 * rounds - 1)
        assert len(twin.told(COMMAND_EVENT, status="Success")) < 4
        twin.run(2 * rounds + 1)
        assert len(twin.told(COMMAND_EVENT, status="Success")) == 4
        assert {each["Status"] for each in twin.invocations(command_id)} == {"Success"}


def test_the_timeouts_of_those_that_wait_for_their_turn_begin_with_it(twin: Twin):
    twin.run(61)
    twin.answers = {"i-1": None}
    command_id = twin.send("i-1", "i-2", MaxConcurrency="1", TimeoutSeconds=30, Parameters={"executionTimeout": ["60"]})
    twin.run(89)
    assert {i["InstanceId"]: i["Status"] for i in twin.invocations(command_id)} == {
        "i-1": "InProgress",
        "i-2": "Pending",
    }
    twin.run(10)
    assert {i["InstanceId"]: i["Status"] for i in twin.invocations(command_id)} == {
        "i-1": "TimedOut",
        "i-2": "Success",
    }


@pytest.mark.parametrize("wanted", ["0", "200%", "half"])
def test_a_max_concurrency_that_is_none_is_refused(twin: Twin, wanted: str):
    twin.run(61)
    with pytest.raises(ClientError, match="MaxConcurrency"):
        twin.send("i-1", MaxConcurrency=wanted)


def test_a_result_can_be_told_twice():
    twin = Twin(AgentBehaviour(twice=1.0))
    with twin.gateway.installed():
        twin.run(61)
        twin.send("i-1")
        twin.run(40)
        assert len(twin.told(COMMAND_EVENT, status="Success")) == 2


def test_a_result_can_be_told_before_send_command_has_returned():
    twin = Twin(AgentBehaviour(early=1.0))
    with twin.gateway.installed():
        twin.run(61)
        before = twin.engine.now
        command_id = twin.send("i-1")
        assert twin.told(COMMAND_EVENT, status="Success")[0]["detail"]["command-id"] == command_id
        assert 5 < twin.engine.now - before < 10, "less than the client's time-out"
        assert twin.status(command_id)[0] == "Success"


def test_the_newest_answer_of_an_instance_is_known(twin: Twin):
    twin.run(61)
    assert twin.ssm.last_answer("i-1") == (0.0, "")
    for output in ("first", "second"):
        twin.answers["i-1"] = (1.0, 0, output)
        twin.send("i-1")
        twin.run(10)
    twin.answers["i-1"] = None
    twin.send("i-1")
    twin.run(10)
    at, output = twin.ssm.last_answer("i-1")
    assert output == "second"
    assert 10 < twin.engine.now - at < 20
