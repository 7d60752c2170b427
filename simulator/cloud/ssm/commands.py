"""One command on one instance: its way from Pending to a final status, by the timeouts of Run Command.

Source: "Understanding command statuses" and "Understanding command timeouts" of the Systems Manager user guide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from simulator.cloud.ground import Json, at_utc

LONGEST_OUTPUT = 2500  # characters of CommandPlugins[].Output
EXECUTION_TIMEOUT = 3600.0


class Result(NamedTuple):
    """What a document did on an instance: it took `seconds`, ended with `code` and wrote `output`."""

    seconds: float
    code: int
    output: str


Run = Callable[[str, str, dict[str, list[str]]], tuple[float, int, str] | None]
"""run(instance_id, document, parameters) → Result, or None: the instance never answers."""


class Status(StrEnum):
    """The statuses of a command and of an invocation that the twin uses."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCESS = "Success"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"


@dataclass(frozen=True)
class Command:
    """A command as it was sent; times and timeouts in seconds. `timeout` bounds the delivery."""

    command_id: str
    document: str
    parameters: dict[str, list[str]]
    instance_ids: tuple[str, ...]
    requested: float
    timeout: float
    comment: str = ""
    at_once: int = 50
    """On how many of its instances it runs at the same time: MaxConcurrency."""

    @property
    def execution_timeout(self) -> float:
        """The document's own timeout, when it has such a parameter."""
        given = self.parameters.get("executionTimeout", ())
        return float(given[0]) if given else EXECUTION_TIMEOUT

    @property
    def expires(self) -> float:
        """When a command that nobody answered times out: TimeoutSeconds + executionTimeout after it was sent."""
        return self.requested + self.timeout + self.execution_timeout


@dataclass(slots=True, eq=False)
class Invocation:
    """A command on one instance; `visible` is when the API knows of it."""

    command: Command
    instance_id: str
    visible: float
    status: Status = Status.PENDING
    details: str = "Pending"
    code: int = -1
    output: str = ""
    started: float | None = None
    finished: float | None = None

    @property
    def final(self) -> bool:
        """Nothing more will happen to it."""
        return self.finished is not None

    def begin(self, now: float) -> None:
        """The agent has the command (or the service believes so)."""
        self.status, self.details, self.started = Status.IN_PROGRESS, "InProgress", now

    def end(self, status: Status, details: str, now: float, code: int = -1, output: str = "") -> None:
        """Reach a final status."""
        self.status, self.details, self.finished = status, details, now
        self.code, self.output = code, output

    def describe(self, with_output: bool) -> Json:
        """The invocation as ListCommandInvocations gives it; plugins only with Details."""
        return {
            "CommandId": self.command.command_id,
            "InstanceId": self.instance_id,
            "InstanceName": "",
            "Comment": self.command.comment,
            "DocumentName": self.command.document,
            "DocumentVersion": "$DEFAULT",
            "RequestedDateTime": at_utc(self.command.requested),
            "Status": str(self.status),
            "StatusDetails": self.details,
            "CommandPlugins": [self._plugin()] if with_output else [],
        }

    def _plugin(self) -> Json:
        plugin: Json = {
            "Name": "aws:runShellScript",
            "Status": str(self.status),
            "StatusDetails": self.details,
            "ResponseCode": self.code,
            "Output": self.output[:LONGEST_OUTPUT],
        }
        if self.started is not None:
            plugin["ResponseStartDateTime"] = at_utc(self.started)
        if self.finished is not None:
            plugin["ResponseFinishDateTime"] = at_utc(self.finished)
        return plugin
