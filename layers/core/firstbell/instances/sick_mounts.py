"""What people are told of instances that serve with a sick mount, and of their replacement; pure."""

from collections.abc import Collection
from datetime import timedelta

from firstbell.fleet import STANDBY
from firstbell.instances.news import only_news
from firstbell.instances.records import Record
from firstbell.instances.replacing import NEEDED, NOT_YET, SLOW_YET, Scene, kept, said
from firstbell.instances.storage import last_proof
from firstbell.oncall.signal import Severity, Signal

KEY, LATE_KEY = "mount/", "replacement/"
TITLES = {KEY: "A web server's moodledata is sick", LATE_KEY: "No replacement for a sick web server comes"}
LATE = timedelta(minutes=30)


def told(seen: Scene, raised: Collection[str]) -> list[Signal]:
    """What people are to know now: who is sick and stays, who was taken out, and what of `raised` is over."""
    known = {r.instance for r in (*seen.serving, *seen.awaited)}
    away = {r.instance for r in seen.awaited}
    found = [_stays(seen, r, why) for r in seen.sick if (why := _worth_telling(seen, r))]
    found += [_taken_out(seen, r) for r in seen.awaited]
    found += [_late(seen, r) for r in seen.awaited if seen.away(r) >= LATE]
    found += [_over(seen, KEY + r.instance, "its probe is healthy again") for r in seen.serving if _well(r)]
    for key in sorted(raised):
        if key.startswith(KEY) and key.removeprefix(KEY) not in known:
            found.append(_over(seen, key, f"it serves no more; {seen.counts}"))
        elif key.startswith(LATE_KEY) and key.removeprefix(LATE_KEY) not in away:
            found.append(_over(seen, key, f"nothing is waited for; {seen.counts}"))
    return only_news(found, raised)


def _worth_telling(seen: Scene, record: Record) -> str:
    """Why it stays, once that is worth a page: not if it is the storage's, nor while a witness is just being asked.

    Nor if another one has been proven since: the storage has just come back, and the next probe will know of it.
    """
    why, proof = kept(seen, record), last_proof(seen.records)
    outdated = proof is not None and record.judged_at is not None and record.judged_at < proof
    if seen.suspected or why == SLOW_YET or (why == NOT_YET and (record.bad_in_a_row == NEEDED or outdated)):
        return ""
    return why or "taking it out of service failed, and is tried again at every look"


def _well(record: Record) -> bool:
    """The newest conclusive verdict on the mount is healthy, whatever its web server does."""
    return record.judged_at is not None and not record.bad_in_a_row


def _stays(seen: Scene, record: Record, why: str) -> Signal:
    what = f"{record.instance} is in service, and its mount is bad: {said(record)}. It is not replaced now: {why}."
    return _signal(seen, KEY + record.instance, "page", what, (f"{record.verdict}: {record.detail}", *record.repairs))


def _taken_out(seen: Scene, record: Record) -> Signal:
    """A ticket where others serve and no exam is on, for it needs nobody."""
    what = (
        f"{record.instance} was in service, and its mount is bad: {said(record)}. It has been taken out of the "
        "balancer, and the group launches another. It is terminated as soon as that one serves and it has drained."
    )
    done = ["Put it into Standby without lowering the desired capacity."]
    theirs = {i.id for i in seen.group.in_state(STANDBY)} - {r.instance for r in seen.under_way}
    if theirs:
        done.append(f"Left alone what somebody else has in Standby: {', '.join(sorted(theirs))}.")
    severity: Severity = "page" if seen.exam or not seen.serving else "ticket"
    evidence = (f"{record.verdict}: {record.detail}", *record.repairs)
    return _signal(seen, KEY + record.instance, severity, what, evidence, tuple(done))


def _late(seen: Scene, record: Record) -> Signal:
    what = (
        f"{record.instance} has a bad mount and has been in Standby for {LATE // timedelta(minutes=1)} minutes, but no "
        f"replacement serves yet: {seen.counts}. It stays there until one does."
    )
    return _signal(seen, LATE_KEY + record.instance, "page", what, tuple(t.said for t in seen.troubles))


def _over(seen: Scene, key: str, why: str) -> Signal:
    return _signal(seen, key, "page", f"{key.partition('/')[2]}: {why}.", resolved=True)


def _signal(
    seen: Scene,
    key: str,
    severity: Severity,
    what: str,
    evidence: tuple[str, ...] = (),
    done: tuple[str, ...] = (),
    resolved: bool = False,
) -> Signal:
    title = TITLES[key.partition("/")[0] + "/"]
    return Signal(seen.site.name, key, severity, title, what, "mount-sick", seen.now, evidence, done, resolved)
