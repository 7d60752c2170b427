"""Local times that do not exist or exist twice (clock changes), resolved by one rule and named in the plan; pure.

The rule: such a time has two readings, before and after the change; what begins begins at the earlier one, what ends
ends at the later one. So capacity is there an hour too long rather than an hour too late.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def begins(local: datetime, zone: ZoneInfo) -> datetime:
    """The first moment (UTC) that the naive wall-clock time `local` can mean in `zone`."""
    return min(_readings(local, zone))


def ends(local: datetime, zone: ZoneInfo) -> datetime:
    """The last moment (UTC) that the naive wall-clock time `local` can mean in `zone`."""
    return max(_readings(local, zone))


def note(local: datetime, zone: ZoneInfo) -> str:
    """What the plan says about a doubtful time: why it is one, and how it was taken; empty for an ordinary time."""
    earlier, later = sorted(_readings(local, zone))
    if earlier == later:
        return ""
    exists = earlier.astimezone(zone).replace(tzinfo=None) == local.replace(microsecond=0)
    why = "exists twice" if exists else "does not exist"
    return (
        f"{local:%Y-%m-%d %H:%M} {why} in {zone.key} (the clocks change): a beginning is taken as {earlier:%H:%M} UTC,"
        f" an end as {later:%H:%M} UTC"
    )


def _readings(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The readings with the offset before and after a change; both the same at any ordinary time."""
    naive = local.replace(tzinfo=None, microsecond=0)
    before, after = (naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return before, after
