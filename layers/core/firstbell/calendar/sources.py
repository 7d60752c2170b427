"""A site's calendars, wherever their bytes come from (the bucket, or a folder on disk), to its peaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from posixpath import join, normpath

from firstbell.calendar import ical, moodle, peaks
from firstbell.calendar.values import CalendarError
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource, Site

ReadAll = Callable[[str], Mapping[str, bytes]]
"""Given a path relative to the site file: the files there by name (a file itself under its own name); empty if none."""


@dataclass(frozen=True, slots=True)
class Read:
    """What all calendars of a site say together."""

    peaks: tuple[Peak, ...]
    warnings: tuple[str, ...]


def read_all(site: Site, read: ReadAll, start: datetime, end: datetime) -> Read:
    """The peaks of all calendars of `site` between `start` and `end`. Raises CalendarError at an unusable one."""
    found: list[Peak] = []
    warnings: list[str] = []
    for source in site.calendars:
        peaks_, said = _read(site, source, read, start, end)
        found += peaks_
        warnings += said
    inside = (p for p in found if p.end >= start and p.start < end)
    return Read(peaks.merge(inside), tuple(warnings))


def _read(
    site: Site, source: CalendarSource, read: ReadAll, start: datetime, end: datetime
) -> tuple[list[Peak], list[str]]:
    path = safe(source.name)
    files = read(path)
    if not files:
        raise CalendarError(f"{source.name}: not found beside the site file")
    if source.ical:
        events, warnings = ical.read_calendar(next(iter(files.values())), site.zone, start, end, source.name)
        return peaks.of_events(events, source), warnings
    answers = moodle.read_answers(files, source.name)
    return moodle.peaks(answers, source), [*answers.warnings, *moodle.enrolment_warnings(answers, source)]


def safe(path: str) -> str:
    """The path, normalised. Raises CalendarError when it would leave the site's folder."""
    clean = normpath(join(".", path))
    if clean.startswith(("/", "..")) or "\0" in path or "://" in path:
        raise CalendarError(f"{path}: must be a path inside the site's folder")
    return clean
