"""Scaling activities: what DescribeScalingActivities lists and what the launch and terminate events carry.

The wording of descriptions, causes and messages is that of AWS's user guide and of activities that users quote.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from simulator.cloud.ground import Json, at_utc, zulu_millis

SIX_WEEKS = 42 * 86400


class Status(StrEnum):
    """The status codes of an activity that the twin uses."""

    PRE_IN_SERVICE = "PreInService"
    IN_PROGRESS = "InProgress"
    DRAINING = "WaitingForELBConnectionDraining"
    MID_LIFECYCLE_ACTION = "MidLifecycleAction"
    WARMUP = "WaitingForInstanceWarmup"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


PROGRESS = {
    Status.PRE_IN_SERVICE: 30,
    Status.IN_PROGRESS: 50,
    Status.DRAINING: 50,
    Status.MID_LIFECYCLE_ACTION: 60,
    Status.WARMUP: 90,
}


@dataclass(slots=True, eq=False)
class Activity:
    """A launch or a termination; times are seconds since the epoch, `ended` None while it runs."""

    activity_id: str
    group: str
    group_arn: str
    description: str
    cause: str
    zone: str
    started: float
    status: Status
    ended: float | None = None
    message: str = ""

    def end(self, status: Status, now: float, message: str = "") -> None:
        """Close the activity."""
        self.status, self.ended = status, now
        self.message = message

    @property
    def details(self) -> Json:
        """Where the instance is or was to be."""
        return {"Subnet ID": f"subnet-{self.zone}", "Availability Zone": self.zone}

    def describe(self) -> Json:
        """The activity as the API gives it."""
        answer: Json = {
            "ActivityId": self.activity_id,
            "AutoScalingGroupName": self.group,
            "AutoScalingGroupARN": self.group_arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": at_utc(self.started),
            "StatusCode": str(self.status),
            "Progress": PROGRESS.get(self.status, 100),
            "Details": json.dumps(self.details),
        }
        if self.ended is not None:
            answer["EndTime"] = at_utc(self.ended)
        if self.message:
            answer["StatusMessage"] = self.message
        return answer

    def event_detail(self, instance_id: str, status: Status, now: float, route: tuple[str, str]) -> Json:
        """The detail of the event of this activity (event reference: a success says StatusCode InProgress)."""
        return {
            "StatusCode": str(status),
            "Description": self.description,
            "AutoScalingGroupName": self.group,
            "ActivityId": self.activity_id,
            "Details": self.details,
            "RequestId": self.activity_id,
            "StatusMessage": self.message,
            "EndTime": zulu_millis(now),
            "EC2InstanceId": instance_id,
            "StartTime": zulu_millis(self.started),
            "Cause": self.cause,
            "Origin": route[0],
            "Destination": route[1],
        }


class ActivityLog:
    """The activities of a group of the last six weeks, as long as AWS lists them."""

    def __init__(self) -> None:
        self._activities: list[Activity] = []

    def add(self, activity: Activity) -> Activity:
        """Append an activity, forgetting those that are too old."""
        horizon = activity.started - SIX_WEEKS
        while self._activities and self._activities[0].started < horizon:
            del self._activities[0]
        self._activities.append(activity)
        return activity

    @property
    def in_progress(self) -> list[Activity]:
        """The activities that have not ended, newest first."""
        return [activity for activity in reversed(self._activities) if activity.ended is None]

    def listed(self) -> list[Activity]:
        """All activities in the order of the API: those in progress first, then the newest first."""
        return self.in_progress + [activity for activity in reversed(self._activities) if activity.ended is not None]
