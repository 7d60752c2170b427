"""Says what is over: of the incidents that a function would raise, those that are open and that it no longer sees."""

from collections.abc import Collection
from datetime import datetime

from firstbell.aws.table import Table
from firstbell.oncall.signal import Signal


def over(table: Table, site: str, own: Collection[str], raised: Collection[str], now: datetime) -> list[Signal]:
    """A resolving signal for each open incident that is one of `own` and is not `raised` now.

    `own` are whole keys, or the part of a key before its slash, which stands for all that begin with it.
    """
    stored = table.query(f"SITE#{site}", "INCIDENT#")
    still_open = {str(s.data.get("key")): s.data for s in stored if s.data.get("state") == "open"}
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
