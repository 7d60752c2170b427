"""Axes: moments to a share of the width, values to a share of the height, and where the ticks go."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, isfinite, log10
from zoneinfo import ZoneInfo

_MINUTES = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880)
_MOST_TICKS = 9
SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 180.0, 600.0)


@dataclass(frozen=True, slots=True)
class Time:
    """A time axis from `start` to `end` (UTC), labelled in `zone`."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    def at(self, moment: datetime) -> float:
        """The moment's place, 0 to 1 (cut to that)."""
        return min(1.0, max(0.0, (moment - self.start) / (self.end - self.start)))

    def ticks(self) -> list[tuple[float, str]]:
        """Place and label of each tick, on round local times."""
        whole = (self.end - self.start) / timedelta(minutes=1)
        step = next((m for m in _MINUTES if whole / m <= _MOST_TICKS), 1440 * ceil(whole / 1440 / _MOST_TICKS))
        local = self.start.astimezone(self.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        first = ceil((self.start - midnight) / timedelta(minutes=step))
        found, moment = [], midnight + first * timedelta(minutes=step)
        while moment <= self.end:
            found.append((self.at(moment), self._label(moment.astimezone(self.zone))))
            moment += timedelta(minutes=step)
        return found

    def _label(self, local: datetime) -> str:
        return f"{local:%a %d}" if self.end - self.start > timedelta(days=1) and local.hour == 0 else f"{local:%H:%M}"


@dataclass(frozen=True, slots=True)
class Linear:
    """From 0 to a round number above `highest`."""

    highest: float

    @property
    def step(self) -> float:
        """The distance of two ticks: 1, 2 or 5 times a power of ten, four to eight of them."""
        rough = max(self.highest, 1e-9) / 5
        power = 10.0 ** int(log10(rough) // 1)
        return next(n * power for n in (1, 2, 5, 10) if n * power >= rough)

    @property
    def top(self) -> float:
        """The upper end."""
        return self.step * max(1, ceil(self.highest * 1.02 / self.step))

    def at(self, value: float) -> float:
        """The value's height, 0 to 1."""
        return min(1.0, max(0.0, value / self.top))

    def ticks(self) -> list[tuple[float, str]]:
        """Height and label of each tick."""
        return [(self.at(n * self.step), f"{n * self.step:g}") for n in range(round(self.top / self.step) + 1)]


@dataclass(frozen=True, slots=True)
class Log:
    """Seconds, logarithmic from 0.1 to a tick at or above `highest` (at least 10); beyond is cut to the edge."""

    highest: float

    @property
    def top(self) -> float:
        """The upper end."""
        return next((s for s in SECONDS if s >= max(10.0, self.highest)), SECONDS[-1])

    def at(self, value: float) -> float:
        """The value's height, 0 to 1."""
        if not isfinite(value):
            return 1.0
        return min(1.0, max(0.0, log10(max(value, SECONDS[0]) / SECONDS[0]) / log10(self.top / SECONDS[0])))

    def ticks(self) -> list[tuple[float, str]]:
        """Height and label of each tick."""
        return [(self.at(s), f"{s:g} s") for s in SECONDS if s <= self.top]
