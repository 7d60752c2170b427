"""The Auto Scaling API's operations on groups and instances: parameters in, answers out, refusals as AWS words them."""

from datetime import datetime

from simulator.cloud.autoscaling.describe import (
    describe_group,
    describe_hook,
    describe_managed_instance,
)
from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import PROCESSES, invalid
from simulator.cloud.autoscaling.policies import TargetTracking
from simulator.cloud.autoscaling.values import Instance, Wait
from simulator.cloud.ground import Json, Operation, page, with_token


class GroupApi:
    """Answers calls about groups, instances, hooks and activities."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._engine = fleet.engine

    def operations(self) -> dict[str, Operation]:
        """The operations by their API names."""
        return {
            "DescribeAutoScalingGroups": self.describe_groups,
            "DescribeAutoScalingInstances": self.describe_instances,
            "DescribeLifecycleHooks": self.describe_hooks,
            "DescribeScalingActivities": self.describe_activities,
            "DescribeInstanceRefreshes": self.describe_refreshes,
            "DescribePolicies": self.describe_policies,
            "UpdateAutoScalingGroup": self.update_group,
            "SetDesiredCapacity": self.set_desired,
            "CompleteLifecycleAction": self.complete_action,
            "RecordLifecycleActionHeartbeat": self.record_heartbeat,
            "SetInstanceHealth": self.set_health,
            "SetInstanceProtection": self.set_protection,
            "TerminateInstanceInAutoScalingGroup": self.terminate_instance,
            "SuspendProcesses": self.suspend,
            "ResumeProcesses": self.resume,
        }

    def describe_groups(self, params: Json) -> Json:
        """DescribeAutoScalingGroups: unknown names are left out."""
        _refuse_filters(params)
        names = params.get("AutoScalingGroupNames")
        groups = [group for name, group in self._fleet.groups.items() if not names or name in names]
        chosen, token = page(groups, params, "MaxRecords", 50, 100)
        return with_token({"AutoScalingGroups": [describe_group(group) for group in chosen]}, token)

    def describe_policies(self, params: Json) -> Json:
        """DescribePolicies of one group: the one that it has."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        policy = group.settings.policy
        kind = "TargetTrackingScaling" if isinstance(policy, TargetTracking) else "SimpleScaling"
        found = [{"AutoScalingGroupName": group.name, "PolicyName": policy.name, "PolicyType": kind}] if policy else []
        return {"ScalingPolicies": found}

    def describe_instances(self, params: Json) -> Json:
        """DescribeAutoScalingInstances; those of warm pools are among them."""
        wanted = params.get("InstanceIds")
        pairs = [
            (group, instance)
            for group in self._fleet.groups.values()
            for instance in group.instances.values()
            if not wanted or instance.instance_id in wanted
        ]
        chosen, token = page(pairs, params, "MaxRecords", 50, 50)
        return with_token({"AutoScalingInstances": [describe_managed_instance(*pair) for pair in chosen]}, token)

    def describe_hooks(self, params: Json) -> Json:
        """DescribeLifecycleHooks."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        names = params.get("LifecycleHookNames")
        hooks = [hook for hook in group.settings.hooks if not names or hook.name in names]
        return {"LifecycleHooks": [describe_hook(group, hook) for hook in hooks]}

    def describe_activities(self, params: Json) -> Json:
        """DescribeScalingActivities: in progress first, then newest first; of the filters StartTimeLowerBound."""
        begin = _lower_bound(params.get("Filters"))
        name, wanted = params.get("AutoScalingGroupName"), params.get("ActivityIds")
        groups = list(self._fleet.groups.values()) if name is None else [self._fleet.group(name)]
        activities = [activity for group in groups for activity in group.activities.listed()]
        activities = [activity for activity in activities if activity.started >= begin]
        if wanted:
            activities = [activity for activity in activities if activity.activity_id in wanted]
        chosen, token = page(activities, params, "MaxRecords", 100, 100)
        return with_token({"Activities": [activity.describe() for activity in chosen]}, token)

    def describe_refreshes(self, params: Json) -> Json:
        """DescribeInstanceRefreshes: those that `AutoScaling.begin_refresh` noted, newest first."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        chosen, token = page(group.refreshes[::-1], params, "MaxRecords", 50, 100)
        return with_token({"InstanceRefreshes": chosen}, token)

    def update_group(self, params: Json) -> None:
        """UpdateAutoScalingGroup: sizes and the zones' strategy; raises NotImplementedError for anything else."""
        known = {"AutoScalingGroupName", "MinSize", "MaxSize", "DesiredCapacity", "AvailabilityZoneDistribution"}
        if not known.issuperset(params):
            raise NotImplementedError(f"the twin does not update {sorted(set(params) - known)}")
        group = self._fleet.group(params["AutoScalingGroupName"])
        before = group.desired
        group.distribution = params.get("AvailabilityZoneDistribution", {}).get(
            "CapacityDistributionStrategy", group.distribution
        )
        group.resize(params.get("MinSize"), params.get("MaxSize"), params.get("DesiredCapacity"))
        sizes = f"min: {group.min_size}, max: {group.max_size}, desired: {group.desired}"
        self._fleet.changed(group, before, f"a user request update of AutoScalingGroup constraints to {sizes}")

    def set_desired(self, params: Json) -> None:
        """SetDesiredCapacity; HonorCooldown refuses it while anything is going on."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        before = group.desired
        if params.get("HonorCooldown"):
            group.refuse_while_active(self._engine.now)
        group.set_desired(params["DesiredCapacity"])
        self._fleet.changed(group, before, "a user request explicitly set group desired capacity")

    def complete_action(self, params: Json) -> Json:
        """CompleteLifecycleAction by token or by instance id; a ValidationError once the action is over."""
        instance, wait = self._find_wait(params)
        self._fleet.lifecycle.waits.complete(instance, wait, params["LifecycleActionResult"])
        return {}

    def record_heartbeat(self, params: Json) -> Json:
        """RecordLifecycleActionHeartbeat."""
        instance, wait = self._find_wait(params)
        self._fleet.lifecycle.waits.heartbeat(instance, wait)
        return {}

    def _find_wait(self, params: Json) -> tuple[Instance, Wait]:
        group = self._fleet.group(params["AutoScalingGroupName"])
        hook, token = params["LifecycleHookName"], params.get("LifecycleActionToken")
        instance_id = params.get("InstanceId")
        if token is None and instance_id is None:
            raise invalid("Either LifecycleActionToken or InstanceId must be specified")
        instance = group.instances.get(instance_id) if instance_id is not None else _holder(group.instances, token)
        wait = self._fleet.lifecycle.waits.find(instance, hook, token, instance_id)
        assert instance is not None  # noqa: S101 - find() raised otherwise
        return instance, wait

    def set_health(self, params: Json) -> None:
        """SetInstanceHealth."""
        if params["HealthStatus"] == "Unhealthy":
            self._fleet.fail_health(params["InstanceId"], "user", params.get("ShouldRespectGracePeriod", True))
        else:
            self._fleet.instance(params["InstanceId"])[1].health = "Healthy"

    def set_protection(self, params: Json) -> Json:
        """SetInstanceProtection."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        for instance_id in params["InstanceIds"]:
            group.member(instance_id).protected = params["ProtectedFromScaleIn"]
        self._fleet.settle(group)
        return {}

    def terminate_instance(self, params: Json) -> Json:
        """TerminateInstanceInAutoScalingGroup."""
        activity = self._fleet.terminate(params["InstanceId"], params["ShouldDecrementDesiredCapacity"])
        return {"Activity": activity.describe()}

    def suspend(self, params: Json) -> None:
        """SuspendProcesses (all of them without names)."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        stamp = f"User suspended at {self._engine.utc:%Y-%m-%dT%H:%M:%SZ}"
        for process in _processes(params):
            group.suspended.setdefault(process, stamp)

    def resume(self, params: Json) -> None:
        """ResumeProcesses (all of them without names)."""
        group = self._fleet.group(params["AutoScalingGroupName"])
        for process in _processes(params):
            group.suspended.pop(process, None)
        group.failing_since = None  # an administrative suspension starts over
        self._fleet.resumed(group)


def _holder(instances: dict[str, Instance], token: str | None) -> Instance | None:
    """The instance that waits with a token."""
    for instance in instances.values():
        if any(wait.token == token for wait in instance.waits):
            return instance
    return None


def _refuse_filters(params: Json) -> None:
    if params.get("Filters"):
        raise NotImplementedError("the twin does not filter groups")


def _lower_bound(filters: list[Json] | None) -> float:
    """The moment that the filters of activities begin at; activities of before are not asked for."""
    bounds = [0.0]
    for each in filters or []:
        if each["Name"] != "StartTimeLowerBound":
            raise NotImplementedError(f"the twin does not filter activities by {each['Name']}")
        bounds += [datetime.fromisoformat(value).timestamp() for value in each["Values"]]
    return max(bounds)


def _processes(params: Json) -> list[str]:
    processes = params.get("ScalingProcesses") or list(PROCESSES)
    for process in processes:
        if process not in PROCESSES:
            raise invalid(f"ScalingProcess {process} is not a valid process type")
    return processes
