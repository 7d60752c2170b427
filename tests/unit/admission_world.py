"""A small world for the tests of admission: instances in a hook, a table and probes, each as plain state."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from firstbell.acting import Explained
from firstbell.fleet import LAUNCH_WAIT, POOL_LAUNCH_WAIT, Hook, Instance
from firstbell.instances.actions import Abandon, Continue, Excuse, Heartbeat, SendProbe, Wait
from firstbell.instances.admission import Candidate, Scene, decide
from firstbell.instances.holding import LAUNCHING
from firstbell.instances.records import Record, excused, in_hook, learn
from firstbell.instances.storage import Report
from firstbell.oncall.signal import Signal
from firstbell.site import Admission, Fleet, Site

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def site(deadline: int = 900) -> Site:
    return Site("campus", "Europe/Berlin", Fleet("web"), admission=Admission(deadline=deadline))


@dataclass
class World:
    """Admission's decisions are applied as AWS and the table would; `waits` are the hooks that still hold."""

    hook: Hook = field(default_factory=lambda: Hook("firstbell-launch", LAUNCHING, timedelta(minutes=5), "ABANDON"))
    deadline: int = 900
    now: datetime = START
    records: dict[str, Record] = field(default_factory=dict)
    times_out: dict[str, datetime] = field(default_factory=dict)
    online: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)
    continued: list[str] = field(default_factory=list)
    abandoned: list[tuple[datetime, str]] = field(default_factory=list)
    timed_out: list[str] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    reports: tuple[Report, ...] = ()
    commands: int = 0

    def launch(self, *instances: str, online: bool = True, pooled: bool = False) -> None:
        for instance in instances:
            self.records[instance] = replace(in_hook(instance, self.now, self.hook), pooled=pooled)
            self.times_out[instance] = self.now + self.hook.heartbeat_timeout
        if online:
            self.online |= set(instances)

    def abandoned_within(self, duration: timedelta) -> int:
        return sum(self.now - when < duration for when, _ in self.abandoned)

    def scene(self) -> Scene:
        found = tuple(
            Candidate(
                self.records[i].waiting(self.instance(i), LAUNCHING),
                i in self.online,
                self.records[i],
            )
            for i in self.times_out
        )
        records = tuple(self.records.values())
        return Scene(site(self.deadline), self.now, found, records, frozenset(self.raised), self.reports)

    def instance(self, instance: str) -> Instance:
        return Instance(instance, POOL_LAUNCH_WAIT if self.records[instance].pooled else LAUNCH_WAIT)

    def look(self) -> list[Explained]:
        """Decide and apply."""
        actions = decide(self.scene())
        for action in actions:
            self.apply(action)
        return actions

    def answer(self, **verdicts: str) -> None:
        """The running probes of these instances answer: a verdict, or "" for a command that failed."""
        for instance, verdict in verdicts.items():
            self.said(instance, verdict)

    def said(self, instance: str, verdict: str, **more: object) -> None:
        output = json.dumps({"probe": 1, "verdict": verdict, "detail": "found so", **more})
        status = ("Success" if verdict == "healthy" else "Failed") if verdict else "TimedOut"
        self.records[instance] = learn(self.records[instance], status, output if verdict else "", self.now)

    def pass_time(self, duration: timedelta = MINUTE) -> None:
        """Time passes: AWS ends the hooks that time out, and lost commands are given up."""
        self.now += duration
        for instance in [i for i, end in self.times_out.items() if end <= self.now]:
            del self.times_out[instance]
            self.timed_out.append(instance)
        self.records = {i: learn(r, "InProgress", "", self.now) for i, r in self.records.items()}

    def apply(self, action: object) -> None:
        match action:
            case Wait(instance, reason):
                self._note(instance, waits_for=reason)
            case Excuse(instance, _):
                self.records[instance] = excused(self.records[instance], self.now)
            case SendProbe(instances):
                self.commands += 1
                for i in instances:
                    attempts = self.records[i].attempts + 1
                    self._note(i, command=f"c-{self.commands}", sent_at=self.now, attempts=attempts)
            case Heartbeat(instance, _):
                last = self.records[instance].since + self.hook.longest
                self.times_out[instance] = min(self.now + self.hook.heartbeat_timeout, last)
                self._note(instance, heartbeat_at=self.now)
            case Continue(instance, _):
                self._end(instance, "serving")
                self.continued.append(instance)
            case Abandon(instance, _):
                self._end(instance, "abandoned")
                self.abandoned.append((self.now, instance))
            case Signal(key=key, resolved=resolved):
                self.signals.append(action)
                (self.raised.discard if resolved else self.raised.add)(key)
            case _:
                assert_never(action)  # type: ignore[arg-type]

    def _note(self, instance: str, **changes: object) -> None:
        self.records[instance] = replace(self.records[instance], **changes)  # type: ignore[arg-type]

    def _end(self, instance: str, phase: str) -> None:
        del self.times_out[instance]
        self._note(instance, phase=phase, ended_at=self.now)
