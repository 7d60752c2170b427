"""The database's part of a backup: names that RDS takes, and states that the state machine understands."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.backup.database import KEY, recovered, snapshot_name, stage

NIGHT = datetime(2026, 3, 2, 2, 5, tzinfo=UTC)


def test_the_name_says_site_and_minute() -> None:
    assert snapshot_name("campus", NIGHT) == "firstbell-campus-202603020205"


@given(st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,39}\Z"), st.datetimes(timezones=st.just(UTC)))
def test_rds_takes_every_name(site: str, at: datetime) -> None:
    name = snapshot_name(site, at)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,254}", name)
    assert "--" not in name
    assert not name.endswith("-")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("available", "available"),
        ("creating", "creating"),
        ("backing-up", "creating"),
        ("", "creating"),
        ("failed", "failed"),
        ("missing", "missing"),
    ],
)
def test_stage(status: str, expected: str) -> None:
    assert stage(status) == expected


def test_a_backup_that_succeeds_ends_the_ticket_about_one_that_did_not() -> None:
    assert recovered("campus", set(), NIGHT) == []
    (end,) = recovered("campus", {KEY}, NIGHT)
    assert end.resolved
    assert "not copied yet" in end.what
