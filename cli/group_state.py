"""The group that a plan is compared with: from a file that the AWS CLI wrote, or described live."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.errors import CommandError
from firstbell.capacity.reconcile import Seen
from firstbell.site import Site

LARGEST = 10 * 1024 * 1024
CURE = (
    "give it what `aws autoscaling describe-auto-scaling-groups` prints (and, merged into the same object,"
    " `describe-scheduled-actions`)"
)


def from_file(path: Path, site: Site) -> Seen:
    """What a file says of the site's group. Raises CommandError when it is no such answer or has another group."""
    from firstbell.aws import autoscaling

    if path.stat().st_size > LARGEST:
        raise CommandError(f"{path}: larger than {LARGEST // 2**20} MiB: no description of a group")
    try:
        answer = json.loads(path.read_bytes())
        groups = {g["AutoScalingGroupName"]: g for g in answer["AutoScalingGroups"]}
        name = site.fleet.auto_scaling_group
        if name not in groups:
            raise CommandError(f"{path}: has no group {name!r}, only {', '.join(sorted(groups)) or 'none'}")
        scheduled = [
            _dated(a) for a in answer.get("ScheduledUpdateGroupActions", []) if a["AutoScalingGroupName"] == name
        ]
        group = autoscaling.group_of(groups[name])
        return Seen(group, tuple(autoscaling.scheduled_of(a) for a in scheduled), None, ())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{path}: not a description of a group ({type(error).__name__}: {error}); {CURE}") from error


def _dated(action: dict[str, Any]) -> dict[str, Any]:
    """The AWS CLI prints times as text."""
    times: dict[str, Any] = {k: datetime.fromisoformat(action[k]) for k in ("StartTime", "Time") if k in action}
    return {**action, **times}


def live(site: Site, table: str, now: datetime) -> Seen:
    """The group as AWS has it now; with the controller's table, also the plan in force and the leases."""
    from firstbell.aws import autoscaling
    from firstbell.aws.table import Table
    from firstbell.capacity import keeping

    if table:
        return keeping.observe(site, Table(table), now)
    name = site.fleet.auto_scaling_group
    return Seen(autoscaling.group(name), autoscaling.scheduled_actions(name), None, ())
