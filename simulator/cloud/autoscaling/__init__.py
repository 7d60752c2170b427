"""A model of EC2 Auto Scaling as AWS documents it: lifecycle, hooks, bounds, scheduled actions, scaling policies."""

from simulator.cloud.autoscaling.group import Group
from simulator.cloud.autoscaling.model import AutoScaling
from simulator.cloud.autoscaling.policies import SimpleScaling, TargetTracking
from simulator.cloud.autoscaling.values import (
    BALANCED_ONLY,
    BEST_EFFORT,
    LAUNCHING,
    TERMINATING,
    Duration,
    GroupSettings,
    Hook,
    Instance,
    State,
    World,
)

__all__ = [
    "BALANCED_ONLY",
    "BEST_EFFORT",
    "LAUNCHING",
    "TERMINATING",
    "AutoScaling",
    "Duration",
    "Group",
    "GroupSettings",
    "Hook",
    "Instance",
    "SimpleScaling",
    "State",
    "TargetTracking",
    "World",
]
