"""`firstbell explain`: why the floor is what it is, from the files, or what the deployed controller did and why."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cli import screen
from cli.errors import CommandError
from cli.folder import open_site
from cli.options import SITE, counted, examples
from cli.times import local, moment
from firstbell import clock

if TYPE_CHECKING:
    from firstbell.capacity.values import Peak, Plan
    from firstbell.journal import Entry
    from firstbell.site import Site

EXAMPLES = examples(
    "firstbell explain --site site.yaml",
    "firstbell explain --site site.yaml --at 2026-11-24T09:45",
    "firstbell explain --site greenfield --table firstbell-state   (needs AWS credentials)",
)
AROUND = timedelta(hours=12)
AHEAD, BEHIND = timedelta(days=14), timedelta(days=1)
SHOWN, LOOKED_AT = 50, 1000  # journal entries
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def command(
    site: Annotated[str, typer.Option(help="The site file; with --table a site's name will do.")] = str(SITE),
    at: Annotated[str, typer.Option(help="The moment to explain; default: now.", metavar="TIME")] = "",
    table: Annotated[str, typer.Option(help="The deployed table: show its journal.", metavar="NAME")] = "",
) -> None:
    """Explain why the floor is what it is at a moment; with --table, what the deployed controller did and why.

    A calendar that cannot be read is named and left out; then the exit code is 1.
    """
    if table:
        _journal(site, at, table)
    else:
        _floor(Path(site), at)


def _floor(path: Path, at: str) -> None:
    folder = open_site(path)
    zone, fleet = folder.site.zone, folder.site.fleet
    now = moment(at, zone, "--at") if at else clock.now()
    plan, unread = folder.plan(now - BEHIND, now + AHEAD)
    out, step = screen.console(), plan.at(now)
    least = counted(step.instances, "instance")
    out.print(screen.text(f"{plan.site} at {local(now, zone)} ({now:%H:%M} UTC): at least {least}"))
    for reason in step.reasons:
        out.print(screen.text(f"because {reason}", before="  "))
    since = "for more than a day" if step is plan.steps[0] else f"since {local(step.at, zone)}"
    out.print(screen.text(f"{since}; the site allows {fleet.min_instances} to {fleet.max_instances}", before="  "))
    _next(plan, now, zone)
    _demand(folder.site, plan, now)
    near = [p for p in plan.peaks if p.end > now - AROUND and p.start < now + AROUND]
    out.print()
    if near:
        out.print(screen.table(("From", "Until", "People", "Kind", "Peak", "Source"), _rows(near, zone), right=(2,)))
    else:
        out.print("No peak within 12 hours before or after.")
    for warning in (*plan.warnings, *plan.shortfalls):
        out.print(screen.text(f"Warning: {warning}", "yellow"))
    if unread:
        raise CommandError("\n".join(unread))


def _demand(site: "Site", plan: "Plan", now: datetime) -> None:
    """What asks for vCPUs now, and, since launches take their time, by when they are ready."""
    from firstbell.capacity.planning import LATE, NOTHING, Demand, lead_time

    demand = Demand.of(site, plan.peaks, plan.start, plan.end)
    ready = now + lead_time(site, NOTHING) + LATE
    out = screen.console()
    for peak, phases in demand.of_peaks:
        for phase in phases:
            if phase.start < ready and now < phase.end:
                begins = "" if phase.start <= now else f", from {local(phase.start, site.zone)}"
                out.print(screen.text(f"{peak.title}: {phase.what} takes {phase.vcpus:.1f} vCPUs{begins}", before="  "))
    total = demand.total.highest(now, ready)
    each = site.fleet.vcpus_per_instance * site.fleet.target_utilisation
    words = f"up to {total:.1f} vCPUs until {ready.astimezone(site.zone):%H:%M}, of which an instance takes {each:.2g}"
    out.print(screen.text(words, before="  "))


def _next(plan: "Plan", now: datetime, zone: ZoneInfo) -> None:
    change = next(((a, b) for a, b in pairwise(plan.steps) if b.at > now), None)
    if change is None:
        screen.console().print("  Next change: none in the next 14 days")
        return
    before, after = change
    words = f"Next change: {local(after.at, zone)}, {before.instances} → {after.instances}: {'; '.join(after.reasons)}"
    screen.console().print(screen.text(words, before="  "))


def _rows(peaks: "Sequence[Peak]", zone: ZoneInfo) -> list[tuple[str, ...]]:
    return [(local(p.start, zone), local(p.end, zone), f"{p.participants:,}", p.kind, p.title, p.source) for p in peaks]


def _journal(site: str, at: str, table: str) -> None:
    from firstbell import journal
    from firstbell.aws.table import Table

    name, zone = _site(site)
    until = moment(at, zone, "--at") if at else None
    entries = journal.newest(Table(table), name, LOOKED_AT if until else SHOWN)
    found = [e for e in entries if until is None or e.at <= until][:SHOWN]
    if not found:
        raise CommandError(f"table {table} has no journal entry of site {name}{' until then' if until else ''}")
    heads = (f"Time ({zone.key})", "Function", "Action", "On", "Why")
    screen.console().print(screen.table(heads, [_entry(e, zone) for e in found]))


def _site(text: str) -> tuple[str, ZoneInfo]:
    """The site's name and zone: from its file, or from the name alone, whose zone we do not know."""
    path = Path(text)
    if not path.exists() and NAME.fullmatch(text):
        return text, ZoneInfo("UTC")
    found = open_site(path).site
    return found.name, found.zone


def _entry(entry: "Entry", zone: ZoneInfo) -> tuple[str, ...]:
    failed = f" (failed: {entry.error})" if entry.error else ""
    return (
        f"{entry.at.astimezone(UTC).astimezone(zone):%d %b %H:%M:%S}",
        entry.function,
        entry.action,
        entry.subject,
        entry.reason + failed,
    )
