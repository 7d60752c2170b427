"""The settings that can be borrowed, each as JSON text: how far a level raises it, and the API call that sets it. Pure.

A setting is kept as the parameters that set it, so that what raises, what returns and what is booked cannot differ.
"""

import json
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, assert_never

Tier = Literal["freeze", "balancer", "warm_pool", "efs", "aurora", "reservation"]


@dataclass(frozen=True, slots=True)
class Call:
    """An API call: boto3's name of the service, the API's name of the operation, its parameters as JSON text."""

    service: str
    operation: str
    parameters: str


def text(value: object) -> str:
    """A setting as text: equal settings are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def raised(tier: Tier, value: str, level: float) -> str:
    """The setting `value` raised to `level`; never lowered, and the same when it is high enough already."""
    now: Any = json.loads(value)
    match tier:
        case "freeze":
            return text(True)
        case "balancer" | "reservation":
            return text(max(now, ceil(level)))
        case "efs":
            return text(_throughput(now, float(level)))
        case "aurora":  # at most its own maximum, in the half steps that Aurora takes
            wanted = min(ceil(2 * level) / 2, now["MaxCapacity"])
            kept = {"MaxCapacity": now["MaxCapacity"], "MinCapacity": wanted}
            return text(kept) if wanted > now["MinCapacity"] else value
        case "warm_pool":
            return text(_pool(now, ceil(level)))
        case _:
            assert_never(tier)


def _throughput(now: dict[str, Any], level: float) -> dict[str, Any]:
    """An elastic file system grows by itself, further than any provisioned one: it is left as it is."""
    if now["ThroughputMode"] == "elastic" or now.get("ProvisionedThroughputInMibps", 0.0) >= level:
        return now
    return {"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": level}


def _pool(now: dict[str, Any] | None, level: int) -> dict[str, Any]:
    """Only a pool whose two sizes are equal has a fixed size (API reference, PutWarmPool)."""
    if now is None:
        return pool(level, level, "Stopped", False)
    most = now["MaxGroupPreparedCapacity"]
    sizes = {"MinSize": max(now["MinSize"], level), "MaxGroupPreparedCapacity": most if most < 0 else max(most, level)}
    return now | (sizes if now["MinSize"] < level else {})


def pool(least: int, most: int, state: str, reuse: bool) -> dict[str, Any]:
    """The parameters of a warm pool, all of them said; `most` -1 is MaxSize."""
    policy = {"ReuseOnScaleIn": reuse}
    return {"MinSize": least, "MaxGroupPreparedCapacity": most, "PoolState": state, "InstanceReusePolicy": policy}


def call(tier: Tier, part: str, subject: str, value: str) -> Call:
    """The call that sets `subject` to `value`. A reservation is none: it is made and cancelled by its adapter."""
    now: Any = json.loads(value)
    group = {"AutoScalingGroupName": subject}
    match tier:
        case "freeze":
            operation = "SuspendProcesses" if now else "ResumeProcesses"
            return Call("autoscaling", operation, text({**group, "ScalingProcesses": [part]}))
        case "balancer":
            how = {"MinimumLoadBalancerCapacity": {"CapacityUnits": now}} if now else {"ResetCapacityReservation": True}
            return Call("elbv2", "ModifyCapacityReservation", text({"LoadBalancerArn": subject, **how}))
        case "warm_pool" if now is None:  # else it waits until all of its instances have ended
            return Call("autoscaling", "DeleteWarmPool", text({**group, "ForceDelete": True}))
        case "warm_pool":
            return Call("autoscaling", "PutWarmPool", text({**group, **now}))
        case "efs":
            return Call("efs", "UpdateFileSystem", text({"FileSystemId": subject, **now}))
        case "aurora":
            scaling = {"DBClusterIdentifier": subject, "ServerlessV2ScalingConfiguration": now}
            return Call("rds", "ModifyDBCluster", text(scaling))
        case "reservation":
            raise ValueError("a capacity reservation is no setting of one call")
        case _:
            assert_never(tier)


def said(tier: Tier, part: str, value: str) -> str:
    """A setting in words."""
    now: Any = json.loads(value)
    match tier:
        case "freeze":
            return f"{part} {'suspended' if now else 'running'}"
        case "balancer":
            return f"{now} capacity units reserved" if now else "no capacity units reserved"
        case "warm_pool":
            return "no warm pool" if now is None else f"a warm pool of {now['MinSize']}"
        case "efs":
            provisioned = now.get("ProvisionedThroughputInMibps")
            return f"{provisioned:g} MiB/s provisioned" if provisioned else f"{now['ThroughputMode']} throughput"
        case "aurora":
            return f"at least {now['MinCapacity']:g} ACU"
        case "reservation":
            return f"{now} instances reserved in {part}"
        case _:
            assert_never(tier)
