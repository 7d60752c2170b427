"""EC2 as Auto Scaling's customers ask it: status checks, console output, and spot requests of interrupted instances."""

import base64
from dataclasses import dataclass
from typing import Literal

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Identifiers, Json, Operations, at_utc, page, with_token

MARKED, NO_CAPACITY, BY_USER = (
    "marked-for-termination",
    "instance-terminated-no-capacity",
    "instance-terminated-by-user",
)
LONGEST_OUTPUT = 64 * 1024  # bytes that GetConsoleOutput keeps, the newest (API reference)
_MESSAGES = {
    MARKED: "The Spot Instance is marked for termination.",
    NO_CAPACITY: "Your Spot instance was terminated because there is no Spot capacity available that matches your "
    "request.",
    BY_USER: "Your Spot instance was terminated by the user.",
}


@dataclass(slots=True, eq=False)
class _Request:
    """A spot request from its instance's interruption on; times in seconds since the epoch."""

    request_id: str
    instance_id: str
    zone: str
    made: float
    code: str
    updated: float

    @property
    def state(self) -> Literal["active", "closed"]:
        """A one-time request is closed once its status is terminal ("State changes for a Spot request")."""
        return "active" if self.code == MARKED else "closed"


@dataclass(frozen=True)
class _Status:
    """What the status checks of an instance say, and since when."""

    running: bool
    system_ok: bool
    instance_ok: bool
    since: float


class Ec2:
    """EC2 in virtual time: it knows what it was told of, by `set_status`, `set_console` and `warn`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._engine = ground.engine
        self._random = ground.engine.random("spot-status")
        self._ids = Identifiers(ground.engine, "spot")
        self._statuses: dict[str, _Status] = {}
        self._consoles: dict[str, str] = {}
        self._requests: dict[str, _Request] = {}

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {
            ("ec2", "DescribeInstanceStatus"): self.describe_status,
            ("ec2", "GetConsoleOutput"): self.console_output,
            ("ec2", "DescribeSpotInstanceRequests"): self.describe_requests,
        }

    def set_status(
        self, instance_id: str, running: bool = True, system_ok: bool = True, instance_ok: bool = True
    ) -> None:
        """Let an instance, such as a file server, exist with this state and these status checks."""
        self._statuses[instance_id] = _Status(running, system_ok, instance_ok, self._engine.now)

    def set_console(self, instance_id: str, text: str) -> None:
        """Let an instance have written `text` to its console."""
        self._consoles[instance_id] = text

    def warn(self, instance_id: str, zone: str) -> None:
        """Announce that an instance is taken back, in its spot request and by the event.

        The guide says that the request is closed with instance-terminated-no-capacity at once, while the instance runs
        on for two minutes ("State changes for a Spot request"); users see marked-for-termination too. So the twin
        answers either, as a stream of its own has it.
        """
        code = self._random.choice((MARKED, NO_CAPACITY))
        now = self._engine.now
        self._requests[instance_id] = _Request(self._ids.resource("sir")[:12], instance_id, zone, now, code, now)
        self._ground.publish(
            "aws.ec2",
            "EC2 Spot Instance Interruption Warning",
            [f"arn:aws:ec2:{zone}:instance/{instance_id}"],
            {"instance-id": instance_id, "instance-action": "terminate"},
        )

    def end_request(self, instance_id: str, by_user: bool) -> None:
        """The two minutes are over: the instance was terminated, before that `by_user` or now by EC2."""
        request = self._requests[instance_id]
        request.code, request.updated = BY_USER if by_user else NO_CAPACITY, self._engine.now

    def describe_status(self, params: Json) -> Json:
        """DescribeInstanceStatus: running instances, or with IncludeAllInstances the others too."""
        _refuse_filters(params, ())
        wanted = params.get("InstanceIds") or list(self._statuses)
        if unknown := [instance_id for instance_id in wanted if instance_id not in self._statuses]:
            raise ApiError("InvalidInstanceID.NotFound", f"The instance ID '{unknown[0]}' does not exist")
        shown = [i for i in wanted if params.get("IncludeAllInstances") or self._statuses[i].running]
        chosen, token = page(shown, params, "MaxResults", 1000, 1000)
        return with_token({"InstanceStatuses": [_describe(i, self._statuses[i]) for i in chosen]}, token)

    def console_output(self, params: Json) -> Json:
        """GetConsoleOutput, in base64; without an output while nothing was written."""
        text = self._consoles.get(params["InstanceId"], "").encode()[-LONGEST_OUTPUT:]
        answer: Json = {"InstanceId": params["InstanceId"], "Timestamp": self._engine.utc}
        return {**answer, "Output": base64.b64encode(text).decode()} if text else answer

    def describe_requests(self, params: Json) -> Json:
        """DescribeSpotInstanceRequests of instances that are or were interrupted, by request id or instance-id."""
        instances = _refuse_filters(params, ("instance-id",))
        ids = params.get("SpotInstanceRequestIds")
        known = {request.request_id for request in self._requests.values()}
        if unknown := [request_id for request_id in ids or [] if request_id not in known]:
            raise ApiError(
                "InvalidSpotInstanceRequestID.NotFound", f"The spot instance request ID '{unknown[0]}' does not exist"
            )
        found = [
            request
            for request in self._requests.values()
            if (not ids or request.request_id in ids) and (instances is None or request.instance_id in instances)
        ]
        chosen, token = page(found, params, "MaxResults", 1000, 1000)
        return with_token({"SpotInstanceRequests": [_describe_request(request) for request in chosen]}, token)


def _refuse_filters(params: Json, known: tuple[str, ...]) -> set[str] | None:
    """The values that all known filters let through, None where none is given; raises for other filters."""
    found: set[str] | None = None
    for each in params.get("Filters", []):
        if each["Name"] not in known:
            raise NotImplementedError(f"the twin does not filter by {each['Name']}")
        found = set(each["Values"]) if found is None else found & set(each["Values"])
    return found


def _describe(instance_id: str, status: _Status) -> Json:
    return {
        "InstanceId": instance_id,
        "InstanceState": {"Code": 16, "Name": "running"} if status.running else {"Code": 80, "Name": "stopped"},
        "SystemStatus": _check(status, status.system_ok),
        "InstanceStatus": _check(status, status.instance_ok),
    }


def _check(status: _Status, ok: bool) -> Json:
    """One of the two checks; a stopped instance has none."""
    if not status.running:
        return {"Status": "not-applicable"}
    detail: Json = {"Name": "reachability", "Status": "passed" if ok else "failed"}
    if not ok:
        detail["ImpairedSince"] = at_utc(status.since)
    return {"Status": "ok" if ok else "impaired", "Details": [detail]}


def _describe_request(request: _Request) -> Json:
    return {
        "SpotInstanceRequestId": request.request_id,
        "InstanceId": request.instance_id,
        "State": request.state,
        "Status": {
            "Code": request.code,
            "Message": _MESSAGES[request.code],
            "UpdateTime": at_utc(request.updated),
        },
        "Type": "one-time",
        "InstanceInterruptionBehavior": "terminate",
        "LaunchedAvailabilityZone": request.zone,
        "CreateTime": at_utc(request.made),
        "ProductDescription": "Linux/UNIX",
    }
