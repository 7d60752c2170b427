"""One sentence about a comparison, made of its figures only: it says so too when Firstbell was not the best."""

from collections.abc import Sequence

from simulator.report.figures import ROWS, dollars, ours, phrase, title
from simulator.results import Result

_OF = {row.key: row for row in ROWS}


def sentence(results: Sequence[Result]) -> str:
    """The conclusion. Raises ValueError without any result."""
    own = ours(results)
    others = [r for r in results if r is not own]
    told = f"{_quality(own)} for {dollars(own.figures.get('cost_usd', 0))}"
    against = " and ".join(
        f"{_quality(r)} for {dollars(r.figures.get('cost_usd', 0))} with {phrase(r.policy)}" for r in others
    )
    verdict = _verdict(own, others)
    broken = own.figures.get("violations", 0)
    tail = f"; {broken:.0f} invariant{'s were' if broken != 1 else ' was'} broken" if broken else ""
    return f"{verdict}: {told}{', against ' if against else ''}{against}{tail}."


def _quality(result: Result) -> str:
    return f"{_OF['slow_share'].text(result)} (p95 {_OF['p95'].text(result)})"


def _verdict(own: Result, others: Sequence[Result]) -> str:
    name, slow = title(own.policy), own.figures.get("slow_share", 0)
    better = [r for r in others if r.figures.get("slow_share", 0) < slow]
    if not others:
        return f"Slow requests with {name}"
    if better:
        best = min(better, key=lambda r: r.figures.get("slow_share", 0))
        found = phrase(best.policy)
        return f"{found[:1].upper()}{found[1:]} had fewer slow requests than {name}"
    if any(r.figures.get("slow_share", 0) == slow for r in others):
        return f"No policy had fewer slow requests than {name}"
    cheapest = all(own.figures.get("cost_usd", 0) < r.figures.get("cost_usd", 0) for r in others)
    return f"{name} had the fewest slow requests{' and cost the least' if cheapest else ''}"
