"""Opens a record when an instance begins to wait in a lifecycle hook: which hook, since when.

A warm function remembers the hook of a group and its last look, so that most waits cost no call of their own.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from firstbell.aws import autoscaling
from firstbell.fleet import Activity, Hook, Instance, latest_start
from firstbell.instances.holding import LAUNCHING, our_hook
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record, in_hook

SETTLING = timedelta(minutes=3)  # for so long AWS may still show an instance waiting after its hook was ended
FRESH = timedelta(minutes=5)  # a hook is hardly ever changed
LAST = timedelta(minutes=2)  # two ticks: who waits now and did not at the last look began after that
_hooks: dict[tuple[str, str], tuple[datetime, Hook]] = {}
_looks: dict[tuple[str, str], tuple[datetime, frozenset[tuple[str, str]]]] = {}  # who waited, in which state


def begin(group: str, waiting: Sequence[Instance], records: Records, transition: str) -> None:
    """Open the records of those whose wait is new; of AWS only what is not known is asked: the hook, its beginning."""
    now = records.now
    fresh = [i for i in waiting if _may_be_new(records.get(i.id), i, now)]
    if fresh:
        hook = _hook(group, transition, now)
        for instance, since in _beginnings(group, fresh, records, transition).items():
            known = records.get(instance.id)
            opened = replace(in_hook(instance.id, since, hook), pooled=in_pool(instance))
            records.save(replace(opened, reached=known.reached) if known else opened)
    looked(group, waiting, transition, now)


def looked(group: str, waiting: Collection[Instance], transition: str, now: datetime) -> None:
    """Remember who waited at a look, perhaps nobody."""
    _looks[group, transition] = now, frozenset((i.id, i.state) for i in waiting)


def in_pool(instance: Instance) -> bool:
    """Whether it is on its way into a warm pool, in it, or on its way out of it by termination."""
    return instance.state.startswith("Warmed")


def forget() -> None:
    """Drop what is remembered."""
    _hooks.clear()
    _looks.clear()


def _hook(group: str, transition: str, now: datetime) -> Hook:
    read_at, hook = _hooks.get((group, transition), (None, None))
    if hook is None or read_at is None or not timedelta(0) <= now - read_at < FRESH:
        hook = our_hook(autoscaling.hooks(group), transition)
        _hooks[group, transition] = now, hook
    return hook


def _beginnings(group: str, fresh: Sequence[Instance], records: Records, transition: str) -> dict[Instance, datetime]:
    """When each new wait began; an instance whose last wait it seems to be is left out."""
    activities: list[Activity] | None = None
    found = {}
    for instance in fresh:
        known, since = records.get(instance.id), _since_last_look(group, instance, transition, records.now)
        over = (known.ended_at or known.since) if known else None
        if since is None or (over and since <= over):
            if activities is None:
                activities = [a for a in autoscaling.activities(group) if _launches(a) == (transition == LAUNCHING)]
            since = latest_start(activities, instance.id, fallback=records.now)
        if known and over and known.pooled != in_pool(instance):
            since = max(since, over)  # into the pool and out of it are two waits, though AWS may not tell them yet
        elif over and since <= over:
            continue
        found[instance] = since
    return found


def _since_last_look(group: str, instance: Instance, transition: str, now: datetime) -> datetime | None:
    """The last look, if it is recent and the instance did not wait then: its wait began after that."""
    at, waited = _looks.get((group, transition), (None, frozenset[tuple[str, str]]()))
    return at if at and timedelta(0) <= now - at < LAST and (instance.id, instance.state) not in waited else None


def _launches(activity: Activity) -> bool:
    return "terminating" not in activity.description.lower()


def _may_be_new(known: Record | None, instance: Instance, now: datetime) -> bool:
    """It waits though its last wait is over: AWS lags, another hook holds it, or it has been in a warm pool."""
    if known is None or known.pooled != in_pool(instance):
        return True
    return known.phase != "admission" and now - (known.ended_at or known.since) > SETTLING
