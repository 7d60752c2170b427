"""Looks at a site whose alarms may want something: one call for all metrics, and what is open, leased and asked for."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from firstbell.alarms import ends
from firstbell.alarms.belonging import matters
from firstbell.alarms.judging import Load
from firstbell.alarms.sizing import OWNER
from firstbell.alarms.tiers import SPAN, Tiers, questions, read
from firstbell.alarms.values import Alarm
from firstbell.aws import metrics
from firstbell.aws.table import Table
from firstbell.capacity import keeping
from firstbell.capacity.reconcile import Seen
from firstbell.fleet import Group
from firstbell.learning import remembering
from firstbell.loans import lending
from firstbell.oncall import resolving
from firstbell.oncall.resolving import Open
from firstbell.oncall.signal import Signal
from firstbell.site import Site


def is_worth_a_look(site: Site, table: Table, alarms: tuple[Alarm, ...], opened: Open, now: datetime) -> bool:
    """Whether the tiers are to be observed: an alarm is on, or something that a reaction began has not ended."""
    if any(map(matters, alarms)) or ends.causes(opened):
        return True
    return any(f.owner == OWNER and f.end > now for f in keeping.leases(table, site.name, now))


def load(site: Site, table: Table, alarms: tuple[Alarm, ...], seen: Seen, opened: Open, now: datetime) -> Load:
    """Everything that the decision needs but the tiers."""
    lends = site.tiers.efs or site.tiers.aurora
    return Load(
        alarms,
        seen.group,
        leases=seen.leases,
        opened={key: str(of.get("severity", "")) for key, of in opened.items()},
        asked=lending.asked(table, site.name, now) if lends else (),
        lead=site.fleet.lead_time or remembering.recall(table, site).lead_time or site.fleet.lead,
    )


def tiers(site: Site, group: Group, now: datetime) -> Tiers:
    """What CloudWatch has measured of a site's tiers in the last three hours."""
    asked = questions(site, metrics.request_dimensions(group.target_groups))
    return read(metrics.series(asked, now - SPAN, now), now)


def resolved(opened: Open, site: str, over: Mapping[str, str], now: datetime) -> list[Signal]:
    """The signals that end open incidents, each with its own words."""
    return [replace(s, what=over[s.key]) for s in resolving.no_longer(opened, site, over.keys(), (), now)]
