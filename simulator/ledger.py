"""Writes a run's timeline, counts instance-hours, and checks the invariants that no run may break."""

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
    _born: dict[str, float] = field(default_factory=dict)

    def note(self, kind: Kind, what: str, why: str = "") -> None:
        """Add a line."""
        self.happenings.append(Happening(self.engine.utc.replace(microsecond=0), kind, what, why))

    def in_service(self, instance: Instance, mounted: bool) -> None:
        """An instance begins to serve. Invariant: where there is a controller, none without its mount does."""
        self._born.setdefault(instance.instance_id, instance.launched)
        if not mounted and self.controlled:
            self.note("broken", f"{instance.instance_id} serves without its moodledata mount")
        elif not mounted:
            self.note("fleet", f"{instance.instance_id} serves without its moodledata mount", "nobody looked")

    def gone(self, instance: Instance) -> None:
        """An instance was terminated; it was paid for from its launch."""
        self._born.pop(instance.instance_id, None)
        self.instance_seconds += self.engine.now - max(instance.launched, self._start)

    def close(self, alive: list[Instance]) -> None:
        """The run is over: count what still lives."""
        self.instance_seconds += sum(self.engine.now - max(i.launched, self._start) for i in alive)

    def __post_init__(self) -> None:
        self._start = self.engine.now

    @property
    def violations(self) -> int:
        """How many invariants were broken."""
        return sum(h.kind == "broken" for h in self.happenings)
