"""Reacts to alarms: looks which are on now, judges the tiers, and scales the web tier, holds it, or calls a person."""

from dataclasses import replace
from typing import Any

from firstbell.alarms import belonging, ends, observing, strays, triage
from firstbell.alarms.values import Alarm
from firstbell.aws import metrics
from firstbell.aws.idempotency import once
from firstbell.capacity import keeping, reconcile
from firstbell.capacity.values import Plan
from firstbell.loans import lending
from firstbell.loans.values import Ask
from firstbell.oncall import resolving
from firstbell.oncall.signal import Signal
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
        own = belonging.of_site(alarms, site, prefix, sites)
        if triage.lively(own, run.now):
            with run.guard(site):
                _answer(run, site, own)
    with run.guard(strays.Nobody()):
        _count_strays(run, strays.strays(alarms, sites, prefix))
    return run.finish()


def _answer(run: Run, site: Site, alarms: tuple[Alarm, ...]) -> None:
    opened = resolving.open_incidents(run.table, site.name)
    if not observing.is_worth_a_look(site, run.table, alarms, opened, run.now):
        over = ends.of_alarms(alarms, opened, run.now)
        run.act(site, observing.resolved(opened, site.name, over, run.now), run.tell)
        return
    seen = keeping.observe(site, run.table, run.now)
    load = observing.load(site, run.table, alarms, seen, opened, run.now)
    with run.guard(site):  # without values nothing is known, and that is an answer too
        load = replace(load, tiers=observing.tiers(site, seen.group, run.now))
    actions = triage.decide(site, load, run.now)
    leases = tuple(action.floor for action in actions if isinstance(action, reconcile.SaveFloor))
    changes: list[reconcile.Change] = []
    if leases or load.leases:  # an earlier raise may have failed, or a deploy may have reset it
        changes = reconcile.follow(site, seen, seen.plan, run.now, more=leases)
    over = triage.over(site, load, run.now)
    asks = [action for action in actions if isinstance(action, Ask)]
    own = [action for action in actions if not isinstance(action, Ask)]
    ended = observing.resolved(opened, site.name, over, run.now)
    run.act(site, [*own, *changes, *ended], keeping.applier(run.table, site.name))
    if asks or load.asked:
        with run.guard(site):
            _lend(run, site, seen.plan, asks, {ask.wish.key for ask in asks} | {wish.key for wish in load.asked})


def _lend(run: Run, site: Site, plan: Plan | None, asks: list[Ask], keys: set[str]) -> None:
    """Ask, and lend at once; what becomes of a loan then, and what on-call hears of it, is the planner's."""
    run.act(site, asks, lambda ask: lending.ask(run.table, site.name, ask))
    found = lending.changes(site, plan, run.table, run.environment, run.now, only=keys)
    changes = [change for change in found if not isinstance(change, Signal)]
    run.act(site, changes, lending.applier(run.table, site.name, run.environment))


def _count_strays(run: Run, found: list[Alarm]) -> None:
    if not found and not triage.lively((), run.now):
        return
    opened = resolving.open_incidents(run.table, strays.Nobody().name)
    if found:
        run.log.warning("alarms of no site", alarms=[alarm.name for alarm in found])
        run.count("UnknownAlarms", len(found))
    over = {} if found else {strays.UNKNOWN.key: "No such alarm is on any more."}
    ended = observing.resolved(opened, strays.Nobody().name, over, run.now)
    run.act(strays.Nobody(), [*strays.decide(found, opened, run.now), *ended], run.tell)
