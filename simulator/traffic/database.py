"""The database behind the web servers: how busy it is, and how long pages wait for it when it is saturated.

Nobody measured a Moodle's database under a load of its own, so the model is the plainest that has the known ends: one
queue in front of all its cores. A database that is well is large enough not to let anybody wait; the pages' own waits
(`costs.Step.wait`) have its ordinary answers in them. PHP-FPM has so many workers and no more, so the queue has an end.
"""

from simulator.engine import Engine
from simulator.traffic.meter import Meter

LONGEST = 50.0  # seconds in its queue, a little less than a balancer's idle time-out
SHARE = 0.25  # of the largest web tier's cores: a page costs the database up to 0.2 of what it costs them (measured)


class Database:
    """A database of so many whole `cores`; each request costs it `slow` times as much as was measured."""

    def __init__(self, engine: Engine, meter: Meter, cores: float) -> None:
        self.engine = engine
        self.cores = cores
        self.slow = 1.0
        self._meter = meter
        self._usual = 0.0  # core seconds that what was served cost it, were it as fast as ever
        self._counted = (0.0, 0.0)
        self._more = 0.0  # core seconds beyond that
        self._backlog = 0.0  # core seconds
        self._since = engine.now
        self._last = 0.0
        self._done = 0.0

    def wait(self, work: float) -> float:
        """Take in a request that would cost `work` core seconds; how many seconds it waits for those before it."""
        backlog = self._drained()
        work *= self.slow
        self._more += work - work / self.slow
        self._backlog, self._last = min(backlog + work, LONGEST * self.cores), work
        return backlog / self.cores

    def sample(self, served: float) -> float:
        """Its CPU in percent over the last minute, in which the web servers `served` so many core seconds.

        What waits for a web server costs it nothing yet.
        """
        last, self._counted = self._counted, (self._meter.database, self._meter.offered)
        database, offered = (now - then for now, then in zip(self._counted, last, strict=True))
        self._usual += served * database / offered if offered else 0.0
        before, self._done = self._done, self._usual + self._more - self._drained()
        return min(100.0, 100.0 * max(0.0, self._done - before) / 60.0 / self.cores)

    @property
    def waiting(self) -> int:
        """How many requests are in its queue."""
        return round(self._drained() / self._last) if self._last else 0

    def _drained(self) -> float:
        now = self.engine.now
        self._backlog = max(0.0, self._backlog - (now - self._since) * self.cores)
        self._since = now
        return self._backlog
