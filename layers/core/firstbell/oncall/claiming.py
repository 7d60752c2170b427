"""The last stage: which deliveries are attempted now, and which are hopeless. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from firstbell.oncall.case import Case
from firstbell.oncall.incident import Action, Delivery, GivenUp, Tell
from firstbell.oncall.routing import channels

GIVE_UP = timedelta(hours=24)
FIRST_PAUSE = timedelta(seconds=45)  # less than the minute after which Lambda retries an asynchronous call
LONGEST_PAUSE = timedelta(hours=1)


def claim(case: Case) -> Case:
    """Which deliveries are attempted now, and which are hopeless? Both are recorded before anything is done."""
    if case.incident is None:
        return case
    known = channels(case.site.oncall)
    looked_at = [(d, _claimed(d, known, case.now)) for d in case.incident.deliveries]
    incident = replace(case.incident, deliveries=tuple(after for _, (after, _) in looked_at))
    due: list[Action] = []
    for before, (after, why) in looked_at:
        if after.state == "given_up" and before.state == "pending":
            due.append(GivenUp(incident, after, why))
        elif after.attempts > before.attempts:
            due.append(Tell(incident, after))
    return replace(case, incident=incident, actions=(*case.actions, *due))


def _claimed(delivery: Delivery, known: tuple[str, ...], now: datetime) -> tuple[Delivery, str]:
    if delivery.state != "pending":
        return delivery, ""
    if delivery.channel not in known:
        return replace(delivery, state="given_up", since=now), "the site file no longer names it"
    if now - delivery.since >= GIVE_UP:
        return replace(delivery, state="given_up", since=now), f"tried for {GIVE_UP // timedelta(hours=1)} hours"
    if now < delivery.due:
        return delivery, ""
    pause = min(FIRST_PAUSE * 2 ** min(delivery.attempts, 10), LONGEST_PAUSE)
    return replace(delivery, attempts=delivery.attempts + 1, due=now + pause), ""
