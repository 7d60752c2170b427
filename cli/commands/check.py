"""`firstbell check`: is a site file good, and can its calendars be read? Says all that is wrong, not the first only."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError, say
from cli.folder import Folder, open_site
from cli.options import MOST_SAID, counted, examples
from firstbell import clock
from firstbell.calendar.values import CalendarError

if TYPE_CHECKING:
    from firstbell.capacity.values import Plan
    from firstbell.site import Site

EXAMPLES = examples("firstbell check site.yaml", "firstbell check examples/exam_morning/site.yaml && git commit")
AHEAD = timedelta(days=60)


def command(
    site: Annotated[Path, typer.Argument(help="The site file.", metavar="SITE.YAML", show_default=False)],
) -> None:
    """Validate a site file, and read the calendars that lie beside it. Each problem goes to standard error."""
    folder = open_site(site)
    now = clock.now()
    absent = [c.name for c in folder.site.calendars if not _lies_there(folder, c.name)]
    if absent and len(absent) == len(folder.site.calendars):
        raise CommandError(
            f"no calendar lies beside {site}, so none was read ({', '.join(absent)}); the site file itself is good"
        )
    plan, unread = folder.plan(now, now + AHEAD)
    if wrong := [*unread, *_of_rota(folder, now)]:
        raise CommandError("\n".join(wrong))
    _tell(folder.site, plan)


def _lies_there(folder: Folder, name: str) -> bool:
    """A path that is not allowed counts as there: reading it says what is wrong with it."""
    from firstbell.calendar.folder import reader
    from firstbell.calendar.sources import safe

    try:
        return bool(reader(folder.root)(safe(name)))
    except CalendarError:
        return True


def _of_rota(folder: Folder, now: datetime) -> list[str]:
    """What is wrong with the rota that lies beside the site file, if there is one."""
    source = folder.site.oncall.rota.source
    if source is None or source.remote:
        return []
    from firstbell.calendar.folder import reader
    from firstbell.oncall import rota_keeping

    try:
        rota_keeping.read(folder.site, source, reader(folder.root), now)
    except CalendarError as error:
        return [f"oncall.rota: {error}"]
    return []


def _tell(site: "Site", plan: "Plan") -> None:
    warnings = (*plan.warnings, *plan.shortfalls)
    for warning in warnings[:MOST_SAID]:
        say(f"warning: {warning}")
    if len(warnings) > MOST_SAID:
        say(f"and {counted(len(warnings) - MOST_SAID, 'more warning')}; `firstbell plan --json` has them")
    most = max(step.instances for step in plan.steps)
    print(
        f"{site.name}: {counted(len(site.calendars), 'calendar')}, {counted(len(plan.peaks), 'peak')} in the next"
        f" {AHEAD.days} days, at most {most} of {site.fleet.max_instances} instances planned, time zone {site.timezone}"
    )
