"""A chart as inline SVG: its frame, its lines and its legend.

Positions along the time axis are percentages and only the curves are stretched, so that one drawing fits a desk and a
telephone with its letters the same size.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Protocol

from simulator.report.axes import Time
from simulator.report.text import TITLE, safe
from simulator.results import Minute

HEIGHT, BELOW, WIDTH = 230, 26, 1000  # pixels, pixels, units of the stretched drawing


class Scale(Protocol):
    """A vertical axis."""

    def at(self, value: float) -> float:
        """The value's height, 0 to 1."""

    def ticks(self) -> list[tuple[float, str]]:
        """Height and label of each tick."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its name, its CSS class (a colour and a dash), and its value in a minute; NaN leaves a gap."""

    name: str
    style: str
    minutes: Sequence[Minute]
    value: Callable[[Minute], float]
    stepped: bool = True
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What one figure says. `above` is the room over the plot, in pixels; `over` draws into and above it."""

    key: str
    title: str
    about: str
    scale: Scale
    lines: Sequence[Line]
    above: int = 8
    under: str = ""
    over: str = ""

    def y(self, value: float) -> float:
        """Pixels from the drawing's upper edge."""
        return round(self.above + (1 - self.scale.at(value)) * HEIGHT, 1)


def percent(place: float) -> str:
    """A place along the axis, for an attribute."""
    return f"{place * 100:.2f}%"


def figure(chart: Chart, time: Time) -> str:
    """The chart as a figure; a chart with links in it is a group to a screen reader, any other one image."""
    height = chart.above + HEIGHT
    role = "group" if chart.over else "img"
    return (
        f'<figure class="chart" data-chart="{chart.key}">\n'
        f"<figcaption><h2>{safe(chart.title, TITLE)}</h2><p>{safe(chart.about)}</p></figcaption>\n"
        f"{_legend(chart.lines)}\n"
        f'<svg class="plot" role="{role}" aria-labelledby="{chart.key}-t {chart.key}-d" width="100%"'
        f' height="{height + BELOW}">\n'
        f'<title id="{chart.key}-t">{safe(chart.title, TITLE)}</title>'
        f'<desc id="{chart.key}-d">{safe(_described(chart))}</desc>\n'
        f"{chart.under}{_frame(chart, time)}\n"
        f'<svg y="{chart.above}" width="100%" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' preserveAspectRatio="none" aria-hidden="true">\n'
        f"{_curves(chart, time)}\n</svg>\n{chart.over}"
        f'<line class="cursor" x1="0" x2="0" y1="{chart.above}" y2="{height}"/></svg>\n</figure>'
    )


def _described(chart: Chart) -> str:
    """The chart in words: each line's highest value."""
    told = []
    for line in chart.lines:
        values = [v for m in line.minutes if not isnan(v := line.value(m))]
        if values:
            told.append(f"{line.name}: at most {max(values):.4g}")
    return f"{chart.about} {'; '.join(told)}."


def _legend(lines: Sequence[Line]) -> str:
    keys = (
        f'<li><svg class="key" width="26" height="10" aria-hidden="true">'
        f'<line class="line {line.style}" x1="1" x2="25" y1="5" y2="5"/></svg>{safe(line.name, TITLE)}</li>'
        for line in lines
    )
    return f'<ul class="legend">{"".join(keys)}</ul>'


def _frame(chart: Chart, time: Time) -> str:
    height = chart.above + HEIGHT
    parts = []
    for place, label in chart.scale.ticks():
        y = round(chart.above + (1 - place) * HEIGHT, 1)
        parts.append(f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="y" x="-8" y="{y}" dy="4">{label}</text>')
    for n, (place, label) in enumerate(time.ticks()):
        x, odd = percent(place), " odd" if n % 2 else ""
        parts.append(f'<line class="tick" x1="{x}" x2="{x}" y1="{height}" y2="{height + 5}"/>')
        parts.append(f'<text class="x{odd}" x="{x}" y="{height + 20}">{safe(label)}</text>')
    return "".join(parts)


def _curves(chart: Chart, time: Time) -> str:
    drawn = []
    for line in sorted(chart.lines, key=lambda line: line.style == "p0"):  # ours over the others
        for points in _stretches(line, chart.scale, time):
            path = _path(points, line.stepped)
            if line.filled:
                ends = f"H{points[-1][0]:g}V{HEIGHT}H{points[0][0]:g}Z"
                drawn.append(f'<path class="area {line.style}" d="{path}{ends}"/>')
            drawn.append(f'<path class="line {line.style}" d="{path}"/>')
    return "\n".join(drawn)


def _stretches(line: Line, scale: Scale, time: Time) -> Iterable[list[tuple[float, float]]]:
    """The line's points, parted where it has no value; the last value lasts to the end of the axis."""
    points: list[tuple[float, float]] = []
    for minute in line.minutes:
        value = line.value(minute)
        if isnan(value):
            if points:
                yield points
            points = []
        else:
            points.append((round(time.at(minute.at) * WIDTH, 1), round((1 - scale.at(value)) * HEIGHT, 1)))
    if points:
        yield [*points, (float(WIDTH), points[-1][1])] if line.stepped else points


def _path(points: Sequence[tuple[float, float]], stepped: bool) -> str:
    (x, y), *rest = points
    parts = [f"M{x:g} {y:g}"]
    for n, (nx, ny) in enumerate(rest):
        last = n == len(rest) - 1
        if not stepped:
            parts.append(f"L{nx:g} {ny:g}")
        elif ny != y or last:
            parts.append(f"H{nx:g}V{ny:g}" if ny != y else f"H{nx:g}")
        y = ny
    return "".join(parts) if rest else f"{parts[0]}h0.1"
