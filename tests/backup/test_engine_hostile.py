"""Whoever can write into the store can lie: each lie is one sentence, costs no memory, and nothing is half applied."""

import io
import json
import os
import resource
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backup.engine_world import CORE
from tests.backup.loopback_store import Store, running
from tests.backup.model_writer import ModelWriter, sha1
from tests.backup.test_engine_restore import contents, files

HEAD = b"firstbell manifest 1 %d %d\n"
A, B = sha1(b"a"), sha1(b"b")
LOW, HIGH = sorted([A, B])
SIX_MAX = 2**48 - 1


@pytest.fixture
def store() -> Iterator[Store]:
    with running() as started:
        yield started


def engine(store: Store, *arguments: object, limit: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command of the engine's own, in `limit` bytes of memory (0: as it likes)."""
    address = ["--store", "s3://backups/campus", "--endpoint", f"http://127.0.0.1:{store.port}"]
    command, *rest = map(str, arguments)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CORE), "AWS_REGION": "eu-central-1"}
    environment |= {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "top-secret"}

    def confine() -> None:
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-m", "firstbell.backup.engine", command, *rest, *address],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=confine,
    )
    assert "Traceback" not in done.stderr
    assert "top-secret" not in done.stderr + done.stdout
    assert all(c.isprintable() or c == "\n" for c in done.stderr + done.stdout)
    return done


def record(name: bytes, size: int, pack: int = 0, offset: int = 0) -> bytes:
    return name + size.to_bytes(6, "big") + pack.to_bytes(4, "big") + offset.to_bytes(6, "big")


def with_manifest(store: Store, raw: bytes, **changes: object) -> None:
    """A set that stands on this manifest."""
    writer = ModelWriter(store)
    backup = writer.run([b"something"])
    document = json.loads(store.objects.pop(f"campus/{backup.key}"))
    key = f"manifests/{sha1(raw).hex()}"
    store.put(f"campus/{key}", raw)
    entry = {"key": key, "sha1": sha1(raw).hex(), "records": changes.pop("records", 1), "base": True}
    store.put(f"campus/{backup.key}", json.dumps({**document, "manifests": [entry], **changes}).encode())


MANIFESTS = {
    "empty": b"",
    "no manifest": b"<html>Please log in</html>",
    "another version": b"firstbell manifest 2 0 0\n",
    "no end of its first line": b"firstbell manifest 1 " + b"1" * 100_000,
    "a million million records": HEAD % (10**12 - 1, 0),
    "more digits than there may be": HEAD % (10**30, 0),
    "more packs than records": HEAD % (0, 10**9) + b"x" * 20,
    "packs that are not there": HEAD % (10**9, 10**9),
    "a negative number": b"firstbell manifest 1 -1 0\n" + record(A, 1),
    "other digits": "firstbell manifest 1 ١ 0\n".encode() + record(A, 1),
    "too few records": HEAD % (2, 0) + record(LOW, 1),
    "too many records": HEAD % (1, 0) + record(LOW, 1) + record(HIGH, 1),
    "half a record": HEAD % (1, 0) + record(LOW, 1)[:-1],
    "out of order": HEAD % (2, 0) + record(HIGH, 1) + record(LOW, 1),
    "twice the same": HEAD % (2, 0) + record(A, 1) + record(A, 2),
    "a pack that is not listed": HEAD % (1, 1) + A + record(B, 1, 2),
    "the last pack of all": HEAD % (1, 1) + A + record(B, 1, 2**32 - 1),
    "an end behind every pack": HEAD % (1, 1) + A + record(B, SIX_MAX, 1, SIX_MAX),
    "an offset without a pack": HEAD % (1, 0) + record(A, 1, 0, 5),
    "a file larger than S3 holds": HEAD % (1, 0) + record(A, SIX_MAX),
}


@pytest.mark.parametrize("what", MANIFESTS)
@pytest.mark.parametrize("command", ["restore", "verify", "prune"])
def test_a_manifest_that_lies_is_one_sentence(store, tmp_path, command, what):
    raw = MANIFESTS[what]
    with_manifest(store, raw, records=max(1, raw.count(A) + raw.count(B)) if "order" in what or "twice" in what else 1)
    before = dict(store.objects)
    target = [tmp_path / "to"] if command == "restore" else []
    done = engine(store, command, *target, *(["--yes"] if command == "prune" else []), limit=2**30)
    assert done.returncode == (3 if command == "prune" else 1)
    assert len(done.stderr.splitlines()) == 1
    assert f"manifests/{sha1(raw).hex()}" in done.stderr or "record" in done.stderr
    assert store.objects == before
    if command == "restore":
        assert not list((tmp_path / "to").rglob("*")) or what == "out of order"


