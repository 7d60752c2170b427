"""Groups, instances and hooks in the shapes of the Auto Scaling API."""

from simulator.cloud.autoscaling.group import Group
from simulator.cloud.autoscaling.values import Hook, Instance
from simulator.cloud.ground import Json, at_utc


def describe_group(group: Group) -> Json:
    """One entry of DescribeAutoScalingGroups; the instances of its warm pool are counted, not listed."""
    settings = group.settings
    answer: Json = {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "MinSize": group.min_size,
        "MaxSize": group.max_size,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": settings.default_cooldown,
        "AvailabilityZones": list(settings.zones),
        "LoadBalancerNames": [],
        "TargetGroupARNs": list(settings.target_group_arns),
        "HealthCheckType": settings.health_check_type,
        "HealthCheckGracePeriod": settings.health_check_grace_period,
        "Instances": [describe_instance(group, i) for i in group.instances.values() if not i.pooled],
        "CreatedTime": at_utc(group.created),
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": reason} for name, reason in sorted(group.suspended.items())
        ],
        "VPCZoneIdentifier": ",".join(f"subnet-{zone}" for zone in settings.zones),
        "EnabledMetrics": [],
        "Tags": [_tag(group.name, key, value) for key, value in settings.tags],
        "TerminationPolicies": ["Default"],
        "NewInstancesProtectedFromScaleIn": settings.new_instances_protected,
        "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": group.distribution},
        "CapacityRebalance": settings.capacity_rebalance,
    }
    if settings.max_instance_lifetime:
        answer["MaxInstanceLifetime"] = settings.max_instance_lifetime
    if settings.on_demand_share is not None:
        spread: Json = {"OnDemandBaseCapacity": 0, "OnDemandPercentageAboveBaseCapacity": settings.on_demand_share}
        answer["MixedInstancesPolicy"] = {"InstancesDistribution": spread}
    if group.pool is not None:
        answer["WarmPoolConfiguration"] = group.pool.describe()
        answer["WarmPoolSize"] = sum(instance.pooled for instance in group.instances.values())
    if settings.default_instance_warmup is not None:
        answer["DefaultInstanceWarmup"] = settings.default_instance_warmup
    return answer


def describe_instance(group: Group, instance: Instance) -> Json:
    """An instance as DescribeAutoScalingGroups lists it."""
    return {
        "InstanceId": instance.instance_id,
        "InstanceType": group.settings.instance_type,
        "AvailabilityZone": instance.zone,
        "LifecycleState": str(instance.state),
        "HealthStatus": instance.health,
        "ProtectedFromScaleIn": instance.protected,
    }


def describe_managed_instance(group: Group, instance: Instance) -> Json:
    """An instance as DescribeAutoScalingInstances lists it: with its group, and with health in capitals."""
    described = describe_instance(group, instance)
    return {**described, "AutoScalingGroupName": group.name, "HealthStatus": instance.health.upper()}


def describe_hook(group: Group, hook: Hook) -> Json:
    """One entry of DescribeLifecycleHooks."""
    answer: Json = {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": group.name,
        "LifecycleTransition": hook.transition,
        "HeartbeatTimeout": hook.heartbeat_timeout,
        "GlobalTimeout": hook.global_timeout,
        "DefaultResult": hook.default_result,
    }
    return answer if hook.metadata is None else {**answer, "NotificationMetadata": hook.metadata}


def _tag(group: str, key: str, value: str) -> Json:
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": value,
        "PropagateAtLaunch": True,
    }
