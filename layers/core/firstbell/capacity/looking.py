"""Observes how the web servers stand behind the balancer, for the check of readiness."""

from firstbell.aws import autoscaling, balancer
from firstbell.capacity.readiness import Ready
from firstbell.site import Site


def ready(site: Site) -> Ready:
    """The site's group and the state of its instances in service, the worst over all target groups."""
    group = autoscaling.group(site.fleet.auto_scaling_group)
    by_group = [balancer.target_states(arn) for arn in group.target_groups]
    targets = []
    for instance in group.in_service:
        states = [found.get(instance.id, "unused") for found in by_group]
        bad = [state for state in states if state != "healthy"] or ([] if instance.healthy else ["unhealthy"])
        targets.append((instance.id, bad[0] if bad else "healthy"))
    return Ready(group, tuple(targets))
