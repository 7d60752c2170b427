"""Virtual time: a queue of calls to make, in the order of their time, and seeded randomness by name.

Everything that happens in a simulated run happens here, so one seed is one run, byte for byte.
"""

import heapq
import random
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any


class Call:
    """A call that has been booked for a moment of virtual time; `cancel()` makes it not happen."""

    __slots__ = ("args", "do")

    def __init__(self, do: Callable[..., object] | None, args: tuple[Any, ...]) -> None:
        self.do = do
        self.args = args

    def cancel(self) -> None:
        """Drop the call; it stays in the queue as a blank."""
        self.do = None


class Engine:
    """Owns the virtual clock (`now`, seconds since the epoch, UTC) and the queue of booked calls."""

    def __init__(self, start: datetime, seed: int = 0) -> None:
        self.now = start.timestamp()
        self.seed = seed
        self._queue: list[tuple[float, int, Call]] = []
        self._order = count()

    def at(self, time: float, do: Callable[..., object], *args: Any) -> Call:
        """Book `do(*args)` for `time`; calls for the same moment run in the order in which they were booked."""
        call = Call(do, args)
        heapq.heappush(self._queue, (max(time, self.now), next(self._order), call))
        return call

    def after(self, seconds: float, do: Callable[..., object], *args: Any) -> Call:
        """Book `do(*args)` for `seconds` from now."""
        return self.at(self.now + seconds, do, *args)

    def every(self, seconds: float, do: Callable[[], object], first: float | None = None) -> None:
        """Call `do()` every `seconds`, first at `first` (default: one period from now)."""

        def again() -> None:
            self.after(seconds, again)
            do()

        self.at(self.now + seconds if first is None else first, again)

    def run_until(self, end: float) -> None:
        """Make every call that is booked up to and including `end`, then set the clock to `end`.

        A call may itself let time pass so: the world goes on while somebody waits in it.
        """
        queue = self._queue
        while queue and queue[0][0] <= end:
            time, _, call = heapq.heappop(queue)
            if call.do is not None:
                self.now = time
                call.do(*call.args)
        self.now = max(self.now, end)

    def random(self, name: str) -> random.Random:
        """A stream of randomness of its own for `name`: one consumer more never disturbs the others."""
        return random.Random(f"{self.seed}/{name}")  # a str seed is hashed by SHA-512, the same on every machine

    @property
    def utc(self) -> datetime:
        """The virtual time as an aware datetime."""
        return datetime.fromtimestamp(self.now, UTC)
