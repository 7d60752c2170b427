"""What a source says is believed, or its last good copy is kept: when it fails, and when it has shrunk suspiciously."""

from datetime import timedelta

import pytest

from firstbell.calendar.trust import (
    FEW,
    HURRIED,
    PATIENCE,
    SECONDS,
    Record,
    failed,
    good,
    has_shrunk,
    seconds,
    unkept,
    wants_a_person,
    worth_writing,
)
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
    ("says", "before", "after", "file", "remote"),
    [
        ("all of many are gone", 40, 0, True, True),
        ("nine tenths of many are gone", 40, 4, True, True),
        ("a little less than nine tenths are gone", 40, 5, False, False),
        ("all of a few may well be cancelled in a file, but a host may only be broken", FEW - 1, 0, False, True),
        ("the only one is gone", 1, 0, False, True),
        ("one of a few is left", FEW - 1, 1, False, False),
        ("just enough to be suspicious", FEW, 0, True, True),
        ("there are more now", 40, 60, False, False),
        ("there never were any", 0, 0, False, False),
    ],
)
def test_shrinking(says: str, before: int, after: int, file: bool, remote: bool):
    assert has_shrunk(before, after, remote=False) is file, says
    assert has_shrunk(before, after, remote=True) is remote, says


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


def test_a_source_without_a_copy_is_told_at_once_even_if_it_may_pass():
    assert wants_a_person(failed(Record("a.example"), "no answer", at(10)), True, at(10))


def test_a_source_whose_copy_cannot_be_written_is_good_and_has_its_earlier_copy():
    assert unkept(failed(GOOD, "x", at(10))) == GOOD


@pytest.mark.parametrize(
    ("says", "record", "minute", "expected"),
    [
        ("a new one", None, 30, SECONDS),
        ("a good one", GOOD, 30, SECONDS),
        ("one that failed", failed(GOOD, "x", at(9)), 15, HURRIED),
        ("one that failed, at the end of the hour", failed(GOOD, "x", at(9)), 59, HURRIED),
        ("one that failed may be just slow: once an hour it has time", failed(GOOD, "x", at(9)), 14, SECONDS),
    ],
)
def test_how_long_a_host_is_waited_for(says: str, record: Record | None, minute: int, expected: float):
    assert seconds(record, at(10) + timedelta(minutes=minute)) == expected, says


def test_an_unchanged_record_is_written_once_a_day():
    assert worth_writing(None, GOOD)
    assert not worth_writing(GOOD, good(GOOD, "d1", at(10)))
    assert worth_writing(GOOD, good(GOOD, "d1", at(9) + DAY))
    assert worth_writing(GOOD, good(GOOD, "d2", at(10)))
    assert worth_writing(GOOD, failed(GOOD, "x", at(10)))
    assert not worth_writing(failed(GOOD, "x", at(10)), failed(failed(GOOD, "x", at(10)), "x", at(11)))
