"""Asks AWS about the storage once an instance is sick: the state of the NFS server or of the file system."""

from collections.abc import Callable, Collection
from datetime import datetime

from firstbell.aws import clients, filesystem, servers
from firstbell.instances.records import Record
from firstbell.instances.storage import Report, is_worth_asking
from firstbell.site import Site


def reports(site: Site, records: Collection[Record], now: datetime) -> tuple[Report, ...]:
    """What AWS says is wrong with the storage; in good times nothing is asked, and a failing question stops nobody."""
    if not is_worth_asking(records, now):
        return ()
    server, file_system = site.moodledata.server, site.moodledata.file_system
    found = _asked(server, lambda: servers.troubles(server, now)) if server else []
    return (*found, *(_asked(file_system, lambda: filesystem.troubles(file_system)) if file_system else []))


def _asked(what: str, ask: Callable[[], Collection[str]]) -> list[Report]:
    try:
        return [Report(says) for says in ask()]
    except Exception as error:  # noqa: BLE001 - told by a ticket; without an answer it is decided as if there were none
        return [Report(f"{what}: {clients.error_code(error) or type(error).__name__}: {error}"[:300], failed=True)]
