"""The next time of a recurrence: the five-field cron expressions of scheduled actions, in their time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

NAMES = {
    name: str(number)
    for names, first in (("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 1), ("SUN MON TUE WED THU FRI SAT", 0))
    for number, name in enumerate(names.split(), start=first)
}
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
FIVE_YEARS = 5 * 366


def next_time(expression: str, after: datetime, zone: str = "UTC") -> datetime:
    """The first instant after `after` (aware) that matches; local times skipped by a change of clocks never match.

    Raises ValueError for an expression that is not "minute hour day month weekday" or never comes true.
    """
    minutes, hours, days, months, weekdays = _parse(expression)
    either = "*" not in expression.split()[2] and "*" not in expression.split()[4]  # cron: day or weekday, if both
    local = after.astimezone(ZoneInfo(zone))
    for offset in range(FIVE_YEARS):
        day = local.date() + timedelta(days=offset)
        on_day, on_weekday = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month not in months or not ((on_day or on_weekday) if either else (on_day and on_weekday)):
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
                instant = wall.astimezone(UTC)
                if instant > after and instant.astimezone(wall.tzinfo).hour == hour:
                    return instant
    raise ValueError(f"{expression!r} never comes true")


def _parse(expression: str) -> list[set[int]]:
    fields = expression.upper().split()
    if len(fields) != len(RANGES):
        raise ValueError(f"{expression!r} does not have five fields")
    parsed = [_field(text, *bounds) for text, bounds in zip(fields, RANGES, strict=True)]
    parsed[4] = {weekday % 7 for weekday in parsed[4]}
    return parsed


def _field(text: str, low: int, high: int) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        else:
            start = int(NAMES.get(first, first))
            end = int(NAMES.get(last, last)) if dash else (high if step else start)
        if not low <= start <= end <= high:
            raise ValueError(f"{part!r} is outside of {low}-{high}")
        values.update(range(start, end + 1, int(step or 1)))
    return values
