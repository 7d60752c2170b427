"""Observes a group for release: the instances in their terminate hook, and how they stand in the balancer."""

from datetime import datetime

from firstbell.aws import autoscaling, balancer
from firstbell.aws.table import Table
from firstbell.fleet import TERMINATE_WAIT
from firstbell.instances.holding import TERMINATING
from firstbell.instances.keeping import Records
from firstbell.instances.release import GONE, Leaving
from firstbell.instances.waits import begin
from firstbell.site import Site

PREFIX = "LEAVING#"
TERMINATE_WAITS = frozenset({TERMINATE_WAIT, "Warmed:Terminating:Wait"})


def leaving(table: Table, site: Site, now: datetime) -> tuple[tuple[Leaving, ...], Records] | None:
    """The instances that leave; None, after a single API call, if there are none."""
    group = autoscaling.group(site.fleet.auto_scaling_group)
    waiting = [i for i in group.instances if i.state in TERMINATE_WAITS]
    if not waiting:
        return None
    records = Records.of(table, site.name, now, PREFIX)
    begin(group.name, waiting, records, TERMINATING)
    states = {arn: balancer.target_states(arn) for arn in group.target_groups}
    found = []
    for instance in waiting:
        record = records.get(instance.id)
        if record is not None and record.phase != "ended":
            targets = tuple((arn, states[arn].get(instance.id, GONE)) for arn in group.target_groups)
            wait = record.waiting(instance, TERMINATING)
            found.append(Leaving(wait, targets, record.deregistered, record.draining_since, record.waits_for))
    return tuple(found), records
