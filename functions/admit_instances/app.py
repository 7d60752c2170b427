"""Admits launched instances: every one in its launch hook is probed, then let in, waited for, or given up."""

from typing import Any

from firstbell.instances import admission, observing
from firstbell.instances.applying import Applier, noticed
from firstbell.running import Run
from firstbell.site import Site


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken by launches, by results of probes, and every minute, so that a lost event costs a minute at most."""
    run = Run.start("admit_instances", event, context)
    for site in run.sites():
        with run.guard(site):
            if observing.concerns(run.table, site, run.hint, "admission"):
                _admit(run, site)
    return run.finish()


def _admit(run: Run, site: Site) -> None:
    seen = observing.launching(run.table, site, run.now)
    if seen is not None:
        scene, records = seen
        apply = Applier(site, records, run.environment.probe_document)
        run.act(site, admission.decide(scene), apply)
        run.act(site, apply.noticed, noticed)
