"""The entry point of `firstbell`: its commands and what they share."""

import sys
from typing import Annotated

import typer

from cli.commands import (
    alerts,
    backup,
    check,
    explain,
    peak,
    plan,
    probe,
    replay,
    report,
    schema,
    silence,
    simulate,
)
from cli.errors import BAD, DEBUG, Commands, say

HELP = """The classroom is ready before the first bell: plan, explain and simulate a Moodle's capacity on AWS.

Exit codes: 0 all is well, 1 bad input or a failed check, 2 wrong usage, 3 an invariant was violated, 4 AWS refused, \
130 interrupted, 141 the reader of a pipe went away. `probe` has the probe's own: 0 healthy, 1 a bad verdict, 2 \
unknown. `backup` ends with 3 when it stopped before anything was written.
"""

app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (simulate, plan, explain, report, replay, probe, check, schema):
    name = module.__name__.rpartition(".")[2]
    app.command(name, epilog=module.EXAMPLES, no_args_is_help=False)(module.command)
for name, group in (("peak", peak.app), ("alerts", alerts.app), ("silence", silence.app), ("backup", backup.app)):
    app.add_typer(group, name=name)


def show_version(wanted: bool) -> None:
    """Print the installed distribution's version, if it is asked for, and stop."""
    if wanted:
        from importlib.metadata import version

        print(f"firstbell {version('firstbell')}")
        raise typer.Exit


@app.callback(epilog="Begin with `firstbell simulate`: it needs no AWS account.")
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", envvar=DEBUG, help="Show the traceback of an error.")] = False,
) -> None:
    """Say what may stand before a command; both are seen to before it runs."""
    del version, debug


def main() -> None:
    """Run the command line; what a narrow encoding cannot write becomes a question mark instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if (change := getattr(stream, "reconfigure", None)) is not None:
            change(errors="replace")
    if sys.stdout is None:  # the shell's `>&-`
        say("standard output is closed, so nothing can be printed; to print nothing, send it to /dev/null")
        raise SystemExit(BAD)
    app(prog_name="firstbell")


if __name__ == "__main__":
    main()
