"""A group with a launch hook in the twin's AWS, and the real `admit_instances` on its events, as tests see them."""

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from firstbell import journal, published
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record
from firstbell.site import Admission, Fleet, Moodledata, Site, Web
from simulator import controller
from simulator.cloud import Account, Faults, Gateway, Ground
from simulator.cloud.autoscaling import LAUNCHING, AutoScaling, GroupSettings, Hook
from simulator.cloud.autoscaling import World as Wires
from simulator.cloud.dynamodb import DynamoDb
from simulator.cloud.ssm import AgentBehaviour, Ssm
from simulator.engine import Engine

START = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)
GROUP, TABLE, DOCUMENT = "campus-web", "state", "firstbell-probe"
SERVER = "i-0aaaaaaaaaaaaaaaa"
TICK = {"source": "firstbell.schedule"}
HOOK = Hook("firstbell-admit", LAUNCHING, 300, "ABANDON")
FINAL = ("Success", "Failed", "TimedOut", "Cancelled")
Answer = Callable[[str], dict[str, Any]]


def healthy(_: str) -> dict[str, Any]:
    return {"verdict": "healthy", "detail": "fine"}


@dataclass
class World:
    """The group, whose instances' probes say `answer`; events are handed over every two seconds, as a queue's batch."""

    engine: Engine
    gateway: Gateway
    agents: AgentBehaviour | None = None
    answer: Answer = healthy
    seconds: float = 2.0
    lost: bool = False
    ticks: bool = True
    signals: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    _queue: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        ground = Ground(self.engine, self._emit, Account())
        self.ssm = Ssm(ground, self._probe, {DOCUMENT}, self.agents, association_id="agent-came")
        boot = Wires(
            on_boot=lambda i: self.ssm.agents.boot(i.instance_id),
            on_gone=lambda i: self.ssm.agents.gone(i.instance_id),
        )
        self.scaling = AutoScaling(ground, boot)
        for model in (self.ssm, self.scaling, DynamoDb(ground)):
            self.gateway.serve(model.operations())
        self.gateway.serve({("sns", "Publish"): self._heard})

    # what happens

    def want(self, desired: int) -> None:
        clients.autoscaling().set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=desired)

    def later(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    def begin(self) -> None:
        """Wake the function from now on: by events every two seconds, by ticks every minute."""
        self.engine.every(2.0, self._hand_over)
        self.engine.every(60.0, lambda: self.ticks and self._try(TICK))

    def run(self, event: object) -> Any:
        return importlib.import_module("functions.admit_instances.app").handler(event, None)

    def _try(self, event: object) -> bool:
        try:
            self.run(event)
        except Exception as error:  # noqa: BLE001 - as Lambda does
            self.failures.append(error)
            return False
        return True

    def _emit(self, event: dict[str, Any]) -> None:
        kind, detail = event["detail-type"], event["detail"]
        ended = kind == "EC2 Command Invocation Status-change Notification" and detail["status"] in FINAL
        launching = kind == "EC2 Instance-launch Lifecycle Action"
        if not self.lost and (ended or launching or "association-id" in detail):
            self._queue.append(event)

    def _hand_over(self) -> None:
        batch, self._queue = self._queue, []
        records = [{"eventSource": "aws:sqs", "body": json.dumps(event, default=str)} for event in batch]
        if batch and not self._try({"Records": records}):
            self._queue = batch + self._queue  # the queue hands it over again

    def _probe(self, instance: str, document: str, parameters: dict[str, list[str]]) -> tuple[float, int, str]:
        assert document == DOCUMENT
        self.asked.append(parameters)
        answer = {"probe": 1, "detail": "", **self.answer(instance)}
        return self.seconds, {"healthy": 0, "unknown": 2}.get(answer["verdict"], 1), json.dumps(answer)

    def _heard(self, params: dict[str, Any]) -> dict[str, Any]:
        signal = json.loads(params["Message"])
        self.signals.append(signal)
        state = "resolved" if signal["resolved"] else "open"
        Table(TABLE).put("SITE#campus", f"INCIDENT#{signal['key']}", {"key": signal["key"], "state": state})
        return {"MessageId": f"{len(self.signals):08}"}

    # what is seen

    @property
    def states(self) -> dict[str, str]:
        return {i.instance_id: str(i.state) for i in self.scaling.instances(GROUP)}

    @property
    def serving(self) -> int:
        return list(self.states.values()).count("InService")

    def records(self) -> dict[str, Record]:
        return {r.instance: r for r in Records.of(Table(TABLE), "campus", self.engine.utc).all}

    def calls(self) -> int:
        """How often anything but the table and the topic was called."""
        return sum(n for name, n in self.gateway.calls.items() if name.partition(".")[0] not in ("dynamodb", "sns"))

    def made(self, operation: str) -> int:
        return self.gateway.calls[operation]

    def told(self) -> list[tuple[str, str]]:
        return [(s["key"], "resolved" if s["resolved"] else s["severity"]) for s in self.signals]

    def reasons(self, action: str) -> list[str]:
        return [e.reason for e in reversed(journal.newest(Table(TABLE), "campus", 500)) if e.action == action]


@contextmanager
def living(
    monkeypatch: pytest.MonkeyPatch,
    deadline: int = 900,
    agents: AgentBehaviour | None = None,
    faults: Faults | None = None,
) -> Iterator[World]:
    """An empty table and a group without instances; `agents` and `faults` are bad weather."""
    engine = Engine(START)
    controller.begin(engine)
    for name, value in {
        "TABLE_NAME": TABLE,
        "NOTIFICATIONS_TOPIC_ARN": Account().arn("sns", "notifications"),
        "PROBE_DOCUMENT": DOCUMENT,
    }.items():
        monkeypatch.setenv(name, value)
    world = World(engine, Gateway(engine, faults=faults), agents)
    try:
        with world.gateway.installed():
            clients.dynamodb().create_table(
                TableName=TABLE,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            )
            published.publish(Table(TABLE), site(deadline))
            zones = ("eu-central-1a", "eu-central-1b")
            world.scaling.create(GroupSettings(GROUP, 0, 200, 0, zones, (HOOK,)))
            world.begin()
            yield world
    finally:
        controller.end()


def site(deadline: int) -> Site:
    moodledata, admission = Moodledata(server=SERVER), Admission(deadline=deadline)
    web = Web("moodle.example.edu")
    return Site("campus", "Europe/Berlin", Fleet(GROUP), moodledata=moodledata, web=web, admission=admission)
