"""Links that acknowledge: made for a notice, followed once, within a day. The key is made at the first use."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from firstbell.aws import clients, parameters
from firstbell.aws.table import Table
from firstbell.environment import Environment
from firstbell.oncall import records, tokens
from firstbell.oncall.acknowledging import acknowledged
from firstbell.oncall.desk import PREFIX as INCIDENT
from firstbell.oncall.incident import Incident
from firstbell.plain import from_plain, to_plain
from firstbell.running import Run

PREFIX, LINK = "ACK#", "LINK"
KEPT = timedelta(days=3)  # a notice is tried for a day, the link of the last attempt holds for another


@dataclass(frozen=True, slots=True)
class Link:
    """What a handle stands for: notice `number` of the incident `key` of the site called `name`."""

    name: str
    key: str
    number: int
    used_at: datetime | None = None


@dataclass
class Links:
    """Makes a run's links. Those of a notice are one, in whatever channel: who uses it uses up all."""

    run: Run
    _made: dict[tuple[Link, datetime], str] = field(default_factory=dict)

    def url(self, incident: Incident, number: int) -> str:
        """The address for acknowledging a notice; empty when none can be made, for the notice must go out anyway.

        What went wrong then is raised at the end of the run.
        """
        link = Link(incident.site, incident.key, number)
        made = (link, incident.opened_at)
        if made not in self._made:
            self._made[made] = ""
            with self.run.guard(link):
                self._made[made] = self._make(link, incident.opened_at)
        return self._made[made]

    def _make(self, link: Link, opened_at: datetime) -> str:
        environment, now = self.run.environment, self.run.now
        if not environment.acknowledge_url:
            return ""
        key = parameters.made(environment.acknowledge_key, lambda: secrets.token_urlsafe(32), now)
        handle = tokens.handle(key, link.name, link.key, opened_at.isoformat(), str(link.number))
        self.run.table.replace(PREFIX + handle, LINK, to_plain(link), 0, now + KEPT)  # False: it is there already
        return f"{environment.acknowledge_url}?t={tokens.make(key, handle, now)}"


@dataclass(frozen=True, slots=True)
class Followed:
    """A link that somebody has followed, as it is in the table."""

    link: Link
    handle: str
    version: int

    def shown(self, table: Table, now: datetime) -> Incident | str:
        """The incident as it would be once acknowledged, or the sentence why it is not to be; nothing is changed."""
        found = records.read(Incident, table.get(f"SITE#{self.link.name}", INCIDENT + self.link.key))
        return acknowledged(found, self.link.number, "", now)

    def use_up(self, table: Table, now: datetime) -> None:
        """Mark it as used, if nobody was faster."""
        used = to_plain(replace(self.link, used_at=now))
        table.replace(PREFIX + self.handle, LINK, used, self.version, now + KEPT)


def follow(environment: Environment, table: Table, token: str, now: datetime) -> Followed:
    """What a token stands for; the table is read only for one of ours. Raises ForgedError, and ExpiredError if used."""
    handle = tokens.check(_key(environment, now), token, now)
    stored = table.get(PREFIX + handle, LINK)
    if stored is None:
        raise tokens.ForgedError
    link = from_plain(Link, stored.data)
    if link.used_at is not None:
        raise tokens.ExpiredError
    return Followed(link, handle, stored.version)


def _key(environment: Environment, now: datetime) -> str:
    """The key, without which no link was ever made. Raises ForgedError then."""
    try:
        return parameters.secret(environment.acknowledge_key, now)
    except Exception as error:
        if clients.error_code(error) == "ParameterNotFound":
            raise tokens.ForgedError from None
        raise
