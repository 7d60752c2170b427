"""The channels of a site, ready to deliver: each knows its own format, limits and errors, and none knows another."""

from datetime import datetime
from functools import partial

from firstbell.aws import clients, secrets
from firstbell.oncall.channels.apprise import Apprise
from firstbell.oncall.channels.channel import Channel, Refused
from firstbell.oncall.channels.pagerduty import PagerDuty
from firstbell.oncall.channels.people import People
from firstbell.oncall.channels.slack import Slack
from firstbell.oncall.channels.teams import Teams
from firstbell.oncall.channels.webhook import Webhook
from firstbell.site import Channel as Wanted
from firstbell.site import Site

REFERENCE = ("ssm:", "secretsmanager:")
MISSING = ("ParameterNotFound", "ResourceNotFoundException", "AccessDeniedException", "ValidationException")


def of(site: Site, topic: str, now: datetime) -> dict[str, Channel]:
    """The channels by name: people, at the on-call topic, and those of the site file. No secret is read yet."""
    made = (_made(wanted, site.private_hosts, now) for wanted in site.oncall.channels)
    people: Channel = People(topic)
    return {channel.name: channel for channel in (people, *made)}


def _made(wanted: Wanted, private_hosts: tuple[str, ...], now: datetime) -> Channel:
    name, value = wanted.label, partial(text_of, now=now)
    if wanted.pagerduty:
        return PagerDuty(name, partial(value, wanted.pagerduty))
    if wanted.slack:
        return Slack(name, partial(value, wanted.slack), wanted.room)
    if wanted.teams:
        return Teams(name, partial(value, wanted.teams), private_hosts)
    if wanted.apprise:
        return Apprise(name, partial(value, wanted.apprise))
    return Webhook(name, partial(value, wanted.webhook), partial(value, wanted.secret), private_hosts)


def text_of(text: str, now: datetime) -> str:
    """The text, or what the secret holds that it names. Raises Refused when there is no such secret to be had.

    The reason is not that the channel's other notices may wait for the operator, but that somebody else is told.
    """
    if not text.startswith(REFERENCE):
        return text
    try:
        return secrets.value(text, now)
    except ValueError as error:
        raise Refused(str(error)) from None
    except Exception as error:
        if (code := clients.error_code(error)) in MISSING:
            raise Refused(f"{text} cannot be read: {code}") from None
        raise
