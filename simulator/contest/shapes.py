"""How classes arrive and how a campus hums: nine real class onsets, request traces from a folder, or a daily rhythm."""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from itertools import accumulate
from pathlib import Path
from random import Random

from simulator.traffic.rates import daily

DAY, WEEK = 1440, 7 * 1440  # minutes
ARRIVING = 30  # minutes after an onset
FRIDAY_OFF = "edify"  # courses of a country whose week begins on Sunday

Shape = tuple[tuple[float, float], ...]
"""How a class arrives: (seconds, share that has arrived), ascending to 1; linear between."""


class TraceError(ValueError):
    """A trace that cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests of each minute, whole weeks from a first working day on; a `course` is one class, not a whole site."""

    minutes: tuple[float, ...]
    course: bool

    @property
    def mean(self) -> float:
        """Requests a minute on average."""
        return sum(self.minutes) / len(self.minutes)


@cache
def onsets() -> tuple[Shape, ...]:
    """The class onsets of `simulator/data/onset_profiles.csv`; it was measured to the minute."""
    text = resources.files("simulator").joinpath("data", "onset_profiles.csv").read_text(encoding="utf-8")
    return tuple(_onset(row) for row in csv.DictReader(text.splitlines()))


def _onset(row: dict[str, str]) -> Shape:
    known = {float(row[f"t{percent}"]): percent / 100 for percent in (10, 25, 50, 75, 90)}  # the last of equal times
    last = max(known)
    return (*sorted(known.items()), (last + max(60.0, last - float(row["t75"])), 1.0))


def moment(shape: Shape, share: float) -> float:
    """When `share` of a class has arrived, in seconds after the first came."""
    before, reached = 0.0, 0.0
    for seconds, arrived in shape:
        if share <= arrived:
            return before + (seconds - before) * (share - reached) / (arrived - reached)
        before, reached = seconds, arrived
    return before


def traces(folder: Path) -> tuple[Trace, ...]:
    """The traces of a folder: files …_1min.csv or …_1min.csv.gz with a line `timestamp,requests` for each minute.

    Those of single Moodle courses have names that begin with `moodle`. Raises TraceError.
    """
    found = tuple(_trace(path) for path in sorted(folder.glob("*_1min.csv*")))
    if not found:
        raise TraceError(f"{folder} has no file …_1min.csv or …_1min.csv.gz: name the folder that has the traces")
    return found


def _trace(path: Path) -> Trace:
    lines: list[tuple[datetime, float]] = []
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            for row in csv.DictReader(file):
                lines.append((datetime.fromisoformat(row["timestamp"]), float(row["requests"])))
                if len(lines) > 1 and (lines[-1][0] - lines[-2][0]).total_seconds() != 60.0:
                    raise ValueError("it is not one minute after the line before")
    except (OSError, EOFError, KeyError, ValueError, TypeError) as error:
        raise TraceError(
            f"{path}, line {len(lines) + 1}: expected 'timestamp,requests' by the minute ({error})"
        ) from error
    first = 6 if FRIDAY_OFF in path.name else 0  # the weekday on which its week begins
    begin = next((n for n, (at, _) in enumerate(lines) if at.weekday() == first and at.hour == at.minute == 0), 0)
    weeks = (len(lines) - begin) // WEEK
    if not weeks:
        raise TraceError(f"{path}: not one whole week from a {'Sunday' if first else 'Monday'} on")
    return Trace(tuple(count for _, count in lines[begin : begin + weeks * WEEK]), path.name.startswith("moodle"))


def class_shapes(found: Sequence[Trace], each: int = 6) -> tuple[Shape, ...]:
    """The measured onsets and, minute by minute, the steepest `each` of every course's trace, each on another day."""
    return (*onsets(), *(shape for trace in found if trace.course for shape in _steepest(trace.minutes, each)))


def _steepest(minutes: Sequence[float], count: int) -> list[Shape]:
    total = [0.0, *accumulate(minutes)]
    rise = {m: 2 * total[m] - total[m - 15] - total[m + 5] for m in range(15, len(minutes) - ARRIVING)}  # negative
    days: dict[int, int] = {}
    for at in sorted(rise, key=lambda m: (rise[m], -m)):
        if len(days) < count:
            days.setdefault(at // DAY, at)
    arrived = [[share - total[at] for share in total[at + 1 : at + ARRIVING + 1]] for at in days.values()]
    return [tuple((60.0 * (n + 1), share / sums[-1]) for n, share in enumerate(sums)) for sums in arrived]


def hum(found: Sequence[Trace], mean: float, weeks: int, random: Random) -> list[float]:
    """Requests a minute of everybody without an appointment, `mean` on average, over so many weeks.

    Half of it has the rhythm of the sites' traces, half is as many courses' traces as it takes, each as it was logged
    but for the week in which it begins. Without traces: the daily rhythm of a real course, half as much at weekends.
    """
    if not found:
        rate = daily(1.0)
        rhythm = tuple(rate(60.0 * m) * (1.0 if m < 5 * DAY else 0.5) for m in range(WEEK))
        found = (Trace(rhythm, course=False),)
    sites, courses = ([t for t in found if t.course is course] for course in (False, True))
    parts = [(t, mean / len(sites) / (2 if courses else 1) / t.mean) for t in sites]
    left = mean - sum(t.mean * factor for t, factor in parts)
    while courses and left > 0:
        parts += [(t, 1.0) for t in courses]
        left -= sum(t.mean for t in courses)
    sums = [0.0] * (weeks * WEEK)
    for trace, factor in parts:
        begin = random.randrange(len(trace.minutes))
        _add(sums, trace.minutes, begin - begin % WEEK, factor)
    return sums


def _add(sums: list[float], minutes: Sequence[float], begin: int, factor: float) -> None:
    turned = [*minutes[begin:], *minutes[:begin]]
    for at, value in enumerate(turned):
        if value:
            for n in range(at, len(sums), len(turned)):
                sums[n] += factor * value
