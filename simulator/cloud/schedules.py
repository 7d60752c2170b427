"""EventBridge Scheduler's one-off schedules with universal targets: they make the API call, by its real client.

Only what Firstbell books is modelled: `at()` in UTC, without a flexible window, deleted after it ran.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.model import ServiceModel

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Json, Operations
from simulator.engine import Call

PRECISION = 60.0  # seconds: a schedule runs within the minute that follows its time (user guide)
PAUSE = 60.0  # seconds between two tries; AWS backs off exponentially and does not say from where
BOTO = {"elasticloadbalancingv2": "elbv2"}  # the SDK's identifiers that are not boto3's names


@dataclass(slots=True, eq=False)
class Schedule:
    """A schedule as it was given; `at` in seconds since the epoch."""

    given: Json
    at: float
    call: Call | None = None


@dataclass
class Schedules:
    """The schedules of some groups. What failed for good is in `dead_letters`, what was done in `made`."""

    ground: Ground
    groups: frozenset[str]
    made: list[str] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    _schedules: dict[tuple[str, str], Schedule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lateness = self.ground.engine.random("one-off-schedules")

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {
            ("scheduler", "CreateSchedule"): self.create,
            ("scheduler", "UpdateSchedule"): self.update,
            ("scheduler", "GetSchedule"): self.get,
            ("scheduler", "DeleteSchedule"): self.delete,
        }

    @property
    def names(self) -> list[str]:
        """The names of the schedules that there are."""
        return sorted(name for _, name in self._schedules)

    def create(self, params: Json) -> Json:
        """CreateSchedule."""
        if self._key(params) in self._schedules:
            raise ApiError("ConflictException", f"Schedule {params['Name']} already exists.", 409)
        return self._put(params)

    def update(self, params: Json) -> Json:
        """UpdateSchedule: all of it anew."""
        self._find(params)
        return self._put(params)

    def get(self, params: Json) -> Json:
        """GetSchedule."""
        return {k: v for k, v in self._find(params).given.items() if k != "ClientToken"}

    def delete(self, params: Json) -> Json:
        """DeleteSchedule."""
        self._drop(self._find(params))
        return {}

    def _key(self, params: Json) -> tuple[str, str]:
        group = params.get("GroupName", "default")
        if group not in self.groups:
            raise ApiError("ResourceNotFoundException", f"Schedule group {group} does not exist.", 404)
        return group, params["Name"]

    def _find(self, params: Json) -> Schedule:
        found = self._schedules.get(self._key(params))
        if found is None:
            raise ApiError("ResourceNotFoundException", f"Schedule {params['Name']} does not exist.", 404)
        return found

    def _put(self, params: Json) -> Json:
        expression = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", params["ScheduleExpression"])
        modelled = params["FlexibleTimeWindow"]["Mode"] == "OFF" and params.get("ActionAfterCompletion") == "DELETE"
        if not expression or not modelled or params.get("ScheduleExpressionTimezone", "UTC") != "UTC":
            raise NotImplementedError(f"the twin has no such schedule: {params}")
        _target(params["Target"])  # refuses what cannot be called
        if (key := self._key(params)) in self._schedules:
            self._drop(self._schedules[key])
        schedule = Schedule(params, datetime.fromisoformat(expression[1]).replace(tzinfo=UTC).timestamp())
        self._schedules[key] = schedule
        self._try(schedule, schedule.at + self._lateness.uniform(0.0, PRECISION))
        return {"ScheduleArn": self.ground.account.arn("scheduler", f"schedule/{key[0]}/{key[1]}")}

    def _drop(self, schedule: Schedule) -> None:
        if schedule.call:
            schedule.call.cancel()
        self._schedules.pop(self._key(schedule.given), None)

    def _try(self, schedule: Schedule, at: float) -> None:
        schedule.call = self.ground.engine.at(at, self._run, schedule)

    def _run(self, schedule: Schedule) -> None:
        """Make the call. AWS does not say which errors it retries; the twin retries what may pass, and no other."""
        target = schedule.given["Target"]
        service, operation, parameters = _target(target)
        age = self.ground.engine.now - schedule.at
        try:
            client: Any = boto3.client(service)  # type: ignore[call-overload]
            methods = {api: method for method, api in client.meta.method_to_api_mapping.items()}
            getattr(client, methods[operation])(**parameters)
            self.made.append(f"{service}.{operation}")
        except ClientError as error:
            passing = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 429 or "Throttl" in str(error)
            if passing and age + PAUSE < target["RetryPolicy"]["MaximumEventAgeInSeconds"]:
                self._try(schedule, self.ground.engine.now + PAUSE)
                return
            self.dead_letters.append(f"{schedule.given['Name']}: {error}")
        self._drop(schedule)


def _target(target: Json) -> tuple[str, str, Json]:
    """The call of a universal target, in boto3's names; a parameter has the name that the SDK for Java gives it."""
    found = re.fullmatch(r"arn:aws:scheduler:::aws-sdk:(\w+):(\w+)", target["Arn"])
    service = BOTO.get(found[1], found[1]) if found and found[1] not in BOTO.values() else ""
    operation = found[2][0].upper() + found[2][1:] if found else ""
    model = _model(service)
    if model is None or operation not in model.operation_names:
        raise ApiError("ValidationException", f"{target['Arn']} is not a supported api for a target.")
    shape = model.operation_model(operation).input_shape
    names = {_java(name): name for name in (shape.members if shape else {})}
    given = json.loads(target.get("Input", "{}"))
    if unknown := given.keys() - names.keys():
        raise ApiError("ValidationException", f"{operation} has no parameter {', '.join(sorted(unknown))}.")
    return service, operation, {names[name]: value for name, value in given.items()}


@cache
def _model(service: str) -> ServiceModel | None:
    session = boto3.Session(region_name="us-east-1")._session
    return session.get_service_model(service) if service in session.get_available_services() else None


def _java(name: str) -> str:
    """DBClusterIdentifier as DbClusterIdentifier: each word has one capital."""
    return re.sub(r"[A-Z]+(?=[A-Z][a-z]|$)", lambda word: word[0].capitalize(), name)
