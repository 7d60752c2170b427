"""An alarm as it stands now: what `react_to_alarm` observes."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["metric", "composite", "anomaly", "math"]
_CHILD = re.compile(r"\b(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*(?:\"([^\"]+)\"|'([^']+)'|([^\s)\"']+))\s*\)")


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm: `state` is OK, ALARM or INSUFFICIENT_DATA, since `since` (UTC).

    An anomaly or math alarm has all dimensions of its metrics, and the first of these as its `metric`; a composite one
    has neither, but `children`. `threshold` is 0 where it has none; `above`: it is on when the metric is high.
    `missing` is how it treats missing data, in AWS's word.
    """

    name: str
    state: str
    since: datetime
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    threshold: float
    kind: Kind = "metric"
    above: bool = True
    missing: str = "missing"
    children: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        """Its state is ALARM."""
        return self.state == "ALARM"

    def dimension(self, name: str) -> str:
        """The value of one dimension, or an empty text."""
        return dict(self.dimensions).get(name, "")


def children(rule: str) -> tuple[str, ...]:
    """The names of the alarms that a composite alarm's rule speaks of, some of which it may call by their ARN."""
    found = ("".join(groups) for groups in _CHILD.findall(rule))
    return tuple(dict.fromkeys(name.rpartition(":alarm:")[2] for name in found))
