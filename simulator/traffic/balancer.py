"""A load balancer with the habits of an AWS Application Load Balancer and one target group that matter to a session.

Rules from the Elastic Load Balancing user guide: target group health checks, attributes (stickiness, deregistration
delay) and troubleshooting (502, 503, 504).
"""

import math
from collections import Counter
from collections.abc import Callable
from typing import Literal

from simulator.engine import Engine
from simulator.traffic.servers import WebServer

Algorithm = Literal["round_robin", "least_outstanding_requests"]
State = Literal["initial", "healthy", "unhealthy", "draining", "unused"]

OK = 200
SERVER_ERROR = 500
"""The server answered, and its moodledata is not mounted."""
BAD_GATEWAY = 502
"""The server died while the request was running on it."""
UNAVAILABLE = 503
"""No target is registered."""
GATEWAY_TIMEOUT = 504
"""No answer within the idle time-out, or no connection within the connection time-out."""

_CONNECT_TIMEOUT = 10.0  # seconds that a load balancer waits for a connection


class Session:
    """A browser with its stickiness cookie."""

    __slots__ = ("target", "until")

    def __init__(self) -> None:
        self.target: _Target | None = None
        self.until = -math.inf


class Balancer:
    """Routes the requests of sessions to registered servers. All durations are seconds.

    `stickiness` is the duration of the lb_cookie, renewed with every request; 0 turns it off. Health checks ask for a
    static file, so a target is healthy when its server runs, which says nothing about its mount.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        algorithm: Algorithm = "least_outstanding_requests",
        stickiness: float = 86_400.0,
        deregistration_delay: float = 300.0,
        interval: float = 15.0,
        healthy_threshold: int = 2,
        unhealthy_threshold: int = 2,
        idle_timeout: float = 60.0,
    ) -> None:
        self.engine = engine
        self.algorithm: Algorithm = algorithm
        self.stickiness = stickiness
        self.deregistration_delay = deregistration_delay
        self.interval = interval
        self.healthy_threshold = healthy_threshold
        self.unhealthy_threshold = unhealthy_threshold
        self.idle_timeout = idle_timeout
        self.requests = 0
        self.errors: Counter[int] = Counter()
        """How many requests ended with each status other than 200."""
        self._targets: dict[str, _Target] = {}
        self._open: list[_Target] = []
        self._turn = 0
        self._flights: dict[_Flight, None] = {}  # in the order in which they were sent
        self._watching = False

    def register(self, name: str, server: WebServer) -> None:
        """Add a target; it is `initial` until its first health check, one interval from now.

        Registering a target that is registered already changes nothing; one that drains begins anew.
        """
        old = self._targets.get(name)
        if old is not None and old.state not in ("draining", "unused"):
            return
        target = self._targets[name] = _Target(name, server)
        self._open_up()
        self.engine.after(self.interval, self._check, target)

    def deregister(self, name: str) -> None:
        """Let a target drain: nothing new goes to it, what runs on it goes on; `unused` after the delay. KeyError."""
        target = self._targets[name]
        if target.state in ("draining", "unused"):
            return
        target.state = "draining"
        self._open_up()
        self.engine.after(self.deregistration_delay, self._drained, target)

    def remove(self, name: str) -> None:
        """Forget a target that is gone. KeyError if it is not known."""
        target = self._targets.pop(name)
        target.state = "unused"
        target.open = False
        self._open_up()

    def states(self) -> dict[str, State]:
        """Return the state of every target by name, in AWS's words, in the order of registration."""
        return {name: target.state for name, target in self._targets.items()}

    @property
    def in_flight(self) -> int:
        """Requests that a client waits for."""
        return len(self._flights)

    def send(self, session: Session, work: float, done: Callable[[int], object]) -> None:
        """Route one request of `work` vCPU seconds; `done(status)` follows exactly once, perhaps before this ends."""
        self.requests += 1
        now = self.engine.now
        target = session.target
        if target is None or not target.open or now >= session.until:
            if not self._open:
                self._fail(UNAVAILABLE, done)
                return
            target = session.target = self._choose()
        session.until = now + self.stickiness
        server = target.server
        if not server.running:  # the host is gone: nobody answers the attempt to connect
            self.engine.after(_CONNECT_TIMEOUT, self._fail, GATEWAY_TIMEOUT, done)
        elif not server.mounted:
            self._fail(SERVER_ERROR, done)
        else:
            flight = _Flight(self, done, now)
            self._flights[flight] = None
            if not self._watching:
                self._watching = True
                self.engine.at(now + self.idle_timeout, self._time_out)
            server.start(work, flight.land)

    def _choose(self) -> "_Target":
        self._turn = turn = (self._turn + 1) % len(self._open)
        if self.algorithm == "round_robin":
            return self._open[turn]
        # Equals take turns: otherwise the quiet minutes before an exam would stick every session to the first server.
        return min(self._open[turn:] + self._open[:turn], key=_outstanding)

    def _fail(self, status: int, done: Callable[[int], object]) -> None:
        self.errors[status] += 1
        done(status)

    def _time_out(self) -> None:
        """Give up on every request that is too old; its server goes on working on it."""
        while self._flights:
            oldest = next(iter(self._flights))
            due = oldest.sent + self.idle_timeout
            if due > self.engine.now:
                self.engine.at(due, self._time_out)
                return
            del self._flights[oldest]
            self._fail(GATEWAY_TIMEOUT, oldest.done)
        self._watching = False

    def _open_up(self) -> None:
        """Say which targets take requests: the healthy ones, or all if none is healthy (AWS: it fails open)."""
        registered = [target for target in self._targets.values() if target.state not in ("draining", "unused")]
        healthy = [target for target in registered if target.state == "healthy"]
        for target in self._targets.values():
            target.open = False
        self._open = healthy or registered
        for target in self._open:
            target.open = True

    def _check(self, target: "_Target") -> None:
        if target.state in ("draining", "unused"):
            return
        self.engine.after(self.interval, self._check, target)
        if target.judge(target.server.running, self.healthy_threshold, self.unhealthy_threshold):
            self._open_up()

    def _drained(self, target: "_Target") -> None:
        if target.state == "draining":
            target.state = "unused"


class _Target:
    """A registered server with what the health checks know about it."""

    __slots__ = ("name", "open", "row", "server", "state")

    def __init__(self, name: str, server: WebServer) -> None:
        self.name = name
        self.server = server
        self.state: State = "initial"
        self.open = False
        self.row = 0  # checks in a row: passed if positive, failed if negative

    def judge(self, passed: bool, healthy_threshold: int, unhealthy_threshold: int) -> bool:
        """Take in a health check and return whether the state changed. A new target needs to pass only one."""
        self.row = max(self.row, 0) + 1 if passed else min(self.row, 0) - 1
        before = self.state
        if self.row >= (1 if before == "initial" else healthy_threshold):
            self.state = "healthy"
        elif -self.row >= unhealthy_threshold:
            self.state = "unhealthy"
        return self.state != before


def _outstanding(target: _Target) -> int:
    return target.server.active


class _Flight:
    """A request on its way, until its answer lands or its client has given up."""

    __slots__ = ("balancer", "done", "sent")

    def __init__(self, balancer: Balancer, done: Callable[[int], object], sent: float) -> None:
        self.balancer = balancer
        self.done = done
        self.sent = sent

    def land(self, ok: bool) -> None:
        """Pass the server's answer on, unless the client has had its time-out."""
        if self.balancer._flights.pop(self, self) is self:
            return
        if ok:
            self.done(OK)
        else:
            self.balancer._fail(BAD_GATEWAY, self.done)
