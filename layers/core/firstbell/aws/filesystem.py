"""EFS: the throughput of a file system."""

from typing import Any

from firstbell.aws import clients


def throughput(file_system: str) -> tuple[dict[str, Any], bool]:
    """The throughput of a file system as UpdateFileSystem takes it, and whether it can be updated now."""
    [found] = clients.efs().describe_file_systems(FileSystemId=file_system)["FileSystems"]
    how: dict[str, Any] = {"ThroughputMode": found.get("ThroughputMode", "bursting")}
    if how["ThroughputMode"] == "provisioned":
        how["ProvisionedThroughputInMibps"] = float(found.get("ProvisionedThroughputInMibps", 0.0))
    return how, found["LifeCycleState"] == "available"
