"""Release: a leaving instance is taken out of the balancer, may finish what it serves, and then goes; pure.

Where the group has the target group attached, AWS deregisters the instance itself, before the hook or while it waits;
whatever the order, what counts is the state of the target as it is now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.acting import Explained
from firstbell.fleet import Waiting
from firstbell.instances.actions import Continue, Deregister, Wait
from firstbell.instances.holding import heartbeat, last_moment
from firstbell.site import Site

GONE = "unused"  # what AWS says of a target that is not, or no longer, registered


@dataclass(frozen=True, slots=True)
class Leaving:
    """An instance in its terminate hook, and how it stands in each target group of its group (absent: unused).

    `deregistered` are the target groups that it was taken out of by us, the first time at `draining_since` (UTC).
    """

    waiting: Waiting
    targets: tuple[tuple[str, str], ...]
    deregistered: tuple[str, ...] = ()
    draining_since: datetime | None = None
    waits_for: str = ""

    @property
    def id(self) -> str:
        """The instance's id."""
        return self.waiting.instance.id

    @property
    def began(self) -> datetime:
        """When the draining began: when we took it out, else, if AWS did, no later than its termination began."""
        return self.draining_since or self.waiting.since


def decide(site: Site, leaving: tuple[Leaving, ...], now: datetime) -> list[Explained]:
    """What to do now with each. Deciding again after all of it is applied gives nothing new."""
    return [action for it in leaving for action in _decide(site, it, now)]


def _decide(site: Site, it: Leaving, now: datetime) -> list[Explained]:
    end = _end(site, it, now)
    if end:
        return [Continue(it.id, it.waiting.hook.name, end)]
    out: list[Explained] = [
        Deregister(it.id, target, f"it leaves, and is still {state} there: no new sessions, the old ones may finish")
        for target, state in it.targets
        if state not in (GONE, "draining") and target not in it.deregistered
    ]
    reason = "waiting for its sessions to drain"
    waits = [] if out or it.waits_for == reason else [Wait(it.id, reason)]
    return [*out, *heartbeat(it.waiting, now, reason), *waits]


def _end(site: Site, it: Leaving, now: datetime) -> str:
    """Why the wait is over, or an empty text."""
    left = sorted(target for target, state in it.targets if state != GONE)
    if not left:
        if it.draining_since is not None:
            return f"drained after {_seconds(now - it.began)}"
        how = f"is out of every target group, {_seconds(now - it.began)} after it began to leave"
        return f"it {how if it.targets else 'is in no target group'}: nothing to drain"
    if now >= last_moment(it.waiting):
        return f"its hook cannot be held any longer, {_seconds(now - it.waiting.since)} after it began to leave"
    untouched = [t for t, state in it.targets if state not in (GONE, "draining") and t not in it.deregistered]
    if not untouched and now - it.began >= timedelta(seconds=site.admission.drain):
        return f"still not drained after {_seconds(now - it.began)}, and {site.admission.drain} s is the limit"
    return ""


def _seconds(duration: timedelta) -> str:
    return f"{max(0, round(duration.total_seconds()))} s"
