"""Capacity units that are reserved for a load balancer (elbv2 Modify/DescribeCapacityReservation)."""

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Json, Operations, at_utc

DAY = 86_400.0
LEAST, MOST, DECREASES = 100, 1500, 2  # units, units, a day (ALB guide; the most is a quota's default)


class ReservedUnits:
    """What is reserved for `load_balancers` (ARNs); AWS works for `minutes` on a request and takes no other then."""

    def __init__(self, ground: Ground, load_balancers: tuple[str, ...], minutes: float = 20.0) -> None:
        self._engine = ground.engine
        self._minutes = minutes
        self._random = ground.engine.random("reserved-units")
        self.units = dict.fromkeys(load_balancers, 0)
        self._ready = dict.fromkeys(load_balancers, 0.0)
        self._modified: dict[str, float] = {}
        self.decreases: dict[str, list[float]] = {arn: [] for arn in load_balancers}

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {
            ("elbv2", "DescribeCapacityReservation"): lambda params: self._describe(self._find(params)),
            ("elbv2", "ModifyCapacityReservation"): self.modify,
        }

    def modify(self, params: Json) -> Json:
        """ModifyCapacityReservation."""
        arn = self._find(params)
        wanted = params.get("MinimumLoadBalancerCapacity", {}).get("CapacityUnits")
        if (wanted is None) is not bool(params.get("ResetCapacityReservation")):
            raise ApiError("InvalidConfigurationRequest", "Either capacity units or a reset must be requested.")
        if self._engine.now < self._ready[arn]:
            raise ApiError("PriorRequestNotComplete", "A prior request has not been completed.", 429)
        if wanted is not None and not LEAST <= wanted <= MOST:
            code = "CapacityUnitsLimitExceeded" if wanted > MOST else "InvalidConfigurationRequest"
            raise ApiError(code, f"Capacity units must be between {LEAST} and {MOST}.")
        if (wanted or 0) < self.units[arn]:
            if not self._left(arn):
                raise ApiError("CapacityDecreaseRequestLimitExceeded", "The daily decrease limit is exceeded.")
            self.decreases[arn].append(self._engine.now)
        self.units[arn] = wanted or 0
        self._modified[arn] = self._engine.now
        self._ready[arn] = self._engine.now + 60 * self._minutes * self._random.uniform(0.3, 2.0)
        return self._describe(arn)

    def _left(self, arn: str) -> int:
        return DECREASES - sum(at > self._engine.now - DAY for at in self.decreases[arn])

    def _find(self, params: Json) -> str:
        arn: str = params["LoadBalancerArn"]
        if arn not in self.units:
            raise ApiError("LoadBalancerNotFound", f"Load balancers '[{arn}]' not found")
        return arn

    def _describe(self, arn: str) -> Json:
        answer: Json = {"DecreaseRequestsRemaining": self._left(arn), "CapacityReservationState": []}
        if arn in self._modified:
            answer["LastModifiedTime"] = at_utc(self._modified[arn])
        if self.units[arn]:
            answer["MinimumLoadBalancerCapacity"] = {"CapacityUnits": self.units[arn]}
        if self.units[arn] or self._engine.now < self._ready[arn]:
            code = "pending" if self._engine.now < self._ready[arn] else "provisioned"
            state = {"State": {"Code": code}, "AvailabilityZone": "eu-central-1a"}
            answer["CapacityReservationState"] = [{**state, "EffectiveCapacityUnits": float(self.units[arn])}]
        return answer
