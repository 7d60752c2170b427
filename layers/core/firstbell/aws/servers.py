"""EC2 instances: what AWS says of one that is a file server, and the console of one that never came online."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from firstbell.aws import clients

_CHECKS = {"SystemStatus": "system", "InstanceStatus": "instance", "AttachedEbsStatus": "EBS volume"}
_OVER = ("[Completed]", "[Canceled]")  # so AWS marks the description of an event that it still lists


def troubles(instance: str, now: datetime) -> tuple[str, ...]:
    """What is wrong with an instance, in sentences: it does not run, fails a check, or has an event under way."""
    found = clients.ec2().describe_instance_status(InstanceIds=[instance], IncludeAllInstances=True)
    if not found["InstanceStatuses"]:
        return (f"{instance} does not exist",)
    return tuple(f"{instance} {what}" for what in _troubles(found["InstanceStatuses"][0], now))


def _troubles(status: Mapping[str, Any], now: datetime) -> list[str]:
    state = status.get("InstanceState", {}).get("Name", "")
    found = [] if state == "running" else [f"is {state}"]
    failed = [name for key, name in _CHECKS.items() if status.get(key, {}).get("Status") == "impaired"]
    found += [f"fails its {name} status check" for name in failed]
    for event in status.get("Events", []):
        described = event.get("Description", "")
        begun = event.get("NotBefore") is None or event["NotBefore"] <= now
        over = event.get("NotAfter") is not None and event["NotAfter"] < now
        if begun and not over and not described.startswith(_OVER):
            found.append(f"has an event under way: {event.get('Code', '')}: {described}")
    return found


def console(instance: str) -> str:
    """What an instance has written to its console, as far as EC2 has it; empty if it has nothing."""
    try:
        found = clients.ec2().get_console_output(InstanceId=instance, Latest=True)
    except Exception as error:
        if clients.error_code(error) != "UnsupportedOperation":  # only Nitro instances give the latest
            raise
        found = clients.ec2().get_console_output(InstanceId=instance)
    return found.get("Output", "")
