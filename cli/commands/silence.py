"""`firstbell silence add`, `list` and `remove`: for a while nobody is told of something, because somebody knows."""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import screen
from cli.deployed import published_site
from cli.errors import USAGE, CommandError
from cli.options import SITE, Json, counted, examples
from cli.times import local, moment, utc
from firstbell import clock

if TYPE_CHECKING:
    from firstbell.aws.table import Table
    from firstbell.oncall.muting import Silence
    from firstbell.site import Site

EXAMPLES = examples(
    "firstbell silence add 'mount/*' --site greenfield --table firstbell-state --for 2h --owner ann "
    "--reason 'new file server'",
    "firstbell silence add storage --table firstbell-state --until 2026-12-01T18:00 --owner ann --reason 'known'",
    "firstbell silence list --site greenfield --table firstbell-state --json",
    "firstbell silence remove 3f0c9a1e --site greenfield --table firstbell-state",
)
app = typer.Typer(
    help="Hold back what on-call is told of a site. What is still open when a silence ends is told then.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
SiteName = Annotated[str, typer.Option("--site", help="The site's name, or its file.", metavar="SITE")]
TableName = Annotated[str, typer.Option("--table", help="The stack's output TableName.", metavar="NAME")]
_SPAN = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,3})h)?(?:(\d{1,5})m)?")


@app.command(epilog=EXAMPLES)
def add(
    keys: Annotated[
        str,
        typer.Argument(help="Incidents' keys: one, a pattern, or below a slash.", metavar="KEYS", show_default=False),
    ],
    owner: Annotated[str, typer.Option(help="Who to ask about it.", metavar="NAME")],
    reason: Annotated[str, typer.Option(help="Why nobody need be told.", metavar="TEXT")],
    lasting: Annotated[str, typer.Option("--for", help="How long: 90m, 2h, 1d12h.", metavar="SPAN")] = "",
    until: Annotated[str, typer.Option(help="Until when, in the site's zone.", metavar="TIME")] = "",
    start: Annotated[str, typer.Option(help="From when on.", metavar="TIME", show_default="now")] = "",
    site: SiteName = str(SITE),
    table: TableName = "",
) -> None:
    """Silence incidents for a while, at most 30 days. Pages about an exam that is not ready need their whole key."""
    if bool(lasting) == bool(until):
        raise CommandError("say with one of --for and --until when it ends: a silence without an end is none", USAGE)
    state, found = _open(table, site)
    from firstbell.oncall import muting, resolving, silences

    now = clock.now()
    begin = moment(start, found.zone, "--start") if start else now
    end = moment(until, found.zone, "--until") if until else begin + _span(lasting)
    try:
        kept = silences.add(state, found.name, muting.Silence(owner, reason, keys, begin, end), now)
    except ValueError as error:
        raise CommandError(str(error)) from error
    opened = [key for key in resolving.open_incidents(state, found.name) if muting.matches(kept.matches, key)]
    print(f"Silenced: {_sentence(kept, found)}. Open now and silenced by it: {counted(len(opened), 'incident')}.")
    print(f"To end it: firstbell silence remove {kept.id} --site {found.name} --table {state.name}")


@app.command("list", epilog=EXAMPLES)
def show(site: SiteName = str(SITE), table: TableName = "", as_json: Json = False) -> None:
    """Show the silences that have not ended."""
    state, found = _open(table, site)
    from firstbell.oncall import silences

    silenced = silences.those_of(state, found.name, clock.now())
    if as_json:
        screen.print_json([_plain(each) for each in silenced])
    elif silenced:
        heads = ("", "Keys", f"From ({found.timezone})", "Until", "Owner", "Reason")
        rows = [_row(each, found) for each in silenced]
        screen.console().print(screen.table(heads, rows))
    else:
        print(f"{found.name}: no silences")


@app.command(epilog=EXAMPLES)
def remove(
    which: Annotated[str, typer.Argument(help="Its id, as `list` shows it.", metavar="ID", show_default=False)],
    site: SiteName = str(SITE),
    table: TableName = "",
) -> None:
    """End a silence now: what it held back and is still open is told within five minutes."""
    state, found = _open(table, site)
    from firstbell.oncall import silences

    known = silences.those_of(state, found.name, clock.now())
    chosen = next((each for each in known if each.id == which), None)
    if chosen is None:
        ids = ", ".join(each.id for each in known) or "none"
        raise CommandError(f"{found.name} has no silence {which!r} (there is: {ids}); it may have ended")
    silences.remove(state, found.name, chosen)
    print(f"Removed: {_sentence(chosen, found)}.")


def _open(table: str, site: str) -> "tuple[Table, Site]":
    if not table:
        raise CommandError("silences are kept in the deployed table: give --table (the stack's output TableName)")
    from firstbell.aws.table import Table

    state = Table(table)
    return state, published_site(state, site)


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text.strip())
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not any(parts):
        raise CommandError(f"--for: {text!r} is not a span; write 90m, 2h or 1d12h", USAGE)
    days, hours, minutes = parts
    return timedelta(days=days, hours=hours, minutes=minutes)


def _sentence(silence: "Silence", site: "Site") -> str:
    begins = f" from {local(silence.start, site.zone)}" if silence.start > clock.now() else ""
    until = f"until {local(silence.end, site.zone)} ({site.timezone})"
    return f"{silence.matches} of {site.name}{begins} {until}, by {silence.owner}: {silence.reason}"


def _row(silence: "Silence", site: "Site") -> tuple[str, ...]:
    times: tuple[datetime, datetime] = (silence.start, silence.end)
    begins, ends = (local(at, site.zone) for at in times)
    return (silence.id, silence.matches, begins, ends, silence.owner, silence.reason)


def _plain(silence: "Silence") -> dict[str, Any]:
    return {
        "id": silence.id,
        "keys": silence.matches,
        "start": utc(silence.start),
        "end": utc(silence.end),
        "owner": silence.owner,
        "reason": silence.reason,
    }
