"""RDS snapshots: made, a few minutes in the making, described and tagged."""

from dataclasses import dataclass, field

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Json, Operations, at_utc, page


@dataclass(slots=True, eq=False)
class Snapshot:
    """A snapshot of a database instance; times are seconds since the epoch."""

    name: str
    database: str
    arn: str
    created: float
    available: float
    tags: dict[str, str] = field(default_factory=dict)
    failed: bool = False


class Rds:
    """The RDS API for `databases` (identifier → engine name, such as "mariadb"); a snapshot takes about `minutes`."""

    def __init__(self, ground: Ground, databases: dict[str, str], minutes: float = 6.0) -> None:
        self._ground = ground
        self._engine = ground.engine
        self._databases = databases
        self._minutes = minutes
        self._random = ground.engine.random("snapshots")
        self.snapshots: dict[str, Snapshot] = {}
        self.next_fails = False
        """Set to let the next snapshot end in "failed"."""

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {
            ("rds", "CreateDBSnapshot"): self.create,
            ("rds", "DescribeDBSnapshots"): self.describe,
            ("rds", "AddTagsToResource"): self.add_tags,
        }

    def create(self, params: Json) -> Json:
        """CreateDBSnapshot."""
        name, database = params["DBSnapshotIdentifier"], params["DBInstanceIdentifier"]
        if database not in self._databases:
            raise ApiError("DBInstanceNotFound", f"DBInstance {database} not found.", 404)
        if name in self.snapshots:
            raise ApiError("DBSnapshotAlreadyExists", f"Cannot create the snapshot because {name} already exists.")
        now = self._engine.now
        seconds = self._minutes * 60 * self._random.uniform(0.5, 2.0)
        snapshot = Snapshot(name, database, self._ground.account.arn("rds", f"snapshot:{name}"), now, now + seconds)
        snapshot.failed, self.next_fails = self.next_fails, False
        snapshot.tags.update({tag["Key"]: tag["Value"] for tag in params.get("Tags", [])})
        self.snapshots[name] = snapshot
        return {"DBSnapshot": self._describe(snapshot)}

    def describe(self, params: Json) -> Json:
        """DescribeDBSnapshots by snapshot (DBSnapshotNotFound if there is none of the name) or by instance."""
        name, database = params.get("DBSnapshotIdentifier"), params.get("DBInstanceIdentifier")
        if name is not None and name not in self.snapshots:
            raise ApiError("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)
        chosen = [
            snapshot
            for snapshot in self.snapshots.values()
            if name in (None, snapshot.name) and database in (None, snapshot.database)
        ]
        listed, token = page(chosen, {**params, "NextToken": params.get("Marker")}, "MaxRecords", 100, 100)
        answer = {"DBSnapshots": [self._describe(snapshot) for snapshot in listed]}
        return answer if token is None else {**answer, "Marker": token}

    def add_tags(self, params: Json) -> None:
        """AddTagsToResource, for snapshots."""
        for snapshot in self.snapshots.values():
            if snapshot.arn == params["ResourceName"]:
                snapshot.tags.update({tag["Key"]: tag["Value"] for tag in params["Tags"]})
                return
        raise ApiError("DBSnapshotNotFound", f"{params['ResourceName']} not found.", 404)

    def _describe(self, snapshot: Snapshot) -> Json:
        now = self._engine.now
        done = now >= snapshot.available
        share = min((now - snapshot.created) / (snapshot.available - snapshot.created), 1.0)
        answer: Json = {
            "DBSnapshotIdentifier": snapshot.name,
            "DBInstanceIdentifier": snapshot.database,
            "DBSnapshotArn": snapshot.arn,
            "Engine": self._databases[snapshot.database],
            "SnapshotType": "manual",
            "Status": ("failed" if snapshot.failed else "available") if done else "creating",
            "PercentProgress": int(100 * share),
            "TagList": [{"Key": key, "Value": value} for key, value in snapshot.tags.items()],
        }
        return {**answer, "SnapshotCreateTime": at_utc(snapshot.created)} if done else answer
