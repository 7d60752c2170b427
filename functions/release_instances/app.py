"""Releases leaving instances: out of the balancer, drained, done with what they work on, and only then gone."""

from typing import Any

from firstbell.instances import interruption, leaving, release
from firstbell.instances.applying import Applier, noticed
from firstbell.running import Run
from firstbell.site import Site


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken by terminations, by EC2's notices that it takes spot instances back, and every minute."""
    run = Run.start("release_instances", event, context)
    for site in run.sites():
        with run.guard(site):
            _release(run, site)
    return run.finish()


def _release(run: Run, site: Site) -> None:
    seen, served, left = leaving.look(run.table, site, run.hints, run.now)
    run.act(site, interruption.decide(seen), Applier(site, served))
    apply = Applier(site, left, run.environment.probe_document, after_continue="ended")
    run.act(site, release.decide(seen), apply)
    run.act(site, apply.noticed, noticed)
    left.finish()
