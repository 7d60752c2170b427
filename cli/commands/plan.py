"""`firstbell plan`: what the calendars ask for, what would change, when, why, and what it costs."""

from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import costs, plan_view, screen
from cli.errors import USAGE, CommandError
from cli.folder import open_site
from cli.options import SITE, Json, SiteFile, examples
from cli.times import moment
from firstbell import clock
from firstbell.capacity.values import Learned

if TYPE_CHECKING:
    from firstbell.capacity.reconcile import Seen
    from firstbell.site import Site

EXAMPLES = examples(
    "firstbell plan --site examples/exam_morning/site.yaml",
    "firstbell plan --site site.yaml --from 2026-11-24 --days 7 --report plan.html",
    "firstbell plan --site site.yaml --live --table firstbell-state   (needs AWS credentials)",
    "aws autoscaling describe-auto-scaling-groups > group.json && firstbell plan --group-state group.json",
    "firstbell plan --site site.yaml --json | jq '.steps[] | select(.instances > 4)'",
)


def command(
    site: SiteFile = SITE,
    begin: Annotated[str, typer.Option("--from", help="First moment; default: now.", metavar="TIME")] = "",
    days: Annotated[int, typer.Option(help="How many days.", min=1, max=400)] = 14,
    group_state: Annotated[
        Path | None, typer.Option(help="What AWS says of the group: show what would change.", metavar="FILE.json")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask AWS about the group: show what would change.")] = False,
    table: Annotated[
        str, typer.Option(help="The deployed table: use what was learned; with --live.", metavar="NAME")
    ] = "",
    report: Annotated[Path | None, typer.Option(help="Write an HTML page there.", metavar="FILE.html")] = None,
    as_json: Json = False,
) -> None:
    """Show what the calendars ask of the web tier, as `terraform plan` does; nothing is ever changed.

    A calendar that cannot be read is named and left out; then the exit code is 1, though the others are planned.
    """
    folder = open_site(site)
    now = clock.now()
    start = moment(begin, folder.site.zone, "--from") if begin else now
    end = (start.astimezone(folder.site.zone) + timedelta(days=days)).astimezone(UTC)  # days of the wall clock
    seen = _seen(folder.site, group_state, live, table)
    learned = _learned(folder.site, table)
    made, unread = folder.plan(start, end, seen, learned)
    view = plan_view.View(folder.site, made, costs.of_plan(made, folder.site.fleet), learned, days, seen, now)
    if report is not None:
        from cli import plan_page

        report.write_text(plan_page.render(view), encoding="utf-8")
    if as_json:
        screen.print_json(plan_view.plain(view))
    else:
        plan_view.show(view)
        if report is not None:
            screen.console().print(screen.text(f"Report: {report}", "dim"))
    if unread:
        raise CommandError("\n".join(unread))


def _seen(site: "Site", group_state: Path | None, live: bool, table: str) -> "Seen | None":
    from cli import group_state as state

    if group_state is not None and live:
        raise CommandError("give --group-state or --live, not both", USAGE)
    if table and not live:
        raise CommandError("--table needs --live: it is the table of the deployed controller", USAGE)
    if group_state is not None:
        return state.from_file(group_state, site)
    return state.live(site, table, clock.now()) if live else None


def _learned(site: "Site", table: str) -> Learned:
    if not table:
        return Learned()
    from firstbell.aws.table import Table
    from firstbell.learning import remembering

    return remembering.recall(Table(table), site)
