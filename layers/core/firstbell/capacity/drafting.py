"""Observes everything that a site's plan is made of, and drafts the plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from firstbell.aws import autoscaling
from firstbell.aws.table import Table
from firstbell.capacity import complaints, keeping, publishing, reconcile
from firstbell.capacity.planning import make_plan
from firstbell.capacity.reconcile import Change, Seen, SetDesired
from firstbell.capacity.values import Peak, Plan
from firstbell.learning import remembering
from firstbell.oncall.signal import Signal
from firstbell.readiness.launch_troubles import launch_troubles
from firstbell.site import Site


@dataclass(frozen=True, slots=True)
class Draft:
    """What was seen of a site's group and calendars, and the plan that follows from it."""

    site: Site
    seen: Seen
    found: publishing.Read
    plan: Plan

    def changes(self, now: datetime) -> list[Change]:
        """What brings the group to the plan."""
        return reconcile.follow(self.site, self.seen, self.plan, now)

    def let_go(self, now: datetime) -> list[SetDesired]:
        """What takes back the instances that no scaling policy takes back; AWS is asked only when it matters."""
        found = reconcile.let_go(self.site, self.seen, self.plan, now)
        return [] if found and autoscaling.scales_in(self.seen.group.name) else found

    def complaints(self, now: datetime) -> list[Signal]:
        """What on-call should hear of the plan and its calendars."""
        about_plan = complaints.about_plan(self.site.name, self.plan, self.seen.group, now)
        return [*about_plan, *complaints.about_sources(self.site.name, self.found.calls, now)]

    def troubles(self, now: datetime) -> list[Signal]:
        """Why launches fail; only a group that lacks instances is asked. Of failed admissions admission tells."""
        group = self.seen.group
        if len(group.in_service) + len(group.coming) >= group.desired:
            return []
        found = [t for t in launch_troubles(autoscaling.activities(group.name), now) if t.kind != "admission"]
        return complaints.about_launches(self.site.name, found, now)


def draft(site: Site, folder: publishing.SiteFolder, table: Table, now: datetime) -> Draft:
    """Read the calendars, what was learned, and last, for it may change, the group. Raises UnknownGroupError."""
    found = publishing.read_calendars(site, folder, table, now)
    learned = remembering.recall(table, site)
    seen = keeping.observe(site, table, now)
    kept = _kept(seen.plan, found)
    plan = make_plan(
        site,
        [*found.content.peaks, *kept],
        *publishing.window(now),
        seen.group.max_size,
        [*found.warnings, *(f"{p.title} ({p.source}) is kept until all calendars were read once" for p in kept)],
        learned,
        reconcile.resting(site, seen, now),
        found.content.advice,
    )
    return Draft(site, seen, found, reconcile.remembering(site, seen, plan, now))


def _kept(before: Plan | None, found: publishing.Read) -> Sequence[Peak]:
    """While a calendar was never read well: the peaks of those that left the site file, for it may be a new name."""
    if before is None or all(reading.record.good_at for reading in found.readings):
        return ()
    present = {reading.record.label for reading in found.readings}
    known = {peak.key for peak in found.content.peaks}
    return [p for p in before.peaks if p.source not in present and p.key not in known]
