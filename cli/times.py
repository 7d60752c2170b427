"""Times as people type them: ISO 8601 with or without a zone, or a day alone; without a zone it is the site's."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cli.errors import CommandError, say
from firstbell.calendar import zones

YEARS = range(1990, 2101)


def moment(text: str, zone: ZoneInfo, option: str) -> datetime:
    """The moment in UTC, whole seconds; a day alone is its midnight. Raises CommandError naming the option.

    A local time that the clocks skip or repeat is taken as a beginning, which is said on standard error.
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise CommandError(
            f"{option}: {text!r} is not a time; write 2026-11-24, 2026-11-24T09:00 or 2026-11-24T08:00Z"
        ) from error
    if found.year not in YEARS:
        raise CommandError(f"{option}: the year {found.year} is not between {YEARS[0]} and {YEARS[-1]}")
    if found.tzinfo:
        return found.astimezone(UTC).replace(microsecond=0)
    if doubt := zones.note(found, zone):
        say(f"note: {option}: {doubt}; here it is a beginning")
    return zones.begins(found, zone)


def utc(at: datetime) -> str:
    """A moment for programs: `2026-11-24T08:28:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local(at: datetime, zone: ZoneInfo) -> str:
    """A moment for people: `Tue 24 Nov 2026 09:28`."""
    return at.astimezone(zone).strftime("%a %d %b %Y %H:%M")
