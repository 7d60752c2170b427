"""Local times that clocks skip or show twice: the tables are written by hand, from the tz database's rules for 2026."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.calendar import zones

DOUBTFUL = [  # zone, wall-clock time, the earlier and the later reading in UTC, why
    ("Europe/Berlin", "03-29 02:30", "03-29 00:30", "03-29 01:30", "does not exist"),
    ("Europe/Berlin", "10-25 02:30", "10-25 00:30", "10-25 01:30", "exists twice"),
    ("Europe/Dublin", "03-29 01:30", "03-29 00:30", "03-29 01:30", "does not exist"),
    ("America/New_York", "03-08 02:30", "03-08 06:30", "03-08 07:30", "does not exist"),
    ("America/New_York", "11-01 01:30", "11-01 05:30", "11-01 06:30", "exists twice"),
    ("Australia/Lord_Howe", "10-04 02:15", "10-03 15:15", "10-03 15:45", "does not exist"),
    ("Australia/Lord_Howe", "04-05 01:45", "04-04 14:45", "04-04 15:15", "exists twice"),
    ("America/Santiago", "09-06 00:30", "09-06 03:30", "09-06 04:30", "does not exist"),
    ("America/Santiago", "04-04 23:30", "04-05 02:30", "04-05 03:30", "exists twice"),
    ("Asia/Beirut", "03-29 00:00", "03-28 21:00", "03-28 22:00", "does not exist"),
    ("Asia/Beirut", "10-24 23:30", "10-24 20:30", "10-24 21:30", "exists twice"),
    ("Africa/Casablanca", "03-22 02:30", "03-22 01:30", "03-22 02:30", "does not exist"),
    ("Africa/Casablanca", "02-15 02:30", "02-15 01:30", "02-15 02:30", "exists twice"),
]
CERTAIN = [
    ("Europe/Berlin", "03-29 01:59", "03-29 00:59"),
    ("Europe/Berlin", "03-29 03:00", "03-29 01:00"),
    ("Europe/Berlin", "10-25 01:59", "10-24 23:59"),
    ("Europe/Berlin", "10-25 03:00", "10-25 02:00"),
    ("Asia/Beirut", "03-29 01:00", "03-28 22:00"),
    ("America/Sao_Paulo", "10-18 00:00", "10-18 03:00"),
    ("UTC", "10-25 02:30", "10-25 02:30"),
]


def wall(text: str) -> datetime:
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M")  # noqa: DTZ007 - a time on the wall


def utc(text: str) -> datetime:
    return wall(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("zone", "local", "earlier", "later", "why"), DOUBTFUL)
def test_a_doubtful_time_begins_early_ends_late_and_is_named(zone: str, local: str, earlier: str, later: str, why: str):
    here = ZoneInfo(zone)
    assert zones.begins(wall(local), here) == utc(earlier)
    assert zones.ends(wall(local), here) == utc(later)
    said = zones.note(wall(local), here)
    assert said == (
        f"2026-{local} {why} in {zone} (the clocks change): a beginning is taken as {earlier[6:]} UTC,"
        f" an end as {later[6:]} UTC"
    )


@pytest.mark.parametrize(("zone", "local", "moment"), CERTAIN)
def test_an_ordinary_time_has_one_reading_and_no_note(zone: str, local: str, moment: str):
    here = ZoneInfo(zone)
    assert zones.begins(wall(local), here) == zones.ends(wall(local), here) == utc(moment)
    assert zones.note(wall(local), here) == ""


ZONES = st.sampled_from(sorted({zone for zone, *_ in DOUBTFUL} | {"Pacific/Chatham", "Africa/Cairo"}))
LOCAL = st.integers(0, 366 * 24 * 12).map(lambda fives: datetime(2026, 1, 1) + fives * timedelta(minutes=5))  # noqa: DTZ001


@given(ZONES, LOCAL)
def test_any_time_is_read_as_what_the_clocks_show_then_or_would_have_shown(zone: str, local: datetime):
    here = ZoneInfo(zone)
    begins, ends = zones.begins(local, here), zones.ends(local, here)
    shown = {moment.astimezone(here).replace(tzinfo=None) for moment in (begins, ends)}
    if begins == ends:
        assert shown == {local}
    else:
        assert local in shown or min(shown) < local < max(shown), "one of two, or in the hour that is skipped"
    assert begins <= ends <= begins + timedelta(hours=1)
    assert (begins == ends) == (zones.note(local, here) == "")


@given(ZONES, st.integers(0, 366 * 24 * 12))
def test_no_moment_is_lost(zone: str, fives: int):
    """What a clock shows at a moment is read as that moment, or as a span with that moment in it."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) + fives * timedelta(minutes=5)
    local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert zones.begins(local, ZoneInfo(zone)) <= moment <= zones.ends(local, ZoneInfo(zone))
