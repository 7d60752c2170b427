"""The one place of the engine that reads clocks and waits: it runs alone, so it has its own."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(timezone.utc)


def seconds() -> float:
    """Seconds on a clock that never jumps."""
    return time.monotonic()


def wait(duration: float) -> None:
    """Wait for so many seconds."""
    time.sleep(duration)


class Pace:
    """Hold a flow of bytes to a rate (bytes per second; 0 is no limit); the threads of a process share one."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._free_at = 0.0
        self._lock = threading.Lock()

    def shared(self, among: int) -> Pace:
        """The pace of one of so many processes that hold this one together."""
        return Pace(self.rate / among)

    def take(self, count: int) -> None:
        """Wait until `count` more bytes may go."""
        if not self.rate:
            return
        with self._lock:
            moment = seconds()
            due = max(self._free_at, moment - 0.1)  # a moment of rest may be caught up, no more
            self._free_at = due + count / self.rate
        if due > moment:
            wait(due - moment)
