"""Patrols the mounts of the instances in service: reads what the last round of probes said, and begins the next."""

from typing import Any

from firstbell.instances import observing, patrol
from firstbell.instances.applying import Applier
from firstbell.running import Run


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken every 5 minutes, and, where template.yaml says so, by a probe that failed."""
    run = Run.start("patrol_mounts", event, context)
    for site in run.sites():
        with run.guard(site):
            if observing.concerns(run.table, site, run.hint, "serving"):
                seen, records = observing.serving(run.table, site, run.now)
                run.act(site, patrol.decide(seen), Applier(site, records, run.environment.probe_document))
    return run.finish()
