"""What is used up: CPU credits, burst credits, disk space; when it is gone, by the slope of the last hours. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import linear_regression

from firstbell.alarms.tiers import Series, Tiers

LEAST = timedelta(minutes=30)  # of points, for a slope
TELL, WAKE = 12.0, 3.0  # hours before it is gone: a ticket, a page


@dataclass(frozen=True, slots=True)
class Supply:
    """Something of a tier that is used up; what then happens is in `then`.

    `unlimited`: it is only paid for once it is gone (a burstable instance in unlimited mode has surplus credits).
    """

    tier: str
    what: str
    series: Series
    then: str
    unlimited: bool = False


@dataclass(frozen=True, slots=True)
class Forecast:
    """A supply that lasts for `hours` more, at the present pace."""

    supply: Supply
    hours: float

    @property
    def wakes(self) -> bool:
        """Whether a person is to be called now."""
        return self.hours <= WAKE and not self.supply.unlimited

    def said(self, now: datetime) -> str:
        """The forecast in words."""
        gone = now + timedelta(hours=self.hours)
        when = f"are gone in {self.hours:.1f} h, about {gone:%H:%M} UTC" if self.hours > 0 else "are gone"
        paid = "; it is in unlimited mode: that costs money, and nobody notices" if self.supply.unlimited else ""
        return f"{self.supply.what} {when}: then {self.supply.then}{paid}"


def supplies(tiers: Tiers) -> Iterator[Supply]:
    """What a site may use up, as far as it is measured."""
    slow = "its CPU falls to its baseline"
    web, data = bool(tiers.web_surplus.now), bool(tiers.database_surplus.now)
    yield Supply("web", "the web servers' CPU credits", tiers.web_credits, slow, web)
    yield Supply("database", "the database's CPU credits", tiers.database_credits, slow, data)
    yield Supply("database-disk", "the database disk's burst credits", tiers.disk_burst, "its disk becomes slow")
    yield Supply("database-space", "the database's free bytes", tiers.free_space, "RDS stops the database")
    yield Supply("storage", "the file system's burst credits", tiers.burst_credits, "files become slow")
    yield Supply("file-server", "the file server's CPU credits", tiers.server_credits, slow)


def forecasts(tiers: Tiers) -> list[Forecast]:
    """What is gone within half a day."""
    found = ((supply, remaining(supply.series)) for supply in supplies(tiers))
    return [Forecast(supply, hours) for supply, hours in found if hours is not None and hours <= TELL]


def remaining(series: Series) -> float | None:
    """Hours until a series reaches zero at the slope of its points; None when it does not, or when nobody can tell."""
    if series.now is None:
        return None
    if series.now <= 0:
        return 0.0
    points = series.points
    if points[-1][0] - points[0][0] < LEAST:
        return None
    hours = [(at - points[0][0]) / timedelta(hours=1) for at, _ in points]
    slope = linear_regression(hours, [value for _, value in points]).slope
    return series.now / -slope if slope < 0 else None
