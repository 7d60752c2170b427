"""Alarms that are on and no published site's: counted, and one ticket for all of them. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from firstbell.alarms.belonging import matters, of_site
from firstbell.alarms.values import Alarm
from firstbell.capacity.complaints import Complaint
from firstbell.oncall.inbox import NOBODY
from firstbell.oncall.signal import Signal
from firstbell.site import Site

SHOWN = 20
UNKNOWN = Complaint(
    "unknown-alarm",
    "An alarm is on that is no site's",
    "Nobody reacts to it: its name begins as the alarms of sites do, but neither it nor its metric names a site.",
)


@dataclass(frozen=True, slots=True)
class Nobody:
    """Stands for a site where there is none."""

    name: str = NOBODY


def strays(alarms: Sequence[Alarm], sites: Sequence[Site], prefix: str) -> list[Alarm]:
    """The alarms that are on and no site's."""
    owned = {alarm.name for site in sites for alarm in of_site(alarms, site, prefix, sites)}
    return [alarm for alarm in alarms if matters(alarm) and alarm.name not in owned]


def decide(found: Sequence[Alarm], opened: Collection[str], now: datetime) -> list[Signal]:
    """One ticket, unless it is open."""
    if not found or UNKNOWN.key in opened:
        return []
    names = tuple(alarm.name for alarm in found[:SHOWN])
    return [replace(UNKNOWN.signal(NOBODY, names, now), severity="ticket")]
