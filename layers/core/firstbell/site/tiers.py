"""The other tiers that a peak may raise, each optional: what is borrowed for it, and how much for how many people."""

from dataclasses import dataclass
from typing import Annotated

from firstbell.site.checks import Help, Matching, Strict, Within


@dataclass(frozen=True)
class BalancerTier(Strict):
    """Capacity units (LCU) of the application load balancer, reserved before the rush instead of grown in it.

    AWS reserves no fewer than 100.
    """

    load_balancer: Annotated[
        str,
        Matching(
            r"arn:aws:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:loadbalancer/app/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}",
            "an ARN",
        ),
        Help("ARN of the application load balancer."),
    ]
    units_per_thousand: Annotated[float, Within(1, 10_000), Help("Capacity units for a thousand participants.")] = 60.0
    lead_minutes: Annotated[int, Within(10, 1440), Help("How long before the peak: provisioning takes long.")] = 120


@dataclass(frozen=True)
class WarmPoolTier(Strict):
    """Prepared instances beside the group, so that an unplanned launch during the peak takes seconds."""

    share: Annotated[float, Within(0.05, 2), Help("Instances in the pool, as a share of the planned ones.")] = 0.25
    lead_minutes: Annotated[int, Within(5, 1440), Help("How long before the peak.")] = 30


@dataclass(frozen=True)
class EfsTier(Strict):
    """Provisioned throughput of the file system with moodledata; an elastic one needs none and is left as it is."""

    file_system: Annotated[str, Matching(r"fs-[0-9a-f]{8,40}", "an id such as fs-0123456789abcdef0"), Help("Its id.")]
    mibps_per_thousand: Annotated[float, Within(0.1, 1000), Help("MiB/s for a thousand participants.")] = 20.0
    lead_minutes: Annotated[int, Within(5, 1440), Help("How long before the peak.")] = 30


@dataclass(frozen=True)
class AuroraTier(Strict):
    """The minimum capacity of an Aurora Serverless v2 cluster, which also fixes its cache and connections."""

    cluster: Annotated[str, Matching(r"[A-Za-z][A-Za-z0-9-]{0,62}", "the identifier of a cluster"), Help("Its name.")]
    acu_per_thousand: Annotated[float, Within(0.5, 256), Help("Capacity units for a thousand participants.")] = 4.0
    lead_minutes: Annotated[int, Within(5, 1440), Help("How long before the peak.")] = 30


@dataclass(frozen=True)
class ReservationTier(Strict):
    """Targeted on-demand capacity reservations: the launches cannot fail for want of capacity."""

    instance_type: Annotated[
        str, Matching(r"[a-z0-9-]+\.[a-z0-9-]+", "a type such as m7g.large"), Help("Type of the instances.")
    ]
    zones: Annotated[tuple[str, ...], Help("Availability zones, over which the instances are spread.")]
    resource_group: Annotated[
        str,
        Matching(
            r"arn:aws:resource-groups:[a-z0-9-]+:[0-9]{12}:group/[A-Za-z0-9_./-]{1,300}", "the ARN of a resource group"
        ),
        Help("ARN of the group of capacity reservations that launches target: runbook loan-not-raised has how."),
    ]
    platform: Annotated[str, Help("As EC2 calls it.")] = "Linux/UNIX"
    lead_minutes: Annotated[int, Within(5, 1440), Help("How long before the peak.")] = 60

    def __post_init__(self) -> None:
        if not self.zones:
            raise ValueError("a reservation needs at least one of the group's zones")


@dataclass(frozen=True)
class Tiers(Strict):
    """What else is raised for a peak, and returned after it."""

    from_participants: Annotated[int, Within(1, 1_000_000), Help("For peaks of so many participants or more.")] = 300
    balancer: Annotated[BalancerTier | None, Help("Load balancer capacity units.")] = None
    warm_pool: Annotated[WarmPoolTier | None, Help("The group's warm pool.")] = None
    efs: Annotated[EfsTier | None, Help("EFS throughput.")] = None
    aurora: Annotated[AuroraTier | None, Help("Aurora Serverless v2 minimum.")] = None
    reservation: Annotated[ReservationTier | None, Help("On-demand capacity reservations.")] = None
    freeze: Annotated[bool, Help("While an exam runs: no scale-in, no AZ rebalancing, no instance refresh.")] = True
