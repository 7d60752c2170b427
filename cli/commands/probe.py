"""`firstbell probe`: the mount probe that the controller runs on its instances, run here."""

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from cli import screen
from cli.errors import BAD, CommandError
from cli.options import Json, examples

EXAMPLES = examples(
    "firstbell probe /var/moodledata",
    "firstbell probe /var/moodledata --fstype nfs4 --source nfs.example.edu:/moodledata --site greenfield",
)
MARGIN = 30  # seconds beyond the probe's own time-out, after which something else is wrong
COLOURS = {"healthy": "bold green", "slow": "bold yellow", "unknown": "bold yellow"}


def command(
    path: Annotated[str, typer.Argument(help="Where the directory is mounted.", show_default=False)],
    fstype: Annotated[str, typer.Option(help="File system type that it must have, such as nfs4.")] = "",
    source: Annotated[str, typer.Option(help="HOST:/EXPORT that it must come from.")] = "",
    site: Annotated[str, typer.Option(help="Name that the file .firstbell-site in its root must hold.")] = "",
    slow_ms: Annotated[float, typer.Option(help="Milliseconds above which a step is slow.", min=0)] = 2000,
    timeout: Annotated[float, typer.Option(help="Seconds for everything.", min=0.1, max=86400)] = 20,
    min_free_mb: Annotated[float, typer.Option(help="Free MiB that it must have.", min=0)] = 256,
    user: Annotated[str, typer.Option(help="Whom a bare mount point must not let write.")] = "www-data",
    as_json: Json = False,
) -> None:
    """Examine a mounted directory as the controller does. Exit code 0 healthy, 1 a bad verdict, 2 unknown."""
    wanted = {"fstype": fstype, "source": source, "site": site, "user": user}
    numbers = {"slow-ms": slow_ms, "timeout": timeout, "min-free-mb": min_free_mb}
    flags = [f"--{name}={value}" for name, value in (wanted | {k: f"{v:g}" for k, v in numbers.items()}).items()]
    done = _run([*flags, "--", path], timeout + MARGIN)
    if as_json or not sys.stdout.isatty():
        print(done.stdout, end="")
    else:
        _show(json.loads(done.stdout))
    raise typer.Exit(done.returncode)


def _run(arguments: list[str], limit: float) -> subprocess.CompletedProcess[str]:
    found = find_spec("firstbell.instances.probe")
    if found is None or found.origin is None:
        raise CommandError("the probe is not installed; install firstbell again")
    command = [sys.executable, found.origin, *arguments]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=limit, check=False)  # noqa: S603 - ours
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"the probe gave no answer within {limit:g} s", BAD) from error
    if not done.stdout:
        raise CommandError(f"the probe ended with code {done.returncode} and without an answer", BAD)
    return done


def _show(answer: dict[str, Any]) -> None:
    out, verdict = screen.console(), str(answer["verdict"])
    out.print(screen.text(f"{answer['path']}: {verdict}", COLOURS.get(verdict, "bold red")))
    facts = {"failing step": answer["step"], "detail": answer["detail"], "type": answer["fstype"]}
    facts |= {"source": answer["source"], "options": answer["options"], "host": answer["host"]}
    rows = [(name, str(value)) for name, value in facts.items() if value]
    steps = [(f"step {name}", f"{ms:g} ms") for name, ms in answer["ms"].items()]
    out.print(screen.table(("", ""), [*rows, *steps]))
