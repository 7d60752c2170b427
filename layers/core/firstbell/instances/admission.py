"""Admission: which launched instances go into service, which are given up, and which are waited for; pure.

Rules: without a healthy probe none goes in. A bad verdict ends an admission once it has been seen often enough, and the
deadline ends every other, after a last probe; except while the storage is under suspicion and except for the fourth
within an hour: AWS suspends a group whose launches fail in a loop. A web server that does not answer on a healthy mount
ends nothing but by the deadline.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.acting import Explained
from firstbell.fleet import IN_SERVICE, Instance, Waiting
from firstbell.instances import complaints, storage
from firstbell.instances.actions import Abandon, Continue, Excuse, HookEnded, SendProbe, Wait
from firstbell.instances.holding import PAUSE, heartbeat, last_moment
from firstbell.instances.news import only_news
from firstbell.instances.records import Record
from firstbell.instances.verdicts import NEEDED_IN_A_ROW
from firstbell.site import Site

MOST_ABANDONED = 3
PER = timedelta(hours=1)
LONGEST_PAUSE = timedelta(minutes=2)
GONE = "Terminating"  # so begin the states of what leaves the group
GRACE = timedelta(minutes=5)  # for a fresh verdict after the storage has come back: two pauses and a look
HELD_BY_LIMIT = f"held, for {MOST_ABANDONED} were given up within the hour"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instance in its launch hook: its wait, whether its SSM agent is there, and what is remembered of it."""

    waiting: Waiting
    online: bool
    record: Record

    @property
    def id(self) -> str:
        """The instance's id."""
        return self.waiting.instance.id


@dataclass(frozen=True, slots=True)
class Scene:
    """All that admission decides on.

    `records` are those of all the site's instances, `raised` the open signals, `reports` what AWS says of the storage.
    `blind`: something could not be asked in this look, so that the silence of an instance means nothing.
    """

    site: Site
    now: datetime
    candidates: tuple[Candidate, ...]
    records: tuple[Record, ...]
    raised: frozenset[str] = frozenset()
    reports: tuple[storage.Report, ...] = ()
    blind: bool = False


def decide(seen: Scene) -> list[Explained]:
    """What to do now, the ends of admissions first. Deciding again after all of it is applied gives nothing new."""
    suspected = bool(storage.suspicion(seen.records, seen.now, seen.reports))
    lately = [r for r in seen.records if _abandoned_lately(r, seen.now)]
    left = MOST_ABANDONED - len(lately)
    ends: list[Continue | Abandon] = []
    keeps: list[tuple[Candidate, str]] = []
    signals = storage.signals(seen.site.name, seen.records, seen.now, seen.raised, seen.reports)
    held_by_limit: list[Abandon] = []
    for it in sorted(seen.candidates, key=lambda c: (c.waiting.since, c.id)):
        end = _end(it, seen, suspected)
        if end is None:
            keeps.append((it, ""))
        elif isinstance(end, Continue) or _forced(it, seen.now):
            ends.append(end)
        elif suspected:
            keeps.append((it, storage.HELD))
        elif left <= 0:
            keeps.append((it, HELD_BY_LIMIT))
            held_by_limit.append(end)
        else:
            ends.append(end)
            left -= 1
    signals += complaints.all_of(seen.site.name, ends, held_by_limit, lately, seen.records, seen.raised, seen.now)
    signals += complaints.of_mounts(seen.site.name, seen.records, seen.raised, seen.now)
    return [*ends, *_keep(keeps, suspected, seen.now), *only_news(signals, seen.raised)]


def _abandoned_lately(record: Record, now: datetime) -> bool:
    return record.phase == "abandoned" and record.ended_at is not None and now - record.ended_at < PER


def _forced(it: Candidate, now: datetime) -> bool:
    return now >= last_moment(it.waiting)


def _end(it: Candidate, seen: Scene, suspected: bool) -> Continue | Abandon | None:
    record, hook, now = it.record, it.waiting.hook.name, seen.now
    if record.healthy:
        said = (record.detail, record.warmth, *(f"repaired: {each}" for each in record.repairs))
        return Continue(it.id, hook, f"its moodledata is proven healthy: {'; '.join(filter(None, said))}")
    if _forced(it, now):  # AWS would end it, perhaps by letting it in unproven
        return Abandon(it.id, hook, f"its hook cannot be held any longer; {_unproven(it)}")
    if record.waits_for == storage.HELD and not suspected:  # it has just come back, and this one is to be excused
        return None
    if _conclusive(record, seen):
        times = f" {record.bad_in_a_row} times in a row" if record.bad_in_a_row > 1 else ""
        return Abandon(it.id, hook, f"its mount is bad{times}: {record.verdict}: {record.detail}")
    if overdue(record, seen.site, now) and not seen.blind and _is_done_asking(it, seen.site):
        return Abandon(it.id, hook, f"not proven within {seen.site.admission.deadline} s; {_unproven(it)}")
    return None


