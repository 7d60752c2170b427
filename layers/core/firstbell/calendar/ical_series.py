"""Series of events, expanded by recurring-ical-events one by one, so that a broken one does not hide the others."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from icalendar import Event
from recurring_ical_events import EventAdapter
from recurring_ical_events.series import Series

from firstbell.calendar.ical_budget import Budget
from firstbell.calendar.values import CalendarError


def expand(
    events: Iterable[Event],
    between: tuple[datetime, datetime],
    budget: Budget,
    take: Callable[[Any], None],
    broken: Callable[[Event, Exception], None],
) -> None:
    """Hand each occurrence `between` two moments (UTC) to `take`, and the series in which that fails to `broken`."""
    bounded = _bounded(budget)
    series: dict[Any, list[Event]] = {}
    for event in events:
        series.setdefault(event.get("UID", id(event)), []).append(event)
    for versions in series.values():
        try:
            for occurrence in bounded([EventAdapter(version) for version in versions]).between(*between):
                take(occurrence.as_component(False))
        except CalendarError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one odd series makes of the libraries; it is warned of
            broken(versions[0], error)


def _bounded(budget: Budget) -> Any:
    """The library's series, whose rules spend the `budget`."""

    class Rules(Series.RecurrenceRules):  # type: ignore[misc]  # the library has no types
        def rrulestr(self, rule_string: str) -> Any:
            return budget.bind(super().rrulestr(rule_string))

    class Bounded(Series):  # type: ignore[misc]
        RecurrenceRules = Rules

    return Bounded
