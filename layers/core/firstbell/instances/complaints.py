"""What admission tells people: instances given up, hooks that ended without us, mounts that want work; pure."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from firstbell.instances.actions import Abandon, Continue
from firstbell.instances.news import only_news
from firstbell.instances.records import Record
from firstbell.oncall.signal import Severity, Signal

KEY = "admission/"
LIMIT_KEY = KEY + "limit"
UNPROVEN_KEY = KEY + "unproven/"
BARE_KEY, REPAIRED_KEY = "mount-bare", "mount-repaired"
RUNBOOK = "instance-abandoned"
RECENT = timedelta(minutes=15)  # two rounds of the patrol and more: what was said before may be over
NAMED = 10  # so many instances are named as evidence


def all_of(
    site: str,
    ends: Sequence[Continue | Abandon],
    held: Sequence[Abandon],
    lately: Sequence[Record],
    records: Sequence[Record],
    raised: Collection[str],
    now: datetime,
) -> list[Signal]:
    """Everything that there is to say: `held` would have been given up but for the limit, `lately` were."""
    known = {r.instance: r for r in records}
    signals = [given_up(site, e, known[e.subject], now) for e in ends if isinstance(e, Abandon)]
    if held:
        given = [*lately, *(known[e.subject] for e in ends if isinstance(e, Abandon))]
        signals.append(limit(site, held[0], known[held[0].subject], given, now))
    through = [e for e in ends if isinstance(e, Continue)]
    return signals + [s for s in settled(site, through[:1], raised, now) if not (held and s.key == LIMIT_KEY)]


def given_up(site: str, end: Abandon, record: Record, now: datetime) -> Signal:
    """A ticket: one launched instance was given up."""
    return Signal(
        site,
        KEY + end.subject,
        "ticket",
        "A launched instance was given up",
        f"{end.subject}: {end.reason}.",
        RUNBOOK,
        now,
        evidence=tuple(text for text in (record.detail, record.no_answer, _tail(record)) if text),
        done=("Told the group to terminate it; the group launches another.",),
    )


def limit(site: str, next_one: Abandon, held: Record, given: Sequence[Record], now: datetime) -> Signal:
    """A page: so many were given up that the next one is held instead. It quotes the last log that there is."""
    logs = [_tail(r) for r in (held, *sorted(given, key=lambda r: r.ended_at or r.since, reverse=True))]
    return Signal(
        site,
        LIMIT_KEY,
        "page",
        "Launches fail in a row",
        f"No more launched instances may be given up within the hour, and {next_one.subject} would be the next: "
        f"{next_one.reason}. Look for what they share: the image, the launch template, the mount.",
        RUNBOOK,
        now,
        evidence=(
            *(f"{r.instance}: {r.last_word or 'its SSM agent never came online'}" for r in given),
            *[text for text in logs if text][:1],
        ),
        done=("Holding it in its launch hook, because AWS suspends a group whose launches fail in a loop.",),
    )


def settled(site: str, through: Sequence[Continue], raised: Collection[str], now: datetime) -> list[Signal]:
    """An instance got through: what was said of those before it is over."""
    title = "Launches succeed again"
    return [
        Signal(site, key, "ticket", title, f"{end.subject} has been admitted.", RUNBOOK, now, resolved=True)
        for end in through
        for key in sorted(raised)
        if key.startswith(KEY) and not key.startswith(UNPROVEN_KEY)
    ]


def _tail(record: Record) -> str:
    return f"the end of the log of {record.instance}: {record.log_tail}" if record.log_tail else ""


def of_mounts(site: str, records: Sequence[Record], raised: Collection[str], now: datetime) -> list[Signal]:
    """What recent probes said beside their verdicts, one incident a site each; over when they say it no more."""
    recent = [r for r in records if r.judged_at is not None and now - r.judged_at < RECENT]
    bare = [f"{r.instance}: {text}" for r in recent for text in r.warnings]
    repaired = [f"{r.instance}: {text}" for r in recent for text in r.repairs]
    signals = [_of_mounts(site, BARE_KEY, bare, now), _of_mounts(site, REPAIRED_KEY, repaired, now)]
    return only_news(signals, raised) if recent else []


def _of_mounts(site: str, key: str, said: Sequence[str], now: datetime) -> Signal:
    is_bare = key == BARE_KEY
    title = "Below a mount lies a writable directory" if is_bare else "A mount had to be repaired"
    what = f"Probes of the last minutes say so, {len(said)} in all." if said else "No probe says so any more."
    return Signal(
        site,
        key,
        "ticket" if is_bare else "info",
        title,
        what,
        "bare-mount-point" if is_bare else "mount-repaired",
        now,
        evidence=tuple(said[:NAMED]),
        resolved=not said,
    )


def of_ended_hooks(
    site: str, unproven: Sequence[Record], gone: Sequence[Record], raised: Collection[str], now: datetime
) -> list[Signal]:
    """Launch hooks that ended without us: who serves `unproven`, and who is `gone`."""
    told = {UNPROVEN_KEY + r.instance: r for r in unproven} | {KEY + r.instance: r for r in gone}
    over = [key for key in sorted(raised) if key.startswith(UNPROVEN_KEY) and key not in told]
    signals = [_of_ended_hook(site, key, record, now) for key, record in told.items()]
    return only_news([*signals, *(_of_ended_hook(site, key, None, now) for key in over)], raised)


def _of_ended_hook(site: str, key: str, record: Record | None, now: datetime) -> Signal:
    """A page for one in service, which ends when it is proven or has left; a ticket for one that is gone."""
    serves, instance = key.startswith(UNPROVEN_KEY), key.rpartition("/")[2]
    title = "An instance serves whose moodledata was never proven" if serves else "A launched instance is gone"
    why = "its launch hook ended without Firstbell: its time was over, or somebody ended it by hand"
    if record is None:
        what = f"{instance} is proven by now, or serves no more."
    elif serves:
        what = f"{instance} is in service, though no probe has been healthy there: {why}. It is probed at once."
    else:
        what = f"{instance} left the group before it was proven: {why}, or it was terminated."
    said = (record.last_word, f"default result of the hook: {record.default_result}", _tail(record)) if record else ()
    evidence = tuple(text for text in said if text)
    severity: Severity = "page" if serves else "ticket"
    return Signal(site, key, severity, title, what, "hook-timed-out", now, evidence, resolved=record is None)
