"""SSM Run Command: which instances can be reached, sending the probe, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firstbell.aws import clients

PER_CALL = 50  # SendCommand's limit of InstanceIds (API reference)
AT_ONCE = 25  # of them it runs on so many at once: each asks the file server, and some the database


class UnreachableError(Exception):
    """SendCommand refused the batch because an instance of it has no agent that is online; the message names it."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command's state on one instance: AWS's status word and what it printed."""

    instance: str
    status: str
    output: str


def online(instances: Sequence[str]) -> frozenset[str]:
    """Those of `instances` whose SSM agent is online. At launch it is absent at first: that is no error."""
    found: set[str] = set()
    for n in range(0, len(instances), PER_CALL):  # a page has 50 at most, and a filter 100 values
        pages = (
            clients.ssm()
            .get_paginator("describe_instance_information")
            .paginate(
                Filters=[{"Key": "InstanceIds", "Values": list(instances[n : n + PER_CALL])}],
                PaginationConfig={"PageSize": PER_CALL},
            )
        )
        found |= {
            i["InstanceId"]
            for page in pages
            for i in page["InstanceInformationList"]
            if i.get("PingStatus") == "Online"
        }
    return frozenset(found)


def send(document: str, instances: Sequence[str], parameters: Mapping[str, str], time_out: int) -> str:
    """Run `document` on at most 50 instances; returns the command's id.

    `time_out` seconds is how long delivery may take: AWS gives an unreachable instance up only after that.
    Raises UnreachableError when an instance has gone offline since it was seen online: then nothing was sent to any.
    """
    try:
        answer = clients.ssm().send_command(
            DocumentName=document,
            InstanceIds=list(instances),
            Parameters={name: [value] for name, value in parameters.items()},
            TimeoutSeconds=max(30, time_out),
            MaxConcurrency=str(AT_ONCE),
            MaxErrors="100%",  # its default, 0, would end the command for all with the first bad mount
        )
    except Exception as error:
        if clients.error_code(error) == "InvalidInstanceId":
            raise UnreachableError(str(error)) from error
        raise
    return answer["Command"]["CommandId"]


def invocations(command: str) -> dict[str, Invocation]:
    """What became of a command, by instance. Empty straight after sending: AWS answers 200 with nothing then."""
    pages = clients.ssm().get_paginator("list_command_invocations").paginate(CommandId=command, Details=True)
    return {
        i["InstanceId"]: Invocation(
            i["InstanceId"], i["Status"], "".join(p.get("Output", "") for p in i.get("CommandPlugins", []))
        )
        for page in pages
        for i in page["CommandInvocations"]
    }
