"""Why launches fail: read from a group's scaling activities, the only place where AWS says so. Pure.

The words are EC2's and Auto Scaling's own, as users quote them: bare sentences from groups with one instance type, and
"Could not launch On-Demand Instances. <code> - <sentence>" from groups with several.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from firstbell.fleet import Activity

Kind = Literal["capacity", "quota", "addresses", "permission", "template", "admission", "other"]
RECENT = timedelta(hours=1)  # the group tries again at growing intervals: what is older and was not repeated is past
OF_ZONE = frozenset({"capacity", "addresses"})  # another zone may do better
LONGEST = 300  # characters of AWS's own words
_SIGNS: tuple[tuple[Kind, str], ...] = (
    ("quota", r"(?<!Request)LimitExceeded|CountExceeded|current (?:vCPU|instance) limit|reached your quota"),
    (
        "capacity",
        r"InsufficientInstanceCapacity|sufficient \S+ capacity|UnfulfillableCapacity|no Spot capacity"
        r"|ReservationCapacityExceeded",
    ),
    ("addresses", r"free addresses in subnet"),
    (
        "permission",
        r"not authorized|UnauthorizedOperation|Authentication Failure|Access ?Denied|KMS|Client\.InternalError"
        r"|account is currently|OptInRequired",
    ),
    ("admission", r"Lifecycle Action|became unhealthy while waiting"),
    (
        "template",
        r"does not exist|not supported|launch template|launch configuration|Invalid[A-Z]\w+|snapshot|block device",
    ),
)
_WORDS = {
    "capacity": "AWS lacks capacity",
    "quota": "the account's quota is used up",
    "addresses": "the subnet has no free address",
    "permission": "AWS does not allow the launch",
    "template": "the launch template cannot be launched",
    "admission": "launched instances do not get into service",
    "other": "launches fail",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Launches fail for one reason, since `since` (UTC); `zone` and `instance_type` are empty where AWS names none."""

    kind: Kind
    zone: str
    instance_type: str
    text: str
    since: datetime

    @property
    def said(self) -> str:
        """The trouble in one sentence, with AWS's own words."""
        of = f" for {self.instance_type}" if self.instance_type else ""
        where = f" in {self.zone}" if self.zone else ""
        return f"{_WORDS[self.kind]}{of}{where}, since {self.since:%H:%M} UTC: {self.text}"


def launch_troubles(activities: Iterable[Activity], now: datetime) -> tuple[Trouble, ...]:
    """Why launches fail at present, the newest first; one that has succeeded since (in its zone) is no trouble."""
    found: dict[tuple[str, str, str], Trouble] = {}
    launched: set[str] = set()  # the zones of launches for which EC2 gave an instance, later than the one looked at
    served: set[str] = set()  # and of those that went into service
    recent = (a for a in activities if a.description.startswith("Launching") and now - a.start <= RECENT)
    for activity in sorted(recent, key=lambda a: a.start, reverse=True):
        trouble = _trouble(activity)
        proof = served if activity.instance else launched
        if trouble and not (trouble.zone in proof if trouble.kind in OF_ZONE else proof):
            key = (trouble.kind, trouble.zone, trouble.instance_type)
            found[key] = replace(found.get(key, trouble), since=activity.start)
        if activity.instance:
            launched.add(activity.zone)
        if activity.status in ("Successful", "WaitingForInstanceWarmup"):
            served.add(activity.zone)
    return tuple(found.values())


def _trouble(activity: Activity) -> Trouble | None:
    """The trouble of a launch that failed; one that was cancelled for no known reason is none: the group shrank."""
    if activity.status not in ("Failed", "Cancelled"):
        return None
    text = activity.message or activity.description
    kind = next((kind for kind, sign in _SIGNS if re.search(sign, text)), None)
    if kind is None and activity.status == "Cancelled":
        return None
    type_ = re.search(r"\b[a-z]+[0-9][a-z0-9-]*\.[a-z0-9-]+\b", text)
    zone = activity.zone if kind in OF_ZONE else ""
    text = text.removesuffix("Launching EC2 instance failed.").strip()[:LONGEST]
    return Trouble(kind or "other", zone, type_[0] if type_ else "", text, activity.start)
