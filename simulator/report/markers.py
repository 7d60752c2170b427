"""The numbers over a chart that lead to the timeline; those that would overlap share one marker.

They are laid out twice, for a wide and for a narrow page; the style sheet shows one of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report.axes import Time
from simulator.report.plot import percent
from simulator.results import Happening

ROOM = 36  # pixels above the plot
_LAYOUTS = (("wide", 900), ("narrow", 290))  # CSS class, and the plot's width in pixels that it is made for
_TALL, _DIGIT, _AROUND, _GAP = 18, 7, 11, 3  # pixels: a marker's height, a digit, its sides, the room between two
_GRAVITY = ("students", "plan", "fleet", "call", "alarm", "mount", "fault", "broken")


@dataclass(frozen=True, slots=True)
class Marker:
    """The timeline's lines `first` to `last` (from 1), at `begin` to `end` of the axis; `kind` is their gravest."""

    begin: float
    end: float
    first: int
    last: int
    kind: str

    @property
    def place(self) -> float:
        """Where it is drawn: in the middle of its lines."""
        return (self.begin + self.end) / 2

    @property
    def label(self) -> str:
        """The numbers."""
        return f"{self.first}" if self.first == self.last else f"{self.first}–{self.last}"

    @property
    def width(self) -> int:
        """Pixels."""
        return _AROUND + _DIGIT * len(self.label)

    def left(self, plot: int) -> float:
        """The left edge on a plot of that width, in pixels."""
        return self.place * plot - self.width / 2


def lay_out(happenings: Sequence[Happening], time: Time, plot: int) -> list[Marker]:
    """Markers from left to right; two that would overlap on a plot of that many pixels become one, until none do."""
    found: list[Marker] = []
    for number, happening in enumerate(happenings, 1):
        marker = Marker(time.at(happening.at), time.at(happening.at), number, number, happening.kind)
        while found and marker.left(plot) < found[-1].left(plot) + found[-1].width + _GAP:
            before = found.pop()
            kind = max(before.kind, marker.kind, key=_GRAVITY.index)
            marker = Marker(before.begin, marker.end, before.first, marker.last, kind)
        found.append(marker)
    return found


def draw(happenings: Sequence[Happening], time: Time, bottom: int) -> str:
    """Both layouts as SVG, each marker a link to its first line of the timeline. `bottom` is the plot's, in pixels."""
    if not happenings:
        return ""
    groups = (
        f'<g class="{name}">{"".join(_marker(m, bottom) for m in lay_out(happenings, time, plot))}</g>\n'
        for name, plot in _LAYOUTS
    )
    return "".join(groups)


def _marker(marker: Marker, bottom: int) -> str:
    x = percent(marker.place)
    many = "s" if marker.last > marker.first else ""
    shift = f"translate(-{marker.width / 2:g} 0)"
    return (
        f'<a class="mark {marker.kind}" href="#h{marker.first}" aria-label="Line{many} {marker.label} of the timeline">'
        f'<line x1="{x}" x2="{x}" y1="{_TALL + 4}" y2="{bottom}"/>'
        f'<rect x="{x}" y="4" width="{marker.width}" height="{_TALL}" rx="9" transform="{shift}"/>'
        f'<text x="{x}" y="17">{marker.label}</text></a>'
    )
