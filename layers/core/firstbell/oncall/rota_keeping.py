"""Reads a site's rota, as calendars are read, and keeps its shifts for whoever calls people."""

from datetime import datetime, timedelta

from firstbell.aws.table import Table
from firstbell.calendar.fetching import UnreachableError, together
from firstbell.calendar.sources import ReadAll
from firstbell.calendar.values import CalendarError
from firstbell.oncall import resolving, rota, silences
from firstbell.oncall.rota import Shifts
from firstbell.oncall.signal import Signal
from firstbell.site import CalendarSource, Site

KEY = "rota"
BEHIND, AHEAD = timedelta(days=1), timedelta(days=14)
PATIENCE = timedelta(hours=1)  # with a host that does not answer: the shifts of two weeks are known
SECONDS = 10.0  # for its answer


def refresh(site: Site, local: ReadAll, table: Table, opened: resolving.Open, now: datetime) -> list[Signal]:
    """Keep the shifts of the coming days; what on-call hears of a rota that cannot be read, or is well again.

    The shifts that were read last stay in force.
    """
    source = site.oncall.rota.source
    said = "" if source is None else _refreshed(site, source, local, table, now)
    if said:
        return [_ticket(site, said, now)]
    return resolving.no_longer(opened, site.name, (KEY,), (), now)


def read(site: Site, source: CalendarSource, local: ReadAll, now: datetime) -> Shifts:
    """The shifts of the coming days. Raises CalendarError when the rota cannot be read, or has none."""
    from firstbell.calendar import ical

    start, end = now - BEHIND, now + AHEAD
    files = together(site, {source: SECONDS}, local, _no_secret, start, end)(source)
    events, _ = ical.read_calendar(next(iter(files.values())), site.zone, start, end, source.label)
    found = rota.of_events(events, now)
    if not any(shift.end > now for shift in found.shifts):
        raise CalendarError(f"{source.label}: has no shift in the next {AHEAD.days} days; an event needs a title")
    return found


def _refreshed(site: Site, source: CalendarSource, local: ReadAll, table: Table, now: datetime) -> str:
    """Nothing, or what a person must know of the rota."""
    try:
        silences.keep_rota(table, site.name, read(site, source, local, now))
    except CalendarError as error:
        kept = silences.rota(table, site.name)
        passing = isinstance(error, UnreachableError) and kept is not None and now - kept.read_at < PATIENCE
        return "" if passing else str(error)
    return ""


def _ticket(site: Site, said: str, now: datetime) -> Signal:
    title, what = "The rota cannot be read", "Pages go to whom it named last, and to all where that is not known."
    return Signal(site.name, KEY, "ticket", title, what, "rota", now, (said,))


def _no_secret(reference: str) -> str:
    raise CalendarError(f"{reference}: a rota needs no secret")
