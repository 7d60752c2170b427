"""The three charts of a report, over one time axis: demand and capacity, the policies' capacity, their latency."""

from collections.abc import Mapping, Sequence
from math import isfinite, nan

from simulator.report import markers
from simulator.report.axes import Linear, Log, Time
from simulator.report.figures import OURS, title
from simulator.report.plot import HEIGHT, Chart, Line
from simulator.results import Happening, Minute

SLOW = 2.0  # seconds; simulator.traffic.meter counts a page above it as slow
_KNOWN = (OURS, "fixed", "target-tracking")

Courses = Mapping[str, Sequence[Minute]]


def style(policy: str) -> str:
    """The CSS class of a policy's lines; those that we do not know share the last one."""
    return f"p{_KNOWN.index(policy) if policy in _KNOWN else len(_KNOWN)}"


def planned(minute: Minute) -> float:
    """The planned level in vCPUs, where the run recorded one."""
    value = getattr(minute, "planned", None)
    return nan if value is None else float(value)


def latency(minute: Minute) -> float:
    """The minute's p95 in seconds; NaN in a minute without a request."""
    return minute.p95 if minute.requests else nan


def demand(policy: str, course: Sequence[Minute], happenings: Sequence[Happening], time: Time) -> Chart:
    """Demand and capacity of one policy, with the timeline's numbers on it."""
    lines = [
        Line("Demand", "demand", course, lambda m: m.demand, filled=True),
        Line("Capacity in service", style(policy), course, lambda m: m.capacity),
    ]
    if any(isfinite(planned(m)) for m in course):
        lines.append(Line("Planned level", "plan", course, planned))
    values = [v for m in course for line in lines if isfinite(v := line.value(m))]
    above = markers.ROOM if happenings else 8
    return Chart(
        "demand",
        f"Demand and capacity with {title(policy)}",
        "vCPUs that the students ask for, and vCPUs in service. The numbers lead to the timeline below.",
        Linear(max(values, default=1.0)),
        lines,
        above,
        over=markers.draw(happenings, time, above + HEIGHT),
    )


def capacity(courses: Courses) -> Chart:
    """The capacity of every policy."""
    lines = [Line(_name(policy), style(policy), course, lambda m: m.capacity) for policy, course in courses.items()]
    values = [m.capacity for course in courses.values() for m in course if isfinite(m.capacity)]
    about = "vCPUs in service: what each policy had ready, and paid for."
    return Chart("capacity", "Capacity of each policy", about, Linear(max(values, default=1.0)), lines)


def waiting(courses: Courses) -> Chart:
    """The latency of every policy, with the line above which a page is slow."""
    lines = [Line(_name(policy), style(policy), course, latency, stepped=False) for policy, course in courses.items()]
    values = [v for line in lines for m in line.minutes if isfinite(v := line.value(m))]
    chart = Chart(
        "p95",
        "p95 latency of each policy",
        "Seconds within which 95 % of the minute's requests were answered, on a logarithmic scale. Above 2 s is slow.",
        Log(max(values, default=1.0)),
        lines,
    )
    y, top = chart.y(SLOW), chart.above
    under = f'<rect class="slow" x="0" y="{top}" width="100%" height="{round(y - top, 1)}"/>'
    limit = f'<line class="limit" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
    limit += f'<text class="limit-name" x="6" y="{round(y - 6, 1)}">slow: above 2 s</text>'
    return Chart(chart.key, chart.title, chart.about, chart.scale, lines, chart.above, under + limit)


def _name(policy: str) -> str:
    found = title(policy)
    return found[:1].upper() + found[1:]
