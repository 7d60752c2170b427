"""Opens a record when an instance begins to wait in a lifecycle hook: which hook, since when."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from firstbell.aws import autoscaling
from firstbell.fleet import Activity, Instance, latest_start
from firstbell.instances.holding import LAUNCHING, our_hook
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record, in_hook

SETTLING = timedelta(minutes=3)  # for so long AWS may still show an instance waiting after its hook was ended


def begin(group: str, waiting: Sequence[Instance], records: Records, transition: str) -> None:
    """Open the records of those whose wait is new; only for these AWS is asked for hooks and activities."""
    fresh = [i.id for i in waiting if _may_be_new(records.get(i.id), records.now)]
    if not fresh:
        return
    hook = our_hook(autoscaling.hooks(group), transition)
    activities = [a for a in autoscaling.activities(group) if _launches(a) == (transition == LAUNCHING)]
    for instance in fresh:
        known, since = records.get(instance), latest_start(activities, instance, fallback=records.now)
        if known is None or since > (known.ended_at or known.since):
            records.save(in_hook(instance, since, hook))


def _launches(activity: Activity) -> bool:
    return "terminating" not in activity.description.lower()


def _may_be_new(known: Record | None, now: datetime) -> bool:
    """It waits though its last wait is over: AWS lags, another hook holds it, or it has been in a warm pool."""
    if known is None:
        return True
    return known.phase != "admission" and now - (known.ended_at or known.since) > SETTLING
