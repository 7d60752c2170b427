"""The pure part of the read path: what of a pack is fetched together, and how large a sample is."""

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.backup.engine.grouping import Groups, chosen, sample_size, spans
from firstbell.backup.engine.manifest import Record

PACK = b"p" * 20


def sha1(number: int) -> bytes:
    return hashlib.sha1(str(number).encode()).digest()


def records(places: list[tuple[int, int]]) -> list[Record]:
    return [Record(sha1(n), size, PACK, offset) for n, (offset, size) in enumerate(places)]


@pytest.mark.parametrize(
    ("places", "ranges"),
    [
        ([(0, 10), (10, 20), (30, 5)], [(0, 35)]),  # neighbours share a request
        ([(0, 10), (60, 10)], [(0, 70)]),  # a gap that is cheaper fetched than asked around
        ([(0, 10), (61, 10)], [(0, 10), (61, 71)]),  # a wider one is not
        ([(0, 60), (60, 60)], [(0, 60), (60, 120)]),  # a request stays small
        ([(5, 300)], [(5, 305)]),  # unless one file alone is larger
        ([(0, 50), (10, 5), (10, 45)], [(0, 55)]),  # overlapping ones are covered once
        ([(7, 0)], [(7, 7)]),  # an empty file needs no byte
    ],
)
def test_near_files_of_a_pack_are_fetched_together(places, ranges):
    found = spans(reversed(records(places)), gap=50, most=100)
    assert [(span.start, span.end) for span in found] == ranges


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 300)), max_size=60))
def test_each_file_lies_in_exactly_one_range(places):
    wanted = records(places)
    found = spans(wanted, gap=50, most=400)
    assert sorted(r for span in found for r in span.records) == sorted(wanted)
    for span in found:
        assert all(span.start <= r.offset and r.offset + r.size <= span.end for r in span.records)
        assert span.end - span.start <= 400


@given(st.lists(st.tuples(st.integers(0, 150), st.integers(0, 2**40), st.integers(0, 2**40)), max_size=80))
def test_records_come_back_pack_by_pack(tmp_path_factory, drawn):
    packs = [sha1(-n) for n in range(1, 200)]
    given_in = [Record(sha1(n), size, packs[pack], offset) for n, (pack, size, offset) in enumerate(drawn)]
    groups = Groups(str(tmp_path_factory.getbasetemp()), packs)
    for record in given_in:
        groups.add(record)
    found = dict(groups)
    groups.close()
    assert {r for group in found.values() for r in group} == set(given_in)
    assert all(r.pack == pack for pack, group in found.items() for r in group)
    assert (groups.records, groups.bytes) == (len(given_in), sum(r.size for r in given_in))


def test_a_sample_is_as_large_as_the_confidence_asks_for():
    assert sample_size(0.95, 0.001, 10**6) == 2995  # ln 0.05 / ln 0.999
    assert sample_size(0.95, 0.001, 100) == 100  # no more than there are
    with pytest.raises(ValueError, match="between 0 and 1"):
        sample_size(1, 0.001, 100)


@given(st.floats(0.01, 0.999), st.floats(0.0001, 0.5))
def test_a_smaller_sample_would_not_do(confidence, share):
    size = sample_size(confidence, share, 10**9)
    missed = (1 - share) ** size
    assert missed <= (1 - confidence) * (1 + 1e-6)
    assert math.isclose(share, 0.5) or (1 - share) ** (size - 1) > (1 - confidence) * (1 - 1e-6)


def test_a_sample_takes_the_places_it_was_told():
    assert list(chosen(records([(n, n) for n in range(9)]), [0, 3, 8])) == [
        Record(sha1(n), n, PACK, n) for n in (0, 3, 8)
    ]
