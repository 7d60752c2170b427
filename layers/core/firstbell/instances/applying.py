"""Carries the actions on instances out, and remembers each, so that the next look finds it done."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import assert_never

from firstbell.aws import autoscaling, balancer
from firstbell.instances.actions import (
    Abandon,
    Continue,
    Deregister,
    EnterStandby,
    Excuse,
    Heartbeat,
    HookEnded,
    LookAtLeaving,
    SendProbe,
    Terminate,
    Wait,
)
from firstbell.instances.keeping import Records
from firstbell.instances.records import Phase, Record, excused
from firstbell.instances.sending import look_at_leaving, send_probes
from firstbell.site import Site

Action = (
    Wait
    | Excuse
    | SendProbe
    | LookAtLeaving
    | Heartbeat
    | Continue
    | Abandon
    | Deregister
    | EnterStandby
    | Terminate
    | HookEnded
)


@dataclass
class Applier:
    """Applies actions to the instances of one site; `noticed` is what AWS said that nobody had decided."""

    site: Site
    records: Records
    document: str = ""
    after_continue: Phase = "serving"
    noticed: list[HookEnded] = field(default_factory=list)

    def __call__(self, action: Action) -> None:
        """Carry one action out."""
        match action:
            case Wait(instance, reason):
                self._remember(instance, lambda r: replace(r, waits_for=reason))
            case Excuse(instance):
                self._remember(instance, lambda r: excused(r, self.records.now))
            case SendProbe(instances):
                send_probes(self.site, self.records, self.document, instances)
            case LookAtLeaving(instances):
                look_at_leaving(self.site, self.records, self.document, instances)
            case EnterStandby(instance):
                autoscaling.enter_standby(self._group, instance)
                self._remember(instance, lambda r: replace(r, phase="replacing", ended_at=self.records.now))
            case Terminate(instance):
                autoscaling.terminate(instance)
                self._remember(instance, lambda r: replace(r, phase="ended", ended_at=self.records.now))
            case Heartbeat(instance, hook):
                self._heartbeat(instance, hook)
            case Continue(instance, hook):
                after = self._after(instance)
                self._end(instance, autoscaling.complete(self._group, hook, instance, "CONTINUE"), after)
            case Abandon(instance, hook):
                self._end(instance, autoscaling.complete(self._group, hook, instance, "ABANDON"), "abandoned")
            case HookEnded(instance):
                self._remember(instance, lambda r: replace(r, phase="ended", ended_at=self.records.now))
            case Deregister(instance, target_group):
                balancer.deregister(target_group, instance)
                self._remember(instance, lambda r: self._out_of(r, target_group))
            case _:
                assert_never(action)

    @property
    def _group(self) -> str:
        return self.site.fleet.auto_scaling_group

    def _after(self, instance: str) -> Phase:
        """In the warm pool it does not serve yet: it comes through the hook once more."""
        record = self.records.get(instance)
        return "ended" if record and record.pooled else self.after_continue

    def _remember(self, instance: str, changed: Callable[[Record], Record]) -> None:
        self.records.change(instance, changed)

    def _out_of(self, record: Record, target_group: str) -> Record:
        since = record.draining_since or self.records.now
        return replace(record, deregistered=(*record.deregistered, target_group), draining_since=since)

    def _heartbeat(self, instance: str, hook: str) -> None:
        if autoscaling.heartbeat(self._group, hook, instance):
            self._remember(instance, lambda r: replace(r, heartbeat_at=self.records.now))
        else:
            self._ended(instance)

    def _end(self, instance: str, done: bool, phase: Phase) -> None:
        if done:
            self._remember(instance, lambda r: replace(r, phase=phase, ended_at=self.records.now))
        else:
            self._ended(instance)

    def _ended(self, instance: str) -> None:
        """What another look has noted of its end stays: those given up are counted."""
        self._remember(instance, lambda r: r if r.ended_at else replace(r, phase="ended", ended_at=self.records.now))
        reason = "its hook had ended already, by itself or by another run; the next look sees what became of it"
        self.noticed.append(HookEnded(instance, reason))


def noticed(_: HookEnded) -> None:
    """What was noticed goes to the journal; there is nothing to do about it."""
