"""Counts what the users of a run lived through, compactly enough for millions of requests."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from simulator.engine import Engine

SLOW = 2.0
"""Seconds; a page that takes longer is a slow page."""

_OK = 200
_GATEWAY_TIMEOUT = 504


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of a run from `at` (seconds since the epoch); work in whole cores; p95 in seconds, 0 if none ended."""

    at: float
    offered: float
    database: float
    requests: int
    failed: int
    p95: float


class Meter:
    """Counts requests, slow and failed ones, latencies and lost sessions, and keeps a row for each minute.

    Percentiles are over every request that kept its user waiting: the answered ones and the time-outs (504). A refusal
    at once (500, 502, 503) is counted as failed and has no latency.
    `offered` and `database` are core seconds offered to the web tier and to the database so far.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.requests = 0
        self.slow = 0
        self.failed = 0
        self.sessions_lost = 0
        self.gave_up = 0
        self.offered = 0.0
        self.database = 0.0
        self._latencies = array("f")
        self._starts = array("f")
        self._minutes = {name: array("d") for name in Minute.__dataclass_fields__}
        self._before = (0.0, 0.0, 0, 0, 0)
        engine.every(60.0, self._close_minute)

    def record(self, status: int, seconds: float, is_start: bool = False) -> None:
        """Count a request that ended with `status` after `seconds`; `is_start` for a quiz start."""
        self.requests += 1
        if status != _OK:
            self.failed += 1
            if status != _GATEWAY_TIMEOUT:
                return
        if seconds > SLOW:
            self.slow += 1
        self._latencies.append(seconds)
        if is_start:
            self._starts.append(seconds)

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that `share` (0 to 1) of the requests did not exceed; 0 if there are none."""
        return _percentile(self._latencies, share)

    def figures(self) -> dict[str, float]:
        """Return the run in a few numbers; latencies in seconds, `slow_share` of all requests."""
        return {
            "requests": self.requests,
            "failed": self.failed,
            "slow_share": self.slow / self.requests if self.requests else 0.0,
            "p95": _percentile(self._latencies, 0.95),
            "start_p95": _percentile(self._starts, 0.95),
            "sessions_lost": self.sessions_lost,
            "gave_up": self.gave_up,
        }

    def minutes(self) -> list[Minute]:
        """Return the minutes that are over, oldest first."""
        rows = zip(*self._minutes.values(), strict=True)
        return [Minute(at, work, base, int(asked), int(bad), p95) for at, work, base, asked, bad, p95 in rows]

    @property
    def latest(self) -> Minute | None:
        """The last minute that is over."""
        rows = self._minutes
        if not rows["at"]:
            return None
        at, work, base, asked, bad, p95 = (column[-1] for column in rows.values())
        return Minute(at, work, base, int(asked), int(bad), p95)

    def _close_minute(self) -> None:
        now = (self.offered, self.database, self.requests, self.failed, len(self._latencies))
        offered, database, requests, failed, _ = (new - old for new, old in zip(now, self._before, strict=True))
        p95 = _percentile(self._latencies[self._before[4] :], 0.95)
        row = (self.engine.now - 60.0, offered / 60.0, database / 60.0, requests, failed, p95)
        for column, value in zip(self._minutes.values(), row, strict=True):
            column.append(value)
        self._before = now


def _percentile(latencies: Iterable[float], share: float) -> float:
    """Return the nearest-rank percentile."""
    ordered = sorted(latencies)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else 0.0
