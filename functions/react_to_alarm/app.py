"""Reacts to load alarms: looks which alarms are on now, and scales the web tier in proportion, or calls a person."""

from typing import Any

from firstbell.alarms import triage
from firstbell.alarms.values import Alarm
from firstbell.aws import autoscaling, metrics
from firstbell.aws.idempotency import once
from firstbell.capacity import keeping, reconcile
from firstbell.oncall import resolving
from firstbell.running import Run
from firstbell.site import Site


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken by alarm state changes, and every minute, so that a lost event costs a minute at most."""
    run = Run.start("react_to_alarm", event, context)
    if run.hint is not None and run.hint.why == "alarm":
        return once(run.environment.table, run.hint.key, context, lambda: _look(run))
    return _look(run)


def _look(run: Run) -> dict[str, Any]:
    sites = run.sites()
    prefix = run.environment.alarm_prefix
    alarms = metrics.alarms(prefix) if sites else ()
    for site in sites:
        own = tuple(alarm for alarm in alarms if triage.belongs(alarm, site, prefix))
        if own:
            with run.guard(site):
                _answer(run, site, own)
    return run.finish()


def _answer(run: Run, site: Site, alarms: tuple[Alarm, ...]) -> None:
    on = any(alarm.state == "ALARM" for alarm in alarms)
    group = autoscaling.group(site.fleet.auto_scaling_group) if on else None
    cpu = metrics.average_cpu(site.fleet.auto_scaling_group, run.now) if on else None
    load = triage.Load(alarms, group, cpu, keeping.leases(run.table, site.name, run.now) if on else ())
    actions = triage.decide(site, load, run.now)
    leases = tuple(action.floor for action in actions if isinstance(action, reconcile.SaveFloor))
    changes: list[reconcile.Change] = []
    if leases or load.leases:  # an earlier raise may have failed, or a deploy may have reset it
        seen = keeping.observe(site, run.table, run.now)
        changes = reconcile.follow(site, seen, seen.plan, run.now, more=leases)
    ended = {triage.key_of(alarm) for alarm in alarms if alarm.state == "OK"}
    over = resolving.over(run.table, site.name, ended, (), run.now) if ended else []
    run.act(site, [*actions, *changes, *over], keeping.applier(run.table, site.name))
