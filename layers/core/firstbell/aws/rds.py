"""RDS: snapshots of a database instance, and the capacity range of an Aurora Serverless v2 cluster."""

from dataclasses import dataclass
from typing import Any

from firstbell.aws import clients


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot: its name, AWS's status word (creating, available, failed, …) and its tags."""

    name: str
    status: str
    tags: tuple[tuple[str, str], ...] = ()


def snapshots(database: str) -> tuple[Snapshot, ...]:
    """The manual snapshots of a database instance."""
    pages = clients.rds().get_paginator("describe_db_snapshots")
    return tuple(
        Snapshot(
            s["DBSnapshotIdentifier"],
            s.get("Status", ""),
            tuple((t.get("Key", ""), t.get("Value", "")) for t in s.get("TagList", [])),
        )
        for page in pages.paginate(DBInstanceIdentifier=database, SnapshotType="manual")
        for s in page["DBSnapshots"]
    )


def status(snapshot: str) -> str:
    """AWS's status word of a snapshot, or "missing" when there is no such snapshot."""
    try:
        found = clients.rds().describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
    except Exception as error:
        if clients.error_code(error) in ("DBSnapshotNotFound", "DBSnapshotNotFoundFault"):
            return "missing"
        raise
    return found[0].get("Status", "") if found else "missing"


def create_snapshot(database: str, name: str, tags: dict[str, str]) -> None:
    """Begin a snapshot. One that exists already is not made again and no failure."""
    try:
        clients.rds().create_db_snapshot(
            DBInstanceIdentifier=database,
            DBSnapshotIdentifier=name,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    except Exception as error:
        if clients.error_code(error) not in ("DBSnapshotAlreadyExists", "DBSnapshotAlreadyExistsFault"):
            raise


def capacity_range(cluster: str) -> tuple[dict[str, Any], bool]:
    """The range of an Aurora Serverless v2 cluster as ModifyDBCluster takes it, and whether it can be modified now.

    Raises ValueError for a cluster that has none.
    """
    [found] = clients.rds().describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
    scaling = found.get("ServerlessV2ScalingConfiguration")
    if not scaling:
        raise ValueError(f"{cluster} is no Aurora Serverless v2 cluster: take tiers.aurora out of the site file")
    return dict(scaling), found.get("Status") == "available"
