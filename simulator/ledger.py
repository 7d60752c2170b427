"""Writes a run's timeline and counts instance-hours and broken invariants, which `witness` finds."""

from dataclasses import dataclass, field

from simulator.cloud.autoscaling import Instance
from simulator.engine import Engine
from simulator.results import Happening, Kind


@dataclass
class Ledger:
    """`happenings` in order of time; `violations` among them are of kind "broken"."""

    engine: Engine
    controlled: bool
    happenings: list[Happening] = field(default_factory=list)
    instance_seconds: float = 0.0

    def note(self, kind: Kind, what: str, why: str = "") -> None:
        """Add a line."""
        self.happenings.append(Happening(self.engine.utc.replace(microsecond=0), kind, what, why))

    def gone(self, instance: Instance) -> None:
        """An instance was terminated; it was paid for from its launch."""
        self.instance_seconds += instance.paid(self._start, self.engine.now)

    def close(self, alive: list[Instance]) -> None:
        """The run is over: count what still lives."""
        self.instance_seconds += sum(i.paid(self._start, self.engine.now) for i in alive)

    def __post_init__(self) -> None:
        self._start = self.engine.now

    @property
    def violations(self) -> int:
        """How many invariants were broken."""
        return sum(h.kind == "broken" for h in self.happenings)
