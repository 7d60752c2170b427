"""`firstbell report`: forecast against actual of past peaks, and what else the deployed controller has learned."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import screen
from cli.deployed import published_site
from cli.errors import CommandError
from cli.options import SITE, Json, counted, examples
from cli.times import local, utc

if TYPE_CHECKING:
    from firstbell.learning.memory import Memory
    from firstbell.learning.outcomes import Outcome
    from firstbell.site import Kind, Site

EXAMPLES = examples(
    "firstbell report --site greenfield --table firstbell-state   (needs AWS credentials)",
    "firstbell report --site greenfield --table firstbell-state --json | jq '.outcomes[] | .share'",
)
SHOWN = 40  # outcomes


def command(
    site: Annotated[str, typer.Option(help="The site's name, or its file.")] = str(SITE),
    table: Annotated[str, typer.Option(help="The deployed table: the stack's output TableName.", metavar="NAME")] = "",
    as_json: Json = False,
) -> None:
    """Show forecast against actual of past peaks, the learned ordinary week and the measured lead time."""
    if not table:
        raise CommandError("what was learned is in the deployed table: give --table (the stack's output TableName)")
    from firstbell.aws.table import Table
    from firstbell.learning import remembering

    state = Table(table)
    found = published_site(state, site)
    memory = remembering.memory_of(state, found.name)
    outcomes = remembering.outcomes_of(state, found.name, SHOWN)
    if as_json:
        screen.print_json(_plain(found, memory, outcomes))
    else:
        _show(found, memory, outcomes)


def _planned(site: "Site", memory: "Memory", kind: "Kind") -> float:
    """The share of the invited that the next plan takes for peaks of a kind."""
    from firstbell.capacity.demand import share
    from firstbell.learning.memory import learned

    return share(site, learned(site, memory), kind)


def _plain(site: "Site", memory: "Memory", outcomes: "list[Outcome]") -> dict[str, Any]:
    from typing import get_args

    from firstbell.plain import to_plain
    from firstbell.site import Kind

    return {
        "site": site.name,
        "learned_at": utc(memory.learned_at) if memory.learned_at else None,
        "outcomes": [{**to_plain(o), "start": utc(o.start), "end": utc(o.end)} for o in outcomes],
        "next": {kind: round(_planned(site, memory, kind), 4) for kind in get_args(Kind)},
        "baseline": list(memory.baseline),
        "lead_time": {"site_file": site.fleet.lead_time, "measured": memory.lead_time, "launches": memory.launches},
    }


def _show(site: "Site", memory: "Memory", outcomes: "list[Outcome]") -> None:
    out = screen.console()
    when = f"learned {local(memory.learned_at, site.zone)}" if memory.learned_at else "nothing was learned yet"
    out.print(screen.text(f"{site.name}: {counted(len(outcomes), 'past peak')} judged; {when}", "bold"))
    out.print()
    _outcomes(site, memory, outcomes)
    _week(site, memory)
    out.print(screen.text(_lead_time(site, memory)))


def _outcomes(site: "Site", memory: "Memory", outcomes: "list[Outcome]") -> None:
    out = screen.console()
    if not outcomes:
        out.print("No peak was judged yet: it is done half an hour after the end of one that stood out.")
        out.print()
        return
    heads = (f"Peak ({site.timezone})", "", "Kind", "Invited", "Forecast", "Actual", "Share", "Next")
    rows = [
        (
            local(o.start, site.zone),
            o.title,
            o.kind.replace("_", " "),
            f"{o.participants:,}",
            f"{o.forecast_vcpus:.2f}",
            f"{o.actual_vcpus:.2f}",
            f"{o.share:.0%}",
            f"{_planned(site, memory, o.kind):.0%}",
        )
        for o in outcomes
    ]
    out.print(screen.table(heads, rows, right=range(3, 8)))
    out.print()
    out.print(
        screen.text(
            "Forecast: vCPUs on average if all invited come; actual: used beyond the ordinary load;"
            " next: the share that the next plan takes for this kind.",
            "dim",
        )
    )
    out.print()


def _week(site: "Site", memory: "Memory") -> None:
    from rich.text import Text

    from cli import week

    out = screen.console()
    if not memory.baseline:
        vcpus = site.fleet.baseline_vcpus
        out.print(f"The ordinary week is not known yet; until it is, the site file's {vcpus:g} vCPUs hold.")
        out.print()
        return
    out.print(Text(f"{'':5}{week.HOURS}  most vCPUs of an ordinary hour", "dim"))
    for row in week.rows(memory.baseline):
        line = Text(f"{row.day}  ")
        line.append(row.blocks, "cyan")
        line.append(f"  {row.most:.1f}")
        out.print(line)
    out.print()


def _lead_time(site: "Site", memory: "Memory") -> str:
    if memory.lead_time is None:
        measured = "it was not measured yet: too few launches"
    else:
        measured = f"95 % of {memory.launches} launches took no longer than {memory.lead_time} s"
    if site.fleet.lead_time is not None:
        return f"Lead time: {site.fleet.lead_time} s, as the site file says; {measured}."
    used = site.fleet.lead if memory.lead_time is None else memory.lead_time
    return f"Lead time: {used} s; {measured}."
