"""The deployed stack as the twin sees it: read from template.yaml, so that events arrive by the product's own rules."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
_UNITS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}


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


def read(names: Mapping[str, Any]) -> tuple[Function, ...]:
    """The functions of template.yaml; `names` are what its parameters and resources are, where they are referred to.

    Raises KeyError for a reference that `names` does not answer.
    """
    template = _template()
    known = {**_defaults(template), **names}
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    return tuple(
        _function(resource["Properties"], shared, known, _topics(template, logical, known))
        for logical, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    )


@cache
def _template() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(TEMPLATE.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return loaded


class _Loader(yaml.SafeLoader):
    """Understands CloudFormation's short tags."""


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}  # type: ignore[arg-type]


_Loader.add_multi_constructor("!", _intrinsic)


def _defaults(template: dict[str, Any]) -> dict[str, Any]:
    return {name: p["Default"] for name, p in template["Parameters"].items() if "Default" in p}


def _function(properties: dict[str, Any], shared: Any, known: Mapping[str, Any], topics: tuple[str, ...]) -> Function:
    folder = Path(properties["CodeUri"])
    events = properties.get("Events", {}).values()
    own = properties.get("Environment", {}).get("Variables", {})
    return Function(
        name=folder.name,
        module=f"functions.{folder.name}.app",
        environment={name: str(_resolve(value, known)) for name, value in {**shared, **own}.items()},
        patterns=tuple(_resolve(e["Properties"]["Pattern"], known) for e in events if e["Type"] == "EventBridgeRule"),
        schedules=tuple(_schedule(e["Properties"], known) for e in events if e["Type"] == "ScheduleV2"),
        topics=topics,
    )


def _topics(template: dict[str, Any], function: str, known: Mapping[str, Any]) -> tuple[str, ...]:
    """The topics that a function is subscribed to, by its own events or by a subscription resource."""
    own = template["Resources"][function]["Properties"].get("Events", {}).values()
    direct = [e["Properties"]["Topic"] for e in own if e["Type"] == "SNS"]
    subscribed = [
        r["Properties"]["TopicArn"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::SNS::Subscription"
        and r["Properties"].get("Endpoint") == {"Fn::GetAtt": f"{function}.Arn"}
    ]
    return tuple(str(_resolve(topic, known)) for topic in direct + subscribed)


def _schedule(properties: dict[str, Any], known: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
    expression = str(_resolve(properties["ScheduleExpression"], known))
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if not found:
        raise ValueError(f"the twin knows rate() schedules of functions only, not {expression!r}")
    return int(found[1]) * _UNITS[found[2]], json.loads(properties["Input"])


def _resolve(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [item for raw in value for item in _spread(_resolve(raw, known), raw)]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return known[value["Ref"]]
    if set(value) == {"Fn::Sub"}:
        return re.sub(r"\$\{([^}]+)\}", lambda m: str(known[m[1]]), value["Fn::Sub"])
    if set(value) == {"Fn::GetAtt"}:
        return known[value["Fn::GetAtt"]]
    return {key: _resolve(item, known) for key, item in value.items()}


def _spread(resolved: Any, raw: Any) -> list[Any]:
    """A list parameter that stands as one item of a list is spread into it, as EventBridge wants flat lists."""
    return resolved if isinstance(resolved, list) and isinstance(raw, dict) else [resolved]
