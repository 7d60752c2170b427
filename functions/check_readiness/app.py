"""Checks, minutes before a planned peak, that the planned instances are healthy behind the balancer."""

from typing import Any

from firstbell.capacity import keeping, looking, readiness
from firstbell.instances.keeping import open_incidents
from firstbell.running import Run


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken every 5 minutes; a site without a near peak costs two reads of the table."""
    run = Run.start("check_readiness", event, context)
    for site in run.sites():
        with run.guard(site):
            plan = keeping.plan_of(run.table, site.name)
            raised = frozenset(k for k in open_incidents(run.table, site.name) if k.startswith(readiness.KEY))
            if readiness.soon(plan, raised, run.now):
                run.act(site, readiness.decide(site.name, plan, looking.ready(site), raised, run.now), run.tell)
    return run.finish()
