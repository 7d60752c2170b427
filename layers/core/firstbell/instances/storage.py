"""Is it the instance, or the storage that all of them share? Pure.

When the file server is down every mount is sick, and replacing instances would turn an outage into a worse one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.instances.news import only_news
from firstbell.instances.records import Record
from firstbell.instances.verdicts import NEEDED_IN_A_ROW, STORAGE_LIKE
from firstbell.oncall.signal import Signal

KEY, BLIND_KEY = "storage", "storage-reports"
RECENT = timedelta(minutes=15)
TOGETHER = timedelta(minutes=5)  # a round of the patrol
HELD = "held, for the storage is under suspicion"
WORKS = "the storage works again: what it said while it did not no longer counts"
OF_THE_SITE_FILE = frozenset({"wrong_source", "wrong_export"})  # verdicts that depend on what it expects


@dataclass(frozen=True, slots=True)
class Report:
    """What AWS itself says is wrong with the storage, in a sentence; or why it `failed` to say anything."""

    says: str
    failed: bool = False


def last_proof(records: Iterable[Record]) -> datetime | None:
    """When the newest probe that found an instance healthy was sent."""
    return max((r.healthy_at for r in records if r.healthy_at), default=None)


def suspicion(records: Iterable[Record], now: datetime, reports: Collection[Report] = ()) -> tuple[Record, ...]:
    """The witnesses against the storage, by the verdicts of the last 15 minutes; none: it is not suspected.

    Two sick instances are, when nobody has been proven healthy since the first of them became sick; a sick half of the
    instances in service, two at least; and those in service that became sick together, for a part of the storage may be
    lost, such as the mount target of one zone. A full file system is everybody's, so one witness is enough for it; and
    one is enough when AWS itself reports trouble with the storage.
    """
    recent = [r for r in records if _recent(r, now)]
    proven, serving = last_proof(recent), [r for r in recent if r.phase == "serving"]
    # What one in service says is not only a launched one's own mistake: the site file may expect what nobody has.
    shared = STORAGE_LIKE | {r.verdict for r in serving if r.bad_in_a_row}
    found = [r for r in recent if r.verdict in shared and _sick(r)]
    new = [r for r in found if proven is None or (r.bad_since or now) > proven]
    if len(new) >= 2 or any(r.verdict == "full" for r in new):
        return tuple(new)
    sick = [r for r in found if r.phase == "serving"]
    if len(sick) >= 2 and 2 * len(sick) >= len(serving):
        return tuple(sick)
    if together := [r for r in sick if any(o is not r and _together(o, r) for o in sick)]:
        return tuple(together)
    return tuple(found) if any(not report.failed for report in reports) else ()


def is_worth_asking(records: Iterable[Record], now: datetime) -> bool:
    """Whether AWS is to be asked about the storage: somebody has said something that it could be the cause of."""
    return any(_recent(r, now) and r.verdict in STORAGE_LIKE for r in records)


def _recent(record: Record, now: datetime) -> bool:
    return record.judged_at is not None and now - record.judged_at < RECENT


def _sick(record: Record) -> bool:
    """One slow answer is not yet a sign."""
    return record.bad_in_a_row >= (2 if record.verdict == "slow" else 1)


def _together(one: Record, other: Record) -> bool:
    first, second = one.bad_since, other.bad_since
    return first is not None and second is not None and abs(first - second) < TOGETHER


def _final(record: Record, records: Collection[Record]) -> bool:
    """Bad for good: neither "not mounted yet", while it boots, nor a moment that others passed well wakes anybody."""
    if record.phase != "serving":
        return record.bad_in_a_row >= NEEDED_IN_A_ROW[record.verdict]
    proven = last_proof(records)
    return record.bad_in_a_row >= 2 or proven is None or proven < (record.bad_since or proven)


def signals(
    site: str, records: Collection[Record], now: datetime, raised: Collection[str], reports: Sequence[Report] = ()
) -> list[Signal]:
    """One page when the storage comes under suspicion; its end when an instance is proven healthy and none is left.

    And a ticket while AWS cannot be asked about it.
    """
    witnesses, found = suspicion(records, now, reports), _blind(site, records, reports, now)
    if witnesses:
        found += [_page(site, witnesses, records, reports, now)] if any(_final(r, records) for r in witnesses) else []
    elif proven := [r for r in records if r.healthy_at and now - r.healthy_at < RECENT]:
        what = f"The probe is healthy again on {', '.join(sorted(r.instance for r in proven))}; work goes on by itself."
        found.append(_signal(site, what, now, resolved=True))
    return only_news(found, raised)


def _blind(site: str, records: Collection[Record], reports: Sequence[Report], now: datetime) -> list[Signal]:
    """Over when there is no reason to ask any more."""
    failed = tuple(report.says for report in reports if report.failed)
    if not failed and is_worth_asking(records, now):
        return []
    title = "AWS cannot be asked about the storage"
    what = f"{len(failed)} questions failed; suspicion rests on the instances' probes alone."
    return [Signal(site, BLIND_KEY, "ticket", title, what, "storage-reports", now, failed, resolved=not failed)]


def _page(
    site: str,
    witnesses: tuple[Record, ...],
    records: Collection[Record],
    reports: Sequence[Report],
    now: datetime,
) -> Signal:
    said = tuple(report.says for report in reports if not report.failed)
    who = f"{len(witnesses)} instances cannot" if len(witnesses) > 1 else f"{witnesses[0].instance} cannot"
    proven, first = last_proof(records), min(r.bad_since or now for r in witnesses)
    if said:
        why = "AWS itself reports trouble with the storage"
    elif proven and proven >= first:
        why = (
            "are too many to have failed each by itself, though others can: perhaps the way to it from one zone is lost"
        )
    else:
        why = "none has been proven healthy in between"
    look = "the file server, its network and its disk"
    if all(r.verdict in OF_THE_SITE_FILE for r in witnesses):
        look = (
            "`moodledata` in the site file first: they have something else mounted than it expects; then at the export"
        )
    what = f"{who} use moodledata and {why}: that is the shared storage, not the instances. Look at {look}."
    evidence = (*said, *(f"{r.instance}: {r.verdict}: {r.detail}" for r in witnesses[:10]))
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
