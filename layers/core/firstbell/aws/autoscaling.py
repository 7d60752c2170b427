"""EC2 Auto Scaling: groups, hooks, activities and scheduled actions in, the few changes that Firstbell makes out."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from firstbell.aws import clients
from firstbell.fleet import BEST_EFFORT, Activity, Group, Hook, Instance, Refresh, ScheduledAction

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_REFRESHING = frozenset({"Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking"})
BATCH = 50  # BatchPutScheduledUpdateGroupAction's and BatchDeleteScheduledAction's limit (API reference)


class UnknownGroupError(Exception):
    """No Auto Scaling group of that name in this account and region."""


class PartlyRefusedError(Exception):
    """AWS refused some scheduled actions of a batch; the message names each and why."""


def group(name: str) -> Group:
    """The group called `name`. Raises UnknownGroupError."""
    found = clients.autoscaling().describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    if not found:
        raise UnknownGroupError(f"no Auto Scaling group {name!r} here: check fleet.auto_scaling_group in the site file")
    return group_of(found[0])


def group_of(it: Any) -> Group:
    """A group as DescribeAutoScalingGroups tells it."""
    return Group(
        name=it["AutoScalingGroupName"],
        min_size=it["MinSize"],
        max_size=it["MaxSize"],
        desired=it["DesiredCapacity"],
        instances=_instances(it.get("Instances", [])),
        pooled="WarmPoolConfiguration" in it,
        target_groups=tuple(it.get("TargetGroupARNs", [])),
        suspended=frozenset(p.get("ProcessName", "") for p in it.get("SuspendedProcesses", [])),
        zones=tuple(it.get("AvailabilityZones", [])),
        distribution=it.get("AvailabilityZoneDistribution", {}).get("CapacityDistributionStrategy", BEST_EFFORT),
        lifetime=timedelta(seconds=it["MaxInstanceLifetime"]) if it.get("MaxInstanceLifetime") else None,
        rebalances=it.get("CapacityRebalance", False),
        **_purchase(it.get("MixedInstancesPolicy", {}).get("InstancesDistribution", {})),
    )


def pooled_instances(group_name: str) -> tuple[Instance, ...]:
    """The instances in a group's warm pool, on their way into it, and on their way out by termination.

    DescribeAutoScalingGroups does not list them.
    """
    pages = clients.autoscaling().get_paginator("describe_warm_pool").paginate(AutoScalingGroupName=group_name)
    return tuple(i for page in pages for i in _instances(page.get("Instances", [])))


def _instances(found: Any) -> tuple[Instance, ...]:
    return tuple(
        Instance(
            i["InstanceId"],
            i["LifecycleState"],
            i["AvailabilityZone"],
            i["HealthStatus"] == "Healthy",
            i.get("ProtectedFromScaleIn", False),
        )
        for i in found
    )


def _purchase(distribution: Any) -> Any:
    """Which instances are on-demand; AWS's defaults where a group does not say (API reference)."""
    return {
        "on_demand_base": distribution.get("OnDemandBaseCapacity") or 0,
        "on_demand_share": 100 if (share := distribution.get("OnDemandPercentageAboveBaseCapacity")) is None else share,
    }


def hooks(group_name: str) -> tuple[Hook, ...]:
    """The lifecycle hooks of a group."""
    found = clients.autoscaling().describe_lifecycle_hooks(AutoScalingGroupName=group_name)["LifecycleHooks"]
    return tuple(
        Hook(
            h["LifecycleHookName"],
            h["LifecycleTransition"],
            timedelta(seconds=h["HeartbeatTimeout"]),
            h["DefaultResult"],
        )
        for h in found
    )


def activities(group_name: str, newest: int = 100) -> tuple[Activity, ...]:
    """The newest scaling activities of a group, newest first (AWS gives 100 at most a page, and keeps six weeks)."""
    found = clients.autoscaling().describe_scaling_activities(AutoScalingGroupName=group_name, MaxRecords=newest)
    return tuple(_activity(a) for a in found["Activities"])


