"""`firstbell alerts route`: who would hear what of a signal, when, and why; offline, with on-call's own pipeline."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import screen
from cli.errors import CommandError, say
from cli.options import SITE, Json, examples
from cli.times import local, moment, utc
from firstbell import clock

if TYPE_CHECKING:
    from cli.foresight import Duty, Step
    from firstbell.oncall.inbox import Letter
    from firstbell.oncall.signal import Signal
    from firstbell.site import Site

EXAMPLES = examples(
    "firstbell alerts route events/sns/notification.json --site examples/exam_morning/site.yaml",
    "firstbell alerts route signal.json --at 2026-12-24T03:00 --open storage",
    "firstbell alerts route events/cloudwatch/alarm.json --json | jq '.[].steps[].told'",
)
ASSUMED = "As if it went on, every message arrived and nobody acknowledged it; silences are not known here."
app = typer.Typer(
    help="Question the rules of on-call.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog=EXAMPLES)
def alerts() -> None:
    """Question the rules of on-call."""


@app.command(epilog=EXAMPLES)
def route(
    event: Annotated[Path, typer.Argument(help="A signal, an SNS event or an alarm's event.", metavar="EVENT.json")],
    site: Annotated[
        str, typer.Option(help="The site file.", metavar="FILE", show_default=f"{SITE}, if it is there")
    ] = "",
    at: Annotated[str, typer.Option(help="When it arrives.", metavar="TIME", show_default="the signal's time")] = "",
    opened: Annotated[
        list[str] | None, typer.Option("--open", help="Key of an incident that is open; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell who would hear what of a signal, when and why, muted and quiet hours included; nobody is told."""
    from cli import foresight
    from firstbell.oncall.texts import identity

    where = _site(site)
    found = []
    for letter in _letters(event, where):
        now = moment(at, where.zone, "--at") if at else letter.signal.at
        if letter.signal.site != where.name and (site or SITE.exists()):
            say(f"note: the signal is of {letter.signal.site}, and told by the rules of {where.name}")
        arrived = replace(letter, signal=replace(letter.signal, at=now))
        others = [foresight.opened(where, identity(key), now) for key in opened or ()]
        found.append((arrived.signal, foresight.steps(where, arrived, others, _duty(where, site, now), now)))
    if as_json:
        screen.print_json([_plain(signal, steps) for signal, steps in found])
        return
    for signal, steps in found:
        _show(signal, steps, where)
    screen.console().print(screen.text(ASSUMED, "dim"))


def _site(text: str) -> "Site":
    from cli.folder import open_site

    if text or SITE.exists():
        return open_site(Path(text or SITE)).site
    from firstbell.site import Fleet, Site

    say(f"note: no {SITE} here and no --site: told as for a site with on-call's defaults, in UTC")
    return Site("unknown", "UTC", Fleet("unknown"))


def _letters(path: Path, site: "Site") -> "list[Letter]":
    """The letters that the file is. Raises CommandError with what it is instead."""
    from firstbell.calendar.folder import contents
    from firstbell.oncall import inbox

    try:
        found = json.loads(contents(path))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path}: not JSON: {error}; save one event as one JSON object") from error
    if not isinstance(found, dict):
        raise CommandError(f"{path}: a JSON {type(found).__name__}, where a signal or an event is an object")
    if letters := inbox.read(found, clock.now()):
        return list(letters)
    if found.get("source") == "aws.cloudwatch":
        return [inbox.Letter(_of_alarm(found, path, site))]
    return [inbox.Letter(_signal(found, path))]


def _signal(found: dict[str, Any], path: Path) -> "Signal":
    from firstbell.oncall.signal import Signal
    from firstbell.oncall.texts import tidy
    from firstbell.plain import from_plain

    try:
        return tidy(from_plain(Signal, {"at": clock.now().isoformat(), "runbook": ""} | found), clock.now())
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"{path}: neither an SNS or alarm event nor a signal ({error}); events/sns/notification.json has one"
        ) from error


def _of_alarm(found: dict[str, Any], path: Path, site: "Site") -> "Signal":
    """What on-call hears of an alarm that no tier of the site explains."""
    from firstbell import events
    from firstbell.oncall.signal import Signal
    from firstbell.oncall.texts import tidy

    hint = events.read(found)
    state = str(found.get("detail", {}).get("state", {}).get("value", "")) if isinstance(hint, events.Hint) else ""
    if not isinstance(hint, events.Hint) or state not in ("ALARM", "OK"):
        raise CommandError(f"{path}: an alarm's event that says neither ALARM nor OK: on-call hears nothing of it")
    say("note: as if no tier of the site were saturated; what the tiers say then is what on-call hears")
    title, reason = f"Alarm {hint.alarm} is on", str(found["detail"]["state"].get("reason", ""))
    over = state == "OK"
    signal = Signal(site.name, f"alarm/{hint.alarm}", "page", title, reason, "other-alarm", _time(found), resolved=over)
    return tidy(signal, clock.now())


def _time(found: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(found.get("time")))
    except ValueError:
        return clock.now()


def _duty(site: "Site", path: str, now: datetime) -> "Duty":
    """Who is on call when, by the rota beside the site file; a feed is not asked."""
    source = site.oncall.rota.source
    if source is None:
        return lambda _: ()
    if source.remote:
        say("note: the rota is a feed and was not asked: told as if it named nobody")
        return lambda _: ()
    from firstbell.calendar.folder import reader
    from firstbell.oncall import rota_keeping

    return rota_keeping.read(site, source, reader(Path(path or SITE).parent), now).duty


def _show(signal: "Signal", steps: "Sequence[Step]", site: "Site") -> None:
    out = screen.console()
    state = "resolved" if signal.resolved else signal.severity
    out.print(screen.text(f"{signal.site} {signal.key} ({state}): {signal.title}", "bold"))
    for step in steps:
        out.print()
        out.print(screen.text(f"{local(step.at, site.zone)} ({site.timezone}): {_outcome(step, site)}", "cyan"))
        for sentence in step.why:
            out.print(screen.text(sentence, before="  because " if sentence == step.why[0] else "      and "))
    out.print()


def _outcome(step: "Step", site: "Site") -> str:
    if step.told:
        return ", ".join(f"{channel} hears '{kind}'" for channel, kind in step.told)
    until = f" until {local(step.muted_until, site.zone)}" if step.muted_until else ""
    return f"nobody hears of it{until}" if step.muted_by else "nobody hears anything"


def _plain(signal: "Signal", steps: "Sequence[Step]") -> dict[str, Any]:
    return {
        "site": signal.site,
        "key": signal.key,
        "severity": signal.severity,
        "resolved": signal.resolved,
        "assumed": ASSUMED,
        "steps": [
            {
                "at": utc(step.at),
                "told": [{"channel": channel, "kind": kind} for channel, kind in step.told],
                "muted_by": step.muted_by,
                "muted_until": utc(step.muted_until) if step.muted_until else None,
                "why": list(step.why),
            }
            for step in steps
        ],
    }
