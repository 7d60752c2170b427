"""Elastic Load Balancing's target group operations over the balancers of the simulated traffic."""

from collections.abc import Callable, Mapping
from typing import Protocol

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Json, Operations

REASONS = {
    "initial": ("Elb.RegistrationInProgress", "Target registration is in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": ("Target.NotRegistered", "Target is not registered to the target group"),
}
"""Why a target is in a state (API reference, TargetHealth); a healthy one has no reason."""


class TargetGroup(Protocol):
    """What a balancer must be able to do; targets are named by instance id."""

    def states(self) -> Mapping[str, str]:
        """The registered targets: initial, healthy, unhealthy or draining; an unused one need not be listed."""
        ...

    def deregister(self, name: str) -> object:
        """Stop new sessions to a target and let it drain."""
        ...


Register = Callable[[str, str], object]
"""register(target group's ARN, instance id): start to send health checks, then traffic, to an instance."""


class Elb:
    """The elbv2 API over `target_groups`, keyed by ARN; `port` is that of every target.

    Without `register` the twin has no RegisterTargets.
    """

    def __init__(
        self, target_groups: Mapping[str, TargetGroup], register: Register | None = None, port: int = 80
    ) -> None:
        self._target_groups = target_groups
        self._register = register
        self._port = port

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        operations: Operations = {
            ("elbv2", "DescribeTargetHealth"): self.describe_health,
            ("elbv2", "DeregisterTargets"): self.deregister,
        }
        register = self._register
        if register is not None:
            operations["elbv2", "RegisterTargets"] = lambda params: self.register(params, register)
        return operations

    def describe_health(self, params: Json) -> Json:
        """DescribeTargetHealth: registered targets, or exactly those asked for (unused when not registered)."""
        states = {
            name: state
            for name, state in self._group(params).states().items()
            if "Targets" in params or state != "unused"
        }
        if "Targets" in params:
            states = {target["Id"]: states.get(target["Id"], "unused") for target in params["Targets"]}
        return {"TargetHealthDescriptions": [self._describe(name, state) for name, state in states.items()]}

    def register(self, params: Json, register: Register) -> Json:
        """RegisterTargets; a target that is registered already stays as it is."""
        states = self._group(params).states()
        for target in params["Targets"]:
            if states.get(target["Id"], "unused") in ("unused", "draining"):
                register(params["TargetGroupArn"], target["Id"])
        return {}

    def deregister(self, params: Json) -> Json:
        """DeregisterTargets: "if the specified target does not exist, the action returns successfully"."""
        group = self._group(params)
        states = group.states()
        for target in params["Targets"]:
            if states.get(target["Id"], "unused") not in ("unused", "draining"):
                group.deregister(target["Id"])
        return {}

    def _group(self, params: Json) -> TargetGroup:
        arn = params["TargetGroupArn"]
        if arn not in self._target_groups:
            raise ApiError("TargetGroupNotFound", f"Target groups '{arn}' not found")
        return self._target_groups[arn]

    def _describe(self, name: str, state: str) -> Json:
        health = {"State": state}
        if state in REASONS:
            health["Reason"], health["Description"] = REASONS[state]
        return {
            "Target": {"Id": name, "Port": self._port},
            "HealthCheckPort": str(self._port),
            "TargetHealth": health,
        }
