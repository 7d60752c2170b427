"""Filters of Systems Manager's list operations, and the description of a command that SendCommand answers."""

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Json, at_utc, epoch
from simulator.cloud.ssm.commands import Command, Invocation


def chosen_agents(agents: list[Json], params: Json) -> list[Json]:
    """The agents that pass the filters InstanceIds, PingStatus and PlatformTypes (new and old way of asking)."""
    filters = [(each["Key"], each["Values"]) for each in params.get("Filters", ())]
    filters += [(each["key"], each["valueSet"]) for each in params.get("InstanceInformationFilterList", ())]
    fields = {"InstanceIds": "InstanceId", "PingStatus": "PingStatus", "PlatformTypes": "PlatformType"}
    for key, values in filters:
        if key not in fields:
            raise ApiError("InvalidFilterKey", f"The twin does not filter by {key}")
        agents = [agent for agent in agents if agent[fields[key]] in values]
    return agents


def chosen_invocations(invocations: list[Invocation], params: Json) -> list[Invocation]:
    """The invocations of a command, of an instance, and those that pass the filters."""
    command_id, instance_id = params.get("CommandId"), params.get("InstanceId")
    if command_id is not None:
        invocations = [each for each in invocations if each.command.command_id == command_id]
    if instance_id is not None:
        invocations = [each for each in invocations if each.instance_id == instance_id]
    for chosen in params.get("Filters", ()):
        invocations = [each for each in invocations if _passes(each, chosen["key"], chosen["value"])]
    return invocations


def details_of(command: Command) -> Json:
    """The command as SendCommand answers it."""
    return {
        "CommandId": command.command_id,
        "DocumentName": command.document,
        "DocumentVersion": "$DEFAULT",
        "Comment": command.comment,
        "ExpiresAfter": at_utc(command.expires),
        "Parameters": command.parameters,
        "InstanceIds": list(command.instance_ids),
        "Targets": [],
        "RequestedDateTime": at_utc(command.requested),
        "Status": "Pending",
        "StatusDetails": "Pending",
        "TargetCount": len(command.instance_ids),
        "CompletedCount": 0,
        "ErrorCount": 0,
        "DeliveryTimedOutCount": 0,
        "TimeoutSeconds": int(command.timeout),
    }


def _passes(invocation: Invocation, key: str, value: str) -> bool:
    match key:
        case "Status":
            return invocation.status == value
        case "DocumentName":
            return invocation.command.document == value
        case "InvokedAfter":
            return invocation.command.requested > epoch(value)
        case "InvokedBefore":
            return invocation.command.requested < epoch(value)
    raise ApiError("InvalidFilterKey", f"The twin does not filter by {key}")
