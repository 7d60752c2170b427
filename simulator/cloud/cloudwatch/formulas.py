"""Metric math as alarms use it: numbers, metrics, other expressions, arithmetic, comparisons, IF and FILL. Pure.

An expression of CloudWatch's metric math, as far as the twin knows it, is one of Python's too, and is read as such.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from simulator.cloud.cloudwatch.metrics import Metric, Series

Value = float | None
_OPERATORS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


@dataclass(frozen=True)
class Formula:
    """Expressions over metrics, both by their ids; the one called `returned` is the result."""

    returned: str
    expressions: tuple[tuple[str, str], ...]
    metrics: tuple[tuple[str, Metric], ...]

    def value(self, series: Mapping[Metric, Series], start: int, length: int) -> Value:
        """The result for the period [start, start + length); None where something that it needs has no data."""
        points = {name: series[m].period(start, length) if m in series else None for name, m in self.metrics}
        return self._of(self.returned, points)

    def _of(self, name: str, points: Mapping[str, Value]) -> Value:
        if name in points:
            return points[name]
        return self._evaluate(_parsed(dict(self.expressions)[name]), points)

    def _evaluate(self, node: ast.expr, points: Mapping[str, Value]) -> Value:
        """What lacks data makes the whole lack it, but for FILL; so does a division by zero."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return float(number)
            case ast.Name(id=name):
                return self._of(name, points)
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]):
                return _combined(op, self._evaluate(left, points), self._evaluate(right, points))
            case ast.Call(func=ast.Name(id="FILL"), args=[of, instead]):
                found = self._evaluate(of, points)
                return self._evaluate(instead, points) if found is None else found
            case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
                holds = self._evaluate(condition, points)
                return None if holds is None else self._evaluate(then if holds else otherwise, points)
        raise NotImplementedError(f"the twin does not know this metric math: {ast.unparse(node)}")


@cache
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _combined(op: ast.operator | ast.cmpop, left: Value, right: Value) -> Value:
    if type(op) not in _OPERATORS:
        raise NotImplementedError(f"the twin does not know this operator of metric math: {type(op).__name__}")
    if left is None or right is None or (isinstance(op, ast.Div) and not right):
        return None
    return float(_OPERATORS[type(op)](left, right))