def activities_since(group_name: str, begin: datetime) -> tuple[Activity, ...]:
    """All scaling activities of a group that started at `begin` (aware) or later, newest first."""
    pages = (
        clients.autoscaling()
        .get_paginator("describe_scaling_activities")
        .paginate(
            AutoScalingGroupName=group_name,
            Filters=[{"Name": "StartTimeLowerBound", "Values": [f"{begin.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"]}],
        )
    )
    return tuple(_activity(a) for page in pages for a in page["Activities"])


def _activity(found: Any) -> Activity:
    return Activity(
        start=found["StartTime"].astimezone(UTC),
        status=found["StatusCode"],
        description=found.get("Description", ""),
        message=found.get("StatusMessage", ""),
        instance=_instance_in(found.get("Description", "")),
        cause=found.get("Cause", ""),
        zone=_zone_in(found.get("Details", "")),
        end=found["EndTime"].astimezone(UTC) if "EndTime" in found else None,
    )


def _zone_in(details: str) -> str:
    """The availability zone in an activity's details, which are JSON in a text; empty where there is none."""
    try:
        found = json.loads(details or "{}")
    except ValueError:
        return ""
    zone = found.get("Availability Zone", "") if isinstance(found, dict) else ""
    return zone if isinstance(zone, str) else ""


def _instance_in(description: str) -> str:
    """The instance that an activity is about; AWS names it in the description only."""
    found = re.search(r"\bi-[0-9a-f]{8,17}\b", description)
    return found[0] if found else ""


def scheduled_actions(group_name: str) -> tuple[ScheduledAction, ...]:
    """All scheduled actions of a group, ours and others', recurring ones by their next start."""
    pages = clients.autoscaling().get_paginator("describe_scheduled_actions").paginate(AutoScalingGroupName=group_name)
    return tuple(scheduled_of(a) for page in pages for a in page["ScheduledUpdateGroupActions"])


def scheduled_of(it: Any) -> ScheduledAction:
    """A scheduled action as DescribeScheduledActions tells it."""
    return ScheduledAction(
        start=it.get("StartTime", it.get("Time", _FAR)).astimezone(UTC),
        name=it["ScheduledActionName"],
        min_size=it.get("MinSize"),
        max_size=it.get("MaxSize"),
        desired=it.get("DesiredCapacity"),
    )


def put_scheduled_actions(group_name: str, wanted: Sequence[ScheduledAction]) -> None:
    """Write one-off scheduled actions that set MinSize. Raises PartlyRefusedError, in the end, if some are refused."""
    failed: list[Any] = []
    for n in range(0, len(wanted), BATCH):
        requests: Any = [
            {"ScheduledActionName": a.name, "StartTime": a.start, "MinSize": a.min_size} for a in wanted[n : n + BATCH]
        ]
        answer = clients.autoscaling().batch_put_scheduled_update_group_action(
            AutoScalingGroupName=group_name, ScheduledUpdateGroupActions=requests
        )
        failed += answer.get("FailedScheduledUpdateGroupActions", [])
    _raise_refused(failed)


def delete_scheduled_actions(group_name: str, names: Sequence[str]) -> None:
    """Delete scheduled actions by name; one that ran meanwhile is gone already and no failure."""
    failed: list[Any] = []
    for n in range(0, len(names), BATCH):
        answer = clients.autoscaling().batch_delete_scheduled_action(
            AutoScalingGroupName=group_name, ScheduledActionNames=list(names[n : n + BATCH])
        )
        failed += answer.get("FailedScheduledActions", [])
    _raise_refused([f for f in failed if "not found" not in f.get("ErrorMessage", "").lower()])


def _raise_refused(failed: Sequence[Any]) -> None:
    if failed:
        told = "; ".join(f"{f['ScheduledActionName']}: {f.get('ErrorMessage')}" for f in failed)
        raise PartlyRefusedError(f"{len(failed)} scheduled actions refused: {told}")


def set_min_size(group_name: str, min_size: int) -> None:
    """Set MinSize; AWS raises the desired capacity with it where that is lower, and never lowers it."""
    clients.autoscaling().update_auto_scaling_group(AutoScalingGroupName=group_name, MinSize=min_size)


