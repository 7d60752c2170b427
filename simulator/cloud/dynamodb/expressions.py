"""The expressions that Firstbell and Powertools write: conditions, key conditions, and updates that set attributes.

Only their grammar is known here; anything else raises NotImplementedError instead of meaning something wrong.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simulator.cloud.dynamodb.items import Attributes, Value, invalid

FUNCTIONS = ("attribute_exists", "attribute_not_exists")
SIGNS = ("=", "<", ">")
WORDS = {"AND", "OR", "NOT", *FUNCTIONS}
NAME, OPERAND = r"#?\w+", r"[:#]?\w+"
Node = tuple[Any, ...]
"""("OR" | "AND", left, right), ("NOT" | "()", node), (function, name) or (sign, operand, operand)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition as it was read; `operands` are the names and placeholders in it."""

    node: Node
    operands: frozenset[str]

    def holds(self, attributes: Attributes, names: Mapping[str, str], values: Mapping[str, Value]) -> bool:
        """Whether it holds for an item; without an item there are no attributes."""

        def operand(token: str) -> Value | None:
            return values[token] if token.startswith(":") else attributes.get(names.get(token, token))

        def true(node: Node) -> bool:
            match node:
                case "OR", left, right:
                    return true(left) or true(right)
                case "AND", left, right:
                    return true(left) and true(right)
                case "()", inner:
                    return true(inner)
                case "NOT", inner:
                    return not true(inner)
                case "attribute_exists", name:
                    return operand(name) is not None
                case "attribute_not_exists", name:
                    return operand(name) is None
                case sign, left, right:
                    return _compare(operand(left), sign, operand(right))
            raise AssertionError(node)

        return true(self.node)


def _compare(left: Value | None, sign: str, right: Value | None) -> bool:
    """A comparison with what is not there, or is of another type, is false."""
    if left is None or right is None or left[0] != right[0]:
        return False
    a: Any = int(left[1]) if left[0] == "N" else left[1]
    b: Any = int(right[1]) if right[0] == "N" else right[1]
    return bool(a == b if sign == "=" else a < b if sign == "<" else a > b)


@lru_cache(256)
def condition(text: str) -> Condition:
    """Read a condition: NOT binds more than AND, AND more than OR (developer guide, precedence)."""
    reader = _Reader(text)
    node = reader.either()
    if reader.tokens:
        raise reader.unknown()
    return Condition(node, frozenset(reader.operands))


class _Reader:
    """Reads a condition by recursive descent; what is not in its grammar is refused."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.tokens: list[str] = re.findall(r"[:#]?\w+|[=<>]+|\S", text)
        self.operands: set[str] = set()

    def unknown(self) -> NotImplementedError:
        """What to raise for this text."""
        return _unknown(self._text)

    def either(self) -> Node:
        """Conditions with OR between them."""
        node = self._both()
        while self._take("OR"):
            node = ("OR", node, self._both())
        return node

    def _both(self) -> Node:
        node = self._single()
        while self._take("AND"):
            node = ("AND", node, self._single())
        return node

    def _single(self) -> Node:
        if self._take("NOT"):
            return ("NOT", self._single())
        if self._take("("):
            node = self.either()
            self._must_take(")")
            if node[0] == "()":
                raise invalid("Invalid ConditionExpression: The expression has redundant parentheses;")
            return ("()", node)
        if function := self._take(*FUNCTIONS):
            self._must_take("(")
            name = self._operand(NAME)
            self._must_take(")")
            return (function, name)
        left = self._operand(OPERAND)
        return (self._must_take(*SIGNS), left, self._operand(OPERAND))

    def _take(self, *wanted: str) -> str:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else ""

    def _must_take(self, *wanted: str) -> str:
        taken = self._take(*wanted)
        if not taken:
            raise self.unknown()
        return taken

    def _operand(self, pattern: str) -> str:
        if not self.tokens or self.tokens[0] in WORDS or not re.fullmatch(pattern, self.tokens[0]):
            raise self.unknown()
        self.operands.add(self.tokens[0])
        return self.tokens.pop(0)


@lru_cache(256)
def key_condition(text: str) -> tuple[str, ...]:
    """Read `pk = :pk` or `pk = :pk AND begins_with(sk, :sk)`: the names and the placeholders, in this order."""
    found = re.fullmatch(r"(\w+) = (:\w+)(?: AND begins_with\((\w+), (:\w+)\))?", text)
    if not found:
        raise _unknown(text)
    return tuple(operand for operand in found.groups() if operand)


@lru_cache(256)
def assignments(text: str) -> dict[str, str]:
    """Read `SET #name = :value, …`: which placeholder goes to which."""
    found = [re.fullmatch(r"\s*(#\w+) = (:\w+)", each) for each in text.removeprefix("SET ").split(",")]
    read = {match[1]: match[2] for match in found if match}
    if not text.startswith("SET ") or len(read) != len(found):
        raise _unknown(text)
    return read


def _unknown(text: str) -> NotImplementedError:
    return NotImplementedError(f"the twin's DynamoDB does not know the expression {text!r}")
