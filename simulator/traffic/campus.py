"""The users of a Moodle: students who sit exams and everybody else, who click, wait, and reload in anger."""

from functools import partial
from itertools import cycle
from random import Random

from simulator.engine import Engine
from simulator.traffic.balancer import BAD_GATEWAY, OK, SERVER_ERROR, Balancer, Session
from simulator.traffic.costs import START, VCPU_FACTOR, Step, spread_sigma
from simulator.traffic.database import Database
from simulator.traffic.lives import Background, Exam, Life, sit, visit
from simulator.traffic.meter import Meter

__all__ = ["Background", "Campus", "Exam", "Visitor"]

_PATIENCE = 30.0  # seconds after which a page is as good as failed
_RELOADS = 8  # in a row, then the user goes away
_RELOAD_AFTER = 2.0, 6.0  # seconds
_PIECE = 10.0  # seconds for which an arrival rate is taken as constant; aligned to the clock
_SPREADS = 8191  # draws made once and used in turn: far cheaper than a draw per request; a prime, so no rhythm locks in


class Campus:
    """Lets users click on what stands behind a balancer, and has a meter count what they see.

    `vcpu_factor` turns core seconds into the servers' vCPU seconds; 1.0 for servers whose CPUs are whole cores.
    Without a `database` there is one that lets nobody wait.
    """

    def __init__(
        self,
        engine: Engine,
        balancer: Balancer,
        meter: Meter,
        *,
        vcpu_factor: float = VCPU_FACTOR,
        name: str = "campus",
        database: Database | None = None,
    ) -> None:
        self.engine = engine
        self.meter = meter
        self.database = database or Database(engine, meter, cores=1.0)
        self.send = balancer.send
        self.vcpu_factor = vcpu_factor
        self.name = name
        self.reload_delay = partial(engine.random(f"{name}/reloads").uniform, *_RELOAD_AFTER)
        random = engine.random(f"{name}/spread")
        sigma = spread_sigma()
        mu = -(sigma**2) / 2  # so that the mean is 1 and costs stay what was measured
        self.spread = cycle([random.lognormvariate(mu, sigma) for _ in range(_SPREADS)]).__next__

    def hold(self, exam: Exam) -> None:
        """Let the students of an exam come; call it before they log in (a log-in in the past happens at once)."""
        for student in range(exam.students):
            random = self.engine.random(f"{self.name}/{exam.title}/{student}")
            Visitor(self, sit(exam, self._clock, random)).go_on()

    def welcome(self, background: Background) -> None:
        """Let the sessions of a background stream come, from now on."""
        arrivals = self.engine.random(f"{self.name}/{background.title}/arrivals")
        clicks = self.engine.random(f"{self.name}/{background.title}/clicks")
        self._book_arrivals(background, arrivals, clicks)

    def _book_arrivals(self, background: Background, arrivals: Random, clicks: Random) -> None:
        now = self.engine.now
        end = (now // _PIECE + 1) * _PIECE
        rate = background.rate(now) / background.requests_per_session
        time = now
        while rate > 0 and (time := time + arrivals.expovariate(rate)) < end:
            self.engine.at(time, self._let_in, background, clicks)
        self.engine.at(end, self._book_arrivals, background, arrivals, clicks)

    def _let_in(self, background: Background, clicks: Random) -> None:
        Visitor(self, visit(background, self._clock, clicks)).go_on()

    def _clock(self) -> float:
        return self.engine.now


class Visitor(Session):
    """One user with one browser: clicks what the life says, waits for the answer, reloads what failed."""

    __slots__ = ("asked", "campus", "life", "lost", "reloads", "step")

    step: Step

    def __init__(self, campus: Campus, life: Life) -> None:
        super().__init__()
        self.campus = campus
        self.life = life
        self.lost = False
        self.reloads = 0
        self.asked = 0.0

    def go_on(self, waited: float = 0.0) -> None:
        """Book the next click of this life, if there is one."""
        click = next(self.life, None)
        if click is not None:
            time, self.step = click
            self.campus.engine.at(time + waited, self._click)

    def _click(self) -> None:
        campus = self.campus
        step = self.step
        meter = campus.meter
        cores = step.cpu * campus.spread()
        meter.offered += cores
        meter.database += step.database
        self.asked = campus.engine.now
        campus.send(self, cores * campus.vcpu_factor, self._answered)

    def _answered(self, status: int) -> None:
        campus = self.campus
        step = self.step
        seconds = campus.engine.now - self.asked
        wait = step.wait
        if status == OK:
            if campus.database.slow > 1.0:
                wait += campus.database.wait(step.database)
            seconds += wait
        campus.meter.record(status, seconds, step is START)
        if status == OK and seconds <= _PATIENCE:
            self.reloads = 0
            self.go_on(wait)
        else:
            self._bear(status)

    def _bear(self, status: int) -> None:
        """React to a page that failed or took too long."""
        campus = self.campus
        if status in (SERVER_ERROR, BAD_GATEWAY) and not self.lost:
            self.lost = True
            campus.meter.sessions_lost += 1
        if not self.step.reloaded:
            self.go_on()
        elif self.reloads < _RELOADS:
            self.reloads += 1
            campus.engine.after(campus.reload_delay(), self._click)
        else:
            campus.meter.gave_up += 1
