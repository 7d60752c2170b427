"""A fleet behind a balancer with sticky sessions, through weeks of a campus: who was slow, and what it cost.

Sessions stay on the server of their log-in, so that a new server gets new sessions only; servers of the same age are
alike and make a cohort. When a server goes, its sessions go to the others; draining and its time are left out, for
every policy. A launch takes the lead time and is paid from its beginning. Students do not wait with their next click
for an answer here, which makes an overload worse; what would take over a minute is given up, and slow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simulator.contest.campus import LOGIN_WORK, STEP, Campus
from simulator.contest.serving import BUSIEST, GIVEN_UP, mean_time, slow_share, stretch
from simulator.traffic.costs import inflation

MINUTE = 60 // STEP  # steps
BIN = 0.05  # seconds of response time


@dataclass(slots=True)
class Cohort:
    """Servers that serve since the same step; `backlog` in vCPU seconds, of `waiting` requests; `busy` this minute."""

    servers: int
    since: int
    sessions: float = 0.0
    backlog: float = 0.0
    waiting: float = 0.0
    busy: float = 0.0

    def move(self, share: float, other: "Cohort") -> None:
        """Give a share of its sessions, and of what waits, to another."""
        for name in ("sessions", "backlog", "waiting"):
            moved = share * getattr(self, name)
            setattr(self, name, getattr(self, name) - moved)
            setattr(other, name, getattr(other, name) + moved)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a policy sees at the end of a minute: CPU in percent of the servers past their warm-up, and of all."""

    step: int
    floor: int
    desired: int
    serving: int
    warmed: int
    coming: int
    cpu: float
    warmed_cpu: float | None


class Reaction(Protocol):
    """The part of a policy that looks at the fleet, once a minute; `warmup` in seconds."""

    warmup: float

    def look(self, sight: Sight) -> int:
        """The capacity that is wanted from now on."""
        ...


@dataclass(slots=True)
class Outcome:
    """What a policy did to the students, and what it took; `times` counts requests by BIN of mean response time."""

    instance_hours: float = 0.0
    requests: float = 0.0
    slow: float = 0.0
    most: int = 0
    times: list[float] = field(default_factory=lambda: [0.0] * int(GIVEN_UP / BIN + 2))

    @property
    def slow_share(self) -> float:
        """The share of requests that took over two seconds, or were given up."""
        return self.slow / self.requests

    @property
    def p95(self) -> float:
        """Seconds that the mean response time of 95 % of the requests did not exceed, each in its own ten seconds."""
        reached, place = 0.0, 0
        while reached < 0.95 * self.requests and place < len(self.times):
            reached += self.times[place]
            place += 1
        return place * BIN

    def add(self, other: "Outcome") -> None:
        """Take another campus's outcome in."""
        self.instance_hours += other.instance_hours
        self.requests += other.requests
        self.slow += other.slow
        self.most = max(self.most, other.most)
        self.times = [a + b for a, b in zip(self.times, other.times, strict=True)]


