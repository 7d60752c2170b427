"""What is remembered of an instance from one look to the next, and what a probe's result changes in it; pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from firstbell.fleet import Hook, Instance, Waiting
from firstbell.instances.verdicts import HEALTHY, UNKNOWN, Verdict, parse, parse_leaving

Phase = Literal["admission", "serving", "replacing", "abandoned", "ended"]
CLAIMED = "claimed"  # a probe is about to be sent: its command's id follows
ANSWER_WITHIN = timedelta(minutes=2)  # then a command counts as lost for which nobody has noted more time
ANSWERED = frozenset({"Success", "Failed"})
WEB_SILENT = "web server, on a healthy mount: "  # so begins the `no_answer` of one whose web server does not work
UNDER_WAY = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})


@dataclass(frozen=True, slots=True)
class Record:
    """One instance, `since` the present wait or service began (UTC).

    `judged_at` and `healthy_at` are when the probe was sent, for its result may be read minutes later. `bad_since` and
    `bad_in_a_row` count conclusive verdicts only; `unknown` says nothing and changes neither (`silent_in_a_row` counts
    it). `repairs`, `warnings`, `warmth` and `log_tail` are what the last answer said beside its verdict; of one whose
    agent never came, `log_tail` is its console's. Of a leaving one, `busy` is what it still worked on when it was last
    `looked_at`. `answer_by` is when the running command counts as lost. `reached`: its last command was answered, so
    its agent is there. `pooled`: it waits, or last waited, on its way into the warm pool, or out of it by termination.
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
    silent_in_a_row: int = 0
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    warmth: str = ""
    log_tail: str = ""
    busy: tuple[str, ...] = ()
    looked_at: datetime | None = None
    answer_by: datetime | None = None
    reached: bool = False
    pooled: bool = False

    @property
    def healthy(self) -> bool:
        """The newest conclusive verdict is healthy."""
        return self.verdict == HEALTHY

    @property
    def proven(self) -> bool:
        """Its mount has been proven since its present wait or service began."""
        return self.healthy_at is not None and self.healthy_at >= self.since

    @property
    def last_word(self) -> str:
        """What its last probe came to, in words; empty if there was none."""
        return self.no_answer or (f"{self.verdict}: {self.detail}" if self.verdict else "")

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
    why = _silence(record, status, now)
    if why is None or record.sent_at is None:
        return record
    learnt = _judged(record, Verdict(UNKNOWN, why) if why else parse(output), record.sent_at)
    return replace(learnt, reached=not why)


def learn_leaving(record: Record, status: str, output: str, now: datetime) -> Record:
    """The same of a command that asks a leaving instance what it still works on."""
    why = _silence(record, status, now)
    if why is None:
        return record
    done = replace(record, command="", reached=not why)
    found = None if why else parse_leaving(output)
    if found is None:
        no_answer = why or f"it said something else: {output.strip()[-200:]!r}"
        return replace(done, no_answer=no_answer, silent_in_a_row=record.silent_in_a_row + 1)
    return replace(
        done,
        no_answer="",
        silent_in_a_row=0,
        looked_at=record.sent_at,
        busy=found.tasks + ((f"{found.requests} requests",) if found.requests else ()),
        warnings=(f"the timer of its cron: {found.timer}",) if found.timer.startswith("error") else (),
    )


def excused(record: Record, now: datetime) -> Record:
    """The record of one that was held for the storage's sake, which works again: what was bad until now counts no more.

    It is then as one that has not been judged yet.
    """
    done = replace(record, waits_for="", excused_at=now)
    bad = bool(record.bad_in_a_row)
    return replace(done, verdict="", judged_at=None, bad_since=None, bad_in_a_row=0, no_answer="") if bad else done


def _silence(record: Record, status: str, now: datetime) -> str | None:
    """Why its running command has no answer; empty if it has one, None while that is to be waited for."""
    if not record.command or record.sent_at is None:
        return None
    if status in ANSWERED:
        return ""
    if status and status not in UNDER_WAY:  # TimedOut, Cancelled, Undeliverable, Terminated, AccessDenied, …
        return f"the command ended as {status}"
    if now < (record.answer_by or record.sent_at + ANSWER_WITHIN):
        return None
    return f"no result; the command's state is {status or 'not known'}"


def _judged(record: Record, verdict: Verdict, sent_at: datetime) -> Record:
    done = replace(record, command="", no_answer="")
    if verdict.answered:
        warmth, tail = verdict.warmth, verdict.tail
        done = replace(done, repairs=verdict.repairs, warnings=verdict.warnings, warmth=warmth, log_tail=tail)
    if verdict.mounted:
        done = replace(done, verdict="", healthy_at=sent_at, judged_at=sent_at, bad_since=None, bad_in_a_row=0)
    if verdict.word == UNKNOWN:
        why = (WEB_SILENT if verdict.mounted else "") + (verdict.detail or "the probe came to no verdict")
        return replace(done, no_answer=why, silent_in_a_row=record.silent_in_a_row + 1)
    done = replace(done, verdict=verdict.word, detail=verdict.detail, judged_at=sent_at, silent_in_a_row=0)
    if verdict.word == HEALTHY:
        return done
    return replace(done, bad_since=record.bad_since or sent_at, bad_in_a_row=record.bad_in_a_row + 1)
