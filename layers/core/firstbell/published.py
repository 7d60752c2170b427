"""Sites as they were last published: the planner validates site files and writes them here, the others only read.

So a broken site file stops nobody: its last good version stays in force.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.aws.table import Document, Table
from firstbell.plain import from_plain, to_plain
from firstbell.site import Site

FRESH = timedelta(minutes=2)


class UnreadableSiteError(Exception):
    """A published site cannot be read; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Published:
    """The sites that can be read, and the names of those that cannot: one of them must not stop the others."""

    sites: tuple[Site, ...] = ()
    unreadable: tuple[str, ...] = ()


_cache: dict[str, tuple[datetime, Published]] = {}


def sites(table: Table, now: datetime) -> tuple[Site, ...]:
    """All published sites that can be read, at most two minutes old."""
    return read(table, now).sites


def read(table: Table, now: datetime) -> Published:
    """What is published, at most two minutes old: a warm function asks the table rarely."""
    read_at, found = _cache.get(table.name, (None, Published()))
    if read_at is None or not timedelta(0) <= now - read_at < FRESH:
        stored = [(each.sk, _site(each.data)) for each in table.query("SITES")]
        found = Published(tuple(s for _, s in stored if s), tuple(name for name, s in stored if s is None))
        _cache[table.name] = (now, found)
    return found


def _site(data: Document) -> Site | None:
    try:
        return from_plain(Site, data)
    except ValueError:
        return None  # its name is among the unreadable ones, which every run reports


def publish(table: Table, site: Site) -> None:
    """Make `site` the version in force."""
    table.put("SITES", site.name, to_plain(site))
    forget()


def withdraw(table: Table, name: str) -> None:
    """The site's file is gone: forget the site."""
    table.delete("SITES", name)
    forget()


def forget() -> None:
    """Drop what was read."""
    _cache.clear()
