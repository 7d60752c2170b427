"""Restoring: whole sets and single files, verified, resumed, repaired, and out of every kind of damage."""

import hashlib
import io
import os
import random
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from firstbell.backup.engine.crew import Size
from firstbell.backup.engine.landing import Manner, TargetError
from firstbell.backup.engine.reading import Opened, ReadingError, the_set
from firstbell.backup.engine.restoring import Restored, Wish, hashes_in, restore
from tests.backup.loopback_store import Store, running
from tests.backup.model_writer import ModelWriter, sha1

CREW = Size(2, 3)


@pytest.fixture
def store() -> Iterator[Store]:
    with running() as started:
        yield started


def contents(count: int, seed: int = 7) -> list[bytes]:
    """Files of 0 to 250 bytes: some for packs, some not, one empty."""
    drawn = random.Random(seed)
    return [b"", *(drawn.randbytes(drawn.randrange(1, 250)) for _ in range(count - 1))]


def place(root: Path, content: bytes) -> Path:
    name = sha1(content).hex()
    return root / "filedir" / name[:2] / name[2:4] / name


def files(root: Path) -> dict[str, bytes]:
    """What lies in `filedir`, by its path below; every name must be what it says."""
    found = {str(p.relative_to(root / "filedir")): p.read_bytes() for p in (root / "filedir").rglob("*") if p.is_file()}
    for path, content in found.items():
        name = hashlib.sha1(content).hexdigest()
        assert path == f"{name[:2]}/{name[2:4]}/{name}"
    return found


def restored(store: Store, tmp_path: Path, wanted: str = "latest", crew: Size = CREW, **wish: object) -> Restored:
    bucket, scratch = store.bucket(), tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    with Opened(bucket, the_set(bucket, wanted), str(scratch)) as opened:
        done = restore(
            bucket, opened, Wish(**{"root": str(tmp_path / "to"), **wish}), str(scratch), crew, lambda done: None
        )
    assert list(scratch.iterdir()) == [], "nothing is left behind"
    return done


def test_a_whole_set_comes_back(store, tmp_path):
    wanted = contents(300)
    writer = ModelWriter(store)
    writer.run(wanted[:200])
    writer.run(wanted[:250])
    writer.run(wanted)
    done = restored(store, tmp_path)
    assert sorted(files(tmp_path / "to").values()) == sorted(wanted)
    assert (done.files, done.bytes, done.there, done.whole) == (300, sum(map(len, wanted)), 0, True)


def test_an_empty_set_comes_back(store, tmp_path):
    ModelWriter(store).run([])
    assert restored(store, tmp_path) == Restored()


def test_an_older_set_comes_back_as_it_was(store, tmp_path):
    wanted = contents(40)
    writer = ModelWriter(store)
    first = writer.run(wanted[:20])
    writer.run(wanted)
    restored(store, tmp_path, first.key)
    assert sorted(files(tmp_path / "to").values()) == sorted(wanted[:20])


def test_a_second_restore_proves_what_is_there_and_fetches_the_rest(store, tmp_path):
    wanted = contents(60)
    ModelWriter(store).run(wanted)
    restored(store, tmp_path)
    lost, spoilt, shorter = wanted[5], wanted[6], wanted[7]
    place(tmp_path / "to", lost).unlink()
    place(tmp_path / "to", spoilt).write_bytes(bytes(len(spoilt)))
    place(tmp_path / "to", shorter).write_bytes(shorter[:-1])
    done = restored(store, tmp_path)
    assert (done.files, done.there) == (3, 57)
    assert sorted(files(tmp_path / "to").values()) == sorted(wanted)


def test_a_repair_looks_at_sizes_only_and_leaves_others_alone(store, tmp_path):
    wanted = contents(60)
    ModelWriter(store).run(wanted)
    restored(store, tmp_path)
    stranger = place(tmp_path / "to", b"of a newer day")
    stranger.parent.mkdir(parents=True, exist_ok=True)
    stranger.write_bytes(b"of a newer day")
    place(tmp_path / "to", wanted[9]).unlink()
    store.requests.clear()
    done = restored(store, tmp_path, repair=True)
    assert (done.files, done.there) == (1, 59)
    assert stranger.read_bytes() == b"of a newer day"
    assert len([r for r in store.requests if "/packs/" in r or "/files/" in r]) == 1


def test_single_files_come_alone(store, tmp_path):
    wanted = contents(80)
    writer = ModelWriter(store)
    writer.run(wanted[:50])
    writer.run(wanted)
    asked = sorted(map(sha1, [wanted[0], wanted[3], wanted[60], b"never there"]))
    done = restored(store, tmp_path, hashes=asked)
    assert sorted(files(tmp_path / "to").values()) == sorted([wanted[0], wanted[3], wanted[60]])
    assert done.unknown == (sha1(b"never there").hex(),)
    assert not done.whole


