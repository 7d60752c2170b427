"""When the incidents of a reaction are over, each with its own words. Pure.

A cause is over when its values say so and no alarm that it explains is on: between two data points it may seem gone.
Where the values are not known, all alarms must be off, or have said nothing for an hour: no data is no health, but one
alarm whose metric nobody publishes must not keep open, and so muting others, what is over.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from firstbell.alarms import belonging, judging
from firstbell.alarms.judging import Judgement, Load
from firstbell.alarms.values import Alarm
from firstbell.site import Site

SILENT = timedelta(hours=1)  # an alarm without data for so long says nothing about the incident any more


def of_alarms(alarms: Sequence[Alarm], opened: Iterable[str], now: datetime) -> dict[str, str]:
    """The incidents of single alarms that are over, by key, and why."""
    known = {belonging.key_of(alarm): alarm for alarm in alarms}
    found = {key: _why(known.get(key), now) for key in opened if key.startswith("alarm/")}
    return {key: why for key, why in found.items() if why}


def _why(alarm: Alarm | None, now: datetime) -> str:
    if alarm is None:
        return "The alarm was deleted, or is no longer this site's."
    if alarm.state == "OK":
        return f"CloudWatch says OK since {alarm.since:%H:%M} UTC."
    if _is_silent(alarm, now):
        treated = f"it treats missing data as {alarm.missing}"
        return f"The alarm has had no data since {alarm.since:%H:%M} UTC ({treated}): it says nothing."
    return ""


def _is_silent(alarm: Alarm, now: datetime) -> bool:
    return alarm.state == "INSUFFICIENT_DATA" and now - alarm.since >= SILENT


def of_causes(site: Site, load: Load, found: Judgement, now: datetime) -> dict[str, str]:
    """The incidents of causes that are over, by key, and why."""
    quiet = all(alarm.state == "OK" or _is_silent(alarm, now) for alarm in load.alarms)
    on = belonging.fresh(load.alarms, now)
    over = {}
    for key in causes(load.opened):
        if key in found.keys or any(belonging.explained(alarm, (key,), site) for alarm in on):
            continue
        if judging.can_tell(key, load.tiers):
            over[key] = "It is well again, and no alarm about it is on."
        elif quiet:
            over[key] = "All alarms are off; its values are not known."
    return over


def causes(opened: Collection[str]) -> list[str]:
    """Those of open incidents that a reaction opened for a cause."""
    return sorted(key for key in opened if key in belonging.CAUSES or key.startswith(f"{belonging.CREDITS}/"))
