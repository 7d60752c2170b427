"""A plan as a page: demand and planned capacity as a chart, the steps with their reasons, and what the plan says."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import nan

from cli import plan_view
from cli.times import local
from firstbell.capacity.planning import Demand
from simulator.report import hover
from simulator.report.axes import Linear, Time
from simulator.report.page import document
from simulator.report.plot import Chart, Line, figure
from simulator.report.text import TITLE, WHY, safe
from simulator.results import Minute

POINTS = 2000  # of the chart; more are thinned, each by the highest of its stretch
MOST_ROWS = 400
_CLASSES = dict.fromkeys(("Local time", "From", "Until"), "when") | dict.fromkeys(("Why", "Peak", "Source"), "words")


def render(view: plan_view.View) -> str:
    """The page as HTML; the same plan gives the same bytes."""
    plan, site = view.plan, view.site
    time = Time(plan.start, plan.end, site.zone)
    chart = _chart(view)
    most = max(plan.steps, key=lambda step: step.instances)
    heading = (
        f"{safe(site.name, TITLE)} needs at most {most.instances} instances in these"
        f" {view.days} days, first on {local(most.at, site.zone)}."
    )
    sections = [
        figure(chart, time),
        _table("Steps", ("Local time", "Instances", "Why"), _steps(view)),
        _table("Peaks", ("From", "Until", "Invited", "Kind", "Peak", "Source"), _peaks(view)),
        _table("Other tiers", ("Tier", "From", "Until", "Level", "Why"), plan_view.loan_rows(view)),
        _list("Warnings", [*plan.warnings, *plan.shortfalls]),
        _list("Advice", plan.advice),
        _list("Assumed", view.assumptions),
    ]
    return document(
        safe(site.name, TITLE),
        "plan",
        heading,
        f"{local(plan.start, site.zone)} to {local(plan.end, site.zone)}, {safe(site.timezone)}."
        f" {safe(plan_view.cost_sentence(view), WHY)}",
        "\n".join(sections),
        "Made from the calendars; nothing was changed by it.",
        hover.data([chart], time),
    )


def _chart(view: plan_view.View) -> Chart:
    plan, fleet = view.plan, view.site.fleet
    total = Demand.of(view.site, plan.peaks, plan.start, plan.end, view.learned).total
    moments = sorted(
        {plan.start, *(m for m in total.moments if plan.start <= m < plan.end), *(s.at for s in plan.steps)}
    )
    minutes = [
        Minute(
            at=moment,
            demand=total.highest(moment, until),
            capacity=plan.at(moment).instances * fleet.vcpus_per_instance,
            instances=plan.at(moment).instances,
            requests=0,
            p95=nan,
        )
        for moment, until in _thinned([*moments, plan.end])
    ]
    lines = [
        Line("Demand", "demand", minutes, lambda m: m.demand, filled=True),
        Line("Planned at least", "p0", minutes, lambda m: m.capacity),
    ]
    highest = max(max(m.demand, m.capacity) for m in minutes)
    about = (
        f"vCPUs: what the planned share of the invited asks for, and what is planned, to be used to"
        f" {fleet.target_utilisation:.0%} at a peak."
    )
    return Chart("plan", "Demand and planned capacity", about, Linear(highest), lines)


def _thinned(edges: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """Neighbouring edges as intervals, at most POINTS of them."""
    size = max(1, -(-(len(edges) - 1) // POINTS))
    kept = [*edges[:-1:size], edges[-1]]
    return [(a, max(b, a + timedelta(seconds=1))) for a, b in pairwise(kept)]


def _steps(view: plan_view.View) -> list[tuple[str, ...]]:
    return [(local(s.at, view.site.zone), str(s.instances), "; ".join(s.reasons)) for s in view.plan.steps]


def _peaks(view: plan_view.View) -> list[tuple[str, ...]]:
    zone = view.site.zone
    return [
        (local(p.start, zone), local(p.end, zone), f"{p.participants:,}", p.kind.replace("_", " "), p.title, p.source)
        for p in view.plan.peaks
    ]


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    kinds = [_CLASSES.get(head, "") for head in heads]
    top = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "\n".join(f"<tr>{''.join(map(_cell, row, kinds))}</tr>" for row in rows[:MOST_ROWS])
    more = (
        f'<p class="note">and {len(rows) - MOST_ROWS:,} more; --json has them all.</p>' if len(rows) > MOST_ROWS else ""
    )
    table = f"<caption>{caption}</caption><thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody>"
    return f'<section><table class="plain">{table}</table>{more}</section>'


def _cell(text: str, kind: str) -> str:
    return f'<td dir="auto" class="{kind}">{safe(text, WHY)}</td>'


def _list(caption: str, sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    items = "\n".join(f"<li dir=auto>{safe(sentence, WHY)}</li>" for sentence in sentences[:MOST_ROWS])
    return f"<section><h2>{caption}</h2><ul>{items}</ul></section>"
