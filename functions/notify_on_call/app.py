"""notify_on_call: signals become incidents, told once to each channel, repeated, and resolved."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from firstbell.oncall import inbox, pinging, weekly
from firstbell.oncall.courier import Courier
from firstbell.oncall.desk import Desk, Item
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import Action
from firstbell.oncall.links import Links
from firstbell.running import Run
from firstbell.site import Site


def handler(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
    """Woken by SNS with signals, and every 5 minutes: to repeat, to retry what did not arrive, to say that it lives."""
    run = Run.start("notify_on_call", inbox.hint(event), context)
    if run.hint is None:
        return run.finish()
    letters = inbox.read(event, run.now)
    if unreadable := sum(not letter.readable for letter in letters):
        run.count("BadEvents", unreadable)
    sites, desk = run.sites(), Desk(run.table, run.now)
    courier = Courier(run.environment, desk, run.now, run.count, Links(run).url)
    _deal(run, courier, desk.agenda(sites, letters))
    if not letters and (own := [*pinging.beat(run, sites), *weekly.look(run, sites)]):
        _deal(run, courier, desk.agenda(sites, [Letter(signal) for signal in own]))
    return run.finish()


def _deal(run: Run, courier: Courier, agenda: Iterable[tuple[Site, list[Item]]]) -> None:
    for site, items in agenda:
        actions: list[Action] = []
        for item in items:
            with run.guard(site):
                actions += courier.desk.settle(site, item)
        with run.guard(site):
            run.act(site, actions, partial(courier.carry, site))
