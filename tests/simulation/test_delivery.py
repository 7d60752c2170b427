"""Events on their way to functions: by rules of the template, through a queue in batches, and again after a failure."""

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from simulator.controller import names
from simulator.delivery import Delivery, Weather
from simulator.engine import Engine
from simulator.queues import Reader
from simulator.scenario import load
from simulator.stack import Function, Queue, read
from simulator.world import ACCOUNT, AGENT_CAME, PROBE_DOCUMENT

ARN = "arn:aws:sqs:eu-central-1:123456789012:hints"
QUEUE = Queue(ARN, ({"source": ["aws.ssm"]},), batch=3, window=2.0, hidden=360.0, tries=3)
CALM = Weather(twice=0.0, late=0.0)


class Lambda:
    """A function that reads the queue; while `broken` it fails. `took` has the time and the numbers of each batch."""

    def __init__(self, queue: Queue = QUEUE) -> None:
        self.engine = Engine(datetime(2026, 5, 4, tzinfo=UTC))
        self.start = self.engine.now
        self.broken = False
        self.took: list[tuple[float, list[int]]] = []
        self.records: list[dict] = []
        self.dead = 0
        self.reader = Reader(self.engine, queue, self.invoke, self.bury)

    def invoke(self, event: dict) -> bool:
        self.records = event["Records"]
        numbers = [json.loads(record["body"])["number"] for record in self.records]
        self.took.append((round(self.engine.now - self.start, 1), numbers))
        return not self.broken

    def bury(self) -> None:
        self.dead += 1

    def put(self, *moments: float) -> None:
        """One event at each of these seconds, numbered from 0."""
        for number, moment in enumerate(moments):
            self.engine.at(self.start + moment, self.reader.put, {"number": number})

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.start + seconds)


@pytest.mark.parametrize(
    ("why", "moments", "took"),
    [
        ("the first message opens the window, which takes in the second", (0, 1.5), [(2.0, [0, 1])]),
        ("what comes after the window opens a new one", (0, 3), [(2.0, [0]), (5.0, [1])]),
        ("a full batch does not wait", (0, 0.5, 1.0), [(1.0, [0, 1, 2])]),
        ("what is more than a batch waits for its own window", (0, 0, 0, 0), [(0.0, [0, 1, 2]), (2.0, [3])]),
    ],
)
def test_messages_are_handed_over_in_batches(why: str, moments: tuple[float, ...], took: list) -> None:
    function = Lambda()
    function.put(*moments)
    function.run(60)
    assert function.took == took


def test_a_record_has_the_form_that_lambda_documents() -> None:
    function = Lambda()
    function.put(0)
    function.run(10)
    (record,) = function.records
    assert json.loads(record["body"]) == {"number": 0}
    assert (record["eventSource"], record["eventSourceARN"], record["awsRegion"]) == ("aws:sqs", ARN, "eu-central-1")
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_what_fails_is_there_again_after_the_visibility_timeout_and_dead_after_all_tries() -> None:
    function = Lambda()
    function.broken = True
    function.put(0)
    function.run(3600)
    assert [moment for moment, _ in function.took] == [2.0, 364.0, 726.0], "360 s hidden, and the window again"
    assert function.dead == 1


def test_what_failed_once_and_then_not_is_done() -> None:
    function = Lambda()
    function.broken = True
    function.put(0)
    function.run(10)
    function.broken = False
    function.run(3600)
    assert len(function.took) == 2
    assert function.dead == 0


def test_the_template_says_what_goes_through_the_queue() -> None:
    site = load("exam-morning").read_site()
    (queue,) = next(f for f in read(names(site)) if f.name == "admit_instances").queues
    assert queue.arn == ACCOUNT.arn("sqs", "firstbell-instance-hints")
    assert (queue.batch, queue.tries) == (100, 3)
    assert 0 < queue.window <= 5
    assert queue.hidden >= 6 * 60
    details = [pattern["detail"] for pattern in queue.patterns]
    assert {"AutoScalingGroupName": [site.fleet.auto_scaling_group]} in details
    assert {"association-id": [AGENT_CAME]} in details
    assert any(detail.get("document-name") == [PROBE_DOCUMENT] for detail in details)


def test_an_event_that_a_rule_does_not_match_never_gets_into_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[dict] = []
    monkeypatch.setattr(Delivery, "call", lambda self, function, event: taken.append(event))
    function = Function("admit", "functions.admit.app", {}, (), (), (), (QUEUE,))
    engine = Engine(datetime(2026, 5, 4, tzinfo=UTC))
    delivery = Delivery(engine, [function], CALM)
    delivery.emit({"source": "aws.ec2", "number": 0})
    delivery.emit({"source": "aws.ssm", "number": 1})
    engine.run_until(engine.now + 60)
    (batch,) = taken
    assert [json.loads(r["body"])["number"] for r in batch["Records"]] == [1]


def test_bad_weather_is_drawn_for_each_event_before_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(Delivery, "call", lambda self, function, event: taken.append(len(event["Records"])))
    function = Function("admit", "functions.admit.app", {}, (), (), (), (replace(QUEUE, batch=100),))
    for weather, expected in ((Weather(lost=1.0), 0), (Weather(lost=0.0, twice=1.0, late=0.0), 20)):
        taken.clear()
        engine = Engine(datetime(2026, 5, 4, tzinfo=UTC))
        delivery = Delivery(engine, [function], weather)
        for _ in range(10):
            delivery.emit({"source": "aws.ssm"})
        engine.run_until(engine.now + 60)
        assert sum(taken) == expected


def test_while_the_controller_is_down_its_messages_wait_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[float] = []
    function = Function("admit", "functions.admit.app", {}, (), (), (), (QUEUE,))
    engine = Engine(datetime(2026, 5, 4, tzinfo=UTC))
    monkeypatch.setattr(Delivery, "call", lambda self, function, event: taken.append(engine.now))
    delivery = Delivery(engine, [function], CALM)
    delivery.down = True
    delivery.emit({"source": "aws.ssm"})
    engine.run_until(engine.now + 300)
    delivery.down = False
    engine.run_until(engine.now + 300)
    assert len(taken) == 1
    assert delivery.dead_letters.total() == 0


def test_while_a_handler_waits_for_aws_others_run_and_it_goes_on_in_its_own_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(datetime(2026, 5, 4, tzinfo=UTC))
    seen: list[tuple[str, str, float]] = []
    begin = engine.now

    def look(who: str) -> None:
        seen.append((who, os.environ["FIRSTBELL_TWIN_TEST"], engine.now - begin))

    def outer(event: dict, context: object) -> None:
        look("outer")
        engine.run_until(engine.now + 9)  # a call to AWS that takes so long
        look("outer")

    def inner(event: dict, context: object) -> None:
        look("inner")

    functions = []
    for name, handler in (("outer", outer), ("inner", inner)):
        monkeypatch.setitem(sys.modules, f"functions.{name}.app", SimpleNamespace(handler=handler))
        environment = {"FIRSTBELL_TWIN_TEST": name}
        functions.append(Function(name, f"functions.{name}.app", environment, (), (), ()))
    monkeypatch.setenv("FIRSTBELL_TWIN_TEST", "")
    delivery = Delivery(engine, functions, CALM)
    engine.after(1, delivery.invoke, functions[0], {})
    engine.after(5, delivery.invoke, functions[1], {})
    engine.run_until(begin + 6)
    assert seen == [("outer", "outer", 1), ("inner", "inner", 5), ("outer", "outer", 10)]
    assert engine.now == begin + 10, "time never goes back"
