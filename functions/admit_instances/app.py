"""Admits launched instances: every one in its launch hook is probed, then let in, waited for, or given up."""

from typing import Any

from firstbell.instances import admission, launching
from firstbell.instances.applying import Applier, noticed
from firstbell.running import Run
from firstbell.site import Site


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken by launches, agents and answers of probes, in batches, and every minute: a lost event costs that."""
    run = Run.start("admit_instances", event, context)
    for site in run.sites():
        with run.guard(site):
            if launching.concerns(run.table, site, run.hints):
                _admit(run, site)
    return run.finish()


def _admit(run: Run, site: Site) -> None:
    seen = launching.look(run.table, site, run.now, run.hints)
    if seen is not None:
        scene, records = seen
        apply = Applier(site, records, run.environment.probe_document)
        run.act(site, admission.decide(scene), apply)
        run.act(site, apply.noticed, noticed)
        records.finish()
