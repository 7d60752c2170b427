"""EC2 Auto Scaling: groups, hooks, activities and scheduled actions in, the few changes that Firstbell makes out."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from firstbell.aws import clients
from firstbell.fleet import Activity, Group, Hook, Instance, ScheduledAction

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
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
    it = found[0]
    return Group(
        name=name,
        min_size=it["MinSize"],
        max_size=it["MaxSize"],
        desired=it["DesiredCapacity"],
        instances=tuple(
            Instance(i["InstanceId"], i["LifecycleState"], i["AvailabilityZone"], i["HealthStatus"] == "Healthy")
            for i in it.get("Instances", [])
        ),
        target_groups=tuple(it.get("TargetGroupARNs", [])),
        suspended=frozenset(p.get("ProcessName", "") for p in it.get("SuspendedProcesses", [])),
    )


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
    return tuple(
        Activity(
            start=a["StartTime"].astimezone(UTC),
            status=a["StatusCode"],
            description=a.get("Description", ""),
            message=a.get("StatusMessage", ""),
            instance=_instance_in(a.get("Description", "")),
        )
        for a in found["Activities"]
    )


def _instance_in(description: str) -> str:
    """The instance that an activity is about; AWS names it in the description only."""
    found = re.search(r"\bi-[0-9a-f]{8,17}\b", description)
    return found[0] if found else ""


def scheduled_actions(group_name: str) -> tuple[ScheduledAction, ...]:
    """All scheduled actions of a group, ours and others', recurring ones by their next start."""
    pages = clients.autoscaling().get_paginator("describe_scheduled_actions").paginate(AutoScalingGroupName=group_name)
    return tuple(
        ScheduledAction(
            start=a.get("StartTime", a.get("Time", _FAR)).astimezone(UTC),
            name=a["ScheduledActionName"],
            min_size=a.get("MinSize"),
        )
        for page in pages
        for a in page["ScheduledUpdateGroupActions"]
    )


def put_scheduled_actions(group_name: str, wanted: Sequence[ScheduledAction]) -> None:
    """Write one-off scheduled actions that set MinSize. Raises PartlyRefusedError when AWS takes some only."""
    for n in range(0, len(wanted), BATCH):
        requests: Any = [
            {"ScheduledActionName": a.name, "StartTime": a.start, "MinSize": a.min_size} for a in wanted[n : n + BATCH]
        ]
        answer = clients.autoscaling().batch_put_scheduled_update_group_action(
            AutoScalingGroupName=group_name, ScheduledUpdateGroupActions=requests
        )
        _raise_refused(answer.get("FailedScheduledUpdateGroupActions", []))


def delete_scheduled_actions(group_name: str, names: Sequence[str]) -> None:
    """Delete scheduled actions by name; one that ran meanwhile is gone already and no failure."""
    for n in range(0, len(names), BATCH):
        answer = clients.autoscaling().batch_delete_scheduled_action(
            AutoScalingGroupName=group_name, ScheduledActionNames=list(names[n : n + BATCH])
        )
        failed = answer.get("FailedScheduledActions", [])
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
