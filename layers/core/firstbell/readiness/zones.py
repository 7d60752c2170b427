"""Other zones for a peak: a balanced-only group may launch where there is capacity, and gets its strategy back. Pure.

A group with this strategy goes on trying in the zone that has nothing (API reference, AvailabilityZoneDistribution).
What it was is kept beside the incident that says so, and given back by the first look after the peak.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from firstbell.fleet import BALANCED_ONLY, BEST_EFFORT, Group
from firstbell.oncall.signal import Signal
from firstbell.readiness.launch_troubles import OF_ZONE, Trouble

KEY = "zones-lent"


@dataclass(frozen=True, slots=True)
class Lent:
    """The group's own `strategy`, and until when another one is lent to it (UTC)."""

    strategy: str
    until: datetime


@dataclass(frozen=True, slots=True)
class LendZones:
    """Let launches that fail in one zone go to another."""

    subject: str
    lent: Lent
    reason: str


@dataclass(frozen=True, slots=True)
class ReturnZones:
    """Give the group its own strategy back; empty when somebody has set another one since, which then stays."""

    subject: str
    strategy: str
    reason: str


def lend(group: Group, lent: Lent | None, troubles: Collection[Trouble], until: datetime) -> list[LendZones]:
    """Lend other zones until `until`, if launches fail in some for what others may have."""
    without = {t.zone for t in troubles if t.kind in OF_ZONE}
    if not without or not set(group.zones) - without:
        return []
    if group.distribution == BALANCED_ONLY:
        reason = (
            f"launches fail in {', '.join(sorted(without))}: they may go to the group's other zones until the peak ends"
        )
        return [LendZones(group.name, Lent(BALANCED_ONLY, until), reason)]
    if lent is not None and group.distribution == BEST_EFFORT and lent.until < until:
        return [
            LendZones(group.name, Lent(lent.strategy, until), "other zones are still wanted: another peak lacks them")
        ]
    return []


def give_back(group: Group, lent: Lent | None, now: datetime) -> list[ReturnZones]:
    """Give back what was lent when its time is over."""
    if lent is None or now < lent.until:
        return []
    if group.distribution != BEST_EFFORT:
        return [ReturnZones(group.name, "", f"somebody has set {group.distribution} since: it stays")]
    return [ReturnZones(group.name, lent.strategy, f"the peak is over: {lent.strategy} again, as it was")]


def signals(
    site: str, lent: Lent | None, changes: Collection[LendZones | ReturnZones], raised: Collection[str], now: datetime
) -> list[Signal]:
    """What is told: that zones are lent, and that they were given back. The open incident is what makes us look."""
    title = "Launches may go to other zones for a peak"
    last = next(iter(changes), None)
    held = isinstance(last, LendZones) or (lent is not None and last is None)
    if held == (KEY in raised):
        return []
    what = last.reason if last else "the group was balanced-only" if held else "the group has its own strategy"
    until = last.lent.until if isinstance(last, LendZones) else lent.until if lent and held else None
    return [Signal(site, KEY, "info", title, what, "not-ready", now, resolved=not held, expected_end=until)]