@pytest.mark.parametrize(
    ("size", "offset"),
    [
        (5, 2**20),
        (2**20, 0),
        (2**25, 2**24),
        (0, 2**20),
        (3, 7),
    ],  # behind the end, across it, far, nothing, overlapping
)
def test_what_is_not_in_its_pack_costs_only_itself(store, tmp_path, size, offset):
    body = b"0123456789"
    good = sha1(b"0123")
    listed = sorted([(good, record(good, 4, 1, 0)), (A, record(A, size, 1, offset))])
    raw = HEAD % (2, 1) + sha1(body) + b"".join(r for _, r in listed)
    with_manifest(store, raw, records=2)
    store.put(f"campus/packs/{sha1(body).hex()}", body)
    done = engine(store, "restore", tmp_path / "to")
    assert done.returncode == 1
    assert [name for name, _ in json.loads(done.stdout)["wrong"]] == [A.hex()]
    assert files(tmp_path / "to") == {f"{good.hex()[:2]}/{good.hex()[2:4]}/{good.hex()}": b"0123"}


def test_the_set_and_its_manifest_must_agree(store, tmp_path):
    with_manifest(store, HEAD % (1, 0) + record(A, 1), records=10**12)
    done = engine(store, "restore", tmp_path / "to")
    assert done.returncode == 1
    assert "has 1 records, not the 1000000000000" in done.stderr


DOCUMENTS = {
    "not JSON": b"{",
    "no text": b"\xff\xfe",
    "NUL bytes": b"\0" * 1000,
    "a list": b"[]",
    "deep": b"[" * 200_000,
    "null": b"null",
    "a huge number": b'{"version": ' + b"9" * 100_000 + b"}",
    "another version": b'{"version": 2}',
    "true for one": b'{"version": true}',
}
CHANGES = {
    "a key outside of the prefix": {"manifests": [{"key": "../../x", "sha1": A.hex(), "records": 1, "base": True}]},
    "another site's key": {"manifests": [{"key": f"college/{A.hex()}", "sha1": A.hex(), "records": 1, "base": True}]},
    "a path for a hash": {
        "manifests": [{"key": "manifests/..", "sha1": "../../etc/passwd", "records": 1, "base": True}]
    },
    "an archive elsewhere": {"archive": {"key": "/etc/shadow", "sha1": A.hex(), "size": 1}},
    "no base": {"manifests": [{"key": f"manifests/{A.hex()}", "sha1": A.hex(), "records": 1, "base": False}]},
    "no manifest": {"manifests": []},
    "a hundred manifests": {
        "manifests": [{"key": f"manifests/{A.hex()}", "sha1": A.hex(), "records": 1, "base": not n} for n in range(100)]
    },
    "another moment": {"at": "2020-01-01T00:00:00Z"},
    "less than nothing": {"files": -1},
    "half a file": {"files": 1.5},
    "not a number": {"seconds": float("nan")},
    "without end": {"seconds": float("inf")},
    "a site that is a list": {"site": ["campus"]},
    "a hash with a NUL": {"missing": ["\0" * 40]},
    "troubles that are none": {"quarantined": ["x"]},
}


@pytest.mark.parametrize("what", [*DOCUMENTS, *CHANGES])
def test_a_set_that_lies_is_one_sentence_and_listed_as_such(store, what):
    backup = ModelWriter(store).run(contents(3))
    key = f"campus/{backup.key}"
    raw = DOCUMENTS.get(what) or json.dumps({**json.loads(store.objects[key]), **CHANGES[what]}).encode()
    store.put(key, raw)
    for command, code in (("verify", 1), ("prune", 3)):
        done = engine(store, command)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.startswith(f"firstbell backup: {backup.key}")
        assert len(done.stderr) < 500
    shown = engine(store, "list")
    assert shown.returncode == 1
    assert shown.stdout.startswith(f"{backup.key}: {backup.key} is not")


def test_a_huge_document_is_not_read(store):
    backup = ModelWriter(store).run(contents(3))
    store.put(f"campus/{backup.key}", b" " * (17 * 2**20) + b"{}")
    done = engine(store, "verify", limit=2**29)
    assert done.returncode == 1
    assert "a set has 16777216 at most" in done.stderr
    assert "a set has 16777216 at most" in engine(store, "list").stdout


def test_what_a_stranger_wrote_is_printed_without_its_control_characters(store):
    backup = ModelWriter(store).run(contents(3))
    document = json.loads(store.objects[f"campus/{backup.key}"])
    document["database"]["snapshot"] = "\x1b]0;owned\x07\n\u202esnapshot"
    store.put(f"campus/{backup.key}", json.dumps(document).encode())
    assert "owned" in engine(store, "list").stdout
    assert backup.key in engine(store, "list", "--json").stdout


