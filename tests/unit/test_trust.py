"""What a source says is believed, or its last good copy is kept: when it fails, and when it has shrunk suspiciously."""

from datetime import timedelta

import pytest

from firstbell.calendar.trust import FEW, PATIENCE, Record, failed, good, has_shrunk, wants_a_person, worth_writing
from tests.unit.campus_values import DAY, at

GOOD = Record("term.ics", "d1", at(9))


def test_a_good_source_is_not_stale():
    assert good(Record("term.ics"), "d1", at(9)) == GOOD
    assert GOOD.stale == ""


def test_a_stale_source_says_since_when_which_copy_is_used_and_why():
    record = failed(failed(GOOD, "first", at(10)), "term.ics: not a calendar", at(12))
    assert record.stale == (
        "term.ics is stale since 2026-05-04 10:00 UTC, its copy of 2026-05-04 09:00 UTC is used: not a calendar"
    )


def test_a_source_that_never_was_good_says_so():
    assert "it has never been read: gone" in failed(Record("term.ics"), "gone", at(9)).stale


def test_a_source_that_is_well_again_has_forgotten_its_failure():
    assert good(failed(GOOD, "first", at(10)), "d2", at(11)) == Record("term.ics", "d2", at(11))


@pytest.mark.parametrize(
    ("says", "before", "after", "expected"),
    [
        ("all of many are gone", 40, 0, True),
        ("nine tenths of many are gone", 40, 4, True),
        ("a little less than nine tenths are gone", 40, 5, False),
        ("all of a few may well be over", FEW - 1, 0, False),
        ("just enough to be suspicious", FEW, 0, True),
        ("there are more now", 40, 60, False),
        ("there never were any", 0, 0, False),
    ],
)
def test_shrinking(says: str, before: int, after: int, expected: bool):
    assert has_shrunk(before, after) is expected, says


@pytest.mark.parametrize(
    ("says", "passing", "after", "expected"),
    [
        ("a broken calendar is told at once", False, timedelta(0), True),
        ("a host that does not answer is given time", True, timedelta(0), False),
        ("a minute less than its time", True, PATIENCE - timedelta(minutes=1), False),
        ("its time is over", True, PATIENCE, True),
    ],
)
def test_when_a_person_is_called(says: str, passing: bool, after: timedelta, expected: bool):
    assert wants_a_person(failed(GOOD, "x", at(10)), passing, at(10) + after) is expected, says
    assert not wants_a_person(GOOD, passing, at(10) + after)


def test_an_unchanged_record_is_written_once_a_day():
    assert worth_writing(None, GOOD)
    assert not worth_writing(GOOD, good(GOOD, "d1", at(10)))
    assert worth_writing(GOOD, good(GOOD, "d1", at(9) + DAY))
    assert worth_writing(GOOD, good(GOOD, "d2", at(10)))
    assert worth_writing(GOOD, failed(GOOD, "x", at(10)))
    assert not worth_writing(failed(GOOD, "x", at(10)), failed(failed(GOOD, "x", at(10)), "x", at(11)))
