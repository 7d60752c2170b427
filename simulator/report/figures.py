"""The figures that a report compares: their labels, how they are written, and which policy is best at each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan

from simulator.results import Result

OURS = "firstbell"
TITLES = {OURS: "Firstbell", "fixed": "fixed fleet", "target-tracking": "target tracking"}


def title(policy: str) -> str:
    """What a policy is called in a text."""
    return TITLES.get(policy, policy)


def phrase(policy: str) -> str:
    """A policy within a sentence."""
    return f"a {title(policy)}" if policy == "fixed" else title(policy)


def share(value: float) -> str:
    """A share of one, as a percentage."""
    percent = value * 100
    if 0 < percent < 0.01:
        return "<0.01 %"
    return f"{percent:.2f} %" if 0 < percent < 1 else f"{percent:.1f} %" if percent else "0 %"


def seconds(value: float) -> str:
    """A latency."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def dollars(value: float) -> str:
    """US dollars."""
    return f"${value:,.2f}"


def _hours(value: float) -> str:
    return f"{value:,.1f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; less of it is better. `write` gets a finite number; `latency` 0 means that there was no request."""

    key: str
    label: str
    write: Callable[[float], str]
    latency: bool = False

    def value(self, result: Result) -> float:
        """The figure; NaN where the run has none."""
        found = result.figures.get(self.key, nan)
        return nan if self.latency and found == 0 else found

    def text(self, result: Result) -> str:
        """The figure in writing."""
        value = self.value(result)
        return self.write(value) if isfinite(value) else "–" if isnan(value) else "∞"

    def best(self, results: Sequence[Result]) -> frozenset[str]:
        """The policies with the lowest value, as it is written; none when all are written the same."""
        lowest = min(results, key=lambda r: inf if isnan(v := self.value(r)) else v)
        found = frozenset(r.policy for r in results if self.text(r) == self.text(lowest))
        return found if len(found) < len(results) else frozenset()


ROWS = (
    Row("slow_share", "Slow requests (over 2 s)", share),
    Row("p95", "p95 latency", seconds, latency=True),
    Row("start_p95", "p95 of quiz starts", seconds, latency=True),
    Row("failed", "Failed requests", _count),
    Row("instance_hours", "Instance-hours", _hours),
    Row("cost_usd", "Cost of instances", dollars),
    Row("sessions_lost", "Sessions lost", _count),
    Row("messages", "Messages to on-call", _count),
    Row("pages", "Pages to on-call", _count),
    Row("violations", "Invariants broken", _count),
)


def ours(results: Sequence[Result]) -> Result:
    """Firstbell's result, or the first one when Firstbell did not run. Raises ValueError without any result."""
    if not results:
        raise ValueError("there is no result to report")
    return next((r for r in results if r.policy == OURS), results[0])
