"""The page: one HTML file that needs nothing else, and allows nothing else to run in it."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from simulator.report import charts, hover, tables
from simulator.report.axes import Time
from simulator.report.conclusion import sentence
from simulator.report.course import of_results
from simulator.report.figures import ours
from simulator.report.plot import Chart, figure
from simulator.report.style import SHEET
from simulator.report.text import TITLE, safe
from simulator.results import Result


def render(results: Sequence[Result]) -> str:
    """The report of one scenario's results, one a policy, as HTML; the same results give the same bytes.

    Times are shown in the results' zone. Raises ValueError without any result.
    """
    own = ours(results)
    time = _axis(results)
    drawn = _charts(results, time) if time else []
    pictures = "\n".join(figure(chart, time) for chart in drawn) if time else ""
    name = safe(own.scenario, TITLE)
    return document(
        name,
        "simulated run",
        _unbroken(safe(sentence(results), 1000)),
        f'Scenario <b dir="auto">{name}</b>, seed {own.seed}{_when(time)}',
        f"<section>{tables.figures(results)}</section>\n{pictures}\n<section>{tables.timeline(results)}</section>",
        "A simulation: the controller’s own code against a modelled AWS and modelled students, in virtual time.\n"
        "The same seed gives the same page.",
        hover.data(drawn, time) if time else "",
    )


def document(name: str, brand: str, heading: str, about: str, body: str, footer: str, course: str = "") -> str:
    """A page that needs nothing else and allows nothing else to run in it; all its parts are HTML already.

    `course` is what a pointer over the charts shows, from `hover.data`.
    """
    scripts = (
        f'<script type="application/json" id="course">{course}</script>\n<script>{hover.SCRIPT}</script>'
        if course
        else ""
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Firstbell: {name}</title>
<style>{SHEET}</style>
</head>
<body>
<header>
<p class="brand">Firstbell · {brand}</p>
<h1>{heading}</h1>
<p class="about">{about}</p>
</header>
<main>
{body}
</main>
<footer><p>{footer}</p></footer>
{scripts}
</body>
</html>
"""


def _axis(results: Sequence[Result]) -> Time | None:
    moments = [m.at for r in results for m in r.minutes]
    if not moments:
        return None
    return Time(min(moments), max(moments) + timedelta(minutes=1), ZoneInfo(ours(results).zone))


def _charts(results: Sequence[Result], time: Time) -> list[Chart]:
    own, courses = ours(results), of_results(results)
    inside = tables.shown(own)
    first = [charts.demand(own.policy, courses[own.policy], inside, time)] if own.policy in courses else []
    return [*first, charts.capacity(courses), charts.waiting(courses)]


def _unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return text.replace(" %", "&nbsp;%").replace(" s)", "&nbsp;s)")


def _when(time: Time | None) -> str:
    if time is None:
        return ""
    start, end = time.start.astimezone(time.zone), time.end.astimezone(time.zone)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%A %d %B %Y, %H:%M}"
    return f"; {start:%A %d %B %Y, %H:%M} to {until}, {safe(time.zone.key)}"


def _policy() -> str:
    return f"default-src 'none'; style-src {_hash(SHEET)}; script-src {_hash(hover.SCRIPT)}"


def _hash(text: str) -> str:
    """What a content security policy calls an inline element by (CSP level 3, 'Hash usage')."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
