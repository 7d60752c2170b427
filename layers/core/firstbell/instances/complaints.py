"""What admission tells people: an instance was given up, too many were, and that launches succeed again; pure."""

from collections.abc import Collection, Sequence
from datetime import datetime

from firstbell.instances.actions import Abandon, Continue
from firstbell.instances.records import Record
from firstbell.oncall.signal import Signal

KEY = "admission/"
LIMIT_KEY = KEY + "limit"
RUNBOOK = "instance-abandoned"


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
        signals.append(limit(site, held[0], lately, now))
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
        evidence=tuple(text for text in (record.detail, record.no_answer) if text),
        done=("Told the group to terminate it; the group launches another.",),
    )


def limit(site: str, next_one: Abandon, given: Sequence[Record], now: datetime) -> Signal:
    """A page: so many were given up that the next one is held instead."""
    return Signal(
        site,
        LIMIT_KEY,
        "page",
        "Launches fail in a row",
        f"No more launched instances may be given up within the hour, and {next_one.subject} would be the next: "
        f"{next_one.reason}. Look for what they share: the image, the launch template, the mount.",
        RUNBOOK,
        now,
        evidence=tuple(f"{r.instance}: {r.verdict or 'no verdict'}: {r.detail or r.no_answer}" for r in given),
        done=("Holding it in its launch hook, because AWS suspends a group whose launches fail in a loop.",),
    )


def settled(site: str, through: Sequence[Continue], raised: Collection[str], now: datetime) -> list[Signal]:
    """An instance got through: what was said of those before it is over."""
    title = "Launches succeed again"
    return [
        Signal(site, key, "ticket", title, f"{end.subject} has been admitted.", RUNBOOK, now, resolved=True)
        for end in through
        for key in sorted(raised)
        if key.startswith(KEY)
    ]
