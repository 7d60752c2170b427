"""`firstbell simulate`: a day of a site in virtual time, under Firstbell and under what people do without it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli import screen
from cli.errors import UNHEALTHY, CommandError
from cli.options import Json, examples
from cli.progress import watched
from cli.times import moment, utc
from firstbell import clock

if TYPE_CHECKING:
    from firstbell.site import Site
    from simulator.results import Result
    from simulator.scenario import Scenario

EXAMPLES = examples(
    "firstbell simulate",
    "firstbell simulate exam-morning --seed 7 --report report.html",
    "firstbell simulate --site site.yaml --from 2026-11-24T07:00 --json",
)
DEFAULT = "exam-morning"
OURS = "firstbell"


def command(
    scenario: Annotated[str, typer.Argument(help="A scenario's name or file.", show_default=DEFAULT)] = "",
    site: Annotated[Path | None, typer.Option(help="Simulate a day of this site instead.", metavar="FILE")] = None,
    begin: Annotated[
        str, typer.Option("--from", help="With --site: when its 12 hours begin; default: today 06:00.", metavar="TIME")
    ] = "",
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.", min=0)] = 0,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report there.", metavar="FILE.html")] = None,
    as_json: Json = False,
) -> None:
    """Simulate a day: Firstbell's own code on modelled students and AWS, beside a fixed fleet and target tracking."""
    if report is not None:
        _writable(report)
    from simulator.run import POLICIES, compare

    with TemporaryDirectory() as copies:
        chosen = _chosen(scenario, site, begin, Path(copies))
        with watched(POLICIES) as progress:
            results = compare(chosen, seed, POLICIES, progress)
    if report is not None:
        from simulator.report import render

        report.write_text(render(results), encoding="utf-8")
    if as_json:
        screen.print_json(plain(results))
    else:
        _show(chosen.title, results, report)
    if any(r.figures.get("violations", 0) for r in results if r.policy == OURS):
        raise typer.Exit(UNHEALTHY)


def _chosen(name: str, site: Path | None, begin: str, copies: Path) -> "Scenario":
    if site is None:
        if begin:
            raise CommandError("--from needs --site: a scenario says itself when it begins")
        from simulator import scenario

        return scenario.load(name or DEFAULT)
    if name:
        raise CommandError(f"give a scenario ({name}) or --site, not both")
    if site.name != "site.yaml":
        raise CommandError(f"{site}: the simulator reads a folder's site.yaml; give the file that name")
    from cli.folder import open_site
    from simulator import scenario

    found = open_site(site).site
    zone = found.zone
    today = clock.now().astimezone(zone).replace(hour=6, minute=0, second=0)
    start = moment(begin, zone, "--from") if begin else today.astimezone(UTC)
    return replace(scenario.of_site(site, start), feeds=_fetched(found, copies))


def _fetched(site: "Site", copies: Path) -> dict[str, str]:
    """The feeds of a site as they are now, for a run that has no internet of its own."""
    from firstbell.calendar.fetching import fetch
    from firstbell.calendar.folder import reader

    feeds = {}
    for number, source in enumerate(s for s in site.calendars if s.remote):
        if source.moodle:
            raise CommandError(
                f"{source.label}: the simulator asks no live Moodle; give it a folder of recorded answers"
            )
        now = clock.now()
        [body] = fetch(site, source, reader(copies), str, now, now).values()
        copy = copies / f"{number}.ics"
        copy.write_bytes(body)
        feeds[source.name] = str(copy)
    return feeds


def _writable(report: Path) -> None:
    """Fail before minutes of work, not after them. Raises OSError."""
    existed = report.exists()
    with report.open("a", encoding="utf-8"):
        pass
    if not existed:
        report.unlink()  # a run that is broken off leaves no empty report behind


def plain(results: "list[Result]") -> dict[str, Any]:
    """The results for programs; a figure that is no finite number is null."""
    own = next((r for r in results if r.policy == OURS), results[0])
    return {
        "scenario": own.scenario,
        "seed": own.seed,
        "policies": {r.policy: {key: _number(value) for key, value in r.figures.items()} for r in results},
        "timeline": [{"at": utc(h.at), "kind": h.kind, "what": h.what, "why": h.why} for h in own.timeline],
    }


def _number(value: float) -> float | None:
    return value if abs(value) < float("inf") else None  # NaN is not less than anything either


def _show(title: str, results: "list[Result]", report: Path | None) -> None:
    from cli.timeline import chosen
    from simulator.report import sentence
    from simulator.report.figures import ours

    out, own = screen.console(), ours(results)
    out.print(screen.text(f"{title} (seed {own.seed})", "bold"))
    out.print()
    lines, left = chosen(own.timeline)
    zone = ZoneInfo(own.zone)
    rows = [(_clock(h.at, zone), screen.text(h.what, _STYLES.get(h.kind, "")), h.why) for h in lines]
    out.print(screen.table((f"Time ({own.zone})", "What happened", "Why"), rows))
    if left:
        out.print(screen.text(f"{left} lesser lines are left out; --report and --json have them.", "dim"))
    out.print()
    out.print(_figures(results))
    out.print()
    out.print(screen.text(sentence(results), "bold"))
    out.print(screen.text(f"Report: {report}" if report else "The charts: add --report FILE.html", "dim"))


_STYLES = {"broken": "bold red", "fault": "red", "alarm": "yellow", "call": "magenta", "plan": "green"}


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%d %b %H:%M}"


def _figures(results: "list[Result]") -> Any:
    from simulator.report.figures import ROWS, title

    heads = ("", *(title(r.policy) for r in results))
    rows = []
    for row in ROWS:
        best = row.best(results)
        cells = [
            screen.text(f"* {row.text(r)}", "bold green") if r.policy in best else screen.text(row.text(r))
            for r in results
        ]
        rows.append((row.label, *cells))
    return screen.table(heads, [*rows, ("* best",)], right=range(1, len(results) + 1))
