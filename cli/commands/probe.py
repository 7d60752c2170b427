"""`firstbell probe`: the probe that the controller runs on its instances, run here."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli import screen
from cli.errors import BAD, CommandError
from cli.options import Json, examples
from firstbell.instances import probe as script
from firstbell.site.operations import PAGE

EXAMPLES = examples(
    "firstbell probe /var/moodledata",
    "firstbell probe /var/moodledata --fstype nfs4 --source nfs.example.edu:/moodledata --site greenfield",
    "sudo firstbell probe /var/moodledata --user apache --repair 1",
    "firstbell probe /var/moodledata --web-host moodle.example.edu --warm /login/index.php --warm /",
)
MARGIN = 30  # seconds beyond the longest run of the probe, after which something else is wrong
COLOURS = {"healthy": "bold green", "slow": "bold yellow", "unknown": "bold yellow"}


def command(
    path: Annotated[str, typer.Argument(help="Where the directory is mounted.", show_default=False)],
    fstype: Annotated[str, typer.Option(help="File system type that it must have, such as nfs4.")] = "",
    source: Annotated[str, typer.Option(help="HOST:/EXPORT that it must come from.")] = "",
    site: Annotated[str, typer.Option(help="Name that the file .firstbell-site in its root must hold.")] = "",
    slow_ms: Annotated[float, typer.Option(help="Milliseconds above which a step is slow.", min=0)] = 2000,
    timeout: Annotated[float, typer.Option(help="Seconds for an examination.", min=0.1, max=86400)] = 20,
    min_free_mb: Annotated[float, typer.Option(help="Free MiB that it must have.", min=0)] = 256,
    user: Annotated[str, typer.Option(help="Whom the bare mount point must not let write.")] = "www-data",
    repair: Annotated[int, typer.Option(help="Mount it anew at most so often, if missing or stale.", min=0, max=6)] = 0,
    web_host: Annotated[str, typer.Option(help="Host to ask the local web server for; empty: do not ask.")] = "",
    web_port: Annotated[int, typer.Option(help="Its port, without TLS.", min=1, max=65535)] = 80,
    page: Annotated[str, typer.Option(help="Cheap page that it must answer.")] = "/login/index.php",
    warm: Annotated[list[str] | None, typer.Option(help="Page to ask for until it is fast; may be repeated.")] = None,
    warm_ms: Annotated[float, typer.Option(help="A page below that is fast.", min=1)] = 1000,
    warm_seconds: Annotated[float, typer.Option(help="Seconds for warming at most.", min=0, max=3600)] = 45,
    as_json: Json = False,
) -> None:
    """Examine a mounted directory as the controller does. Exit code 0 healthy, 1 a bad verdict, 2 unknown."""
    if not path:
        raise CommandError("PATH is empty; give where the directory is mounted, such as /var/moodledata")
    for asked in (page, *(warm or [])):
        if not re.fullmatch(PAGE, asked):
            raise CommandError(f"{asked!r:.80} is no page: it begins with a slash, such as /login/index.php")
    if warm and not web_host:
        raise CommandError("--warm needs --web-host: without a host the web server is not asked")
    wanted = {"fstype": fstype, "source": source, "site": site, "user": user, "web-host": web_host, "page": page}
    wanted |= {"warm": " ".join(warm or []), "purpose": "admitting" if warm else "patrolling"}
    numbers = {"slow-ms": slow_ms, "timeout": timeout, "min-free-mb": min_free_mb, "repair": repair}
    numbers |= {"web-port": web_port, "warm-ms": warm_ms, "warm-seconds": warm_seconds}
    flags = [f"--{name}={value}" for name, value in (wanted | {k: f"{v:g}" for k, v in numbers.items()}).items()]
    longest = (repair + 1) * (timeout + 1) + repair * 3 * script.COMMAND_SECONDS
    longest += script.WEB_SECONDS + script.LEAST_SECONDS + warm_seconds
    done = _run([*flags, "--", path], longest + MARGIN)
    if as_json or not sys.stdout.isatty():
        print(done.stdout, end="")
    else:
        _show(json.loads(done.stdout))
    raise typer.Exit(done.returncode)


def _run(arguments: list[str], limit: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, script.__file__, *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - ours; Ctrl-C reaches us alone, and we end it
            command, stdout=subprocess.PIPE, text=True, timeout=limit, check=False, start_new_session=True
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"the probe gave no answer within {limit:g} s", BAD) from error
    if not done.stdout:
        raise CommandError(f"the probe ended with code {done.returncode} and without an answer", BAD)
    return done


def _show(answer: dict[str, Any]) -> None:
    out, verdict = screen.console(), str(answer["verdict"])
    out.print(screen.text(f"{answer['path']}: {verdict}", COLOURS.get(verdict, "bold red")))
    out.print(screen.table(("", ""), list(_rows(answer))))


def _rows(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    facts = {"failing step": answer["step"], "detail": answer["detail"], "type": answer["fstype"]}
    facts |= {"source": answer["source"], "options": answer["options"], "host": answer["host"]}
    yield from ((name, str(value)) for name, value in facts.items() if value)
    yield from (("warning", warning) for warning in answer["warnings"])
    for repair in answer["repairs"]:
        yield "repair", f"{repair['was']}: {repair['did']}: {'done' if repair['ok'] else repair['said']}"
    if web := answer["web"]:
        yield "web server", f"{web['page']}: {web['status'] or 'no answer'}, {web['ms']:g} ms"
    if warm := answer["warm"]:
        how = "warm" if warm["done"] else "not warm"
        yield "warming", f"{how} after {warm['rounds']} rounds of {warm['pages']} pages; {warm['slowest']}"
    yield from ((f"step {name}", f"{ms:g} ms") for name, ms in answer["ms"].items())
