"""Elastic Load Balancing: the health of a target group's targets, and taking one out."""

from firstbell.aws import clients


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