def test_a_long_list_is_walked_and_finds_the_same(store, tmp_path, monkeypatch):
    monkeypatch.setattr("firstbell.backup.engine.reading.MANY", 3)
    test_single_files_come_alone(store, tmp_path)


def test_hashes_are_found_in_whatever_a_query_prints(tmp_path):
    one, two = sha1(b"1").hex(), sha1(b"2").hex()
    (tmp_path / "list").write_text(f'contenthash\tfilesize\n"{two}",12\n{one}\t3\n{one}\n{one.upper()}\n{one}0\n')
    assert hashes_in(str(tmp_path / "list")) == sorted([sha1(b"1"), sha1(b"2")])
    (tmp_path / "none").write_bytes(b"\0\xff nothing")
    with pytest.raises(TargetError, match="no content hash"):
        hashes_in(str(tmp_path / "none"))


@pytest.mark.parametrize("kind", ["files", "packs"])
@pytest.mark.parametrize("damage", ["gone", "spoilt", "short", "empty"])
def test_damage_costs_its_files_and_says_so(store, tmp_path, kind, damage):
    wanted = contents(40)
    ModelWriter(store).run(wanted)
    key = next(k for k in store.objects if k.startswith(f"campus/{kind}/"))
    body = store.objects.pop(key)
    if damage != "gone":
        spoilt = bytes([body[0] ^ 1]) + body[1:]
        store.put(key, {"spoilt": spoilt, "short": body[:-1], "empty": b""}[damage])
    done = restored(store, tmp_path)
    found = files(tmp_path / "to")
    assert not done.whole
    assert {sha1(c).hex() for c in wanted} - {hashlib.sha1(c).hexdigest() for c in found.values()} == {
        name for name, _ in done.wrong
    }
    assert all(key.removeprefix("campus/") in why for _, why in done.wrong)
    assert len(done.wrong) == done.wrong_count == 40 - len(found)


@pytest.mark.parametrize("kind", ["files", "packs"])
def test_an_answer_that_breaks_off_is_asked_again(store, tmp_path, kind):
    wanted = contents(30)
    ModelWriter(store).run(wanted)
    store.torn = {k: 2 for k in store.objects if f"/{kind}/" in k}
    assert restored(store, tmp_path).whole
    assert sorted(files(tmp_path / "to").values()) == sorted(wanted)


def test_a_link_in_the_target_stops_the_restore(store, tmp_path):
    ModelWriter(store).run(contents(300))
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "to" / "filedir").mkdir(parents=True)
    for first in range(256):
        (tmp_path / "to" / "filedir" / f"{first:02x}").symlink_to(outside)
    with pytest.raises(TargetError, match="symbolic link"):
        restored(store, tmp_path)
    assert list(outside.iterdir()) == []


def test_two_restores_to_one_place_do_not_meet(store, tmp_path):
    import fcntl

    ModelWriter(store).run(contents(3))
    (tmp_path / "to").mkdir()
    fd = os.open(tmp_path / "to", os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(TargetError, match="another restore is at work"):
        restored(store, tmp_path)
    os.close(fd)
    assert restored(store, tmp_path).whole


def test_the_archive_comes_with_its_permissions(store, tmp_path):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, mode in (("secret/key/site.key", 0o400), ("muc/config.php", 0o4640)):
            about = tarfile.TarInfo(name)
            about.size, about.mode = 4, mode
            tar.addfile(about, io.BytesIO(b"text"))
    ModelWriter(store).run(contents(5), archive=raw.getvalue())
    done = restored(store, tmp_path)
    assert done.others == 2
    assert (tmp_path / "to/secret/key/site.key").stat().st_mode & 0o7777 == 0o400
    assert (tmp_path / "to/muc/config.php").stat().st_mode & 0o7777 == 0o640, "special bits do not come back"
    assert restored(store, tmp_path, repair=True).others == 0, "what is there stays in a repair"


def test_what_the_archive_was_is_proven(store, tmp_path):
    backup = ModelWriter(store).run(contents(5), archive=b"x" * 10240)
    store.put("campus/" + backup.archive.key, b"y" * 10240)
    with pytest.raises(ReadingError, match="not what its name says"):
        restored(store, tmp_path)


def test_a_set_that_does_not_fit_is_refused_before_anything_comes(store, tmp_path, monkeypatch):
    ModelWriter(store).run(contents(5), bytes=2**62)
    with pytest.raises(TargetError, match=r"its disk has \d+ bytes"):
        restored(store, tmp_path)
    assert list((tmp_path / "to").iterdir()) == []


def test_modes_are_what_was_asked_for(store, tmp_path):
    wanted = contents(20)
    ModelWriter(store).run(wanted)
    restored(store, tmp_path, manner=Manner(file_mode=0o600, directory_mode=0o700))
    assert {p.stat().st_mode & 0o7777 for p in (tmp_path / "to").rglob("*") if p.is_file()} == {0o600}
    assert {p.stat().st_mode & 0o7777 for p in (tmp_path / "to").rglob("*") if p.is_dir()} == {0o700}
