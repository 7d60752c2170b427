"""Who hears what: the channels of a site, by severity. Pure."""

from urllib.parse import urlsplit

from firstbell.oncall.signal import Severity
from firstbell.oncall.texts import digest
from firstbell.site import OnCall, Webhook

PEOPLE = "on-call topic"  # its subscribers are e-mail addresses and telephones


def name_of(webhook: Webhook) -> str:
    """A webhook's name in the table and in messages: its host and a digest, for its path may be a secret."""
    return f"webhook {urlsplit(webhook.url).hostname} {digest(webhook.url)[:8]}"


def webhooks(on_call: OnCall) -> dict[str, Webhook]:
    """The webhooks by name; two with the same URL are one."""
    return {name_of(webhook): webhook for webhook in on_call.webhooks}


def channels(on_call: OnCall, severity: Severity = "page") -> tuple[str, ...]:
    """The channels that hear of such an incident, people first: they must not wait for a slow machine."""
    people = () if severity == "info" else (PEOPLE,)
    return (*people, *webhooks(on_call))