def overdue(record: Record, site: Site, now: datetime) -> bool:
    """Whether the time to prove it is over; after an outage of the storage it has some more."""
    return now >= _due(record, site)


def _due(record: Record, site: Site) -> datetime:
    due = record.since + timedelta(seconds=site.admission.deadline)
    return due if record.excused_at is None else max(due, record.excused_at + GRACE)


def _is_done_asking(it: Candidate, site: Site) -> bool:
    """No probe runs, and the last was sent when its time was up, or nearly: perhaps nobody has looked for long."""
    record = it.record
    if record.command or not it.online:
        return not record.command
    return record.sent_at is not None and record.sent_at >= _due(record, site) - LONGEST_PAUSE


def wants_console(it: Candidate, site: Site, now: datetime) -> bool:
    """It is about to be given up, its agent never came, and its console has not been read."""
    silent = not it.online and it.record.attempts == 0 and not it.record.healthy
    return silent and not it.record.log_tail and (overdue(it.record, site, now) or _forced(it, now))


def _conclusive(record: Record, seen: Scene) -> bool:
    """Bad often enough, and still bad after the last time that another one's mount was proven."""
    if record.judged_at is None or record.bad_in_a_row < NEEDED_IN_A_ROW.get(record.verdict, 1):
        return False
    proof = storage.last_proof(seen.records)
    return proof is None or record.judged_at >= proof


def _unproven(it: Candidate) -> str:
    record = it.record
    if record.attempts == 0:
        return "its agent is online but it was never probed" if it.online else "its SSM agent never came online"
    return f"{record.attempts} probes, the last said {record.last_word or 'nothing yet'}"


def _keep(keeps: list[tuple[Candidate, str]], suspected: bool, now: datetime) -> list[Explained]:
    """Probe those that can be probed, all by one command; keep every hook alive; say what the others wait for."""
    found: list[Explained] = []
    for it, held in keeps:
        reason = held or _waits_for(it)
        found += heartbeat(it.waiting, now, reason)
        if not suspected and it.record.waits_for == storage.HELD:
            found.append(Excuse(it.id, storage.WORKS))
        elif reason != it.record.waits_for and (held or not _may_probe(it, now)):
            found.append(Wait(it.id, reason))
    probed = [it for it, _ in keeps if _may_probe(it, now)]
    if probed:
        again = sum(it.record.attempts > 0 for it in probed)
        reason = "its agent is online" if not again else f"{again} of {len(probed)} have no final verdict yet"
        found.append(SendProbe(tuple(it.id for it in probed), reason))
    return found


def _may_probe(it: Candidate, now: datetime) -> bool:
    record = it.record
    if not it.online or record.command:
        return False
    return record.sent_at is None or now - record.sent_at >= min(record.attempts * PAUSE, LONGEST_PAUSE)


def _waits_for(it: Candidate) -> str:
    return "being probed until there is a final verdict" if it.record.attempts else "waiting for its SSM agent"


def ended_without_us(
    site: str, records: Collection[Record], instances: Iterable[Instance], raised: Collection[str], now: datetime
) -> list[Explained]:
    """What became of launches whose hook ended without us; `instances` are the group's.

    One in service that was never proven is a page, until it is proven or has left; one that is gone is a ticket.
    """
    states = {i.id: i.state for i in instances}
    unproven = [r for r in records if states.get(r.instance) == IN_SERVICE and _slipped_in(r)]
    gone = [r for r in records if _waits_for_service(r) and states.get(r.instance, GONE).startswith(GONE)]
    signals = complaints.of_ended_hooks(site, unproven, gone, raised, now)
    return [*signals, *(HookEnded(r.instance, "it is gone, before its mount was proven") for r in gone)]


def _slipped_in(record: Record) -> bool:
    """It has waited in a hook, and has not been proven since; on the way into a warm pool does not count."""
    if record.pooled and record.phase != "serving":
        return True
    return bool(record.hook) and (record.healthy_at is None or (record.pooled and not record.proven))


def _waits_for_service(record: Record) -> bool:
    return record.phase == "admission" and not record.pooled
