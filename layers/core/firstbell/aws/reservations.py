"""EC2 capacity reservations: targeted ones with an end of their own, one for a site and zone, known by their tags.

A launch finds a targeted reservation through a resource group: the launch template names the group, and each
reservation is added to it when it is made.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from firstbell.aws import clients

SITE = "firstbell-site"  # the tag that makes a reservation ours; template.yaml allows no others


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation that lives: its id, its ARN, for how many instances and until when (UTC)."""

    id: str
    arn: str
    count: int
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What to reserve: as EC2 calls the type and the platform, and the ARN of the resource group that launches use."""

    type: str
    platform: str
    group: str


def find(site: str, zone: str) -> Reservation | None:
    """The site's reservation in a zone."""
    filters: Any = [
        {"Name": f"tag:{SITE}", "Values": [site]},
        {"Name": "availability-zone", "Values": [zone]},
        {"Name": "state", "Values": ["active", "pending"]},
    ]
    found = clients.ec2().describe_capacity_reservations(Filters=filters)["CapacityReservations"]
    return _reservation(found[0]) if found else None


def in_effect(reservation: Reservation, group: str) -> bool:
    """Whether launches can find it: it is in their resource group."""
    asked = clients.ec2().get_groups_for_capacity_reservation(CapacityReservationId=reservation.id)
    return group in [found.get("GroupArn") for found in asked.get("CapacityReservationGroups", [])]


def reserve(site: str, zone: str, what: Capacity, count: int, end: datetime, asked: datetime) -> None:
    """Have `count` instances reserved until `end`, where launches find them; the same `asked` makes no second one."""
    found = find(site, zone)
    if found is None:
        token = sha256(f"{site}|{zone}|{asked.isoformat()}".encode()).hexdigest()
        made = clients.ec2().create_capacity_reservation(
            ClientToken=token,
            InstanceType=what.type,
            InstancePlatform=what.platform,  # type: ignore[arg-type] # EC2 refuses what it does not know
            AvailabilityZone=zone,
            InstanceCount=count,
            InstanceMatchCriteria="targeted",
            EndDateType="limited",
            EndDate=end,
            TagSpecifications=[{"ResourceType": "capacity-reservation", "Tags": [{"Key": SITE, "Value": site}]}],
        )
        found = _reservation(made["CapacityReservation"])
    elif found.count != count:
        clients.ec2().modify_capacity_reservation(CapacityReservationId=found.id, InstanceCount=count)
    added = clients.call("resource-groups", "GroupResources", {"Group": what.group, "ResourceArns": [found.arn]})
    if failed := added.get("Failed"):
        raise RuntimeError(f"{found.id} cannot be added to {what.group}: {failed[0].get('ErrorMessage')}")


def extend(site: str, zone: str, end: datetime) -> None:
    """Let the reservation end at `end`, if there is one."""
    found = find(site, zone)
    if found is not None:
        clients.ec2().modify_capacity_reservation(CapacityReservationId=found.id, EndDate=end, EndDateType="limited")


def cancel(site: str, zone: str) -> None:
    """End the reservation now, if there is one; instances that run in it go on."""
    found = find(site, zone)
    if found is not None:
        clients.ec2().cancel_capacity_reservation(CapacityReservationId=found.id)


def _reservation(found: Any) -> Reservation:
    end = found.get("EndDate")
    return Reservation(
        found["CapacityReservationId"],
        found["CapacityReservationArn"],
        found["TotalInstanceCount"],
        end.astimezone(UTC) if end else None,
    )
