"""Sites as they were last published: the planner validates site files and writes them here, the others only read.

So a broken site file stops nobody: its last good version stays in force.
"""

from datetime import datetime, timedelta

from firstbell.aws.table import Table
from firstbell.plain import from_plain, to_plain
from firstbell.site import Site

FRESH = timedelta(minutes=2)
_cache: dict[str, tuple[datetime, tuple[Site, ...]]] = {}


def sites(table: Table, now: datetime) -> tuple[Site, ...]:
    """All published sites, at most two minutes old: a warm function asks the table rarely."""
    read_at, found = _cache.get(table.name, (None, ()))
    if read_at is None or not timedelta(0) <= now - read_at < FRESH:
        found = tuple(from_plain(Site, stored.data) for stored in table.query("SITES"))
        _cache[table.name] = (now, found)
    return found


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
