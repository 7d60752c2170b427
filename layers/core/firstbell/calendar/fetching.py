"""Brings a source's bytes: from beside the site file, from a feed, or from a Moodle's web services.

A site's hosts are asked all at once, so that those that do not answer cost the others nothing. Only the asking is done
in threads; AWS is asked for the tokens, and what came is read, by the one that wants it.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from datetime import datetime

from firstbell.calendar.sources import Content, Files, ReadAll, all_of, read, safe
from firstbell.calendar.trust import SECONDS
from firstbell.calendar.values import CalendarError
from firstbell.site import CalendarSource, Site

LARGEST_FEED = 5 * 1024 * 1024  # bytes; a university's yearly timetable has about 1 MB
AT_ONCE = 16  # hosts
BUDGET = 32.0  # seconds for all hosts of a site together; a large Moodle takes up to 30 (moodle_talk)
Secret = Callable[[str], str]


class UnreachableError(CalendarError):
    """Another host did not answer, or not with success: that may well pass."""


def fetch(site: Site, source: CalendarSource, local: ReadAll, secret: Secret, start: datetime, end: datetime) -> Files:
    """The files of `source`. Raises CalendarError, and UnreachableError of another host that may yet answer."""
    if source.remote:
        return _ask(site, source, _token(source, secret), start, end, SECONDS)
    files = local(safe(source.name))
    if not files:
        raise CalendarError(f"{source.label}: not found beside the site file")
    return files


def together(
    site: Site,
    sources: Mapping[CalendarSource, float],
    local: ReadAll,
    secret: Secret,
    start: datetime,
    end: datetime,
) -> Callable[[CalendarSource], Files]:
    """Ask the hosts of all remote sources at once, each for its seconds for an answer, and all for BUDGET at most.

    What is returned gives, or raises, of each source what `fetch` would.
    """
    asked: dict[CalendarSource, Future[Files]] = {}
    pool = ThreadPoolExecutor(AT_ONCE, "calendar")
    try:
        for source in sorted(
            filter(_is_remote, sources), key=sources.__getitem__, reverse=True
        ):  # those that fail last
            try:
                token = _token(source, secret)
            except Exception as error:  # noqa: BLE001 - raised when this source is asked for
                asked[source] = Future()
                asked[source].set_exception(error)
            else:
                asked[source] = pool.submit(_ask, site, source, token, start, end, sources[source])
        wait(asked.values(), BUDGET)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # one that hangs holds up nobody

    def brought(source: CalendarSource) -> Files:
        if source not in asked:
            return fetch(site, source, local, secret, start, end)
        try:
            return asked[source].result(0)
        except (TimeoutError, CancelledError):
            raise UnreachableError(
                f"{source.label}: did not answer in time ({BUDGET:g} seconds for all of a site's hosts at most)"
            ) from None

    return brought


def _is_remote(source: CalendarSource) -> bool:
    return source.remote


def _token(source: CalendarSource, secret: Secret) -> str:
    return secret(source.token) if source.token else ""


def _ask(site: Site, source: CalendarSource, token: str, start: datetime, end: datetime, seconds: float) -> Files:
    from firstbell import web

    try:
        if source.ical:
            hosts = site.private_hosts
            return {"feed.ics": web.fetch(source.ical, private_hosts=hosts, largest=LARGEST_FEED, seconds=seconds)}
        from firstbell.calendar import moodle_site

        return moodle_site.fetch(source.moodle, token, site.private_hosts, start, end, one=seconds)
    except web.WebError as error:
        raise UnreachableError(f"{source.label}: {error}") from error


def read_each(
    site: Site, local: ReadAll, secret: Secret, start: datetime, end: datetime, now: datetime
) -> Iterator[tuple[CalendarSource, Content | Exception]]:
    """What each calendar of `site` says between `start` and `end`, or why it cannot be used: one stops no other."""
    found = all_of(site, local)
    brought = together(site, dict.fromkeys(found, SECONDS), local, secret, start, end)
    for source in found:
        said: Content | Exception
        try:
            said = read(site, source, brought(source), start, end, now)
        except Exception as error:  # noqa: BLE001 - handed over: what becomes of it is the caller's word
            said = error
        yield source, said
