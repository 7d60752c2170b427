"""Brings a source's bytes: from beside the site file, from a feed, or from a Moodle's web services."""

from collections.abc import Callable
from datetime import datetime

from firstbell.calendar.sources import Content, Files, ReadAll, all_of, combine, read, safe
from firstbell.calendar.values import CalendarError
from firstbell.site import CalendarSource, Site

LARGEST_FEED = 5 * 1024 * 1024  # bytes; a university's yearly timetable has about 1 MB
Secret = Callable[[str], str]


class UnreachableError(CalendarError):
    """Another host did not answer, or not with success: that may well pass."""


def fetch(site: Site, source: CalendarSource, local: ReadAll, secret: Secret, start: datetime, end: datetime) -> Files:
    """The files of `source`. Raises CalendarError, and UnreachableError of another host that may yet answer."""
    if not source.remote:
        files = local(safe(source.name))
        if not files:
            raise CalendarError(f"{source.label}: not found beside the site file")
        return files
    from firstbell import web

    try:
        if source.ical:
            return {"feed.ics": web.fetch(source.ical, private_hosts=site.private_hosts, largest=LARGEST_FEED)}
        from firstbell.calendar import moodle_site

        return moodle_site.fetch(source.moodle, secret(source.token), site.private_hosts, start, end)
    except web.WebError as error:
        raise UnreachableError(f"{source.label}: {error}") from error


def read_all(site: Site, local: ReadAll, secret: Secret, start: datetime, end: datetime, now: datetime) -> Content:
    """What all calendars of `site` say between `start` and `end`. Raises CalendarError at the first unusable one."""
    contents = [
        read(site, source, fetch(site, source, local, secret, start, end), start, end, now)
        for source in all_of(site, local)
    ]
    return combine(contents, start, end)
