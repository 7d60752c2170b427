"""Interruption: EC2 takes spot instances back within two minutes, so they leave at once, and are replaced; pure.

All that were named go, however many: they go anyway. One that its group, rebalancing its capacity, has begun to replace
by itself is no longer in service, and is left to it.
"""

from firstbell.acting import Explained
from firstbell.instances.actions import Deregister, Terminate
from firstbell.instances.release import Scene
from firstbell.oncall.signal import Signal

KEY = "spot-interrupted"


def decide(seen: Scene) -> list[Explained]:
    """Out of the balancer, then out of the group; one incident of the site tells of all, and ends with the last."""
    if not seen.taken:
        over = KEY in seen.raised and len(seen.group.in_service) >= seen.group.desired
        return [_over(seen)] if over else []
    found: list[Explained] = []
    for instance, code in seen.taken:
        reason = f"EC2 takes this spot instance back within two minutes ({code})"
        found += [Deregister(instance, target, f"{reason}: nothing new") for target in seen.group.target_groups]
        found.append(Terminate(instance, f"{reason}: the replacement is to come at once"))
    return [*found, _taken(seen)]


def _taken(seen: Scene) -> Signal:
    names, left = ", ".join(instance for instance, _ in seen.taken), len(seen.group.in_service) - len(seen.taken)
    exam = f" {seen.exam} is on." if seen.exam else ""
    return Signal(
        seen.site.name,
        KEY,
        "page" if seen.exam else "ticket",
        "EC2 takes spot instances back",
        f"{names} will be gone in two minutes; {left} of {seen.group.desired} instances go on serving.{exam}",
        "spot-interrupted",
        seen.now,
        evidence=tuple(f"{instance}: {code}" for instance, code in seen.taken),
        done=("Took them out of the balancer and told the group to replace them at once.",),
    )


def _over(seen: Scene) -> Signal:
    what = f"{len(seen.group.in_service)} instances are in service again, and {seen.group.desired} are desired."
    title = "Spot instances have been replaced"
    return Signal(seen.site.name, KEY, "info", title, what, "spot-interrupted", seen.now, resolved=True)
