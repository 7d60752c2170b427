"""Observes a site for the watch over its peaks: the group, the balancer, activities, admissions, what was lent."""

from datetime import datetime

from firstbell.aws import autoscaling, balancer
from firstbell.aws.table import Table
from firstbell.capacity import keeping, planning
from firstbell.fleet import Group
from firstbell.instances.keeping import Records
from firstbell.learning import remembering
from firstbell.plain import from_plain
from firstbell.readiness import freezing
from firstbell.readiness.launch_troubles import RECENT
from firstbell.readiness.sight import Sight
from firstbell.readiness.zones import Lent
from firstbell.site import Site

LENT = "ZONES"


def look(site: Site, table: Table, now: datetime) -> Sight:
    """Everything that is decided on near and during a peak. Raises UnknownGroupError."""
    seen = keeping.observe(site, table, now)
    freeze = freezing.frozen(site, seen.plan, now)
    since = now - RECENT if freeze is None else min(freeze.start, now - RECENT)
    stored = table.get(f"SITE#{site.name}", LENT)
    return Sight(
        seen=seen,
        targets=_targets(seen.group),
        lead=planning.lead_time(site, remembering.recall(table, site)),
        activities=autoscaling.activities_since(seen.group.name, since),
        records=Records.of(table, site.name, now).all,
        refreshes=autoscaling.refreshes(seen.group.name) if freeze else (),
        lent=from_plain(Lent, stored.data) if stored else None,
    )


def _targets(group: Group) -> tuple[tuple[str, str], ...]:
    by_group = [balancer.target_states(arn) for arn in group.target_groups]
    targets = []
    for instance in group.in_service:
        states = [found.get(instance.id, "unused") for found in by_group]
        bad = [state for state in states if state != "healthy"] or ([] if instance.healthy else ["unhealthy"])
        targets.append((instance.id, bad[0] if bad else "healthy"))
    return tuple(targets)
