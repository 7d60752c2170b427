"""`firstbell replay`: one real handler on one saved event, against the simulated AWS or, with --live, the real one."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import screen
from cli.errors import BAD, CommandError, say
from cli.options import examples
from firstbell import events
from firstbell.calendar.folder import contents
from firstbell.oncall import inbox

EXAMPLES = examples(
    "firstbell replay events/cloudwatch/alarm.json",
    "firstbell replay events/schedule/tick.json --function patrol_mounts",
    "firstbell replay event.json --live   (with the function's environment variables and AWS credentials)",
)
BY_SOURCE = {"aws.cloudwatch": "react_to_alarm", "aws.s3": "plan_capacity", "aws.ssm": "admit_instances"}
BY_DETAIL_TYPE = {
    "EC2 Instance-launch Lifecycle Action": "admit_instances",
    "EC2 Instance-terminate Lifecycle Action": "release_instances",
    "EC2 Spot Instance Interruption Warning": "release_instances",
}
FUNCTIONS = Path(__file__).resolve().parents[2] / "functions"


def command(
    event: Annotated[Path, typer.Argument(help="A saved event, one JSON file.", metavar="EVENT.json")],
    function: Annotated[str, typer.Option(help="The function; default: whose event it is.", metavar="NAME")] = "",
    live: Annotated[bool, typer.Option("--live", help="Act on the real AWS account.")] = False,
) -> None:
    """Run the real handler on a saved event, and show what it understood, did and called."""
    payload = _read(event)
    name = _known(function) if function else _meant(payload, event)
    _show_hint(name, payload, live)
    if live:
        from cli import live as backend

        answer = backend.replay(name, payload)
    else:
        from simulator.run import replay

        answer = replay(name, payload)
    _show(answer)
    if answer["error"]:
        say(f"{name} failed: {answer['error']}")
        raise typer.Exit(BAD)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(contents(path))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path}: not JSON: {error}; save one event as one JSON object") from error
    if not isinstance(found, dict):
        raise CommandError(f"{path}: a JSON {type(found).__name__}, where an event is an object")
    return found


def names() -> list[str]:
    """The functions that there are."""
    return sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py"))


def _known(name: str) -> str:
    if name not in names():
        raise CommandError(f"--function: there is no function {name!r}; there are {', '.join(names())}")
    return name


def _meant(event: dict[str, Any], origin: Path) -> str:
    """The function that template.yaml would give the event to."""
    source, kind = event.get("source"), event.get("detail-type")
    if isinstance(event.get("Records"), list):
        return "notify_on_call"
    if source == events.SCHEDULE:
        raise CommandError(f"{origin}: a schedule wakes every function; say which one with --function")
    found = BY_DETAIL_TYPE.get(str(kind)) or BY_SOURCE.get(str(source))
    if found is None:
        said = f"source {source!r}, detail-type {kind!r}" if source else "what has no 'source'"
        raise CommandError(f"{origin}: no function listens to {said}; choose one with --function")
    return _known(found)


def _show_hint(name: str, event: dict[str, Any], live: bool) -> None:
    out = screen.console()
    where = "the real AWS account" if live else "the simulated AWS (of the exam morning: the site greenfield)"
    out.print(screen.text(f"{name} on {where}", "bold"))
    match events.read(inbox.hint(event)):
        case events.Hint() as hint:
            told = {"group": hint.group, "instance": hint.instance, "alarm": hint.alarm, "key": hint.key}
            out.print(screen.text(", ".join([f"hint: {hint.why}", *(f"{k} {v}" for k, v in told.items() if v)])))
        case events.Skip(reason):
            out.print(screen.text(f"skipped: {reason}"))
        case events.Bad(reason):
            out.print(screen.text(f"bad event: {reason}", "yellow"))


def _show(answer: dict[str, Any]) -> None:
    out = screen.console()
    if not answer["error"]:
        out.print(screen.text(f"result: {json.dumps(answer['result'], default=str)}"))
    calls = answer["calls"]
    out.print(screen.text(f"called: {', '.join(f'{c} × {n}' for c, n in sorted(calls.items())) or 'nothing'}"))
    for entry in answer["journal"]:
        failed = f" (failed: {entry['error']})" if entry.get("error") else ""
        out.print(screen.text(f"did: {entry['action']} {entry['subject']}, because {entry['reason']}{failed}"))
    for page in answer["pages"]:
        out.print(screen.text(f"paged: {page}", "magenta"))
