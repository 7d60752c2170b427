"""Hears what the controller tells AWS about instances, and holds it against what is really so: a run's invariants.

By our word no unproven instance serves, none is given up or replaced because the shared storage is down, there is one
replacement at a time, and none goes with students on it. And every hook is ended by us. What breaks that is a line of
kind "broken" in the timeline.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.cloud.autoscaling import LAUNCHING, TERMINATING, Instance
from simulator.cloud.ground import Json, Operation, Operations

if TYPE_CHECKING:
    from simulator.world import Fleet

PROOF_LASTS = 120.0  # seconds: a mount that is lost so soon after the proof is nobody's fault
AFTERMATH = 120.0  # seconds after the storage is back in which old verdicts must still harm nobody
FOR_EVER = float("inf")


class Witness:
    """Judges one fleet; nothing is broken where there is no controller.

    `pardoned_until`: until then a hook may end by itself, for the controller is down, or throttled.
    """

    def __init__(self, fleet: "Fleet") -> None:
        self.pardoned_until = 0.0
        self.cut = 0  # requests that ended with an instance which went by our word
        self._fleet = fleet
        self._start = fleet.engine.now
        self._hooks: dict[str, str] = {}  # the transition of each hook
        self._ended: set[tuple[str, str]] = set()  # instance and transition: by us
        self._served: set[str] = set()
        self._leaving: set[str] = set()  # in the course of being replaced, or terminated, by us
        self._taken: set[str] = set()  # by AWS, without asking

    def operations(self) -> Operations:
        """The operations of Auto Scaling that are heard, for `Gateway.serve`."""
        judges: dict[str, Callable[[Json], None]] = {
            "CompleteLifecycleAction": self._completed,
            "EnterStandby": self._put_aside,
            "TerminateInstanceInAutoScalingGroup": self._terminated,
        }
        models = self._fleet.scaling.operations()
        keys = {name: ("autoscaling", name) for name in judges}
        return {keys[name]: _heard(models[keys[name]], judge) for name, judge in judges.items() if keys[name] in models}

    def taken(self, instance_id: str) -> None:
        """AWS takes an instance, or ends its hook, whatever the controller does."""
        self._taken.add(instance_id)

    def pardon(self, until: float) -> None:
        """The controller cannot end hooks in time until then."""
        self.pardoned_until = max(self.pardoned_until, until)

    def in_service(self, instance: Instance) -> None:
        """An instance begins to serve."""
        name, ledger = instance.instance_id, self._fleet.ledger
        again = name in self._served
        self._served.add(name)
        self._leaving.discard(name)
        mounted = self._fleet.hosts[name].server.mounted
        if not ledger.controlled:
            if not mounted:
                ledger.note("fleet", f"{name} serves without its moodledata mount", "nobody looked")
            return
        if instance.launched >= self._start and not again and (name, LAUNCHING) not in self._ended:
            self._by_itself(name, "launch")
        at, verdict = self._last_verdict(name)
        if not mounted and (verdict != "healthy" or self._fleet.engine.now - at > PROOF_LASTS):
            ledger.note("broken", f"{name} serves without its moodledata mount", f"its last answer was {verdict!r}")

    def gone(self, instance: Instance, cut: int) -> None:
        """An instance was terminated, and `cut` requests that still ran there with it."""
        name = instance.instance_id
        ours = (name, TERMINATING) in self._ended
        if self._fleet.ledger.controlled and name not in self._taken:
            if (name, LAUNCHING) not in self._ended and name not in self._served | self._leaving:
                self._by_itself(name, "launch")
            if not ours:
                self._by_itself(name, "terminate")
            if ours and cut:
                self.cut += cut
                self._broken(f"{name} went by our word with {cut} requests running on it")
        self._leaving.discard(name)

    def _by_itself(self, name: str, hook: str) -> None:
        if self._fleet.engine.now < self.pardoned_until:
            self._fleet.ledger.note("fleet", f"the {hook} hook of {name} ended by itself")
        else:
            self._broken(f"the {hook} hook of {name} ended by itself, not by us")

    def _completed(self, params: Json) -> None:
        name, result = params["InstanceId"], params["LifecycleActionResult"]
        transition = self._transition(params["LifecycleHookName"])
        self._ended.add((name, transition))
        if transition == LAUNCHING and result == "ABANDON":
            self._spare_the_well(name, "is abandoned")
        elif transition == LAUNCHING and (verdict := self._last_verdict(name)[1]) != "healthy":
            self._broken(f"{name} is let into service unproven: its last answer was {verdict!r}")

    def _put_aside(self, params: Json) -> None:
        for name in params["InstanceIds"]:
            self._replaced(name, "is taken out of service")

    def _replaced(self, name: str, how: str) -> None:
        others = sorted(self._leaving - {name})
        if others:
            self._broken(f"{name} {how} while {', '.join(others)} is still being replaced")
        self._spare_the_well(name, how)
        self._leaving.add(name)

    def _terminated(self, params: Json) -> None:
        name = params["InstanceId"]
        if name not in self._leaving | self._taken:
            self._replaced(name, "is terminated")

    def _spare_the_well(self, name: str, how: str) -> None:
        """The storage is down, or has just come back, and this instance itself is well."""
        fleet = self._fleet
        incident = fleet.storage_down or fleet.engine.now - fleet.storage_back < AFTERMATH
        host = fleet.hosts.get(name)
        if incident and host is not None and host.well and fleet.ssm.agents.since(name) is not None:
            self._broken(f"{name} {how} in a storage incident though nothing is wrong with it")

    def _last_verdict(self, name: str) -> tuple[float, str]:
        at, output = self._fleet.ssm.last_answer(name)
        return at, str(json.loads(output)["verdict"]) if output else "none"

    def _transition(self, hook: str) -> str:
        if not self._hooks:
            settings = self._fleet.scaling.group(self._fleet.site.fleet.auto_scaling_group).settings
            self._hooks = {each.name: each.transition for each in settings.hooks}
        return self._hooks[hook]

    def _broken(self, what: str) -> None:
        if self._fleet.ledger.controlled:
            self._fleet.ledger.note("broken", what)


def _heard(model: Operation, judge: Callable[[Json], None]) -> Operation:
    """The model's operation, and what it is judged by once AWS has accepted it."""

    def operation(params: Json) -> Json | None:
        answer = model(params)
        judge(params)
        return answer

    return operation
