"""EFS: the throughput of file systems, with its limit of one decrease or change of mode a day, and mount targets."""

from dataclasses import dataclass

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Json, Operations, at_utc, zulu

DAY = 86_400.0
MOST = 1024.0  # MiB/s, the quota that the error is about (API reference)
UPDATING = 120.0  # seconds; AWS only says that the state is "updating" meanwhile


@dataclass(slots=True)
class FileSystem:
    """A file system's throughput; `locked_until` is when it may be lowered or change its mode, in epoch seconds."""

    mode: str = "bursting"
    mibps: float = 0.0
    locked_until: float = 0.0
    busy_until: float = 0.0


class Efs:
    """The EFS API for `file_systems` (ids)."""

    def __init__(self, ground: Ground, file_systems: tuple[str, ...]) -> None:
        self._ground = ground
        self.file_systems = {name: FileSystem() for name in file_systems}
        self.reachable = True
        """Whether the mount targets are available; what is wrong with one that is not, AWS tells by its state only."""

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {
            ("efs", "DescribeFileSystems"): self.describe,
            ("efs", "DescribeMountTargets"): self.describe_targets,
            ("efs", "UpdateFileSystem"): self.update,
        }

    def describe(self, params: Json) -> Json:
        """DescribeFileSystems, of one."""
        return {"FileSystems": [self._describe(params["FileSystemId"])]}

    def describe_targets(self, params: Json) -> Json:
        """DescribeMountTargets of one file system, which has one in each of two zones."""
        name = params["FileSystemId"]
        self._find(name)
        return {"MountTargets": [self._target(name, zone) for zone in "ab"]}

    def _target(self, name: str, zone: str) -> Json:
        return {
            "MountTargetId": f"{name.replace('fs-', 'fsmt-')}{zone}",
            "FileSystemId": name,
            "SubnetId": f"subnet-0123456789abcde{zone}",
            "LifeCycleState": "available" if self.reachable else "error",
            "AvailabilityZoneName": f"{self._ground.account.region}{zone}",
        }

    def update(self, params: Json) -> Json:
        """UpdateFileSystem.

        After a change to provisioned throughput, or more of it, the mode and a decrease are locked for 24 hours (user
        guide, managing throughput); so they are after any of these (TooManyRequests, API reference).
        """
        name, now = params["FileSystemId"], self._ground.engine.now
        it = self._find(name)
        mode = params.get("ThroughputMode", it.mode)
        mibps = params.get("ProvisionedThroughputInMibps", it.mibps) if mode == "provisioned" else 0.0
        if mode == "provisioned" and not mibps:
            raise ApiError("BadRequest", "Provisioned throughput needs ProvisionedThroughputInMibps.")
        if mibps > MOST:
            raise ApiError("ThroughputLimitExceeded", f"The throughput limit is {MOST:g} MiB/s.")
        if now < it.busy_until:
            raise ApiError("IncorrectFileSystemLifeCycleState", "The file system is being updated.", 409)
        if (mode, mibps) != (it.mode, it.mibps):
            if (mode != it.mode or mibps < it.mibps) and now < it.locked_until:
                message = (
                    "You have reached the maximum number of throughput mode changes or provisioned throughput value "
                    f"decreases. Wait until {zulu(it.locked_until)} UTC and try again."
                )
                raise ApiError("TooManyRequests", message, 429)
            it.mode, it.mibps, it.locked_until, it.busy_until = mode, mibps, now + DAY, now + UPDATING
        return self._describe(name)

    def _find(self, name: str) -> FileSystem:
        if name not in self.file_systems:
            raise ApiError("FileSystemNotFound", f"File system '{name}' does not exist.", 404)
        return self.file_systems[name]

    def _describe(self, name: str) -> Json:
        it = self._find(name)
        answer: Json = {
            "OwnerId": self._ground.account.number,
            "CreationToken": name,
            "FileSystemId": name,
            "CreationTime": at_utc(0.0),
            "LifeCycleState": "updating" if self._ground.engine.now < it.busy_until else "available",
            "NumberOfMountTargets": 2,
            "SizeInBytes": {"Value": 2**36},
            "PerformanceMode": "generalPurpose",
            "ThroughputMode": it.mode,
            "Tags": [],
        }
        return answer | ({"ProvisionedThroughputInMibps": it.mibps} if it.mode == "provisioned" else {})
