"""The incidents' records: a signal or a tick becomes a recorded decision; and what was delivered is marked so."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from firstbell.aws.table import Stored, Table
from firstbell.oncall import pipeline, records
from firstbell.oncall.acknowledging import acknowledged
from firstbell.oncall.case import Around
from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import Action, Delivery, Incident, Noted, Tell
from firstbell.oncall.surroundings import Surroundings
from firstbell.plain import to_plain
from firstbell.site import Fleet, Site

PREFIX = "INCIDENT#"
BOOK, NAME = "SITE#*", "NAME#"  # where the sites with incidents are listed: a tick finds also those not published
KEPT = timedelta(days=90)
KEPT_UNHEARD = timedelta(days=1)  # an end without a beginning: SNS delivers nothing that late
TRIES = 10
Decision = tuple[Incident | None, tuple[Action, ...]]


class ContentionError(Exception):
    """An incident changed under our hands too often; the retry comes with Lambda's, or with the next tick."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to settle: a letter's incident, or at a tick (`letter` None) the incident as it was found."""

    key: str
    letter: Letter | None = None
    repeats: bool = True


@dataclass(frozen=True, slots=True)
class Desk:
    """The incidents in one table, at one moment; what was read or written in this run is not read again."""

    table: Table
    now: datetime
    _known: dict[tuple[str, str], Stored] = field(default_factory=dict)
    _around: dict[str, Surroundings] = field(default_factory=dict)
    _read_whole: set[str] = field(default_factory=set)

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
        live = [(Item(key, None, repeats), i) for key, i in self._all(site.name) if i is not None and i.live]
        return [item for item, incident in live if self._decide(site, item, incident) != (incident, ())]

    def settle(self, site: Site, item: Item) -> tuple[Action, ...]:
        """Decide and record; what is returned is recorded as to be done. Raises ContentionError."""
        decision = self._change(site.name, item.key, lambda incident: self._decide(site, item, incident))
        return decision[1]

    def mark_told(self, tell: Tell, receipt: str = "") -> None:
        """Record that a notice arrived, and what its channel wants to be reminded of. Raises ContentionError."""
        self._mark(tell, lambda d: replace(d, state="told", told_at=self.now, heard=True, receipt=receipt))

    def mark_late(self, tell: Tell, seconds: float | None, receipt: str | None = None) -> None:
        """Record that the channel wants to be asked again no sooner than in so many seconds. Raises ContentionError."""
        due = self.now + timedelta(seconds=min(seconds or 0, KEPT_UNHEARD.total_seconds()))
        self._mark(tell, lambda d: replace(d, due=max(d.due, due), receipt=d.receipt if receipt is None else receipt))

    def mark_refused(self, tell: Tell) -> None:
        """Record that the channel will never take this notice: others hear of it at the next tick, if there are any.

        Raises ContentionError.
        """
        self._mark(tell, lambda d: replace(d, state="given_up", since=self.now))

    def acknowledge(self, site: str, key: str, number: int, by: str) -> Noted | str:
        """Take an incident, as notice `number` of it asked for; the channels that know it hear so at the next tick.

        Returns what the journal shall say, or the sentence why nothing changed. Raises ContentionError.
        """
        said: list[str] = []

        def take(incident: Incident | None) -> Decision:
            found = acknowledged(incident, number, by, self.now)
            if isinstance(found, str):
                said[:] = [found]
                return incident, ()
            return found, (Noted(found, "acknowledged"),)

        _, actions = self._change(site, key, take)
        noted = [action for action in actions if isinstance(action, Noted)]
        return noted[0] if noted else said[-1]

    def _mark(self, tell: Tell, mark: Callable[[Delivery], Delivery]) -> None:
        """Change the delivery; nothing if a newer notice took its place meanwhile."""
        meant = (tell.delivery.channel, tell.delivery.number)

        def marked(incident: Incident | None) -> Decision:
            if incident is None:
                return None, ()
            found = tuple(mark(d) if (d.channel, d.number) == meant else d for d in incident.deliveries)
            return replace(incident, deliveries=found), ()

        self._change(tell.incident.site, tell.incident.key, marked)

    def _change(self, site: str, key: str, decide: Callable[[Incident | None], Decision]) -> Decision:
        """Record what `decide` makes of the incident, again if somebody else was faster."""
        stored = self._known.get((site, key)) or self.table.get(f"SITE#{site}", PREFIX + key)
        for _ in range(TRIES):
            incident, actions = decide(records.read(Incident, stored))
            if incident is None or incident == records.read(Incident, stored):
                return incident, actions
            if any(isinstance(action, Noted) and action.kind == "new" for action in actions):
                self.table.put(BOOK, NAME + site, {"site": site}, expires=self.now + KEPT)
            if self._write(incident, stored):
                return incident, actions
            stored = self.table.get(f"SITE#{site}", PREFIX + key)
        raise ContentionError(f"{site} {key}: changed {TRIES} times meanwhile")

    def _write(self, incident: Incident, stored: Stored | None) -> bool:
        kept = KEPT if incident.count else KEPT_UNHEARD
        expires = self.now + kept if incident.state == "resolved" else None
        version, data, sk = stored.version if stored else 0, to_plain(incident), PREFIX + incident.key
        written = self.table.replace(f"SITE#{incident.site}", sk, data, version, expires)
        if written:
            self._known[incident.site, incident.key] = Stored(sk, data, version + 1)
            if (around := self._around.get(incident.site)) is not None:
                around.note(incident)
        return written

    def _decide(self, site: Site, item: Item, incident: Incident | None) -> Decision:
        news = item.letter is None or pipeline.is_news(incident, item.letter, site, self.now)
        around = self._look_around(site) if news else None
        return pipeline.decide(incident, item.letter, site, self.now, around, item.repeats)

    def _all(self, site: str) -> list[tuple[str, Incident | None]]:
        """Every incident of the site; only what can be read is more than a key."""
        if site not in self._read_whole:
            self._read_whole.add(site)
            for stored in self.table.query(f"SITE#{site}", PREFIX):
                self._known.setdefault((site, stored.sk.removeprefix(PREFIX)), stored)
        return [(key, records.read(Incident, stored)) for (name, key), stored in self._known.items() if name == site]

    def _look_around(self, site: Site) -> Around:
        if site.name not in self._around:
            known = [incident for _, incident in self._all(site.name) if incident]
            self._around[site.name] = Surroundings.read(self.table, site, known, self.now)
        return self._around[site.name].around


def _stranger(name: str) -> Site:
    """A site that is not published: who hears of it is who hears by default."""
    return Site(name=name, timezone="UTC", fleet=Fleet(auto_scaling_group=name))
