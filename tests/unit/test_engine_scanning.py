"""Which directories are listed: those that changed, or may have; and a state that does not hold is no state."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from firstbell.backup.engine import source as sources
from firstbell.backup.engine import state as states
from firstbell.backup.engine.scanning import Scan, scan
from firstbell.backup.engine.source import Before, SourceError
from firstbell.backup.engine.state import State

SECOND = 10**9
STORE, SITE = "s3://vault/campus/", "campus"
NEW, OLD = "sets/20261124T031500Z.json", "sets/20261123T031500Z.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".firstbell-site").write_text(SITE)
    for name in ("00/00", "00/ff", "ab/cd", "ff/ff"):
        (tmp_path / "filedir" / name).mkdir(parents=True)
    return tmp_path


def looked(root: Path, before: State | None = None, moment: int = 2**62, everything: bool = False) -> Scan:
    """`moment` is long after all changes, unless a test says so: then what is seen is settled."""
    source = sources.checked(str(root), SITE, None)
    return scan(source, before or states.nothing(STORE, "1"), moment, everything=everything, slow=False)


def names(found: Scan) -> set[str]:
    return {f"{unit.first:02x}/{second:02x}" for unit in found.units for second in unit.seconds}


def seen(found: Scan) -> State:
    return State(STORE, "1", OLD, 0, found.changed, found.touched)


def test_without_a_state_all_are_listed(root: Path):
    found = looked(root)
    assert names(found) == {"00/00", "00/ff", "ab/cd", "ff/ff"}
    assert (found.directories, found.listed, found.troubles) == (4, 4, [])


def test_what_did_not_change_is_not_listed(root: Path):
    assert names(looked(root, seen(looked(root)))) == set()


def test_what_changed_is_listed_whatever_its_time_is_now(root: Path):
    before = seen(looked(root))
    (root / "filedir" / "ab" / "cd" / "new").touch()
    os.utime(root / "filedir" / "00" / "ff", (1, 1))  # older than before: a restored tree
    (root / "filedir" / "12" / "34").mkdir(parents=True)
    assert names(looked(root, before)) == {"ab/cd", "00/ff", "12/34"}


def test_every_now_and_then_all_are_listed(root: Path):
    assert len(names(looked(root, seen(looked(root)), everything=True))) == 4


def test_what_changed_in_the_last_two_seconds_of_the_servers_clock_is_listed_again(root: Path):
    changed = (root / "filedir" / "ab" / "cd").stat().st_ctime_ns
    for age, again in ((0, True), (2 * SECOND, True), (2 * SECOND + 1, False), (-3600 * SECOND, True)):
        before = seen(looked(root, moment=changed + age))
        assert ("ab/cd" in names(looked(root, before))) is again, f"{age} ns old"


def test_links_and_files_in_the_place_of_directories_are_named(root: Path, tmp_path: Path):
    (root / "filedir" / "ab" / "ee").symlink_to(tmp_path)
    (root / "filedir" / "aa").symlink_to(tmp_path)
    (root / "filedir" / "ab" / "jackpot").mkdir()
    found = looked(root)
    assert {one.name for one in found.troubles} == {"filedir/ab/ee", "filedir/aa"}
    assert "ab/ee" not in names(found)


# ---------------------------------------------------------------- state


def saved(folder: Path, **changes: object) -> State:
    state = states.nothing(STORE, "1")._replace(set_key=OLD, runs=3, **changes)
    state.changed[0xABCD], state.touched[7] = 123, 456
    states.save(str(folder), state)
    return state


def test_a_state_is_loaded_as_it_was_saved(tmp_path: Path):
    state = saved(tmp_path)
    assert states.load(str(tmp_path), STORE, "1", [OLD]) == state
    assert states.load(str(tmp_path), STORE, "1", [OLD, NEW]) == state, "a later set knows no less"


@pytest.mark.parametrize(
    ("store", "identity", "keys", "why"),
    [
        ("s3://other/", "1", [OLD], "another store does not have these files"),
        (STORE, "2", [OLD], "another file system"),
        (STORE, "1", [NEW], "its set is gone"),
        (STORE, "1", [], "there are no sets"),
    ],
)
def test_a_state_that_does_not_fit_is_none(store: str, identity: str, keys: list[str], why: str, tmp_path: Path):
    saved(tmp_path)
    assert states.load(str(tmp_path), store, identity, keys) is None, why


@pytest.mark.parametrize("raw", [b"", b"{}\n", b"[]\n", b'{"version": 1}\n', b"\xff\n", b"9" * 5000])
def test_a_damaged_state_is_none(raw: bytes, tmp_path: Path):
    (tmp_path / "directories").write_bytes(raw)
    assert states.load(str(tmp_path), STORE, "1", [OLD, NEW]) is None


def test_a_cut_state_is_none(tmp_path: Path):
    saved(tmp_path)
    path = tmp_path / "directories"
    path.write_bytes(path.read_bytes()[:-1])
    assert states.load(str(tmp_path), STORE, "1", [OLD, NEW]) is None


# ---------------------------------------------------------------- source


def test_the_identity_is_that_of_the_files_not_of_the_mount(root: Path):
    source = sources.checked(str(root), SITE, None)
    numbers = [(root / ".firstbell-site").stat().st_ino, (root / "filedir").stat().st_ino]
    assert source.identity == ":".join(map(str, numbers))
    assert source.first_level == ("00", "ab", "ff")
    assert sources.checked(str(root), SITE, Before(source.identity, 6)) == source, "half is still enough"
    with pytest.raises(SourceError, match="--new-source"):
        sources.checked(str(root), SITE, Before(source.identity, 7))


def test_a_sentinel_that_is_a_link_or_a_pipe_is_not_waited_for(root: Path):
    (root / ".firstbell-site").unlink()
    os.mkfifo(root / ".firstbell-site")
    with pytest.raises(SourceError, match="names ''"):
        sources.checked(str(root), SITE, None)
    (root / ".firstbell-site").unlink()
    (root / ".firstbell-site").symlink_to("/etc/hostname")
    with pytest.raises(SourceError, match="cannot be read"):
        sources.checked(str(root), SITE, None)


def test_the_servers_clock_is_a_canarys_and_the_canary_is_gone(root: Path):
    now = datetime.now(UTC).timestamp()
    assert abs(sources.moment(str(root)) / SECOND - now) < 5
    assert [one.name for one in root.iterdir() if "canary" in one.name] == []
    assert sources.moment(str(root / "nowhere")) / SECOND < now - 290, "earlier, where nothing can be written"
