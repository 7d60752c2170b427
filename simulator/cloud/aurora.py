"""Aurora Serverless v2 clusters: their range of capacity (rds DescribeDBClusters, ModifyDBCluster)."""

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Json, Operations

MODIFYING = 90.0  # seconds


class Aurora:
    """The RDS API for `clusters`, by name: their range as (least, most) capacity units."""

    def __init__(self, ground: Ground, clusters: dict[str, tuple[float, float]]) -> None:
        self._engine = ground.engine
        self.clusters = dict(clusters)
        self._busy_until = dict.fromkeys(clusters, 0.0)

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {("rds", "DescribeDBClusters"): self.describe, ("rds", "ModifyDBCluster"): self.modify}

    def describe(self, params: Json) -> Json:
        """DescribeDBClusters, of one."""
        return {"DBClusters": [self._describe(params["DBClusterIdentifier"])]}

    def modify(self, params: Json) -> Json:
        """ModifyDBCluster: the range of capacity only; it is applied at once."""
        name = params["DBClusterIdentifier"]
        if unknown := params.keys() - {"DBClusterIdentifier", "ServerlessV2ScalingConfiguration"}:
            raise NotImplementedError(f"the twin does not modify {sorted(unknown)}")
        if self._describe(name)["Status"] != "available":
            raise ApiError("InvalidDBClusterStateFault", f"Cluster {name} is not in the available state.")
        wanted = params["ServerlessV2ScalingConfiguration"]
        least, most = wanted.get("MinCapacity"), wanted.get("MaxCapacity")
        if least is None or most is None or not 0 <= least <= most or most > 256 or least * 2 % 1 or most * 2 % 1:
            raise ApiError("InvalidParameterValue", f"{least} to {most} is no range of capacity in half units.")
        self.clusters[name] = (float(least), float(most))
        self._busy_until[name] = self._engine.now + MODIFYING
        return {"DBCluster": self._describe(name)}

    def _describe(self, name: str) -> Json:
        if name not in self.clusters:
            raise ApiError("DBClusterNotFoundFault", f"DBCluster {name} not found.", 404)
        least, most = self.clusters[name]
        return {
            "DBClusterIdentifier": name,
            "Engine": "aurora-mysql",
            "Status": "modifying" if self._engine.now < self._busy_until[name] else "available",
            "ServerlessV2ScalingConfiguration": {"MinCapacity": least, "MaxCapacity": most},
        }
