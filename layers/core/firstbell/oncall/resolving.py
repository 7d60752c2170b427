"""Says what is over: of the incidents that a function would raise, those that are open and that it no longer sees."""

from collections.abc import Collection, Mapping
from datetime import datetime

from firstbell.aws.table import Table
from firstbell.oncall.signal import Signal

Open = Mapping[str, Mapping[str, object]]
"""What on-call holds open, by key."""


def open_incidents(table: Table, site: str) -> Open:
    """The incidents of a site that on-call holds open; one held open only until it is calm is over for its function."""
    stored = table.query(f"SITE#{site}", "INCIDENT#")
    return {str(s.data.get("key")): s.data for s in stored if _is_open(s.data)}


def _is_open(data: Mapping[str, object]) -> bool:
    return data.get("state") == "open" and not data.get("over_since")


def no_longer(
    still_open: Open, site: str, own: Collection[str], raised: Collection[str], now: datetime
) -> list[Signal]:
    """A resolving signal for each open incident that is one of `own` and is not `raised` now.

    `own` are whole keys, or the part of a key before its slash, which stands for all that begin with it.
    """
    return [
        Signal(
            site,
            key,
            "info",
            str(of.get("title", key)),
            "It is well again.",
            str(of.get("runbook", "")),
            now,
            resolved=True,
        )
        for key, of in sorted(still_open.items())
        if (key in own or key.partition("/")[0] in own) and key not in raised
    ]
