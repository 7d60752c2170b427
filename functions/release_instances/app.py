"""Releases leaving instances: out of the balancer, drained, and only then gone."""

from typing import Any

from firstbell.instances import leaving, release
from firstbell.instances.applying import Applier, noticed
from firstbell.running import Run


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken by terminations and every minute."""
    run = Run.start("release_instances", event, context)
    for site in run.sites():
        with run.guard(site):
            seen = leaving.leaving(run.table, site, run.now)
            if seen is not None:
                found, records = seen
                apply = Applier(site, records, after_continue="ended")
                run.act(site, release.decide(site, found, run.now), apply)
                run.act(site, apply.noticed, noticed)
    return run.finish()
