"""The ordinary week: the learned baseline of each hour of the week, laid over the calendar. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from firstbell.capacity.demand import Phase
from firstbell.site import Site

HOURS = 168
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def hour_of(moment: datetime) -> int:
    """The hour of the week of a local time, from Monday 00:00."""
    return moment.weekday() * 24 + moment.hour


def hours(site: Site, baseline: Sequence[float], start: datetime, end: datetime) -> list[Phase]:
    """The baseline's demand in each local hour that touches the time from `start` to `end`; none without a baseline."""
    found: list[Phase] = []
    moment = start
    while baseline and moment < end:
        local = moment.astimezone(site.zone)
        until = moment + timedelta(hours=1) - timedelta(minutes=local.minute, seconds=local.second)
        found.append(Phase(moment, until, baseline[hour_of(local)], f"{DAYS[local.weekday()]} at {local:%H:%M}"))
        moment = until
    return found


def levels(found: Sequence[Phase], instances: Sequence[int]) -> list[tuple[Phase, int]]:
    """Neighbouring hours that want the same number of instances, as one: under the name of its busiest hour."""
    merged = []
    for count, pairs in groupby(zip(found, instances, strict=True), key=lambda pair: pair[1]):
        together = [phase for phase, _ in pairs]
        busiest = max(together, key=lambda p: p.vcpus)
        merged.append((Phase(together[0].start, together[-1].end, busiest.vcpus, busiest.what), count))
    return merged
