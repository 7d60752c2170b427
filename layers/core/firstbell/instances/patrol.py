"""Patrol: the same probe on the instances in service, every few minutes; pure.

It replaces nothing: a person is called. `unknown` never says anything about a mount, only that it is to be looked at
again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.acting import Explained
from firstbell.instances import storage
from firstbell.instances.actions import SendProbe
from firstbell.instances.news import only_news
from firstbell.instances.records import Record
from firstbell.oncall.signal import Signal

NEEDED = 2  # bad verdicts in a row: one may be a passing moment
KEY = "mount/"
ROUND = timedelta(minutes=4)  # it is woken every 5, give or take


@dataclass(frozen=True, slots=True)
class Beat:
    """All that a round decides on: the records of the site, who is in service, and whose SSM agent is online."""

    site: str
    now: datetime
    in_service: tuple[str, ...]
    online: frozenset[str]
    records: tuple[Record, ...]
    raised: frozenset[str] = frozenset()


def decide(seen: Beat) -> list[Explained]:
    """What the last round's results say, and the next round of probes."""
    suspected = bool(storage.suspicion(seen.records, seen.now))
    signals = storage.signals(seen.site, seen.records, seen.now, seen.raised)
    ours = [r for r in seen.records if r.instance in seen.in_service]
    signals += only_news((_signal_of(seen, r) for r in ours if _tells(r, suspected)), seen.raised)
    signals += [_left(seen, key) for key in sorted(seen.raised) if _is_gone(seen, key)]
    probed = tuple(r.instance for r in ours if r.instance in seen.online and _is_due(r, seen.now))
    return [*signals, *([SendProbe(probed, "patrol: in service and online")] if probed else [])]


def _tells(record: Record, suspected: bool) -> bool:
    """A healthy verdict may end a page; a bad one begins one, unless it is the storage's."""
    return record.healthy or (record.bad_in_a_row >= NEEDED and not suspected)


def _is_due(record: Record, now: datetime) -> bool:
    """Once a round, however often we are woken; and once more, at once, after a first bad verdict."""
    if record.command:
        return False
    first_bad = record.bad_in_a_row == 1 and not record.no_answer
    return first_bad or record.sent_at is None or now - record.sent_at >= ROUND


def _is_gone(seen: Beat, key: str) -> bool:
    return key.startswith(KEY) and key.removeprefix(KEY) not in seen.in_service


def _signal_of(seen: Beat, record: Record) -> Signal:
    if record.healthy:
        return _signal(seen, record.instance, f"The probe on {record.instance} is healthy again.", resolved=True)
    what = (
        f"{record.instance} is in service and its moodledata is bad, {record.bad_in_a_row} probes in a row: "
        f"{record.verdict}. The patrol only tells: nothing is replaced or remounted by itself."
    )
    return _signal(seen, record.instance, what, (f"{record.verdict}: {record.detail}",))


def _left(seen: Beat, key: str) -> Signal:
    instance = key.removeprefix(KEY)
    return _signal(seen, instance, f"{instance} is no longer in service.", resolved=True)


def _signal(seen: Beat, instance: str, what: str, evidence: tuple[str, ...] = (), resolved: bool = False) -> Signal:
    title = "A web server's moodledata is sick"
    return Signal(seen.site, KEY + instance, "page", title, what, "mount-sick", seen.now, evidence, resolved=resolved)
