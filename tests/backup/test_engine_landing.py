"""How files land: whole or not at all, with the right modes, never through a link, never more than they should be."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from firstbell.backup.engine import landing
from firstbell.backup.engine.landing import CorruptError, FullError, Landing, Manner, TargetError, leftovers

DATA = b"what a student handed in\n"
NAME = hashlib.sha1(DATA).hexdigest()
MANNER = Manner()


@pytest.fixture(autouse=True)
def _open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def place(root: Path, name: str = NAME) -> Path:
    return root / "filedir" / name[:2] / name[2:4] / name


def names(root: Path) -> list[str]:
    return sorted(p.name for p in root.rglob("*") if p.is_file())


def test_a_file_lands_with_its_modes(tmp_path):
    to = Landing(str(tmp_path), Manner(file_mode=0o640, directory_mode=0o2750))
    to.land(NAME, len(DATA), [DATA[:5], DATA[5:]])
    to.close()
    assert place(tmp_path).read_bytes() == DATA
    assert stat.S_IMODE(place(tmp_path).stat().st_mode) == 0o640
    assert {stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "filedir").rglob("*") if p.is_dir()} == {0o2750}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_lands_with_its_owner(tmp_path):
    Landing(str(tmp_path), Manner(uid=33, gid=34, fsync=True)).land(NAME, len(DATA), [DATA])
    for path in (place(tmp_path), place(tmp_path).parent, tmp_path / "filedir"):
        assert (path.stat().st_uid, path.stat().st_gid) == (33, 34)
    assert stat.S_IMODE(place(tmp_path).parent.stat().st_mode) == 0o2770, "giving it away has not cleared the bits"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([DATA[:-1]], f"{len(DATA) - 1} bytes instead of {len(DATA)}"),
        ([DATA, b"!"], "more than its"),
        ([DATA.upper()], "hash to"),
        ([], "0 bytes instead"),
    ],
)
def test_what_is_not_its_name_does_not_land(tmp_path, content, says):
    with pytest.raises(CorruptError, match=says):
        Landing(str(tmp_path), MANNER).land(NAME, len(DATA), content)
    assert names(tmp_path) == []


def test_a_wrong_file_stays_until_the_right_one_is_whole(tmp_path):
    to = Landing(str(tmp_path), MANNER)
    place(tmp_path).parent.mkdir(parents=True)
    place(tmp_path).write_bytes(b"broken")
    with pytest.raises(CorruptError):
        to.land(NAME, len(DATA), [b"x"])
    assert place(tmp_path).read_bytes() == b"broken"
    to.land(NAME, len(DATA), [DATA])
    assert place(tmp_path).read_bytes() == DATA


@pytest.mark.parametrize(
    ("found", "proven", "there"),
    [
        (DATA, True, True),
        (DATA, False, True),
        (DATA.upper(), True, False),
        (DATA.upper(), False, True),
        (b"", True, False),
    ],
)
def test_what_is_there_is_seen(tmp_path, found, proven, there):
    place(tmp_path).parent.mkdir(parents=True)
    place(tmp_path).write_bytes(found)
    assert Landing(str(tmp_path), MANNER).there(NAME, len(DATA), proven=proven) is there


def test_a_fifo_in_the_place_of_a_file_is_not_waited_for(tmp_path):
    place(tmp_path).parent.mkdir(parents=True)
    os.mkfifo(place(tmp_path))
    to = Landing(str(tmp_path), MANNER)
    assert not to.there(NAME, len(DATA), proven=True)
    to.land(NAME, len(DATA), [DATA])
    assert place(tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("level", ["filedir", f"filedir/{NAME[:2]}", f"filedir/{NAME[:2]}/{NAME[2:4]}"])
@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_no_way_leads_out_of_the_target(tmp_path, level, kind):
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (root / level).parent.mkdir(parents=True)
    if kind == "file":
        (root / level).write_text("")
    else:
        (root / level).symlink_to(outside if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(TargetError, match="symbolic link or a file"):
        Landing(str(root), MANNER).land(NAME, len(DATA), [DATA])
    assert names(outside) == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("make", [os.link, os.symlink])
def test_a_link_under_the_other_name_is_not_written_through(tmp_path, make):
    secret = tmp_path / "shadow"
    secret.write_text("root:x")
    place(tmp_path).parent.mkdir(parents=True)
    make(secret, place(tmp_path).with_name(f"{NAME}.{os.getpid()}.tmp"))
    Landing(str(tmp_path), MANNER).land(NAME, len(DATA), [DATA])
    assert secret.read_text() == "root:x"
    assert place(tmp_path).read_bytes() == DATA


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path):
    secret = tmp_path / "shadow"
    secret.write_bytes(DATA)
    place(tmp_path).parent.mkdir(parents=True)
    place(tmp_path).symlink_to(secret)
    to = Landing(str(tmp_path), MANNER)
    with pytest.raises(TargetError, match="symbolic link"):
        to.there(NAME, len(DATA), proven=True)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half(tmp_path, monkeypatch):
    def full(fd: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(landing.os, "write", full)
    with pytest.raises(FullError, match=r"is full; what is there is whole: make room"):
        Landing(str(tmp_path), MANNER).land(NAME, len(DATA), [DATA])
    assert names(tmp_path) == []


def test_leftovers_go_and_nothing_else(tmp_path):
    folder = place(tmp_path).parent
    folder.mkdir(parents=True)
    others = [NAME, f"{NAME}.tmp", "notes.12.tmp", f"{NAME}.12.tmp.bak"]
    for name in [*others, f"{NAME}.4711.tmp"]:
        (folder / name).write_text("")
    (folder / "linked").symlink_to(tmp_path)
    assert list(leftovers(str(tmp_path))) == [f"{NAME}.4711.tmp"]
    assert names(tmp_path) == sorted(others)
