"""notify_on_call: signals become incidents, told once to each channel, repeated, and resolved."""

from functools import partial
from typing import Any

from firstbell.oncall import inbox
from firstbell.oncall.courier import Courier
from firstbell.oncall.desk import Desk
from firstbell.oncall.incident import Action
from firstbell.running import Run


def handler(event: dict[str, Any], context: Any = None) -> dict[str, Any]:
    """Woken by SNS with signals, and every 5 minutes to repeat and to retry what did not arrive."""
    run = Run.start("notify_on_call", inbox.hint(event), context)
    if run.hint is None:
        return run.finish()
    letters = inbox.read(event, run.now)
    if unreadable := sum(not letter.readable for letter in letters):
        run.count("BadEvents", unreadable)
    desk = Desk(run.table, run.now)
    courier = Courier(run.environment, desk, run.now, run.count)
    for site, items in desk.agenda(run.sites(), letters):
        actions: list[Action] = []
        for item in items:
            with run.guard(site):
                actions += desk.settle(site, item)
        with run.guard(site):
            run.act(site, actions, partial(courier.carry, site))
    return run.finish()
