"""The deployed stack as the twin sees it: read from template.yaml, so that events arrive by the product's own rules."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.cloudformation import Known, known, load, resolve

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
_UNITS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}


@dataclass(frozen=True)
class Queue:
    """A queue that a function reads: which events the template's rules put there, and how they are handed over.

    At most `batch` messages by one invocation, or what came within `window` seconds of the first. After a failure they
    are there again in `hidden` seconds; what has failed `tries` times is a dead letter.
    """

    arn: str
    patterns: tuple[dict[str, Any], ...]
    batch: int = 10
    window: float = 0.0
    hidden: float = 30.0
    tries: int | None = None


@dataclass(frozen=True)
class Function:
    """A function of the template: the module with its handler, its environment, and what wakes it."""

    name: str
    module: str
    environment: Mapping[str, str]
    patterns: tuple[dict[str, Any], ...]
    schedules: tuple[tuple[float, dict[str, Any]], ...]
    """(period in seconds, the event that it is given)"""
    topics: tuple[str, ...]
    queues: tuple[Queue, ...] = ()


def read(names: Mapping[str, Any]) -> tuple[Function, ...]:
    """The functions of template.yaml; `names` are what its parameters and resources are, where they are referred to.

    Raises KeyError for a reference that `names` does not answer.
    """
    template = _template()
    deployed = known(template, names)
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    return tuple(
        _function(
            resource["Properties"],
            shared,
            deployed,
            _topics(template, logical, deployed),
            tuple(_queues(template, resource["Properties"], deployed)),
        )
        for logical, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    )


def _template() -> dict[str, Any]:
    return load(TEMPLATE)


def _function(
    properties: dict[str, Any],
    shared: Any,
    of: Known,
    topics: tuple[str, ...],
    queues: tuple[Queue, ...],
) -> Function:
    folder = Path(properties["CodeUri"])
    events = properties.get("Events", {}).values()
    own = properties.get("Environment", {}).get("Variables", {})
    return Function(
        name=folder.name,
        module=f"functions.{folder.name}.app",
        environment={name: str(resolve(value, of)) for name, value in {**shared, **own}.items()},
        patterns=tuple(resolve(e["Properties"]["Pattern"], of) for e in events if e["Type"] == "EventBridgeRule"),
        schedules=tuple(_schedule(e["Properties"], of) for e in events if e["Type"] == "ScheduleV2"),
        topics=topics,
        queues=queues,
    )


def _queues(template: dict[str, Any], function: dict[str, Any], of: Known) -> Iterator[Queue]:
    """The queues that a function reads by its own events, each with the rules whose target it is."""
    resources = template["Resources"]
    for event in function.get("Events", {}).values():
        if event["Type"] != "SQS":
            continue
        source, target = event["Properties"], event["Properties"]["Queue"]
        queue = resources[target["Fn::GetAtt"].removesuffix(".Arn")].get("Properties", {})
        defaults = Queue("", ())
        yield Queue(
            arn=str(resolve(target, of)),
            patterns=tuple(
                resolve(rule["Properties"]["EventPattern"], of)
                for rule in resources.values()
                if rule["Type"] == "AWS::Events::Rule" and target in [t["Arn"] for t in rule["Properties"]["Targets"]]
            ),
            batch=source.get("BatchSize", defaults.batch),
            window=source.get("MaximumBatchingWindowInSeconds", defaults.window),
            hidden=queue.get("VisibilityTimeout", defaults.hidden),
            tries=queue.get("RedrivePolicy", {}).get("maxReceiveCount"),
        )


def _topics(template: dict[str, Any], function: str, of: Known) -> tuple[str, ...]:
    """The topics that a function is subscribed to, by its own events or by a subscription resource."""
    own = template["Resources"][function]["Properties"].get("Events", {}).values()
    direct = [e["Properties"]["Topic"] for e in own if e["Type"] == "SNS"]
    subscribed = [
        r["Properties"]["TopicArn"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::SNS::Subscription"
        and r["Properties"].get("Endpoint") == {"Fn::GetAtt": f"{function}.Arn"}
    ]
    return tuple(str(resolve(topic, of)) for topic in direct + subscribed)


def _schedule(properties: dict[str, Any], of: Known) -> tuple[float, dict[str, Any]]:
    expression = str(resolve(properties["ScheduleExpression"], of))
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if not found:
        raise ValueError(f"the twin knows rate() schedules of functions only, not {expression!r}")
    return int(found[1]) * _UNITS[found[2]], json.loads(properties["Input"])