def tar(*members: tuple[str, bytes, str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, kind, link in members:
            about = tarfile.TarInfo(name)
            about.type, about.linkname = kind, link
            about.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(about, io.BytesIO(b"evil"))
    return raw.getvalue()


FILE = tarfile.REGTYPE


@pytest.mark.parametrize(
    "archive",
    [
        tar(("lang/good", FILE, ""), ("../escaped", FILE, "")),
        tar(("/tmp/escaped", FILE, "")),
        tar(("lang/../../escaped", FILE, "")),
        tar(("lang//../x", FILE, "")),
        tar(("..", tarfile.DIRTYPE, "")),
        tar(("hard", tarfile.LNKTYPE, "/etc/passwd")),
        tar(("device", tarfile.CHRTYPE, "")),
        tar(("pipe", tarfile.FIFOTYPE, "")),
        tar(("filedir/aa/bb/x", FILE, "")),
        tar(("x" * 5000, FILE, "")),
        b"\x1f\x8b\x08" + b"\0" * 2000,  # gzip is not what we write
        b"not a tar at all" * 100,
        tar(("lang/good", FILE, ""))[:700],
    ],
)
def test_an_archive_that_leads_elsewhere_is_refused_whole(store, tmp_path, archive):
    ModelWriter(store).run([b"content"], archive=archive)
    (tmp_path / "deep").mkdir()
    done = engine(store, "restore", tmp_path / "deep/to")
    assert done.returncode == 1
    assert "the archive" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {sha1(b"content").hex()}
    assert not Path("/tmp/escaped").exists()


def test_links_of_an_archive_are_named_and_not_made(store, tmp_path):
    archive = tar(("lang/x", tarfile.SYMTYPE, "/etc"), ("lang/x/passwd", FILE, ""), ("secret/key", FILE, ""))
    ModelWriter(store).run([b"content"], archive=archive)
    done = engine(store, "restore", tmp_path / "to")
    assert done.returncode == 0
    assert json.loads(done.stdout)["links"] == ["lang/x -> /etc"]
    assert (tmp_path / "to/lang/x/passwd").read_bytes() == b"evil", "a directory of the target's own"
    assert (tmp_path / "to/secret/key").read_bytes() == b"evil"


def test_an_archive_is_not_written_through_a_link_of_the_target(store, tmp_path):
    ModelWriter(store).run([b"content"], archive=tar(("lang/de/x", FILE, "")))
    (tmp_path / "to").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "to/lang").symlink_to(tmp_path / "outside")
    done = engine(store, "restore", tmp_path / "to")
    assert done.returncode == 1
    assert "symbolic link" in done.stderr
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("share", ["nan", "-1", "2", "x"])
def test_a_share_that_is_none_does_not_switch_the_bound_off(store, share):
    assert engine(store, "prune", f"--share={share}").returncode == 2


def test_a_prune_that_would_take_too_much_is_shown_and_not_done(store):
    writer = ModelWriter(store, small=1, deltas=0)
    writer.run([b"old"])
    writer.run([b"new"])
    before = dict(store.objects)
    only_one = ("--daily=1", "--weekly=0", "--monthly=0", "--yearly=0", "--names")
    shown, asked = engine(store, "prune", *only_one), engine(store, "prune", *only_one, "--yes")
    assert (shown.returncode, asked.returncode, asked.stdout) == (3, 3, "")
    assert any(name.startswith("files/") for name in json.loads(shown.stdout)["names"])
    assert "1 of 2 objects with content would go" in shown.stderr
    assert store.objects == before
    assert engine(store, "prune", *only_one, "--share=0.5").returncode == 0
    assert engine(store, "prune", *only_one, "--share=0.5", "--yes").returncode == 0
    assert len(store.objects) == 3


# ---------------------------------------------------------------- killed, and full


def test_a_restore_that_is_killed_goes_on(store, tmp_path):
    wanted = contents(400)
    ModelWriter(store).run(wanted)
    command = [sys.executable, "-m", "firstbell.backup.engine", "restore", str(tmp_path / "to")]
    command += ["--store", "s3://backups/campus", "--endpoint", f"http://127.0.0.1:{store.port}", "--region", "x"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CORE)}
    environment |= {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s"}
    for least in (20, 150, 300):
        before = len(store.requests)
        killed = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(store.requests) - before < least and killed.poll() is None:
            time.sleep(0.002)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        time.sleep(0.3)  # its processes hear of it
        if (tmp_path / "to/filedir").exists():
            whole = [p for p in (tmp_path / "to/filedir").rglob("*") if p.is_file() and len(p.name) == 40]
            assert all(sha1(p.read_bytes()).hex() == p.name for p in whole), "what has a name is whole"
    done = engine(store, "restore", tmp_path / "to")
    assert done.returncode == 0
    assert json.loads(done.stdout)["there"] > 0
    assert sorted(files(tmp_path / "to").values()) == sorted(wanted)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_is_one_sentence_and_what_is_there_is_whole(store, tmp_path):
    wanted = [os.urandom(20_000) for _ in range(60)]
    ModelWriter(store, small=50_000, pack_most=100_000).run(wanted, bytes=0)
    (tmp_path / "to").mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", tmp_path / "to"], check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        done = engine(store, "restore", tmp_path / "to")
        assert done.returncode == 1
        assert "is full; what is there is whole" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        kept = [p for p in (tmp_path / "to").rglob("*") if p.is_file() and len(p.name) == 40]
        assert kept
        assert all(sha1(p.read_bytes()).hex() == p.name for p in kept)
        subprocess.run(["mount", "-o", "remount,size=4m", tmp_path / "to"], check=True)
        assert engine(store, "restore", tmp_path / "to").returncode == 0
        assert sorted(files(tmp_path / "to").values()) == sorted(wanted)
    finally:
        subprocess.run(["umount", tmp_path / "to"], check=True)
