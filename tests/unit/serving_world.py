"""A small world for the tests of the patrol: a group that serves, its storage and its probes, each as plain state."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from firstbell.acting import Explained
from firstbell.fleet import IN_SERVICE, STANDBY, Group, Instance
from firstbell.instances import patrol
from firstbell.instances.actions import EnterStandby, Excuse, SendProbe, Terminate, Wait
from firstbell.instances.patrol import Beat
from firstbell.instances.records import Record, excused, learn
from firstbell.instances.replacing import Scene
from firstbell.instances.storage import Report
from firstbell.oncall.signal import Signal
from firstbell.readiness.freezing import Freeze
from firstbell.site import Fleet, Site

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SITE = Site("campus", "Europe/Berlin", Fleet("web"))
EXAM = Freeze(START - timedelta(hours=1), START + timedelta(hours=9), ("Algebra",))


@dataclass
class World:
    """The patrol's decisions are applied as AWS and the table would; `bad` is what the sick ones' probes say."""

    desired: int = 3
    launch_minutes: int = 4
    site: Site = SITE
    exam: Freeze | None = None
    now: datetime = START
    bad: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    coming: dict[str, int] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)
    suspended: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)
    signals: list[Signal] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    begun: datetime | None = None
    reports: tuple[Report, ...] = ()
    launched: int = 0

    def __post_init__(self) -> None:
        for _ in range(self.desired):
            self._serve(f"i-{self.launched}")
            self.launched += 1

    def _serve(self, instance: str) -> None:
        self.states[instance] = IN_SERVICE
        self.records[instance] = Record(instance, self.now, "serving")

    def group(self) -> Group:
        found = tuple(Instance(i, s, protected=i in self.protected) for i, s in self.states.items())
        return Group("web", 1, 20, self.desired, found, suspended=frozenset(self.suspended))

    def scene(self) -> Scene:
        records = tuple(self.records.values())
        return Scene(self.site, self.now, self.group(), records, self.exam, self.reports, begun=self.begun)

    def beat(self) -> Beat:
        return Beat(self.scene(), frozenset(self.states), frozenset(self.raised))

    def look(self) -> list[Explained]:
        """Decide, apply, tell."""
        actions = patrol.decide(self.beat())
        for action in actions:
            self.apply(action)
        for signal in patrol.told(self.beat()):
            self.signals.append(signal)
            (self.raised.discard if signal.resolved else self.raised.add)(signal.key)
        return actions

    def told(self) -> list[tuple[str, str]]:
        """What was told since the last question: (key, severity or `resolved`)."""
        found = [(s.key, "resolved" if s.resolved else s.severity) for s in self.signals]
        self.signals.clear()
        return found

    def apply(self, action: Explained) -> None:
        match action:
            case SendProbe(instances):
                for i in instances:
                    self._note(i, command="c", sent_at=self.now, attempts=self.records[i].attempts + 1)
            case Wait(instance, reason):
                self._note(instance, waits_for=reason)
            case Excuse(instance):
                self.records[instance] = excused(self.records[instance], self.now)
            case EnterStandby(instance):
                assert self.states[instance] == IN_SERVICE, "AWS refuses it"
                self.states[instance], self.begun = STANDBY, self.now
                self._note(instance, phase="replacing", ended_at=self.now)
                self.out.append(instance)
            case Terminate(instance):
                self.states[instance] = "Terminating"
                self._note(instance, phase="ended", ended_at=self.now)
                self.ended.append(instance)
            case _:
                assert_never(action)  # type: ignore[arg-type]

    def pass_time(self, duration: timedelta = MINUTE) -> None:
        """Probes answer, what was terminated goes, the group launches what it lacks, and what was launched comes."""
        self.now += duration
        for instance in [i for i, r in self.records.items() if r.command]:
            self.answer(instance, self.bad.get(instance, "healthy"))
        for instance in [i for i, s in self.states.items() if s == "Terminating"]:
            del self.states[instance]
        for instance, left in list(self.coming.items()):
            self.coming[instance] = left - 1
            if left <= 1:
                del self.coming[instance]
                self._serve(instance)
        alive = sum(s == IN_SERVICE or s.startswith("Pending") for s in self.states.values())
        if "Launch" not in self.suspended:
            for _ in range(self.desired - alive):
                instance, self.launched = f"i-{self.launched}", self.launched + 1
                self.states[instance], self.coming[instance] = "Pending:Wait", self.launch_minutes

    def exit_standby(self) -> None:
        """A person takes back into service what stands by; the record begins anew, as it does when that is seen."""
        for instance in [i for i, s in self.states.items() if s == STANDBY]:
            self._serve(instance)

    def answer(self, instance: str, word: str) -> None:
        """The running probe of an instance answers; `silent` is a web server's silence on a healthy mount."""
        step = ', "step": "web"' if word == "silent" else ""
        verdict = "unknown" if word == "silent" else word
        output = f'{{"probe": 1, "verdict": "{verdict}", "detail": "found so"{step}}}'
        status = "Success" if word == "healthy" else "Failed"
        self.records[instance] = learn(self.records[instance], status, output, self.now)

    def minutes(self, count: int) -> None:
        """A look a minute."""
        for _ in range(count):
            self.look()
            self.pass_time()
        self.look()

    def _note(self, instance: str, **changes: object) -> None:
        self.records[instance] = replace(self.records[instance], **changes)  # type: ignore[arg-type]
