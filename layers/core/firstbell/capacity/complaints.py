"""What on-call hears from the planner: one incident a site each, resolved by the first run without it. Pure."""

from dataclasses import dataclass
from datetime import datetime

from firstbell.capacity.values import Plan
from firstbell.oncall.signal import Signal


@dataclass(frozen=True, slots=True)
class Complaint:
    """The standing part of a signal; its `key` is also the name of its runbook."""

    key: str
    title: str
    what: str

    def signal(self, site: str, evidence: tuple[str, ...], now: datetime) -> Signal:
        """The signal for a site, with what was seen."""
        return Signal(site, self.key, "page", self.title, self.what, self.key, now, evidence)


SITE_FILE = Complaint(
    "site-file",
    "The site file cannot be used",
    "Its last good version stays in force, if there was one; nothing was changed.",
)
CALENDAR = Complaint(
    "calendar-source",
    "A calendar cannot be used",
    "The last good plan stays in force; peaks that were added since are not planned.",
)
GROUP = Complaint(
    "unknown-group",
    "The Auto Scaling group cannot be found",
    "Nothing can be planned or scaled for this site until its site file names a group of this account and region.",
)
SHORTFALL = Complaint(
    "plan-shortfall",
    "A planned peak needs more instances than allowed",
    "It is planned up to the most that is allowed. Raise max_instances, the group's MaxSize and the"
    " account's quota, or flatten the peak.",
)
SUSPENDED = Complaint(
    "scheduled-actions-suspended",
    "The group does not run scheduled actions",
    "Somebody suspended the group's ScheduledActions process: planned capacity would not come. Resume it.",
)
ALL = (SITE_FILE, CALENDAR, GROUP, SHORTFALL, SUSPENDED)


def about_plan(site: str, plan: Plan | None, suspended: frozenset[str], now: datetime) -> list[Signal]:
    """What is wrong with a plan that could be made."""
    found = []
    if plan is not None and plan.shortfalls:
        found.append(SHORTFALL.signal(site, plan.shortfalls[:20], now))
    if "ScheduledActions" in suspended:
        found.append(SUSPENDED.signal(site, (), now))
    return found
