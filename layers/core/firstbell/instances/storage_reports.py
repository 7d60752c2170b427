"""Asks AWS about the storage once an instance is sick: the state of the NFS server or of the file system."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from firstbell.alarms.tiers import MEASURES
from firstbell.aws import clients, filesystem, metrics, servers
from firstbell.instances.records import Record
from firstbell.instances.storage import Report, is_worth_asking
from firstbell.site import Site

LATELY = timedelta(minutes=15)
AT_LIMIT = (
    95.0  # percent of PercentIOLimit (EFS user guide: at 100 % a file system in general purpose mode is too slow)
)


def reports(site: Site, records: Collection[Record], now: datetime) -> tuple[Report, ...]:
    """What AWS says is wrong with the storage; in good times nothing is asked, and a failing question stops nobody."""
    if not is_worth_asking(records, now):
        return ()
    server, file_system = site.moodledata.server, site.moodledata.file_system
    found = _asked(server, lambda: servers.troubles(server, now)) if server else []
    if file_system:
        found += _asked(file_system, lambda: filesystem.troubles(file_system))
        found += _asked(file_system, lambda: _exhausted(file_system, now))
    return tuple(found)


def _exhausted(file_system: str, now: datetime) -> list[str]:
    """What CloudWatch says of the last minutes: the file system is at a limit of its own."""
    asked = {name: (MEASURES[name], {"FileSystemId": file_system}) for name in ("io_limit", "burst_credits")}
    points = metrics.series(asked, now - LATELY, now)
    limit, credits_ = (points[name][max(points[name])] if points[name] else None for name in asked)
    found = [f"{file_system} is at {limit:.0f} % of its I/O limit"] if limit is not None and limit >= AT_LIMIT else []
    return found + ([f"{file_system} has no burst credits left"] if credits_ is not None and credits_ <= 0 else [])


def _asked(what: str, ask: Callable[[], Collection[str]]) -> list[Report]:
    try:
        return [Report(says) for says in ask()]
    except Exception as error:  # noqa: BLE001 - told by a ticket; without an answer it is decided as if there were none
        return [Report(f"{what}: {clients.error_code(error) or type(error).__name__}: {error}"[:300], failed=True)]
