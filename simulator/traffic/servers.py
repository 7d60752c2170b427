"""A web server as the measurements show it: its CPUs are shared evenly by all running requests (processor sharing).

One request costs a few microseconds whatever runs beside it: see `WebServer` for the virtual-time algorithm.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from simulator.engine import Engine
from simulator.traffic.costs import inflation

_CLOSE_ENOUGH = 1e-6
"""Attained service in seconds: coarser than the clock's own grain (0.24 µs for seconds since the epoch)."""


class WebServer:
    """Egalitarian processor sharing over `vcpus` CPUs.

    With n running requests each progresses at min(1, vcpus / n), less what saturation adds to its CPU
    (`costs.inflation`). Every running request has attained the same service since it came, so one number per server,
    the service attained by a request that has been there all the time, advances at the common rate; a request ends when
    that number reaches its own value at the start plus its work. A heap of those values gives the next one to end, and
    only that end is booked with the engine.

    `mounted` is False when its moodledata is not there: every request is then HTTP 500 at once (measured, with the bare
    mount point root:root 0755). `answers` is False when its PHP-FPM does not answer: nginx says 502. `running` is False
    before it has booted and after `stop()`.
    """

    __slots__ = (
        "_attained",
        "_booking",
        "_busy",
        "_cpus",
        "_heap",
        "_order",
        "_rate",
        "_rates",
        "_since",
        "active",
        "answers",
        "engine",
        "mounted",
        "name",
        "running",
        "vcpus",
    )

    def __init__(self, engine: Engine, name: str, vcpus: float) -> None:
        if vcpus <= 0:
            raise ValueError(f"{name}: a server needs CPU, not {vcpus} vCPUs")
        self.engine = engine
        self.name = name
        self.vcpus = vcpus
        self.active = 0
        self.mounted = True
        self.answers = True
        self.running = True
        self._heap: list[tuple[float, int, Callable[[bool], object]]] = []
        self._order = count()
        self._attained = 0.0
        self._busy = 0.0
        self._since = engine.now
        self._rates: list[float] = [0.0]
        self._rate = 0.0
        self._cpus = 0.0
        self._booking = 0

    @property
    def busy(self) -> float:
        """The vCPU seconds served up to now; CPU utilisation of an interval is a difference / (vcpus x seconds)."""
        return self._busy + (self.engine.now - self._since) * self._cpus

    def start(self, work: float, done: Callable[[bool], object]) -> None:
        """Begin a request of `work` vCPU seconds; `done(True)` follows at its end, `done(False)` if it is killed.

        On a server that does not run, answer or have its mount `done(False)` comes at once.
        """
        if not (self.running and self.mounted and self.answers):
            done(False)
            return
        self._advance()
        heap = self._heap
        entry = (self._attained + work, next(self._order), done)
        heappush(heap, entry)
        self._share(self.active + 1)
        if heap[0] is entry:  # otherwise the booked end only comes later: it is looked at again when it is due
            self._book()

    def stop(self) -> int:
        """Stop for good: kill what runs, in the order of its start, and return how many requests were cut."""
        self._advance()
        cut = sorted(self._heap, key=lambda entry: entry[1])
        self._heap.clear()
        self._share(0)
        self._booking += 1
        self.running = False
        for _, _, done in cut:
            done(False)
        return len(cut)

    def _advance(self) -> None:
        now = self.engine.now
        elapsed = now - self._since
        self._since = now
        self._attained += elapsed * self._rate
        self._busy += elapsed * self._cpus

    def _share(self, active: int) -> None:
        """Set the rates for `active` running requests."""
        self.active = active
        try:
            self._rate = self._rates[active]
        except IndexError:
            self._rate = self._learn_rate(active)
        self._cpus = self.vcpus if active > self.vcpus else active
        if not active:
            self._attained = 0.0  # begin again from nothing: the number stays small and exact

    def _learn_rate(self, active: int) -> float:
        vcpus = self.vcpus
        for n in range(len(self._rates), active + 1):
            self._rates.append(min(1.0, vcpus / n) / inflation(n / vcpus))
        return self._rates[active]

    def _book(self) -> None:
        """Book the end of the request that will be first, if nothing changes; an older booking lapses."""
        self._booking += 1
        left = self._heap[0][0] - self._attained
        self.engine.at(self._since + left / self._rate, self._end, self._booking)

    def _end(self, booking: int) -> None:
        if booking != self._booking:
            return
        self._advance()
        heap = self._heap
        if heap[0][0] > self._attained + _CLOSE_ENOUGH:  # others came meanwhile and slowed it down
            self._book()
            return
        done = heappop(heap)[2]
        self._share(self.active - 1)
        if heap:
            self._book()
        done(True)
