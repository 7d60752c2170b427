"""What on-call hears from the planner: one incident each, resolved by the first run without it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from firstbell.capacity.values import Plan
from firstbell.fleet import Group
from firstbell.oncall.signal import Signal
from firstbell.readiness.launch_troubles import Trouble


@dataclass(frozen=True, slots=True)
class Complaint:
    """The standing part of a signal; its `key` is also the name of its runbook."""

    key: str
    title: str
    what: str

    def signal(self, site: str, evidence: tuple[str, ...], now: datetime, about: str = "") -> Signal:
        """The signal for a site, with what was seen; `about` tells incidents of one kind apart."""
        key = f"{self.key}/{about}" if about else self.key
        return Signal(site, key, "page", self.title, self.what, self.key, now, evidence)


SITE_FILE = Complaint(
    "site-file",
    "The site file cannot be used",
    "Its last good version stays in force, if there was one; nothing was changed.",
)
CALENDAR = Complaint(
    "calendar-source",
    "A calendar cannot be used",
    "Its last good copy is used, if there is one; peaks that were added to it since are not planned.",
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
LAUNCHES = Complaint(
    "launches-fail",
    "Launches fail",
    "The group has fewer instances than it wants, and AWS says why. What is planned may not come either.",
)
ALL = (SITE_FILE, CALENDAR, GROUP, SHORTFALL, SUSPENDED)  # what the planning itself can say is over


def about_sources(site: str, stale: Mapping[str, str], now: datetime) -> list[Signal]:
    """What is wrong with the site's calendars, by their keys: one incident a calendar."""
    return [CALENDAR.signal(site, (said,), now, key) for key, said in sorted(stale.items())]


def about_plan(site: str, plan: Plan, group: Group, now: datetime) -> list[Signal]:
    """What is wrong with a plan, and with the group that is to follow it."""
    found = []
    if plan.shortfalls:
        found.append(SHORTFALL.signal(site, plan.shortfalls[:20], now))
    if "ScheduledActions" in group.suspended:
        found.append(SUSPENDED.signal(site, (), now))
    return found


def about_launches(site: str, troubles: Sequence[Trouble], now: datetime) -> list[Signal]:
    """Why launches fail."""
    return [LAUNCHES.signal(site, tuple(trouble.said for trouble in troubles), now)] if troubles else []
