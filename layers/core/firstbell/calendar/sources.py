"""What a site's calendars say, wherever their bytes come from: each read by its own kind, all merged into peaks."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from posixpath import join, normpath

from firstbell.calendar import peaks
from firstbell.calendar.values import CalendarError
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource, Site

Files = Mapping[str, bytes]
ReadAll = Callable[[str], Files]
"""Given a path relative to the site file: the files there by name (a file itself under its own name); empty if none."""

OWN_PEAKS = CalendarSource(term="peaks.yaml")  # what `firstbell peak add` writes; read whenever it is there
Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Content:
    """What one source says of the time that was asked for; `holidays` are free of ordinary load."""

    peaks: tuple[Peak, ...] = ()
    warnings: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    holidays: tuple[Interval, ...] = ()


def all_of(site: Site, local: ReadAll) -> tuple[CalendarSource, ...]:
    """The site's sources: those of its file, and its own peaks where there are some."""
    named = any(normpath(source.name) == OWN_PEAKS.name for source in site.calendars)
    return site.calendars if named or not local(OWN_PEAKS.name) else (*site.calendars, OWN_PEAKS)


def read(site: Site, source: CalendarSource, files: Files, start: datetime, end: datetime, now: datetime) -> Content:
    """What `files` of `source` say between `start` and `end`. Raises CalendarError when they cannot be used."""
    if source.ical:
        from firstbell.calendar import ical

        events, said = ical.read_calendar(_only(source, files), site.zone, start, end, source.label)
        found = tuple(peaks.of_events(events, source))
        if events and not found:
            said.append(
                f"{source.label}: has {len(events)} events, and none counts: say what they are (kind, or rules)"
            )
        return Content(found, tuple(said))
    if source.term:
        from firstbell.calendar import term, term_file

        written = term_file.read_term(_only(source, files), source.label)
        own, said = term.peaks(written, source, site.zone, start, end, now)
        return Content(tuple(own), tuple(said), holidays=tuple(term.holidays(written, site.zone)))
    from firstbell.calendar import moodle

    answers = moodle.read_answers(files, source.label)
    found_peaks = [p for p in moodle.peaks(answers, source) if p.end >= start and p.start < end]
    warnings = (*answers.warnings, *moodle.warnings(answers, source, start, end))
    return Content(tuple(found_peaks), warnings, tuple(moodle.advice(answers, found_peaks)))


def _only(source: CalendarSource, files: Files) -> bytes:
    if len(files) != 1:
        raise CalendarError(f"{source.label}: must be a file, not a folder")
    return next(iter(files.values()))


def combine(found: Iterable[Content], start: datetime, end: datetime) -> Content:
    """All contents as one: the same sitting from several sources counts once; peaks outside the time are left out."""
    contents = tuple(found)
    merged = peaks.merge(*([p for p in c.peaks if p.end >= start and p.start < end] for c in contents))
    return Content(
        merged,
        tuple(w for content in contents for w in content.warnings),
        tuple(dict.fromkeys(a for content in contents for a in content.advice)),
        tuple(h for content in contents for h in content.holidays),
    )


def safe(path: str) -> str:
    """The path, normalised. Raises CalendarError when it would leave the site's folder."""
    clean = normpath(join(".", path))
    if clean.startswith(("/", "..")) or "\0" in path or "://" in path:
        shown = "an address or a path with two slashes" if "//" in path else path
        raise CalendarError(f"{shown}: must be a path inside the site's folder")
    return clean
