"""How long the deliveries of one run may take, all and of each channel: no slow one keeps others from hearing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from firstbell.oncall.channels.channel import RetryLater

WHOLE = 40.0  # seconds after which a run begins no delivery any more: of 120, heartbeats and a digest need the rest
SHARE = 20.0  # seconds for one channel


@dataclass
class Pace:
    """The times of one run, which begins when this is made."""

    _begun: float = field(default_factory=time.monotonic)
    _spent: dict[tuple[str, str], float] = field(default_factory=dict)
    _last: dict[tuple[str, str], float] = field(default_factory=dict)

    @contextmanager
    def turn(self, channel: tuple[str, str], interval: float) -> Iterator[None]:
        """Within it, this site's channel may be told: `interval` seconds after its last notice.

        Raises RetryLater without time left.
        """
        begun = time.monotonic()
        if begun - self._begun >= WHOLE or self._spent.get(channel, 0.0) >= SHARE:
            raise RetryLater("there was no time left for it in this run", 0.0)
        if channel in self._last:
            time.sleep(max(0.0, self._last[channel] + interval - begun))
        try:
            yield
        finally:
            self._last[channel] = time.monotonic()
            self._spent[channel] = self._spent.get(channel, 0.0) + self._last[channel] - begun
