"""The manifest: what is written is read, in the documented bytes; the newest has the say; nothing hostile passes."""

import hashlib
import struct
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.backup.engine import manifest, names
from firstbell.backup.engine.manifest import ManifestError, Reader, Record, Writer, merged, read
from firstbell.backup.engine.sorting import Sorter

hashes = st.binary(min_size=20, max_size=20).filter(any)
packs = st.sampled_from([b"", b"p" * 20, b"q" * 20])
records = st.builds(
    lambda sha1, size, pack, offset: Record(sha1, size, pack, offset if pack else 0),
    hashes,
    st.integers(0, 2**20),
    packs,
    st.integers(0, 2**22),
)
sorted_records = st.lists(records, max_size=60, unique_by=lambda r: r.sha1).map(sorted)


def written(found: list[Record]) -> bytes:
    target = BytesIO()
    writer = Writer(target, BytesIO())
    for record in found:
        writer.add(record)
    done = writer.finish()
    raw = target.getvalue()
    assert done == (hashlib.sha1(raw).digest(), len(found), sum(r.size for r in found), len(raw))
    return raw


def reader(folder: Path, raw: bytes) -> Reader:
    path = folder / hashlib.sha1(raw).hexdigest()
    path.write_bytes(raw)
    return Reader(str(path), hashlib.sha1(raw).digest())


def test_the_bytes_are_those_that_were_decided():
    a, b, pack = b"a" * 20, b"b" * 20, b"p" * 20
    raw = written([Record(a, 5, pack, 7), Record(b, 2**40, b"", 0)])
    expected = b"firstbell manifest 1 2 1\n" + pack
    for sha1, size, number, offset in ((a, 5, 1, 7), (b, 2**40, 0, 0)):
        expected += sha1 + struct.pack(">Q", size)[2:] + struct.pack(">I", number) + struct.pack(">Q", offset)[2:]
    assert raw == expected


@given(found=sorted_records)
def test_what_is_written_is_read(found: list[Record], tmp_path_factory: pytest.TempPathFactory):
    raw = written(found)
    assert list(read(BytesIO(raw))) == found
    one = reader(tmp_path_factory.mktemp("m"), raw)
    assert list(one) == found
    assert [one.find(r.sha1) for r in found] == found
    assert one.find(b"\0" * 20) is None
    for first in {r.sha1[0] for r in found} | {0, 255}:
        below = [r for r in found if r.sha1[0] == first]
        assert list(one.under(bytes([first]))) == below
        assert one.hashes_beginning(first) == {r.sha1 for r in below}
    for prefix in {r.sha1[:2] for r in found}:
        assert list(one.hashes_under(prefix)) == [r.sha1 for r in found if r.sha1.startswith(prefix)]
    assert sorted(one.packs) == sorted({r.pack for r in found} - {b""})


@given(st.lists(sorted_records, min_size=1, max_size=4))
def test_of_several_manifests_the_newest_has_the_say(newest_first: list[list[Record]]):
    expected: dict[bytes, Record] = {}
    for found in reversed(newest_first):
        expected |= {r.sha1: r for r in found}
    assert list(merged(newest_first)) == sorted(expected.values(), key=lambda r: r.sha1)


@pytest.mark.parametrize("second", [b"a" * 20, b"A" * 20], ids=["twice", "out of order"])
def test_a_writer_takes_each_hash_once_and_in_order(second: bytes):
    writer = Writer(BytesIO(), BytesIO())
    writer.add(Record(b"a" * 20, 1, b"", 0))
    with pytest.raises(ManifestError, match="does not come after"):
        writer.add(Record(second, 1, b"", 0))


GOOD = written([Record(b"a" * 20, 5, b"p" * 20, 7), Record(b"b" * 20, 9, b"", 0)])
HEAD = len(b"firstbell manifest 1 2 1\n")
FIRST = HEAD + 20


def changed(offset: int, new: bytes) -> bytes:
    return GOOD[:offset] + new + GOOD[offset + len(new) :]