class Fleet:
    """Plays the weeks: `floors` is the least capacity of each step of them, `reaction` may want more."""

    def __init__(self, campus: Campus, floors: Sequence[int], reaction: Reaction | None = None) -> None:
        fleet, before = campus.site.fleet, slice(0, campus.opens)
        self.demand, self.opens = campus.demand, campus.opens
        self.floors, self.reaction = floors, reaction
        self.lead, self.vcpus, self.most = fleet.lead // STEP, fleet.vcpus_per_instance, fleet.max_instances
        self.desired = self.serving = floors[0]
        self.sessions = max(0.0, sum(self.demand.joins[before]) - sum(self.demand.leaves[before]))
        self.cohorts = [Cohort(self.serving, -1_000_000, self.sessions)]
        self.coming: list[Cohort] = []
        self.outcome = Outcome(most=self.serving)

    def play(self) -> Outcome:
        """Play to the end."""
        paid = 0
        for n, floor in enumerate(self.floors):
            step = self.opens + n
            if self.coming or floor > self.desired or self.desired != self.serving:
                self._size(step, max(self.desired, floor))
            paid += self.serving + (self._launching if self.coming else 0)
            self._serve(step)
            if step % MINUTE == MINUTE - 1:
                wanted = self.reaction.look(self._sight(step, floor)) if self.reaction else floor
                self.desired = max(floor, wanted)
                for cohort in self.cohorts:
                    cohort.busy = 0.0
        self.outcome.instance_hours = paid * STEP / 3600
        return self.outcome

    @property
    def _launching(self) -> int:
        return sum(cohort.servers for cohort in self.coming)

    def _size(self, step: int, wanted: int) -> None:
        """Launch or remove servers, the newest first, and put into service what has booted."""
        self.desired = min(wanted, self.most)
        more = self.desired - self.serving - self._launching
        if more > 0:
            self.coming.append(Cohort(more, step + self.lead))
        elif more < 0:
            self._remove(-more)
        while self.coming and self.coming[0].since <= step:
            booted = self.coming.pop(0)
            self.cohorts.append(booted)
            self.serving += booted.servers
            self.outcome.most = max(self.outcome.most, self.serving)

    def _remove(self, count: int) -> None:
        """Take servers away; their sessions and what waits go to the others, evenly."""
        homeless = Cohort(1, 0)
        while count:
            cohorts = self.coming or self.cohorts
            newest = cohorts[-1]
            gone = min(count, newest.servers)
            newest.move(gone / newest.servers, homeless)
            newest.servers -= gone
            count -= gone
            self.serving -= gone if cohorts is self.cohorts else 0
            if not newest.servers:
                cohorts.pop()
        left = self.serving
        for cohort in self.cohorts:
            homeless.move(cohort.servers / left, cohort)
            left -= cohort.servers

    def _serve(self, step: int) -> None:
        """Ten seconds of requests: log-ins go to all servers evenly, the others to where their sessions are."""
        demand, out = self.demand, self.outcome
        joins, leaves, requests, work = (
            demand.joins[step],
            demand.leaves[step],
            demand.requests[step],
            demand.work[step],
        )
        size = work / requests if requests else 0.0
        sessions, self.sessions = self.sessions, 0.0
        out.requests += joins + requests
        for cohort in self.cohorts:
            even = cohort.servers / self.serving
            own = cohort.sessions / sessions if sessions > 1e-9 else even
            cohort.sessions = max(0.0, cohort.sessions + joins * even - leaves * own)
            self.sessions += cohort.sessions
            arriving, cpus = joins * even * LOGIN_WORK + work * own, cohort.servers * self.vcpus
            rho, waiting = arriving / (cpus * STEP), 0.0
            if rho < BUSIEST and not cohort.backlog:
                cohort.busy += arriving
            else:
                waiting = self._overload(cohort, arriving, joins * even + requests * own, cpus)
            stretched = stretch(rho, self.vcpus)
            for alone, count in ((LOGIN_WORK, joins * even), (size, requests * own)):
                out.slow += count * slow_share(alone, stretched, waiting)
                seconds = min(mean_time(alone, stretched, waiting), GIVEN_UP)
                out.times[int(seconds / BIN)] += count

    def _overload(self, cohort: Cohort, arriving: float, count: float, cpus: float) -> float:
        """More comes than can be served at once: what is left waits. Returns how many wait for each CPU, on average."""
        before, asked, whole = cohort.waiting, cohort.waiting + count, cohort.backlog + arriving
        done = min(whole, cpus * STEP / inflation(asked / cpus))
        left = min(whole - done, GIVEN_UP * cpus)
        cohort.busy += min(whole, cpus * STEP)
        cohort.backlog = left if left > 1e-6 else 0.0
        cohort.waiting = asked * cohort.backlog / whole if whole else 0.0
        return (before + cohort.waiting) / 2 / cpus

    def _sight(self, step: int, floor: int) -> Sight:
        warmup = self.reaction.warmup / STEP if self.reaction else 0.0
        warmed = [c for c in self.cohorts if step - c.since >= warmup]
        return Sight(
            step=step,
            floor=floor,
            desired=self.desired,
            serving=self.serving,
            warmed=sum(c.servers for c in warmed),
            coming=self._launching,
            cpu=self._cpu(self.cohorts) or 0.0,
            warmed_cpu=self._cpu(warmed),
        )

    def _cpu(self, cohorts: Sequence[Cohort]) -> float | None:
        servers = sum(c.servers for c in cohorts)
        return 100.0 * sum(c.busy for c in cohorts) / (servers * self.vcpus * 60.0) if servers else None
