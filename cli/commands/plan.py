"""`firstbell plan`: what the calendars ask for, when, why, and what it costs; from the files alone."""

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import costs, screen
from cli.folder import Folder, open_site
from cli.options import MOST_SAID, SITE, Json, SiteFile, counted, examples
from cli.times import local, moment, utc
from firstbell import clock

if TYPE_CHECKING:
    from firstbell.capacity.values import Plan

EXAMPLES = examples(
    "firstbell plan --site examples/exam_morning/site.yaml",
    "firstbell plan --site site.yaml --from 2026-11-24 --days 7",
    "firstbell plan --site site.yaml --json | jq '.steps[] | select(.instances > 4)'",
)


def command(
    site: SiteFile = SITE,
    begin: Annotated[str, typer.Option("--from", help="First moment; default: now.", metavar="TIME")] = "",
    days: Annotated[int, typer.Option(help="How many days.", min=1, max=400)] = 14,
    as_json: Json = False,
) -> None:
    """Show what the calendars ask of the web tier: what would change, when, why, and what it costs."""
    folder = open_site(site)
    start = moment(begin, folder.site.zone, "--from") if begin else clock.now()
    end = (start.astimezone(folder.site.zone) + timedelta(days=days)).astimezone(UTC)  # days of the wall clock
    plan = folder.plan(start, end)
    cost = costs.of_plan(plan, folder.site.fleet)
    if as_json:
        screen.print_json(_plain(plan, cost))
    else:
        _show(folder, plan, cost, days)


def _plain(plan: "Plan", cost: costs.Cost) -> dict[str, Any]:
    return {
        "site": plan.site,
        "steps": [{"at": utc(s.at), "instances": s.instances, "reasons": list(s.reasons)} for s in plan.steps],
        "peaks": [
            {
                "start": utc(p.start),
                "end": utc(p.end),
                "participants": p.participants,
                "kind": p.kind,
                "source": p.source,
                "title": p.title,
            }
            for p in plan.peaks
        ],
        "warnings": [*plan.warnings, *plan.shortfalls],
        "cost": {"instance_hours": cost.instance_hours, "usd": cost.usd, "hourly_usd": cost.hourly_usd},
    }


def _show(folder: Folder, plan: "Plan", cost: costs.Cost, days: int) -> None:
    out, zone, fleet = screen.console(), folder.site.zone, folder.site.fleet
    when = f"{counted(days, 'day')} from {local(plan.start, zone)} ({folder.site.timezone})"
    head = f"{plan.site}: {when}, {counted(len(plan.peaks), 'peak')}"
    out.print(screen.text(head, "bold"))
    out.print()
    _picture(folder, plan)
    before = [fleet.min_instances, *(step.instances for step in plan.steps)]
    rows = [
        (
            local(step.at, zone),
            f"{step.at:%d %b %H:%M}",
            f"{was} → {step.instances}" if was != step.instances else str(step.instances),
            "; ".join(step.reasons),
        )
        for was, step in zip(before, plan.steps, strict=False)
    ]
    out.print(screen.table((f"Local time ({folder.site.timezone})", "UTC", "Instances", "Why"), rows, right=(2,)))
    out.print()
    out.print(
        screen.text(
            f"Cost: {cost.instance_hours:,.1f} instance-hours at ${cost.hourly_usd:g} are ${cost.usd:,.2f};"
            f" {fleet.max_instances} instances all the time would be ${cost.always_most:,.2f},"
            f" {fleet.min_instances} all the time ${cost.always_least:,.2f}."
        )
    )
    for warning in plan.warnings[:MOST_SAID]:
        out.print(screen.text(f"Warning: {warning}", "yellow"))
    for shortfall in plan.shortfalls[:MOST_SAID]:
        out.print(screen.text(f"Shortfall: {shortfall}", "bold red"))
    if left := sum(len(said[MOST_SAID:]) for said in (plan.warnings, plan.shortfalls)):
        out.print(screen.text(f"and {left} more like these; --json has them", "dim"))


def _picture(folder: Folder, plan: "Plan") -> None:
    from rich.text import Text

    from cli import picture

    out, least = screen.console(), folder.site.fleet.min_instances
    rows, left = picture.rows(plan, folder.site.zone, least)
    if rows:
        out.print(Text(f"{'':10}  {picture.HOURS}  most", "dim"))
    for row in rows:
        line = Text(f"{row.day:%a %d %b}  ")
        line.append(row.blocks, "cyan" if row.most > least else "dim")
        line.append(f"  {row.most}")
        out.print(line)
    if left:
        out.print(screen.text(f"and {left} more days with a peak", "dim"))
    if rows:
        out.print()