def complete(group_name: str, hook: str, instance: str, result: Literal["CONTINUE", "ABANDON"]) -> bool:
    """End an instance's lifecycle action. False when there is none any more: the hook has ended without us."""
    try:
        clients.autoscaling().complete_lifecycle_action(
            AutoScalingGroupName=group_name,
            LifecycleHookName=hook,
            InstanceId=instance,
            LifecycleActionResult=result,
        )
    except Exception as error:
        if _no_action_left(error):
            return False
        raise
    return True


def heartbeat(group_name: str, hook: str, instance: str) -> bool:
    """Start the hook's time-out anew. False when the hook has ended without us."""
    try:
        clients.autoscaling().record_lifecycle_action_heartbeat(
            AutoScalingGroupName=group_name, LifecycleHookName=hook, InstanceId=instance
        )
    except Exception as error:
        if _no_action_left(error):
            return False
        raise
    return True


def _no_action_left(error: Exception) -> bool:
    return clients.error_code(error) == "ValidationError" and "No active Lifecycle Action" in str(error)


def enter_standby(group_name: str, instance: str) -> None:
    """Take an instance out of service and of the balancer; the group launches another, for its desired size stays."""
    clients.autoscaling().enter_standby(
        AutoScalingGroupName=group_name, InstanceIds=[instance], ShouldDecrementDesiredCapacity=False
    )


def terminate(instance: str) -> None:
    """Terminate an instance through its group, the terminate hook included; the group's desired size stays."""
    clients.autoscaling().terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=False
    )


def set_desired(group_name: str, desired: int) -> None:
    """Set the desired capacity at once, cooldown or not; AWS refuses what is outside of the group's bounds."""
    clients.autoscaling().set_desired_capacity(
        AutoScalingGroupName=group_name, DesiredCapacity=desired, HonorCooldown=False
    )


def set_distribution(group_name: str, strategy: str) -> None:
    """Say what becomes of launches that fail in one zone: `balanced-only` or `balanced-best-effort`."""
    wanted: Any = {"CapacityDistributionStrategy": strategy}
    clients.autoscaling().update_auto_scaling_group(
        AutoScalingGroupName=group_name, AvailabilityZoneDistribution=wanted
    )


def refreshes(group_name: str) -> tuple[Refresh, ...]:
    """The instance refreshes of a group that have not ended (AWS lists the newest first, and keeps six weeks)."""
    found = clients.autoscaling().describe_instance_refreshes(AutoScalingGroupName=group_name)["InstanceRefreshes"]
    return tuple(
        Refresh(
            r["InstanceRefreshId"],
            r["Status"],
            r["StartTime"].astimezone(UTC) if "StartTime" in r else None,
            r.get("PercentageComplete", 0),
        )
        for r in found
        if r["Status"] in _REFRESHING
    )


def warm_pool(group_name: str) -> tuple[dict[str, Any] | None, bool]:
    """A group's warm pool as PutWarmPool's four parameters, None without one; and whether it is just being deleted."""
    asked = clients.autoscaling().describe_warm_pool(AutoScalingGroupName=group_name, MaxRecords=1)
    found = asked.get("WarmPoolConfiguration")
    if not found or found.get("Status") == "PendingDelete":
        return None, bool(found)
    return {
        "MinSize": found.get("MinSize", 0),
        "MaxGroupPreparedCapacity": found.get("MaxGroupPreparedCapacity", -1),
        "PoolState": found.get("PoolState", "Stopped"),
        "InstanceReusePolicy": {"ReuseOnScaleIn": found.get("InstanceReusePolicy", {}).get("ReuseOnScaleIn", False)},
    }, False


def scales_in(group_name: str) -> bool:
    """Whether a scaling policy of the group lowers its desired capacity when the load is low."""
    pages = clients.autoscaling().get_paginator("describe_policies").paginate(AutoScalingGroupName=group_name)
    return any(
        policy.get("Enabled", True)
        and policy.get("PolicyType") != "PredictiveScaling"  # which never scales in
        and not policy.get("TargetTrackingConfiguration", {}).get("DisableScaleIn", False)
        for page in pages
        for policy in page["ScalingPolicies"]
    )
