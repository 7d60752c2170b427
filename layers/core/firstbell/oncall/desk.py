"""The incidents' records: a signal or a tick becomes a recorded decision; and what was delivered is marked so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from firstbell.aws.table import Stored, Table
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import Action, Incident, Noted, Tell
from firstbell.oncall.pipeline import decide
from firstbell.plain import from_plain, to_plain
from firstbell.site import Fleet, Site

PREFIX = "INCIDENT#"
BOOK, NAME = "SITE#*", "NAME#"  # where the sites with incidents are listed: a tick finds also those not published
KEPT = timedelta(days=90)
KEPT_UNHEARD = timedelta(days=1)  # an end without a beginning: SNS delivers nothing that late
TRIES = 10


class ContentionError(Exception):
    """An incident changed under our hands too often; the retry comes with Lambda's, or with the next tick."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to settle: a letter's incident, or at a tick (`letter` None) the incident as it was `found`."""

    key: str
    letter: Letter | None = None
    found: Stored | None = None
    repeats: bool = True


@dataclass(frozen=True, slots=True)
class Desk:
    """The incidents in one table, at one moment."""

    table: Table
    now: datetime

    def agenda(self, sites: Sequence[Site], letters: Sequence[Letter]) -> Iterator[tuple[Site, list[Item]]]:
        """The sites with what is to be settled: of the letters, or at a tick every incident with something due."""
        known = {site.name: site for site in sites}
        if letters:
            for name in dict.fromkeys(letter.signal.site for letter in letters):
                items = [Item(x.signal.key, x) for x in letters if x.signal.site == name]
                yield known.get(name) or _stranger(name), items
            return
        booked = [stored.data["site"] for stored in self.table.query(BOOK, NAME)]
        for name in dict.fromkeys([*known, *booked]):
            site = known.get(name) or _stranger(name)
            yield site, self._due(site, repeats=name in known)

    def _due(self, site: Site, repeats: bool) -> list[Item]:
        """Incidents that a tick would change. Those of a site that is not published are delivered but not repeated."""
        stored = self.table.query(f"SITE#{site.name}", PREFIX)
        items = [Item(s.sk.removeprefix(PREFIX), None, s, repeats) for s in stored]
        return [item for item in items if self._decide(site, item, item.found)[1]]

    def _decide(self, site: Site, item: Item, stored: Stored | None) -> tuple[Incident | None, tuple[Action, ...]]:
        return decide(_read(stored), item.letter, site.oncall, self.now, item.repeats)

    def settle(self, site: Site, item: Item) -> tuple[Action, ...]:
        """Decide and record; what is returned is recorded as to be done. Raises ContentionError."""
        pk, sk = f"SITE#{site.name}", PREFIX + item.key
        stored = item.found or self.table.get(pk, sk)
        for _ in range(TRIES):
            incident, actions = self._decide(site, item, stored)
            if incident is None or incident == _read(stored):
                return actions
            if any(isinstance(action, Noted) and action.kind == "new" for action in actions):
                self.table.put(BOOK, NAME + site.name, {"site": site.name}, expires=self.now + KEPT)
            if self._write(pk, incident, stored):
                return actions
            stored = self.table.get(pk, sk)
        raise ContentionError(f"{site.name} {item.key}: changed {TRIES} times meanwhile")

    def mark_told(self, tell: Tell) -> None:
        """Record that a notice arrived; nothing if a newer one took its place meanwhile. Raises ContentionError."""
        pk, sk = f"SITE#{tell.incident.site}", PREFIX + tell.incident.key
        for _ in range(TRIES):
            stored = self.table.get(pk, sk)
            incident = _read(stored)
            if incident is None:
                return
            marked = tuple(
                replace(d, state="told", told_at=self.now)
                if (d.channel, d.number) == (tell.delivery.channel, tell.delivery.number)
                else d
                for d in incident.deliveries
            )
            if self._write(pk, replace(incident, deliveries=marked), stored):
                return
        raise ContentionError(f"{tell.incident.site} {tell.incident.key}: told, but could not be marked")

    def _write(self, pk: str, incident: Incident, stored: Stored | None) -> bool:
        kept = KEPT if incident.count else KEPT_UNHEARD
        expires = self.now + kept if incident.state == "resolved" else None
        version = stored.version if stored else 0
        return self.table.replace(pk, PREFIX + incident.key, to_plain(incident), version, expires)


def _read(stored: Stored | None) -> Incident | None:
    """The stored incident; one that cannot be read counts as none, so that the next signal is told as new."""
    try:
        return from_plain(Incident, stored.data) if stored else None
    except ValueError:
        return None


def _stranger(name: str) -> Site:
    """A site that is not published: who hears of it is who hears by default."""
    return Site(name=name, timezone="UTC", fleet=Fleet(auto_scaling_group=name))
