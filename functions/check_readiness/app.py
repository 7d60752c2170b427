"""Checks, minutes before a planned peak, that its instances are healthy, and watches over an exam while it is on."""

from typing import Any

from firstbell.capacity import keeping, reconcile
from firstbell.instances.keeping import open_incidents
from firstbell.readiness import attempting, freezing, gate, looking, watching
from firstbell.running import Run
from firstbell.site import Site


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken every 5 minutes; a site without a near or running peak costs two reads of the table."""
    run = Run.start("check_readiness", event, context)
    for site in run.sites():
        with run.guard(site):
            plan = keeping.plan_of(run.table, site.name)
            raised = open_incidents(run.table, site.name)
            if freezing.concerned(site, plan, raised, run.now):
                _look(run, site, raised)
            else:
                over = gate.over(site.name, plan, None, raised, run.now)
                run.act(site, [*over, *watching.over(site, raised, run.now)], run.tell)
    return run.finish()


def _look(run: Run, site: Site, raised: frozenset[str]) -> None:
    sight = looking.look(site, run.table, run.now)
    held = freezing.hold(site, sight.seen, run.now)
    seen, floors = freezing.renewed(sight.seen, held), tuple(save.floor for save in held)
    changes = reconcile.follow(site, seen, seen.plan, run.now, more=floors)
    lacking = gate.decide(site, sight, changes, raised, run.now)
    watch = watching.decide(site, sight, raised, run.now)
    run.act(site, [*held, *changes, *lacking, *watch], attempting.applier(run.table, site.name))
