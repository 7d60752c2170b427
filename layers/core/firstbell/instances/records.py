"""What is remembered of an instance from one look to the next, and what a probe's result changes in it; pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from firstbell.fleet import Hook, Instance, Waiting
from firstbell.instances.verdicts import HEALTHY, UNKNOWN, Verdict, parse

Phase = Literal["admission", "serving", "abandoned", "ended"]
CLAIMED = "claimed"  # a probe is about to be sent: its command's id follows
ANSWER_WITHIN = timedelta(minutes=2)  # 60 s to reach the instance, and as long again to run: then it counts as lost
ANSWERED = frozenset({"Success", "Failed"})
UNDER_WAY = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})


@dataclass(frozen=True, slots=True)
class Record:
    """One instance, `since` the present wait or service began (UTC).

    `judged_at` and `healthy_at` are when the probe was sent, for its result may be read minutes later. `bad_since` and
    `bad_in_a_row` count conclusive verdicts only; `unknown` says nothing and changes neither.
    """

    instance: str
    since: datetime
    phase: Phase = "admission"
    ended_at: datetime | None = None
    hook: str = ""
    heartbeat_seconds: float = 0.0
    default_result: str = ""
    heartbeat_at: datetime | None = None
    command: str = ""
    sent_at: datetime | None = None
    attempts: int = 0
    verdict: str = ""
    detail: str = ""
    judged_at: datetime | None = None
    healthy_at: datetime | None = None
    bad_since: datetime | None = None
    bad_in_a_row: int = 0
    no_answer: str = ""
    waits_for: str = ""
    excused_at: datetime | None = None
    deregistered: tuple[str, ...] = ()
    draining_since: datetime | None = None

    @property
    def healthy(self) -> bool:
        """The newest conclusive verdict is healthy."""
        return self.verdict == HEALTHY

    def waiting(self, instance: Instance, transition: str) -> Waiting:
        """The instance's wait in its hook."""
        hook = Hook(self.hook, transition, timedelta(seconds=self.heartbeat_seconds), self.default_result)
        return Waiting(instance, hook, self.since, last_heartbeat=self.heartbeat_at or self.since)


def in_hook(instance: str, since: datetime, hook: Hook) -> Record:
    """The record of an instance that begins to wait in a hook."""
    seconds = hook.heartbeat_timeout.total_seconds()
    return Record(instance, since, hook=hook.name, heartbeat_seconds=seconds, default_result=hook.default_result)


def learn(record: Record, status: str, output: str, now: datetime) -> Record:
    """The record after a look at its running command: AWS's status word (empty: AWS shows none) and what it printed."""
    if not record.command or record.sent_at is None:
        return record
    if status in ANSWERED:
        return _judged(record, parse(output), record.sent_at)
    if status and status not in UNDER_WAY:  # TimedOut, Cancelled, Undeliverable, Terminated, AccessDenied, …
        return _judged(record, Verdict(UNKNOWN, f"the command ended as {status}"), record.sent_at)
    if now - record.sent_at < ANSWER_WITHIN:
        return record
    return _judged(
        record, Verdict(UNKNOWN, f"no result; the command's state is {status or 'not known'}"), record.sent_at
    )


def _judged(record: Record, verdict: Verdict, sent_at: datetime) -> Record:
    done = replace(record, command="", no_answer="")
    if verdict.word == UNKNOWN:
        return replace(done, no_answer=verdict.detail or "the probe came to no verdict")
    done = replace(done, verdict=verdict.word, detail=verdict.detail, judged_at=sent_at)
    if verdict.word == HEALTHY:
        return replace(done, healthy_at=sent_at, bad_since=None, bad_in_a_row=0)
    return replace(done, bad_since=record.bad_since or sent_at, bad_in_a_row=record.bad_in_a_row + 1)
