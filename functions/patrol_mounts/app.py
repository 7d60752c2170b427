"""Patrols the mounts of the instances in service: reads what the probes said, replaces a sick one, probes again."""

from dataclasses import replace
from typing import Any

from firstbell.instances import patrol, serving
from firstbell.instances.applying import Applier
from firstbell.running import Run
from firstbell.site import Site


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken every minute; a round of probes is every four or five."""
    run = Run.start("patrol_mounts", event, context)
    for site in run.sites():
        with run.guard(site):
            _patrol(run, site)
    return run.finish()


def _patrol(run: Run, site: Site) -> None:
    """What people are told is what came of it: nobody reads of a replacement that AWS refused."""
    seen, records, turn = serving.look(run.table, site, run.now)
    apply = Applier(site, records, run.environment.probe_document)
    run.act(site, patrol.decide(seen), turn.first(apply, run.now))
    after = replace(seen, scene=replace(seen.scene, records=records.all))
    run.act(site, patrol.told(after), run.tell)
    records.finish()
