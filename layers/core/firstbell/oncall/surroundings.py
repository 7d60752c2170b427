"""What is around a site's incidents in one run: its silences, who is on call, and the incidents that explain others."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from firstbell.aws.table import Table
from firstbell.oncall import muting, silences
from firstbell.oncall.case import Around
from firstbell.oncall.incident import Incident
from firstbell.oncall.muting import Silence
from firstbell.site import Site


@dataclass
class Surroundings:
    """Read once a run; the incidents are kept up to date by `note`."""

    site: Site
    now: datetime
    silences: tuple[Silence, ...]
    duty: tuple[str, ...]
    causes: dict[str, Incident] = field(default_factory=dict)

    @classmethod
    def read(cls, table: Table, site: Site, incidents: Iterable[Incident], now: datetime) -> "Surroundings":
        """Read what the table has of them, beside the incidents that are known already."""
        shifts = silences.rota(table, site.name) if site.oncall.rota.ical else None
        found = cls(site, now, silences.those_of(table, site.name, now), shifts.duty(now) if shifts else ())
        for incident in incidents:
            found.note(incident)
        return found

    def note(self, incident: Incident) -> None:
        """The incident is now as it is here."""
        self.causes.pop(incident.key, None)
        if muting.explains(incident, self.site, self.now):
            self.causes[incident.key] = incident

    @property
    def around(self) -> Around:
        """The same for a case."""
        return Around(self.silences, tuple(self.causes.values()), self.duty)
