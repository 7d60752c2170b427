"""Observes everything that a site's plan is made of, and drafts the plan."""

from dataclasses import dataclass
from datetime import datetime

from firstbell.aws import autoscaling
from firstbell.aws.table import Table
from firstbell.capacity import complaints, keeping, publishing, reconcile
from firstbell.capacity.planning import make_plan
from firstbell.capacity.reconcile import Change, Seen, SetDesired
from firstbell.capacity.values import Plan
from firstbell.fleet import Group
from firstbell.learning import remembering
from firstbell.oncall.signal import Signal
from firstbell.readiness.launch_troubles import Trouble, launch_troubles
from firstbell.site import Site


@dataclass(frozen=True, slots=True)
class Draft:
    """What was seen of a site's group and calendars, and the plan that follows from it."""

    site: Site
    seen: Seen
    found: publishing.Read
    plan: Plan
    troubles: tuple[Trouble, ...] = ()
    let_go: tuple[SetDesired, ...] = ()

    def changes(self, now: datetime) -> list[Change]:
        """What brings the group to the plan."""
        return [*reconcile.follow(self.site, self.seen, self.plan, now), *self.let_go]

    def complaints(self, now: datetime) -> list[Signal]:
        """What on-call should hear of the plan and its calendars."""
        about_plan = complaints.about_plan(self.site.name, self.plan, self.seen.group, self.troubles, now)
        return [*about_plan, *complaints.about_sources(self.site.name, self.found.calls, now)]


def draft(site: Site, folder: publishing.SiteFolder, table: Table, now: datetime) -> Draft:
    """Read the group, the calendars and what was learned, and plan. Raises UnknownGroupError."""
    seen = keeping.observe(site, table, now)
    found = publishing.read_calendars(site, folder, table, now)
    plan = make_plan(
        site,
        found.content.peaks,
        *publishing.window(now),
        seen.group.max_size,
        found.warnings,
        remembering.recall(table, site),
        reconcile.resting(site, seen),
        found.content.advice,
    )
    let_go = reconcile.let_go(site, seen, plan, now)
    if let_go and autoscaling.scales_in(seen.group.name):  # which is asked only when it matters
        let_go = []
    kept = reconcile.remembering(site, seen, plan)
    return Draft(site, seen, found, kept, _troubles(seen.group, now), tuple(let_go))


def _troubles(group: Group, now: datetime) -> tuple[Trouble, ...]:
    """Why launches fail; only a group that lacks instances is asked. Of failed admissions admission itself tells."""
    if len(group.in_service) + len(group.coming) >= group.desired:
        return ()
    found = launch_troubles(autoscaling.activities(group.name), now)
    return tuple(trouble for trouble in found if trouble.kind != "admission")
