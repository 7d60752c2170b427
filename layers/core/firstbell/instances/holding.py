"""How long a lifecycle hook may be held, and when it wants a heartbeat; pure, for admission and release alike."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from firstbell.fleet import Hook, Waiting
from firstbell.instances.actions import Heartbeat

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
OURS = "firstbell"
MANAGED = "CodeDeploy-managed"  # how the hooks begin that AWS CodeDeploy makes for itself, and ends itself
SAFE = timedelta(seconds=150)  # two looks, a minute apart, and half a minute for a late one
MARGIN = timedelta(seconds=135)  # one look more, and still a minute before AWS ends the hook itself
PAUSE = timedelta(seconds=30)


class NoHookError(Exception):
    """No lifecycle hook of the group can be told to be ours; the message says what to do."""


def our_hook(hooks: Iterable[Hook], transition: str) -> Hook:
    """The hook to act on: the one whose name begins with "firstbell", else the only one. Raises NoHookError."""
    found = [h for h in hooks if h.transition == transition and not h.name.startswith(MANAGED)]
    ours = [h for h in found if h.name.lower().startswith(OURS)] or found
    if len(ours) != 1:
        names = ", ".join(h.name for h in ours) or "none"
        raise NoHookError(f"expected one hook for {transition} (name it firstbell-…), found {names}")
    return ours[0]


def last_moment(waiting: Waiting) -> datetime:
    """From then on the wait must be ended, before AWS does it by the hook's default result."""
    return waiting.since + waiting.hook.longest - MARGIN


def heartbeat(waiting: Waiting, now: datetime, reason: str) -> list[Heartbeat]:
    """A heartbeat if more than half of the time-out is used or it might not last for two looks; else nothing."""
    timeout, used = waiting.hook.heartbeat_timeout, now - waiting.last_heartbeat
    soon = 2 * used > timeout or timeout - used < SAFE
    if not soon or used < min(PAUSE, timeout / 4):
        return []
    return [Heartbeat(waiting.instance.id, waiting.hook.name, f"{used.total_seconds():.0f} s used; {reason}")]
