"""EFS: the throughput of a file system, and what AWS says is wrong with it."""

from typing import Any

from firstbell.aws import clients

_USABLE = frozenset({"available", "updating"})


def throughput(file_system: str) -> tuple[dict[str, Any], bool]:
    """The throughput of a file system as UpdateFileSystem takes it, and whether it can be updated now."""
    [found] = clients.efs().describe_file_systems(FileSystemId=file_system)["FileSystems"]
    how: dict[str, Any] = {"ThroughputMode": found.get("ThroughputMode", "bursting")}
    if how["ThroughputMode"] == "provisioned":
        how["ProvisionedThroughputInMibps"] = float(found.get("ProvisionedThroughputInMibps", 0.0))
    return how, found["LifeCycleState"] == "available"


def troubles(file_system: str) -> tuple[str, ...]:
    """What is wrong with a file system, in sentences: it, or a mount target of it, is not available."""
    [found] = clients.efs().describe_file_systems(FileSystemId=file_system)["FileSystems"]
    pages = clients.efs().get_paginator("describe_mount_targets").paginate(FileSystemId=file_system)
    targets = [target for page in pages for target in page["MountTargets"]]
    states = [(file_system, found["LifeCycleState"])]
    states += [
        (f"mount target {t['MountTargetId']} in {t.get('AvailabilityZoneName', '?')}", t["LifeCycleState"])
        for t in targets
    ]
    none = () if targets else (f"{file_system} has no mount target",)
    return (*(f"{what} is {state}" for what, state in states if state not in _USABLE), *none)
