"""A planned peak as people and programs see it: its times in the site's zone and in UTC."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cli.times import local, utc
from firstbell.calendar import peak_file, term
from firstbell.calendar.term_values import PlannedPeak
from firstbell.oncall.texts import one_line


def sentence(peak: PlannedPeak, zone: ZoneInfo) -> str:
    """Such as: 900 participants of the exam 'Entrance', Tue 01 Dec 2026 09:00 to 11:00 (Europe/Berlin), that is …"""
    begins, ends = term.times(peak, zone)
    people = "participants" if peak.participants is None else f"{peak.participants:,} participants"
    when = f"{_interval(begins, ends, zone)} ({zone.key}), that is {_interval(begins, ends, ZoneInfo('UTC'))} UTC"
    return f"{people} of the {_kind(peak)} {one_line(peak.title, 200)!r}, {when}"


def _kind(peak: PlannedPeak) -> str:
    return (peak.kind or "exam").replace("_", " ")


def _interval(begins: datetime, ends: datetime, zone: ZoneInfo) -> str:
    same_day = begins.astimezone(zone).date() == ends.astimezone(zone).date()
    return f"{local(begins, zone)} to {f'{ends.astimezone(zone):%H:%M}' if same_day else local(ends, zone)}"


def row(number: int, peak: PlannedPeak, zone: ZoneInfo, now: datetime) -> tuple[str, ...]:
    """A row of the table of peaks."""
    begins, ends = term.times(peak, zone)
    forgotten = local(term.ends_at(peak.expires, zone), zone) if peak.expires else "never"
    if peak_file.is_expired(peak, zone, now):
        forgotten = f"since {forgotten}"
    people = "default" if peak.participants is None else f"{peak.participants:,}"
    when = (_interval(begins, ends, zone), f"{begins:%d %b %H:%M}")
    return (str(number), *when, people, _kind(peak), peak.title, forgotten)


def plain(number: int, peak: PlannedPeak, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """A peak for programs, its times in UTC."""
    begins, ends = term.times(peak, zone)
    return {
        "number": number,
        "start": utc(begins),
        "end": utc(ends),
        "participants": peak.participants,
        "kind": peak.kind or "exam",
        "title": peak.title,
        "course": peak.course,
        "expires": utc(term.ends_at(peak.expires, zone)) if peak.expires else None,
        "expired": peak_file.is_expired(peak, zone, now),
    }
