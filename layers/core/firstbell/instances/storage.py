"""Is it the instance, or the storage that all of them share? Pure.

When the file server is down every mount is sick, and replacing instances would turn an outage into a worse one.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from firstbell.instances.news import only_news
from firstbell.instances.records import Record
from firstbell.instances.verdicts import NEEDED_IN_A_ROW, STORAGE_LIKE
from firstbell.oncall.signal import Signal

KEY = "storage"
RECENT = timedelta(minutes=15)


def last_proof(records: Iterable[Record]) -> datetime | None:
    """When the newest probe that found an instance healthy was sent."""
    return max((r.healthy_at for r in records if r.healthy_at), default=None)


def suspicion(records: Iterable[Record], now: datetime) -> tuple[Record, ...]:
    """The witnesses against the storage, by the verdicts of the last 15 minutes; none: it is not suspected.

    Two sick instances are, when nobody has been proven healthy since the first of them became sick; and a sick half of
    the instances in service, two at least. A full file system is everybody's, so one witness is enough for it.
    """
    recent = [r for r in records if _recent(r, now)]
    proven = last_proof(recent)
    new = [r for r in recent if _sick(r) and (proven is None or (r.bad_since or now) > proven)]
    if len(new) >= 2 or any(r.verdict == "full" for r in new):
        return tuple(new)
    serving = [r for r in recent if r.phase == "serving"]
    sick = [r for r in serving if _sick(r)]
    return tuple(sick) if len(sick) >= 2 and 2 * len(sick) >= len(serving) else ()


def _recent(record: Record, now: datetime) -> bool:
    return record.judged_at is not None and now - record.judged_at < RECENT


def _sick(record: Record) -> bool:
    """One slow answer is not yet a sign."""
    return record.verdict in STORAGE_LIKE and (record.verdict != "slow" or record.bad_in_a_row >= 2)


def _final(record: Record) -> bool:
    """Bad for good: while an instance boots, "not mounted yet" is no reason to wake anybody."""
    return record.phase == "serving" or record.bad_in_a_row >= NEEDED_IN_A_ROW[record.verdict]


def signals(site: str, records: Collection[Record], now: datetime, raised: Collection[str]) -> list[Signal]:
    """One page when the storage comes under suspicion; its end when an instance is proven healthy and none is left."""
    witnesses = suspicion(records, now)
    if witnesses:
        return only_news([_page(site, witnesses, now)], raised) if any(map(_final, witnesses)) else []
    proven = [r for r in records if r.healthy_at and now - r.healthy_at < RECENT]
    if not proven:
        return []
    what = f"The probe is healthy again on {', '.join(sorted(r.instance for r in proven))}; work goes on by itself."
    return only_news([_signal(site, what, now, resolved=True)], raised)


def _page(site: str, witnesses: tuple[Record, ...], now: datetime) -> Signal:
    what = (
        f"{len(witnesses)} instances cannot use moodledata and none has been proven healthy in between: that is the "
        "shared storage, not the instances. Look at the file server, its network and its disk."
    )
    evidence = tuple(f"{r.instance}: {r.verdict}: {r.detail}" for r in witnesses[:10])
    done = ("No instance is replaced or given up; launches are held until a probe is healthy.",)
    return _signal(site, what, now, evidence=evidence, done=done)


def _signal(
    site: str,
    what: str,
    now: datetime,
    evidence: tuple[str, ...] = (),
    done: tuple[str, ...] = (),
    resolved: bool = False,
) -> Signal:
    title = "The shared storage looks broken"
    return Signal(site, KEY, "page", title, what, "storage-sick", now, evidence, done, resolved)
