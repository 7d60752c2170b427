"""The heartbeat: while the planner runs, a site's dead man's switch is asked; its silence tells people. Pure."""

from datetime import datetime, timedelta

from firstbell.oncall.signal import Signal

KEY = "ping"
FRESH = timedelta(hours=1)  # since the planner's last run: by then it has missed three
PATIENCE = timedelta(hours=1)  # of failing, before it is said: the switch itself tells people that it hears nothing


def is_alive(planned_at: datetime | None, now: datetime) -> bool:
    """Whether the planner has run lately enough to say that Firstbell lives."""
    return planned_at is not None and now - planned_at < FRESH


def decide(site: str, why: str, since: datetime, raised: bool, now: datetime) -> list[Signal]:
    """What there is to say of a ping that failed first at `since`, and now because of `why` (empty: it did not)."""
    title = "The dead man's switch is not reached"
    if not why:
        what = "The address in oncall.ping answers again."
        return [Signal(site, KEY, "info", title, what, "ping-fails", now, resolved=True)] if raised else []
    if raised or now - since < PATIENCE:
        return []
    what = "The address in oncall.ping takes no heartbeat, so that whoever watches there believes Firstbell to be dead."
    evidence = (f"failing since {since:%Y-%m-%d %H:%M} UTC", f"last: {why}")
    return [Signal(site, KEY, "info", title, what, "ping-fails", now, evidence)]
