"""EventBridge Scheduler: one-off schedules on which AWS itself makes an API call, whatever has become of us by then."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from firstbell.aws import clients

SERVICES = {"elbv2": "elasticloadbalancingv2"}  # where the SDK's identifier, which a target needs, is not boto3's name
RETRIES: dict[str, int] = {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185}


@dataclass(frozen=True, slots=True)
class Office:
    """Where calls are booked: a schedule group, the role that makes them, and the queue for those that fail (ARNs)."""

    group: str
    role: str
    dead_letters: str


def book(office: Office, name: str, at: datetime, service: str, operation: str, parameters: dict[str, Any]) -> None:
    """Book a call for `at` (whole seconds; AWS makes it up to a minute later), or move the one that there is."""
    request: dict[str, Any] = {
        "Name": name,
        "GroupName": office.group,
        "ScheduleExpression": f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": _target(office.role, service, operation),
            "RoleArn": office.role,
            "Input": json.dumps(_as_java(parameters)),
            "RetryPolicy": RETRIES,
            "DeadLetterConfig": {"Arn": office.dead_letters},
        },
    }
    if not _done(clients.scheduler().update_schedule, request, "ResourceNotFoundException") and not _done(
        clients.scheduler().create_schedule, request, "ConflictException"
    ):  # another run was faster to create it
        clients.scheduler().update_schedule(**request)


def booked(group: str, name: str) -> datetime | None:
    """When the call of that name is booked for (UTC), if it is."""
    try:
        found = clients.scheduler().get_schedule(GroupName=group, Name=name)
    except Exception as error:
        if clients.error_code(error) == "ResourceNotFoundException":
            return None
        raise
    at = re.fullmatch(r"at\((.+)\)", found["ScheduleExpression"])
    return datetime.fromisoformat(at[1]).replace(tzinfo=UTC) if at else None


def unbook(group: str, name: str) -> None:
    """Remove the booking of that name, if it is still there."""
    _done(clients.scheduler().delete_schedule, {"GroupName": group, "Name": name}, "ResourceNotFoundException")


def _done(do: Callable[..., object], request: dict[str, Any], otherwise: str) -> bool:
    """Make a call; False when AWS refuses it with the code `otherwise`."""
    try:
        do(**request)
    except Exception as error:
        if clients.error_code(error) != otherwise:
            raise
        return False
    return True


def _target(role: str, service: str, operation: str) -> str:
    """The universal target of an API call, in the partition of the role."""
    action = operation[0].lower() + operation[1:]
    return f"arn:{role.split(':')[1]}:scheduler:::aws-sdk:{SERVICES.get(service, service)}:{action}"


def _as_java(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters as a universal target wants them: the AWS SDK for Java, which makes the call, says Db for DB."""
    return {re.sub(r"^DB(?=[A-Z])", "Db", name): value for name, value in parameters.items()}
