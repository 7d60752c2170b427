"""Somebody takes an incident: what that changes. Pure."""

from dataclasses import replace
from datetime import datetime

from firstbell.oncall.incident import Delivery, Incident
from firstbell.oncall.texts import one_line

BY = 200  # characters


def acknowledged(incident: Incident | None, number: int, by: str, now: datetime) -> Incident | str:
    """The incident as taken by somebody who saw notice `number`, or the sentence why it is not to be taken.

    The channels that know of it are to hear so; who saw only what it was before it became worse has not taken it.
    """
    if incident is None:
        return "There is no such incident."
    if incident.state != "open":
        return f"It is over already: {incident.title}"
    if number < incident.called:
        return f"It has changed since: look at the newest message about it: {incident.title}"
    if incident.acknowledged_at is not None:
        return f"{incident.acknowledged_by} has taken it at {incident.acknowledged_at:%H:%M} UTC: {incident.title}"
    told = tuple(_told(d, incident.number + 1, now) for d in incident.deliveries)
    name = one_line(by, BY) or "somebody"
    return replace(incident, acknowledged_at=now, acknowledged_by=name, number=incident.number + 1, deliveries=told)


def _told(delivery: Delivery, number: int, now: datetime) -> Delivery:
    if not delivery.may_be_known:
        return delivery
    return Delivery(delivery.channel, number, "acknowledged", now, now, heard=True, receipt=delivery.receipt)
