"""Runs of the engine as a process of its own, against an S3 that verifies everything; each set is restored."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from tests.backup import strict_s3
from tests.backup.engine_world import PREFIX, School, command, environment, newest, restored, run
from tests.backup.strict_s3 import StrictS3
from tools import pack_engine

BIG = 200_000  # bytes: an object of its own


@pytest.fixture
def store() -> Iterator[StrictS3]:
    with strict_s3.serving() as s3:
        yield s3


@pytest.fixture
def school(tmp_path: Path) -> School:
    found = School(tmp_path / "moodledata")
    found.fill(60, seed=1)
    found.add(b"")
    found.add(bytes(BIG))
    found.add(b"x" * 131_071)
    found.add(b"x" * 131_072)
    return found


def test_the_first_run_stores_small_files_in_packs_and_the_others_by_themselves(school: School, store: StrictS3):
    ended = run(school, store)
    assert (ended.code, ended.errors) == (0, "")
    assert ended.said["complete"]
    assert restored(store, newest(store)) == school.contents()
    assert len(store.keys(PREFIX + "files/")) == 2, "the file of exactly 128 KiB is not small"
    assert 1 <= len(store.keys(PREFIX + "packs/")) <= 2


def test_a_run_without_change_lists_nothing_and_asks_the_store_little(school: School, store: StrictS3):
    school.settle()
    run(school, store)
    before = len(store.requests)
    ended = run(school, store)
    assert (ended.said["listed"], ended.said["stored"]) == (0, 0)
    assert ended.said["requests"] == len(store.requests) - before == 3
    assert len(store.keys(PREFIX + "manifests/")) == 1, "the second set names the first one's manifest"
    assert restored(store, newest(store)) == school.contents()


def test_only_what_is_new_is_stored(school: School, store: StrictS3):
    run(school, store)
    new = {school.add(b"new and small"), school.add(b"new" * BIG)}
    ended = run(school, store)
    assert ended.said["stored"] == 2
    assert newest(store)["new_files"] == 2
    assert restored(store, newest(store)) == school.contents()
    assert new <= restored(store, newest(store)).keys()


def test_what_may_change_again_in_the_same_tick_is_listed_again(school: School, store: StrictS3):
    run(school, store)
    assert run(school, store).said["listed"] > 0, "all is as new as the run"
    school.settle()
    assert run(school, store).said["listed"] > 0, "these were too new when they were seen last"
    assert run(school, store).said["listed"] == 0


def test_a_copy_that_keeps_times_is_seen_by_its_change_time(school: School, store: StrictS3):
    first = school.add(b"first")
    directory = school.path(first).parent
    school.settle()
    run(school, store)
    times = directory.stat()
    (directory / ("0" * 40)).touch()
    second = f"{first[:4]}" + "0" * 36  # not what it is called, but seen
    (directory / ("0" * 40)).rename(directory / second)
    os.utime(directory, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert run(school, store).said["quarantined"] == 1


def test_what_is_no_content_is_left_alone(school: School, store: StrictS3):
    known = school.contents()
    somewhere = school.path(next(iter(known))).parent
    (school.root / "filedir" / "warning.txt").write_text("do not touch")
    (somewhere / ("f" * 40 + ".tmp")).write_text("half an upload")
    (somewhere / ("f" * 40)).write_text("a hash in the wrong directory")
    (somewhere / next(iter(known)).upper()).write_text("capital letters")
    (school.root / "filedir" / "jackpot").mkdir()
    (school.root / "filedir" / "jackpot" / "file").write_text("odd")
    assert run(school, store).code == 0
    assert restored(store, newest(store)) == known


def test_files_that_are_not_what_their_name_says_are_quarantined_until_they_are(school: School, store: StrictS3):
    small, large = school.add(b"will be cut"), school.add(b"y" * BIG)
    good = school.contents()
    school.path(small).write_bytes(b"will be")
    school.path(large).write_bytes(b"y" * (BIG - 1) + b"z")
    ended = run(school, store)
    assert ended.code == 1
    document = newest(store)
    assert {one["name"].rpartition("/")[2] for one in document["quarantined"]} == {small, large}
    assert document["quarantined_count"] == 2
    assert restored(store, document).keys() == good.keys() - {small, large}
    school.settle()
    run(school, store)
    assert run(school, store).said["quarantined"] == 2, "they are looked at in each run"
    school.path(small).write_bytes(b"will be cut")
    school.path(large).write_bytes(b"y" * BIG)
    assert run(school, store).code == 0
    assert restored(store, newest(store)) == good


def test_what_cannot_be_read_is_named(school: School, store: StrictS3, tmp_path: Path):
    secret = school.root / "secret" / "key"
    secret.mkdir(parents=True)
    (secret / "moodle.key").write_text("k")
    hidden = school.path(school.add(b"hidden"))
    for path in (secret / "moodle.key", hidden):
        path.chmod(0o000)
    ended = as_nobody(school, store, tmp_path)
    assert ended["unreadable"] == 2
    named = {one["name"]: one["why"] for one in newest(store)["unreadable"]}
    assert named["secret/key/moodle.key"] == named[f"filedir/{hidden.relative_to(school.root / 'filedir')}"]
    assert set(named.values()) == {"Permission denied"}


NOBODY = """
import encodings.idna, importlib, os, pkgutil, sys
from firstbell.backup import engine
for module in pkgutil.iter_modules(engine.__path__):  # the project may lie where only we may look
    if module.name != "__main__":
        importlib.import_module(f"{engine.__name__}.{module.name}")
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.exit(importlib.import_module("firstbell.backup.engine.cli").main(sys.argv[1:]))
"""


def as_nobody(school: School, store: StrictS3, tmp_path: Path) -> dict[str, int]:
    """Run as a user who owns nothing (where we are root)."""
    if os.geteuid() == 0:
        for path in (tmp_path, *tmp_path.parents[:3]):
            path.chmod(0o755)
    state = tmp_path / "nobody"
    state.mkdir()
    state.chmod(0o777)
    _, _, _, *arguments = command(school, store, state=state)
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, *arguments], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, bool(done.stdout)) == (1, True), done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_nothing_is_followed_out_of_filedir(school: School, store: StrictS3, tmp_path: Path):
    known = school.contents()
    outside = tmp_path / "outside"
    data = b"a secret of the machine"
    sha1 = School(outside).add(data)
    link = school.path(sha1)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside / "filedir" / sha1[:2] / sha1[2:4] / sha1)
    free = next(f"{n:02x}" for n in range(256) if not (school.root / "filedir" / f"{n:02x}").exists())
    (school.root / "filedir" / free).symlink_to(outside / "filedir" / sha1[:2])
    ended = run(school, store)
    assert ended.code == 1
    assert restored(store, newest(store)) == known
    assert ended.said["unreadable"] == 2


def test_the_archive_has_what_is_not_content_addressed_and_is_the_same_for_the_same_files(
    school: School, store: StrictS3
):
    (school.root / "muc").mkdir()
    (school.root / "muc" / "config.php").write_text("<?php")
    (school.root / "muc" / "other.php").write_text("no")
    (school.root / "lang" / "de").mkdir(parents=True)
    (school.root / "lang" / "de" / "moodle.php").write_text("deutsch")
    (school.root / "lang" / "link").symlink_to("/etc/passwd")
    run(school, store)
    run(school, store)
    [key] = store.keys(PREFIX + "archives/")
    with tarfile.open(fileobj=BytesIO(store.objects[key].data)) as tar:
        assert tar.getnames() == ["lang", "lang/de", "lang/de/moodle.php", "lang/link", "muc/config.php"]
        assert tar.getmember("lang/link").issym()
    assert newest(store)["archive"]["key"] == key.removeprefix(PREFIX)
    assert store.count("PUT", PREFIX + "archives/") == 1


# ---------------------------------------------------------------- the database's list


def listed(school: School, *more: str) -> str:
    """The hash list of a database that knows all contents, and these."""
    path = school.root.parent / "hashes.csv"
    lines = [f"{sha1},{len(data)}" for sha1, data in school.contents().items()] + [f"{sha1},7" for sha1 in more]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_what_the_database_knows_and_nobody_has_is_named(school: School, store: StrictS3):
    lost = "0" * 39 + "1"
    ended = run(school, store, "--hashes", listed(school, lost), "--snapshot", "firstbell-campus-1")
    assert (ended.code, ended.said["missing"], ended.said["missing_new"]) == (1, 1, 1)
    document = newest(store)
    assert document["missing"] == [lost]
    assert document["database"] == {"snapshot": "firstbell-campus-1", "hashes": 65, "at": None}
    again = run(school, store, "--hashes", listed(school, lost))
    assert (again.code, again.said["missing"], again.said["missing_new"]) == (1, 1, 0)


def test_a_file_that_moved_to_the_trash_meanwhile_is_found_there(school: School, store: StrictS3):
    run(school, store)
    sha1 = school.add(b"deleted between the snapshot and the run")
    hashes = listed(school)
    trash = school.root / "trashdir" / sha1[:2] / sha1[2:4]
    trash.mkdir(parents=True)
    school.path(sha1).rename(trash / sha1)
    assert run(school, store, "--hashes", hashes).code == 0
    assert restored(store, newest(store))[sha1] == b"deleted between the snapshot and the run"


def test_the_hash_list_checks_what_the_times_of_directories_hide(school: School, store: StrictS3):
    """A client with old attributes of a directory does not see it change; a state that lies stands for it here."""
    school.settle()
    run(school, store)
    sha1 = school.add(b"unseen")
    state = school.root.parent / "state" / "directories"
    head, _, times = state.read_bytes().partition(b"\n")
    seen, place = school.path(sha1).parent.stat(), 8 * int(sha1[:4], 16)
    raw = bytearray(times)
    raw[place : place + 8] = seen.st_mtime_ns.to_bytes(8, sys.byteorder)
    raw[place + 524_288 : place + 524_296] = seen.st_ctime_ns.to_bytes(8, sys.byteorder)
    state.write_bytes(head + b"\n" + raw)
    assert run(school, store, "--dry-run").said["listed"] == 0
    ended = run(school, store, "--hashes", listed(school))
    assert (ended.code, ended.said["listed"], ended.said["stored"]) == (0, 0, 1)
    assert sha1 in restored(store, newest(store))


def test_a_first_run_straight_from_the_hash_list_stores_the_same(school: School, store: StrictS3):
    assert run(school, store, "--look", "hashes", "--hashes", listed(school)).code == 0
    assert restored(store, newest(store)) == school.contents()


def test_a_hash_list_that_is_none_is_wrong_usage(school: School, store: StrictS3):
    path = school.root.parent / "hashes.csv"
    path.write_text("contenthash,filesize\n../../etc/passwd,3\n")
    ended = run(school, store, "--hashes", str(path))
    assert ended.code == 2
    assert "line 2" in ended.errors
    assert store.count("PUT") == 0


# ---------------------------------------------------------------- a wrong source


@pytest.mark.parametrize("what", ["no sentinel", "another site", "no filedir", "moved", "shrunk", "empty"])
def test_a_wrong_source_stops_the_run_before_anything_is_written(what: str, school: School, store: StrictS3):
    run(school, store)
    puts = store.count("PUT")
    filedir = school.root / "filedir"
    match what:
        case "no sentinel":
            (school.root / ".firstbell-site").unlink()
        case "another site":
            (school.root / ".firstbell-site").write_text("hilltop")
        case "no filedir":
            filedir.rename(school.root / "gone")
        case "moved":
            shutil.copytree(filedir, school.root / "copy")
            filedir.rename(school.root / "gone")
            (school.root / "copy").rename(filedir)
        case "shrunk" | "empty":
            directories = sorted(filedir.iterdir())
            for directory in directories[: len(directories) // 2 + 1] if what == "shrunk" else directories:
                shutil.rmtree(directory)
    ended = run(school, store)
    assert ended.code == 3
    assert ended.errors.count("\n") == 1
    assert store.count("PUT") == puts
    if what in ("moved", "shrunk", "empty"):
        assert "--new-source" in ended.errors
        assert run(school, store, "--new-source").code == 0
        assert newest(store)["files"] == 64, "what was stored once stays in the sets to come"


def test_a_dry_run_stores_nothing_and_remembers_nothing(school: School, store: StrictS3):
    ended = run(school, store, "--dry-run")
    assert (ended.code, ended.said["stored"]) == (0, 64)
    assert store.count("PUT") == 0
    assert run(school, store).said["stored"] == 64


# ---------------------------------------------------------------- a store that misbehaves


FAULTS = ["status:503", "status:500", "reset", "reset-after", "early:503", "cut"]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_pass_are_survived(fault: str, school: School, store: StrictS3):
    store.plan = lambda method, key, number: fault if number % 3 == 0 else ""
    ended = run(school, store)
    assert (ended.code, ended.errors) == (0, "")
    assert restored(store, newest(store)) == school.contents()


def test_a_wrong_clock_here_is_set_by_the_stores(school: School, store: StrictS3):
    store.ahead = timedelta(hours=3)
    assert run(school, store).code == 0
    assert restored(store, newest(store)) == school.contents()


def test_a_refusal_ends_the_run_with_a_sentence_and_without_a_set(school: School, store: StrictS3):
    store.token = "another"  # ours has expired, and there is no other
    ended = run(school, store)
    assert ended.code == 4
    assert "ExpiredToken" in ended.errors
    assert "secret" not in ended.errors
    assert store.keys() == []


def test_a_store_that_goes_away_leaves_no_set_and_the_next_run_goes_on(school: School, store: StrictS3):
    school.fill(40, seed=9, largest=400_000)
    store.plan = lambda method, key, number: "status:403" if number > 12 else ""
    ended = run(school, store)
    assert ended.code == 4
    assert store.keys(PREFIX + "sets/") == []
    stored = len(store.keys(PREFIX + "files/"))
    store.plan = lambda method, key, number: ""
    puts = store.count("PUT", PREFIX + "files/")
    assert run(school, store).code == 0
    assert restored(store, newest(store)) == school.contents()
    assert store.count("PUT", PREFIX + "files/") - puts <= len(store.keys(PREFIX + "files/")) - stored + 2


def test_a_set_that_cannot_be_trusted_is_not_built_upon(school: School, store: StrictS3):
    run(school, store)
    key = store.keys(PREFIX + "sets/")[-1]
    document = json.loads(store.objects[key].data)
    document["manifests"][0]["key"] = "../../other/site"
    store.objects[key].data = json.dumps(document).encode()
    ended = run(school, store)
    assert ended.code == 3
    assert "--afresh" in ended.errors
    assert run(school, store, "--afresh").code == 0
    assert restored(store, newest(store)) == school.contents()


def test_a_slow_file_system_is_asked_several_things_at_once(school: School, store: StrictS3):
    """Threads list and read then; the S3 verifies that nothing gets mixed up."""
    school.fill(400, seed=11)
    slow = "import sys\nfrom firstbell.backup.engine import cli, running\nrunning.is_slow = lambda source: True\n"
    words = command(school, store)
    done = subprocess.run(
        [words[0], "-c", slow + "sys.exit(cli.main())", *words[3:]], env=environment(), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert restored(store, newest(store)) == school.contents()


def test_a_bandwidth_is_kept_by_all_workers_together(school: School, store: StrictS3):
    school.fill(12, seed=12, largest=400_000)
    total = sum(map(len, school.contents().values()))
    seconds = run(school, store, "--bandwidth", "1M").said["seconds"]
    assert seconds > 0.5 * total / 1e6
    assert restored(store, newest(store)) == school.contents()


def test_the_packed_engine_does_the_same_with_the_oldest_python(school: School, store: StrictS3, tmp_path: Path):
    """Packed twice it is the same file; run by Python 3.9 where there is one, else by this one."""
    assert pack_engine.pack(tmp_path / "a.pyz") == pack_engine.pack(tmp_path / "b.pyz")
    oldest = shutil.which("python3.9") or sys.executable
    if subprocess.run([oldest, "-V"], capture_output=True).returncode:
        oldest = sys.executable
    told = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    words = [oldest, str(tmp_path / "a.pyz"), *command(school, store)[3:]]
    done = subprocess.run(words, env=told, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert restored(store, newest(store)) == school.contents()


def test_the_thirty_first_delta_becomes_a_new_base(school: School, store: StrictS3):
    run(school, store)
    gone = school.add(b"deleted, and purged from the trash")
    for number in range(30):
        school.add(b"night %d" % number)
        assert run(school, store).code == 0
    assert len(newest(store)["manifests"]) == 31
    school.path(gone).unlink()
    school.add(b"one more")
    assert run(school, store, "--hashes", listed(school)).code == 0
    assert [entry["base"] for entry in newest(store)["manifests"]] == [True]
    assert restored(store, newest(store)) == school.contents()