HOSTILE = {
    "nothing": b"",
    "no line": b"f" * 10_000,
    "another version": GOOD.replace(b"manifest 1", b"manifest 2", 1),
    "a negative number": b"firstbell manifest 1 -1 0\n",
    "numbers without end": b"firstbell manifest 1 " + b"9" * 70 + b" 0\n",
    "more packs than records": b"firstbell manifest 1 0 1000000\n" + b"p" * 20,
    "packs that fill memory": b"firstbell manifest 1 999999999999 2000000\n",
    "cut in the packs": GOOD[: HEAD + 10],
    "cut in a record": GOOD[:-1],
    "one byte more": GOOD + b"x",
    "a pack that is not listed": changed(FIRST + 26, b"\0\0\0\2"),
    "an offset without a pack": changed(FIRST + 26, b"\0\0\0\0"),
    "a small file that is huge": changed(FIRST + 20, b"\0\xff"),
    "a pack that is huge": changed(FIRST + 30, b"\0\xff"),
    "a file larger than S3 allows": changed(FIRST + 36 + 20, b"\xff"),
    "the same hash twice": changed(FIRST + 36, b"a" * 20),
    "out of order": changed(FIRST, b"c" * 20),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_manifest_is_refused(raw: bytes, tmp_path: Path):
    with pytest.raises(ManifestError):
        list(read(BytesIO(raw)))
    with pytest.raises(ManifestError):
        list(reader(tmp_path, raw))


def test_a_manifest_that_is_not_what_its_name_says_is_refused(tmp_path: Path):
    (tmp_path / "m").write_bytes(GOOD)
    with pytest.raises(ManifestError, match="not what its name"):
        Reader(str(tmp_path / "m"), b"x" * 20)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_read_or_refused(raw: bytes):
    for bytes_ in (raw, GOOD[: len(raw)] + raw):
        found: list[Record] = []
        with suppress(ManifestError):
            found += read(BytesIO(bytes_))
        names = [record.sha1 for record in found]
        assert names == sorted(set(names)), "what is read is in order, each once"


# ---------------------------------------------------------------- sorting and names


@given(items=st.lists(st.tuples(hashes, st.binary(min_size=4, max_size=4)), max_size=200))
def test_what_spills_is_sorted_as_what_does_not(
    items: list[tuple[bytes, bytes]], tmp_path_factory: pytest.TempPathFactory
):
    folder = str(tmp_path_factory.mktemp("s"))
    spilling, holding = Sorter(24, folder, memory=240), Sorter(24, folder)
    expected: dict[bytes, bytes] = {}
    for sha1, rest in items:
        spilling.add(sha1 + rest)
        holding.add(sha1 + rest)
        expected[sha1] = min(expected.get(sha1, rest), rest)
    assert list(spilling) == list(holding) == sorted(sha1 + rest for sha1, rest in expected.items())
    assert bool(spilling) is bool(items)


@pytest.mark.parametrize(
    ("first", "second", "name", "why"),
    [
        ("ab", "cd", "abce" + "0" * 36, "another directory's"),
        ("ab", "cd", "ABCD" + "0" * 36, "capital letters"),
        ("ab", "cd", "abcd" + "0" * 35, "too short"),
        ("ab", "cd", "abcd" + "0" * 36 + ".tmp", "half an upload"),
        ("ab", "cd", "abcd" + "0" * 36 + "\n", "a line end"),
        ("abc", "d", "abcd" + "0" * 36, "levels of other lengths"),
        ("ab", "cd", "abcd" + "٠" * 36, "digits of another script"),
    ],
)
def test_what_is_no_content_has_no_hash(first: str, second: str, name: str, why: str):
    assert names.content_hash(first, second, name) is None, why


def test_names_are_those_that_were_decided():
    sha1 = bytes.fromhex("abcd" + "0" * 36)
    assert names.content_hash("ab", "cd", sha1.hex()) == sha1
    assert names.file_key(sha1) == f"files/ab/cd/{sha1.hex()}"
    assert names.set_time("sets/20261124T031500Z.json") is not None
    for key in (
        "sets/20261324T031500Z.json",
        "sets/../x.json",
        "sets/20261124T031500Z.json\n",
        "x/20261124T031500Z.json",
    ):
        assert names.set_time(key) is None
    with pytest.raises(ValueError):
        names.pack_key(b"short")
    assert manifest.WIDTH == 36
