"""Patrol: the same probe on the instances in service, every few minutes; pure.

A sick one is replaced (`replacing`) where it is its own fault. `unknown` never says anything about a mount, only that
it is to be looked at again; that a web server does not answer is told, and no more.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.acting import Explained
from firstbell.instances import complaints, replacing, sick_mounts, storage
from firstbell.instances.actions import EnterStandby, Excuse, SendProbe, Wait
from firstbell.instances.admission import ended_without_us
from firstbell.instances.news import only_news
from firstbell.instances.records import WEB_SILENT, Record
from firstbell.instances.replacing import LAGS, NEEDED, Scene
from firstbell.oncall.signal import Signal

ROUND = timedelta(minutes=4)  # it is woken every minute: so a round is four or five
AGAIN = timedelta(minutes=1)  # after one that came to nothing
SILENT = 3  # in a row, until a person is told that a web server does not answer
WITNESSES = 2
KEY = "web-silent/"
SEVERAL = KEY + "several"


@dataclass(frozen=True, slots=True)
class Beat:
    """All that a look decides on: the instances that serve, whose SSM agent is online, and the open incidents."""

    scene: Scene
    online: frozenset[str] = frozenset()
    raised: frozenset[str] = frozenset()


def decide(seen: Beat) -> list[Explained]:
    """What the last results make necessary, and the next probes."""
    changes = replacing.decide(seen.scene)
    out = {c.subject for c in changes if isinstance(c, EnterStandby)}
    return [*_ended(seen), *changes, *_held(seen.scene), *_probes(seen, out)]


def told(seen: Beat) -> list[Signal]:
    """What people are to know, once the changes have been made and the records say so."""
    site, records, now = seen.scene.site.name, seen.scene.records, seen.scene.now
    signals = storage.signals(site, records, now, seen.raised, seen.scene.reports)
    signals += complaints.of_mounts(site, records, seen.raised, now)
    return [*signals, *sick_mounts.told(seen.scene, seen.raised), *_silent(seen)]


def is_due(record: Record, now: datetime) -> bool:
    """Once a round, however often we are woken; sooner while nothing is heard; at once after a first bad verdict."""
    if record.command:
        return False
    if record.sent_at is None or now - record.sent_at >= ROUND:
        return True
    if record.no_answer:
        unheard = record.judged_at is None or record.silent_in_a_row < SILENT
        return unheard and now - record.sent_at >= AGAIN
    return _first_bad(record)


def _ended(seen: Beat) -> list[Explained]:
    """What became of launch hooks that ended without us; a launch may be newer than what was seen of the group."""
    scene = seen.scene
    known = [r for r in scene.records if r.phase != "admission" or scene.now - r.since >= LAGS]
    return ended_without_us(scene.site.name, known, scene.group.instances, seen.raised, scene.now)


def _held(scene: Scene) -> list[Wait | Excuse]:
    """Who is sick while the storage is suspected is noted, for once it is not, a fresh verdict is needed.

    When a file server is back its clients get on again one by one, some of them minutes after the others.
    """
    if scene.suspected:
        return [Wait(r.instance, storage.HELD) for r in scene.serving if r.bad_in_a_row and r.waits_for != storage.HELD]
    return [Excuse(r.instance, storage.WORKS) for r in scene.serving if r.waits_for == storage.HELD]


def _first_bad(record: Record) -> bool:
    return 0 < record.bad_in_a_row < NEEDED


def _probes(seen: Beat, but: set[str]) -> list[SendProbe]:
    """Those that are due; with one whose first verdict was bad also two others, as witnesses of the storage."""
    ready = [r for r in seen.scene.serving if r.instance in seen.online and not r.command and r.instance not in but]
    due = [r for r in ready if is_due(r, seen.scene.now)]
    if any(map(_first_bad, due)):
        due += [r for r in ready if r.healthy_at and not r.bad_in_a_row and r not in due][:WITNESSES]
    return [SendProbe(tuple(r.instance for r in due), "patrol: in service and online")] if due else []


def _silent(seen: Beat) -> list[Signal]:
    """A page for a web server that is silent, or one for several; over when they answer or have left."""
    quiet = [r for r in seen.scene.serving if r.silent_in_a_row]
    long = [r for r in quiet if r.silent_in_a_row >= SILENT and r.no_answer.startswith(WEB_SILENT)]
    unknown = [r for r in seen.scene.serving if r.silent_in_a_row or r.bad_in_a_row]  # a sick mount says nothing of it
    names = {KEY + r.instance for r in unknown} | ({SEVERAL} if unknown else set())
    found = [_over(seen, key) for key in sorted(seen.raised) if key.startswith(KEY) and key not in names]
    if long:
        key = SEVERAL if len(long) > 1 or SEVERAL in seen.raised else KEY + long[0].instance
        found.append(_page(seen, key, long))
    return only_news(found, seen.raised)


def _page(seen: Beat, key: str, silent: list[Record]) -> Signal:
    what = (
        f"The mount is healthy, but the web server did not answer {SILENT} probes in a row on {len(silent)} of "
        f"{len(seen.scene.serving)} instances in service. Nothing is replaced for that: it may be Moodle's own fault."
    )
    evidence = tuple(f"{r.instance}: {r.no_answer}" for r in silent[:10])
    return _signal(seen, key, what, evidence)


def _over(seen: Beat, key: str) -> Signal:
    return _signal(
        seen, key, "The probe has an answer of the web server, or the instance serves no more.", resolved=True
    )


def _signal(seen: Beat, key: str, what: str, evidence: tuple[str, ...] = (), resolved: bool = False) -> Signal:
    title, scene = "A web server does not answer", seen.scene
    return Signal(scene.site.name, key, "page", title, what, "web-silent", scene.now, evidence, (), resolved)
