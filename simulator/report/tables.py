"""The tables of a report: the figures side by side, and the timeline."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from simulator.report.charts import style
from simulator.report.figures import ROWS, ours, title
from simulator.report.text import TITLE, WHAT, WHY, clock, safe, spans_days
from simulator.results import Happening, Kind, Result

MOST_LINES = 400
KINDS: dict[Kind, str] = {
    "plan": "plan",
    "fleet": "fleet",
    "mount": "mount",
    "alarm": "alarm",
    "call": "on-call",
    "students": "students",
    "fault": "fault",
    "broken": "broken",
}


def figures(results: Sequence[Result]) -> str:
    """The figures, one column a policy; the best of a row stands out in weight and by a mark."""
    heads = "".join(f'<th scope="col"><span class="dot {style(r.policy)}"></span>{_title(r)}</th>' for r in results)
    lines = []
    for row in ROWS:
        best = row.best(results)
        cells = "".join(
            f'<td class="best"><b>{safe(row.text(r))}</b><span class="hidden"> (best)</span></td>'
            if r.policy in best
            else f"<td>{safe(row.text(r))}</td>"
            for r in results
        )
        lines.append(f'<tr><th scope="row">{safe(row.label)}</th>{cells}</tr>')
    rows = "\n".join(lines)
    return (
        '<table class="figures"><caption>The figures side by side; the best of each row is marked</caption>\n'
        f"<thead><tr><td></td>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    )


def _title(result: Result) -> str:
    found = title(result.policy)
    return safe(found[:1].upper() + found[1:], TITLE)


def timeline(results: Sequence[Result]) -> str:
    """What happened, numbered as the markers are; empty without a timeline."""
    own = ours(results)
    lines = shown(own)
    if not lines:
        return ""
    zone = ZoneInfo(own.zone)
    dated = spans_days(lines[0].at, lines[-1].at, zone)
    rows = "\n".join(_row(n, line, clock(line.at, zone, dated)) for n, line in enumerate(lines, 1))
    more = len(own.timeline) - len(lines)
    left = f'<p class="note">{more:,} later lines are left out; the JSON output has them all.</p>' if more else ""
    heads = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in ("No.", "Time", "What", "Why"))
    return (
        f'<table class="timeline" role="table"><caption>Timeline, in local time ({safe(own.zone)})</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{rows}\n</tbody></table>{left}'
    )


def shown(result: Result) -> tuple[Happening, ...]:
    """The lines that the page shows: the first ones, for they explain the later."""
    return result.timeline[:MOST_LINES]


def _row(number: int, line: Happening, at: str) -> str:
    what = f'<span class="kind {line.kind}">{KINDS[line.kind]}</span> {safe(line.what, WHAT)}'
    return (
        f'<tr role="row" id="h{number}" class="{line.kind}"><td role="cell" class="n">{number}</td>'
        f'<td role="cell" class="at"><time datetime="{line.at:%Y-%m-%dT%H:%M:%SZ}">{safe(at)}</time></td>'
        f'<td role="cell" class="what" dir="auto">{what}</td>'
        f'<td role="cell" class="why" dir="auto">{safe(line.why, WHY)}</td></tr>'
    )
