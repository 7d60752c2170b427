"""The warm pool's operations: PutWarmPool, DescribeWarmPool, DeleteWarmPool; the fleet keeps the pool at its size.

Sources: the API reference and "Decrease latency for applications with long boot times using warm pools".
"""

from simulator.cloud.autoscaling.describe import describe_instance
from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import Group, invalid
from simulator.cloud.autoscaling.pool import Pool
from simulator.cloud.ground import Json, Operation, page, with_token, zulu

DELETING = 120.0  # seconds that a deletion takes at least
LOOK_AGAIN = 10.0


class WarmPools:
    """The warm pools of a run's groups."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._engine = fleet.engine

    @property
    def pools(self) -> dict[str, Json]:
        """The settings of the pools that are not being deleted, by the group's name."""
        pools = {name: group.pool for name, group in self._fleet.groups.items()}
        return {name: pool.settings for name, pool in pools.items() if pool is not None and not pool.leaving}

    def operations(self) -> dict[str, Operation]:
        """The operations by their API names."""
        return {"PutWarmPool": self.put, "DescribeWarmPool": self.describe, "DeleteWarmPool": self.delete}

    def put(self, params: Json) -> Json:
        """PutWarmPool: what is not said keeps its value; -1 removes the size that was prepared at most.

        Raises NotImplementedError for hibernation.
        """
        if params.get("PoolState") == "Hibernated":
            raise NotImplementedError("the twin does not hibernate instances")
        group = self._fleet.group(params["AutoScalingGroupName"])
        if group.pool is not None and group.pool.leaving:
            raise invalid("You cannot update a warm pool that is being deleted.")
        settings = {"MinSize": 0, "PoolState": "Stopped"} | self.pools.get(group.name, {}) | params
        del settings["AutoScalingGroupName"]
        if settings.get("MaxGroupPreparedCapacity") == -1:
            del settings["MaxGroupPreparedCapacity"]
        group.pool = Pool(settings)
        self._fleet.settle(group)
        return {}

    def describe(self, params: Json) -> Json:
        """DescribeWarmPool: the instances in it and on their way into it or, by termination, out of it."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        pooled = [instance for instance in group.instances.values() if instance.pooled]
        chosen, token = page(pooled, params, "MaxRecords", 50, 50)
        answer: Json = {"WarmPoolConfiguration": group.pool.describe()} if group.pool is not None else {}
        return with_token({**answer, "Instances": [describe_instance(group, i) for i in chosen]}, token)

    def delete(self, params: Json) -> Json:
        """DeleteWarmPool: its instances go through their hooks first, with ForceDelete nothing waits for them."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        if group.name not in self.pools:
            raise invalid(f"No warm pool found for Auto Scaling group {group.name}")
        forced = bool(params.get("ForceDelete"))
        pool = group.pool = Pool(self.pools[group.name], leaving=True)
        if forced:
            cause = f"At {zulu(self._engine.now)} a user request deleted the warm pool."
            for instance in [i for i in group.instances.values() if i.pooled]:
                self._fleet.lifecycle.discard(group, instance, cause)
        self._engine.after(DELETING, self._forget, group, pool, forced)
        self._fleet.settle(group)
        return {}

    def _forget(self, group: Group, pool: Pool, forced: bool) -> None:
        if group.pool is not pool:
            return
        if forced or not any(instance.pooled for instance in group.instances.values()):
            group.pool = None
        else:
            self._engine.after(LOOK_AGAIN, self._forget, group, pool, forced)
