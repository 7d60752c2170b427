"""Carries the second attempt out: sizes, zones, and everything that keeps a group at its floors."""

from collections.abc import Callable

from firstbell.aws import autoscaling
from firstbell.aws.table import Table
from firstbell.capacity import keeping
from firstbell.capacity.reconcile import Change
from firstbell.fleet import BEST_EFFORT
from firstbell.plain import to_plain
from firstbell.readiness.looking import LENT
from firstbell.readiness.zones import LendZones, ReturnZones


def applier(table: Table, site: str) -> Callable[[Change | LendZones | ReturnZones], None]:
    """What carries one action of the site called `site` out.

    What zones a group had is recorded before it is changed, and forgotten after it was given back.
    """
    keep = keeping.applier(table, site)

    def apply(action: Change | LendZones | ReturnZones) -> None:
        match action:
            case LendZones(group, lent):
                table.put(f"SITE#{site}", LENT, to_plain(lent))
                autoscaling.set_distribution(group, BEST_EFFORT)
            case ReturnZones(group, strategy):
                if strategy:
                    autoscaling.set_distribution(group, strategy)
                table.delete(f"SITE#{site}", LENT)
            case _:
                keep(action)

    return apply
