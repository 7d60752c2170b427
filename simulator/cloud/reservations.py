"""EC2 capacity reservations with an end, and the resource group through which launches find them.

They are kept and end as EC2 says, but the twin's launches do not use them.
"""

from dataclasses import dataclass, field

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Identifiers, Json, Operations, at_utc, epoch


@dataclass(slots=True, eq=False)
class Reservation:
    """A reservation as it was asked for; `end` in seconds since the epoch."""

    id: str
    asked: Json
    count: int
    end: float
    state: str = "active"
    groups: list[str] = field(default_factory=list)


class Reservations:
    """The EC2 API of capacity reservations; `full` zones have no capacity."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._engine = ground.engine
        self._random = ground.engine.random("reservations")
        self._ids = Identifiers(ground.engine, "reservations")
        self.all: list[Reservation] = []
        self.full: set[str] = set()

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {
            ("ec2", "CreateCapacityReservation"): self.create,
            ("ec2", "ModifyCapacityReservation"): self.modify,
            ("ec2", "CancelCapacityReservation"): self.cancel,
            ("ec2", "DescribeCapacityReservations"): self.describe,
            ("ec2", "GetGroupsForCapacityReservation"): self.groups,
            ("resource-groups", "GroupResources"): self.group,
        }

    @property
    def active(self) -> list[Reservation]:
        """Those that are paid for."""
        return [r for r in self.all if r.state == "active"]

    def create(self, params: Json) -> Json:
        """CreateCapacityReservation; the same token gives the same reservation."""
        same = [r for r in self.all if r.asked["ClientToken"] == params["ClientToken"]]
        if not same:
            if params["AvailabilityZone"] in self.full:
                raise ApiError("InsufficientInstanceCapacity", "Insufficient capacity.", 500)
            made = Reservation(self._ids.resource("cr"), params, params["InstanceCount"], epoch(params["EndDate"]))
            self.all.append(made)
            self._expire_later(made)
            same = [made]
        return {"CapacityReservation": self._describe(same[0])}

    def modify(self, params: Json) -> Json:
        """ModifyCapacityReservation: the number and the end."""
        it = self._find(params)
        it.count = params.get("InstanceCount", it.count)
        if "EndDate" in params:
            it.end = epoch(params["EndDate"])
            self._expire_later(it)
        return {"Return": True}

    def cancel(self, params: Json) -> Json:
        """CancelCapacityReservation."""
        self._find(params).state = "cancelled"
        return {"Return": True}

    def describe(self, params: Json) -> Json:
        """DescribeCapacityReservations by tag, zone and state."""
        found = [r for r in self.all if all(_passes(r, f) for f in params.get("Filters", []))]
        return {"CapacityReservations": [self._describe(r) for r in found]}

    def groups(self, params: Json) -> Json:
        """GetGroupsForCapacityReservation."""
        return {"CapacityReservationGroups": [{"GroupArn": arn} for arn in self._find(params).groups]}

    def group(self, params: Json) -> Json:
        """GroupResources."""
        for it in self.all:
            if self._arn(it) in params["ResourceArns"] and params["Group"] not in it.groups:
                it.groups.append(params["Group"])
        return {"Succeeded": params["ResourceArns"]}

    def _find(self, params: Json) -> Reservation:
        for it in self.all:
            if it.id == params["CapacityReservationId"]:
                return it
        raise ApiError("InvalidCapacityReservationId.NotFound", "The capacity reservation does not exist.")

    def _expire_later(self, it: Reservation) -> None:
        """It ends within an hour from its end (API reference, EndDate)."""
        self._engine.at(it.end + self._random.uniform(0.0, 3600.0), self._expire, it, it.end)

    def _expire(self, it: Reservation, end: float) -> None:
        if it.state == "active" and it.end == end:
            it.state = "expired"

    def _arn(self, it: Reservation) -> str:
        return self._ground.account.arn("ec2", f"capacity-reservation/{it.id}")

    def _describe(self, it: Reservation) -> Json:
        asked = it.asked
        return {
            "CapacityReservationId": it.id,
            "CapacityReservationArn": self._arn(it),
            "InstanceType": asked["InstanceType"],
            "InstancePlatform": asked["InstancePlatform"],
            "AvailabilityZone": asked["AvailabilityZone"],
            "TotalInstanceCount": it.count,
            "State": it.state,
            "EndDate": at_utc(it.end),
            "EndDateType": asked["EndDateType"],
            "InstanceMatchCriteria": asked["InstanceMatchCriteria"],
            "Tags": asked["TagSpecifications"][0]["Tags"],
        }


def _passes(it: Reservation, wanted: Json) -> bool:
    name, values = wanted["Name"], wanted["Values"]
    if name.startswith("tag:"):
        tags = {tag["Key"]: tag["Value"] for tag in it.asked["TagSpecifications"][0]["Tags"]}
        return tags.get(name[4:]) in values
    own: dict[str, str] = {"availability-zone": it.asked["AvailabilityZone"], "state": it.state}
    return own[name] in values
