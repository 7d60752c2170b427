"""The set's document: what is written is read; whatever a stranger may have written is refused with a sentence."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import __version__
from firstbell.backup.engine import VERSION, sets
from firstbell.backup.engine.hashlist import HashListError, Wanted
from firstbell.backup.engine.sets import (
    ArchiveEntry,
    BackupSet,
    Database,
    ManifestEntry,
    SetError,
    Trouble,
    Troubles,
)

AT = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)
KEY = "sets/20261124T031500Z.json"
SET = BackupSet(
    site="campus",
    at=AT,
    database=Database("snapshot-1", 80, "2026-11-24T03:00:00Z"),
    manifests=[ManifestEntry(b"a" * 20, 70, True), ManifestEntry(b"b" * 20, 9, False)],
    archive=ArchiveEntry(b"c" * 20, 10_240),
    identity="12:34",
    directories=69,
    files=79,
    bytes=9_504_972,
    new_files=9,
    new_bytes=4_000,
    missing=["00a256d9f6fae467cc25ba2bafd38ad010fc7e31"],
    missing_count=1,
    missing_new=0,
    quarantined=Troubles([Trouble("filedir/ab/cd/x", "why")], 1),
    unreadable=Troubles([], 0),
    seconds=1.25,
    engine=VERSION,
)


def test_what_is_written_is_read():
    assert sets.loads(sets.dumps(SET), KEY) == SET
    assert SET.key == KEY
    assert not SET.complete
    bare = SET._replace(archive=None, database=Database(), missing=[], missing_count=0, quarantined=Troubles([], 0))
    assert sets.loads(sets.dumps(bare), KEY) == bare
    assert bare.complete


def test_the_document_has_the_fields_that_were_agreed():
    document = json.loads(sets.dumps(SET))
    assert document["version"] == 1
    assert document["database"] == {"snapshot": "snapshot-1", "hashes": 80, "at": "2026-11-24T03:00:00Z"}
    assert document["manifests"][0] == {
        "key": "manifests/" + b"a".hex() * 20,
        "sha1": b"a".hex() * 20,
        "records": 70,
        "base": True,
    }
    assert document["archive"]["key"] == f"archives/{b'c'.hex() * 20}.tar"
    assert document["source"] == {"identity": "12:34", "directories": 69}
    assert list(document) == sorted(document)


def changed(*path: Any, value: Any) -> bytes:
    document = json.loads(sets.dumps(SET))
    place = document
    for step in path[:-1]:
        place = place[step]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(document).encode()


HOSTILE = {
    "not JSON": b"<xml>",
    "not UTF-8": b"\xff",
    "a list": b"[]",
    "nested without end": b"[" * 100_000,
    "another version": changed("version", value=2),
    "a version that is true": changed("version", value=True),
    "another time than its key": changed("at", value="2026-11-25T03:15:00Z"),
    "a path as a manifest's key": changed("manifests", 0, "key", value="../other/manifests/x"),
    "another manifest's key": changed("manifests", 0, "sha1", value="0" * 40),
    "capital letters": changed("manifests", 0, "sha1", value="A" * 40),
    "two bases": changed("manifests", 1, "base", value=True),
    "no base": changed("manifests", 0, "base", value=False),
    "no manifests": changed("manifests", value=[]),
    "a negative number": changed("files", value=-1),
    "a number that is text": changed("files", value="1"),
    "a number beyond all": changed("bytes", value=2**70),
    "not a number": changed("seconds", value=float("nan")),
    "a missing field": changed("unreadable_count", value=KeyError),
    "a path as a missing hash": changed("missing", 0, value="../../etc/passwd"),
    "a path as the archive's key": changed("archive", "key", value="archives/../../x.tar"),
    "trouble that is text": changed("quarantined", value=["x"]),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_document_is_refused(raw: bytes):
    with pytest.raises(SetError, match=KEY):
        sets.loads(raw, KEY)


def test_too_many_manifests_and_too_many_bytes_are_refused():
    many = SET._replace(manifests=[ManifestEntry(bytes([n]) * 20, 1, n == 0) for n in range(32)])
    with pytest.raises(SetError, match="32 manifests"):
        sets.loads(sets.dumps(many), KEY)
    with pytest.raises(SetError, match="at most"):
        sets.loads(b" " * (sets.DOCUMENT_MOST + 1), KEY)
    with pytest.raises(SetError, match="not the key"):
        sets.loads(sets.dumps(SET), "sets/../x.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_document_is_read_or_refused(document: Any):
    with pytest.raises(SetError):
        sets.loads(json.dumps(document).encode(), KEY)


def test_the_engine_is_of_the_products_version():
    assert __version__ == VERSION


# ---------------------------------------------------------------- the database's list


def test_a_hash_list_may_repeat_itself_and_have_a_title(tmp_path: Any):
    lines = ["contenthash,filesize\n", '"' + "ab" * 20 + '","12"\n', "ab" * 20 + ",12\n", "\n", "cd" * 20 + "\n"]
    wanted = Wanted(lines, str(tmp_path))
    assert wanted.total == 2
    assert wanted.hashes(0xAB) == {b"\xab" * 20}


@pytest.mark.parametrize(
    "line", ["ab" * 19 + ",1", "../" + "a" * 37 + ",1", "ab" * 20 + ",-1", "ab" * 20 + ",1,2", "<?php"]
)
def test_a_line_that_is_no_hash_is_named(line: str, tmp_path: Any):
    with pytest.raises(HashListError, match="line 2"):
        Wanted(["ab" * 20 + ",1", line], str(tmp_path))
