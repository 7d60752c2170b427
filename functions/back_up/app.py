"""Backs up: one step of the backup state machine. Today a snapshot of each site's database, and no files."""

from typing import Any

from firstbell import events
from firstbell.backup import steps
from firstbell.running import Run


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Called by the state machine with `{"step": "sites" | "start" | "check" | "record", "site": …}`."""
    run = Run.start("back_up", {"source": events.SCHEDULE}, context)
    answer = steps.take(run, {site.name: site for site in run.sites()}, event)
    return {**run.finish(), **answer}
