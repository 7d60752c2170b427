"""The settings of one warm pool and the size that follows from them."""

from dataclasses import dataclass

from simulator.cloud.ground import Json


@dataclass(slots=True, eq=False)
class Pool:
    """`settings` are PutWarmPool's parameters without the group; `leaving`: it is being deleted."""

    settings: Json
    leaving: bool = False

    def size(self, max_size: int, desired: int) -> int:
        """How many instances it keeps beside a group of these sizes: the prepared less the desired capacity, and at
        least MinSize (API reference, PutWarmPool).
        """
        prepared: int = self.settings.get("MaxGroupPreparedCapacity", max_size)
        return 0 if self.leaving else max(self.settings["MinSize"], prepared - desired)

    @property
    def stops(self) -> bool:
        """Whether its instances are stopped once they are prepared."""
        return bool(self.settings["PoolState"] == "Stopped")

    @property
    def reuses(self) -> bool:
        """Whether a scale-in returns instances to it."""
        return bool(self.settings.get("InstanceReusePolicy", {}).get("ReuseOnScaleIn", False))

    def describe(self) -> Json:
        """The WarmPoolConfiguration of the API."""
        return {**self.settings, "Status": "PendingDelete"} if self.leaving else self.settings
