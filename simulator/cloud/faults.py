"""Faults of the API itself: throttling and service errors, drawn per call with a probability per operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

THROTTLING = {
    "autoscaling": ("Throttling", "Rate exceeded", 400),
    "cloudwatch": ("Throttling", "Rate exceeded", 400),
    "dynamodb": ("ProvisionedThroughputExceededException", "The level of configured throughput was exceeded.", 400),
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "elbv2": ("Throttling", "Rate exceeded", 400),
    "rds": ("Throttling", "Rate exceeded", 400),
    "s3": ("SlowDown", "Please reduce your request rate.", 503),
    "sns": ("Throttled", "Rate exceeded", 429),
    "ssm": ("ThrottlingException", "Rate exceeded", 400),
}
"""Code, message and HTTP status with which each service refuses a call that comes too fast (their API references)."""

BROKEN = ("InternalFailure", "The request processing has failed because of an unknown error.", 500)

Failure = tuple[str, str, int]


@dataclass(frozen=True)
class Faults:
    """Probabilities (0–1) by operation: "autoscaling.DescribeAutoScalingGroups", else "autoscaling.*", else "*".

    A probability is that of a failure which the caller sees, so after whatever retries its client makes.
    """

    throttled: Mapping[str, float] = field(default_factory=dict)
    broken: Mapping[str, float] = field(default_factory=dict)

    def draw(self, service: str, operation: str, random: Random) -> Failure | None:
        """The failure that this call meets, if any; randomness is drawn only where a probability is set."""
        if _happens(self.throttled, service, operation, random):
            return THROTTLING.get(service, ("Throttling", "Rate exceeded", 400))
        return BROKEN if _happens(self.broken, service, operation, random) else None


def _happens(probabilities: Mapping[str, float], service: str, operation: str, random: Random) -> bool:
    for name in (f"{service}.{operation}", f"{service}.*", "*"):
        if name in probabilities:
            return random.random() < probabilities[name]
    return False
