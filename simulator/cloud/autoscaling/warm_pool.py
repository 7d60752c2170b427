"""The settings of warm pools (autoscaling PutWarmPool, DescribeWarmPool, DeleteWarmPool): no instance is prepared."""

from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import invalid
from simulator.cloud.ground import Json, Operation

DELETING = 120.0  # seconds


class WarmPools:
    """The warm pools of a run's groups, by the group's name."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.pools: dict[str, Json] = {}
        self._leaving: dict[str, float] = {}

    def operations(self) -> dict[str, Operation]:
        """The operations by their API names."""
        return {"PutWarmPool": self.put, "DescribeWarmPool": self.describe, "DeleteWarmPool": self.delete}

    def put(self, params: Json) -> Json:
        """PutWarmPool: what is not said keeps its value; -1 removes the size that was prepared at most."""
        group = self._fleet.group(params["AutoScalingGroupName"]).name
        if self._is_leaving(group):
            raise invalid("You cannot update a warm pool that is being deleted.")
        pool = {"MinSize": 0, "PoolState": "Stopped"} | self.pools.get(group, {}) | params
        del pool["AutoScalingGroupName"]
        if pool.get("MaxGroupPreparedCapacity") == -1:
            del pool["MaxGroupPreparedCapacity"]
        self.pools[group] = pool
        return {}

    def describe(self, params: Json) -> Json:
        """DescribeWarmPool."""
        group = self._fleet.group(params["AutoScalingGroupName"]).name
        if self._is_leaving(group):
            return {"WarmPoolConfiguration": {"Status": "PendingDelete"}, "Instances": []}
        return ({"WarmPoolConfiguration": self.pools[group]} if group in self.pools else {}) | {"Instances": []}

    def delete(self, params: Json) -> Json:
        """DeleteWarmPool."""
        group = self._fleet.group(params["AutoScalingGroupName"]).name
        if self.pools.pop(group, None) is None:
            raise invalid(f"No warm pool found for Auto Scaling group {group}")
        self._leaving[group] = self._fleet.engine.now + DELETING
        return {}

    def _is_leaving(self, group: str) -> bool:
        return self._fleet.engine.now < self._leaving.get(group, 0.0)
