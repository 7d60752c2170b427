"""Templates as CloudFormation reads them: short tags, parameters, conditions, and the intrinsic functions in use."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Known = Mapping[str, Any]
"""What `Ref`, `GetAtt` and `Sub` find, by name; a condition's name has whether it holds."""
_NO_VALUE = object()
PSEUDO = {"AWS::NoValue": _NO_VALUE}


@cache
def load(path: Path) -> dict[str, Any]:
    """A template with its intrinsics as plain {"Ref": …} and {"Fn::…": …}."""
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
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


def known(template: Mapping[str, Any], names: Known) -> dict[str, Any]:
    """What a deployment knows: `names`, the parameters' defaults, and which conditions hold."""
    found = {name: p["Default"] for name, p in template["Parameters"].items() if "Default" in p}
    found |= PSEUDO | dict(names)
    for name, condition in template.get("Conditions", {}).items():  # each after those that it is made of
        found[name] = resolve(condition, found)
    return found


def resolve(value: Any, of: Known) -> Any:
    """A value with its intrinsics computed. Raises KeyError for a reference that is not known."""
    if isinstance(value, list):
        return [item for raw in value for item in _spread(resolve(raw, of), raw)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(name, argument)] = value.items()
        if name in _FUNCTIONS:
            return _FUNCTIONS[name](argument, of)
    resolved = {key: resolve(item, of) for key, item in value.items()}
    return {key: item for key, item in resolved.items() if item is not _NO_VALUE}


def _spread(resolved: Any, raw: Any) -> list[Any]:
    """A list parameter as a list's only item stands for its items, as in an event pattern."""
    if resolved is _NO_VALUE:
        return []
    return resolved if isinstance(resolved, list) and isinstance(raw, dict) else [resolved]


def _substitute(text: str, of: Known) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda m: str(of[m[1]]), text)


def _choose(argument: list[Any], of: Known) -> Any:
    condition, then, otherwise = argument
    return resolve(then if of[condition] else otherwise, of)


def _equal(argument: list[Any], of: Known) -> bool:
    """All parameters are texts."""
    left, right = (str(resolve(each, of)) for each in argument)
    return left == right


_FUNCTIONS: Mapping[str, Callable[[Any, Known], Any]] = {
    "Ref": lambda argument, of: of[argument],
    "Condition": lambda argument, of: of[argument],
    "Fn::GetAtt": lambda argument, of: of[argument],
    "Fn::Sub": _substitute,
    "Fn::If": _choose,
    "Fn::Join": lambda argument, of: argument[0].join(resolve(argument[1], of)),
    "Fn::Equals": _equal,
    "Fn::Not": lambda argument, of: not resolve(argument[0], of),
    "Fn::And": lambda argument, of: all(resolve(argument, of)),
    "Fn::Or": lambda argument, of: any(resolve(argument, of)),
}
