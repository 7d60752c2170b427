"""An alarm as it stands now: what `react_to_alarm` observes."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """A metric alarm: `state` is OK, ALARM or INSUFFICIENT_DATA, since `since` (UTC)."""

    name: str
    state: str
    since: datetime
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    threshold: float

    def dimension(self, name: str) -> str:
        """The value of one dimension, or an empty text."""
        return dict(self.dimensions).get(name, "")
