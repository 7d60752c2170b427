"""Elastic Load Balancing: the health of a target group's targets, taking one out, and the units that are reserved."""

from dataclasses import dataclass

from firstbell.aws import clients


@dataclass(frozen=True, slots=True)
class Reserved:
    """The capacity `units` that are reserved, 0 without a reservation.

    `pending`: AWS still works on the last request and takes no other. `decreases_left` are those of today.
    """

    units: int
    pending: bool
    decreases_left: int


def target_states(target_group: str) -> dict[str, str]:
    """The state of each registered target by instance id: initial, healthy, unhealthy, unused, draining, …

    A target group that has been deleted has no targets.
    """
    try:
        found = clients.balancer().describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
    except Exception as error:
        if clients.error_code(error) == "TargetGroupNotFound":
            return {}
        raise
    return {t["Target"]["Id"]: t["TargetHealth"].get("State", "unavailable") for t in found}


def deregister(target_group: str, instance: str) -> None:
    """Begin to drain a target: no new sessions, requests in flight go on until the deregistration delay is over."""
    clients.balancer().deregister_targets(TargetGroupArn=target_group, Targets=[{"Id": instance}])


def reserved_capacity(load_balancer: str) -> Reserved:
    """What is reserved for the load balancer with this ARN."""
    found = clients.balancer().describe_capacity_reservation(LoadBalancerArn=load_balancer)
    states = [zone.get("State", {}).get("Code") for zone in found.get("CapacityReservationState", [])]
    return Reserved(
        found.get("MinimumLoadBalancerCapacity", {}).get("CapacityUnits", 0),
        "pending" in states,
        found.get("DecreaseRequestsRemaining", 2),
    )
