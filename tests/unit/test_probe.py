"""The mount probe's verdicts without real mounts: expectations, a file system that fails on purpose, time, the lock.

A directory counts as mounted because the probe is given a mountinfo that says so. Faults are put into `os` before the
probe forks: its child inherits them.
"""

import errno
import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firstbell.instances import probe

SCRIPT = Path(probe.__file__)
KEYS = ["probe", "verdict", "step", "detail", "ms", "fstype", "source", "options", "path", "host", "purpose"]
KEYS += ["repairs", "warnings", "web", "warm", "tail", "leaving"]
HOST = os.uname().nodename
ROOT_LINE = "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw"

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def mountinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The probe's mountinfo; it says that `share` below tmp_path is an NFS mount."""
    (tmp_path / "share").mkdir()
    (tmp_path / "locks").mkdir()
    file = tmp_path / "mountinfo"
    file.write_text(f"{ROOT_LINE}\n21 20 0:50 / {tmp_path}/share rw shared:2 - nfs4 10.0.0.5:/data rw,vers=4.1\n")
    monkeypatch.setattr(probe, "MOUNTINFO", str(file))
    monkeypatch.setattr(probe, "LOCK_DIRECTORIES", (str(tmp_path / "locks"),))
    monkeypatch.setattr(probe, "LEAST_INODES", 0)
    return file


@pytest.fixture
def share(mountinfo: Path) -> Path:
    """The directory that counts as mounted."""
    return mountinfo.parent / "share"


@pytest.fixture
def run(mountinfo: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the probe in this process and return its answer, whose shape is checked every time."""

    def run_probe(*arguments: object) -> dict[str, Any]:
        code = probe.main(["--min-free-mb=0", *map(str, arguments)])
        out = capfd.readouterr().out
        assert out.endswith("\n")
        assert out.count("\n") == 1
        assert len(out) <= probe.LONGEST_LINE + 1
        answer: dict[str, Any] = json.loads(out)
        assert list(answer) == KEYS
        assert answer["probe"] == 1
        assert answer["host"] == HOST
        assert answer["detail"]
        assert all(isinstance(took, float) for took in answer["ms"].values())
        assert code == {"healthy": 0, "unknown": 2}.get(answer["verdict"], 1)
        assert (answer["step"] is None) == (answer["verdict"] == "healthy" or not answer["ms"])
        assert answer["leaving"] is None
        return answer

    return run_probe


# --- what is mounted


def test_a_healthy_mount_with_and_without_expectations(share: Path, run: Run) -> None:
    (share / probe.SENTINEL).write_text("north\n")
    strict = run(share, "--fstype=nfs4", "--source=10.0.0.5:/data/", "--site=north")
    assert strict["verdict"] == "healthy"
    assert strict["detail"].endswith("sentinel names north")
    assert (strict["fstype"], strict["source"], strict["options"]) == ("nfs4", "10.0.0.5:/data", "rw,vers=4.1")
    steps = ["start", "mountinfo", "sentinel", "create", "write", "fsync", "read", "unlink", "space", "under"]
    assert list(strict["ms"]) == steps
    loose = run(share, "--fstype=", "--source=", "--site=")
    assert loose["verdict"] == "healthy"
    assert "sentinel not checked" in loose["detail"]
    assert [file.name for file in share.iterdir()] == [probe.SENTINEL]


def nothing(share: Path) -> None:
    """An empty directory."""


def other_files(share: Path) -> None:
    """A dataroot without a sentinel."""
    (share / "filedir").mkdir()
    (share / "warning.txt").touch()


def other_site(share: Path) -> None:
    """The sentinel of another site."""
    (share / probe.SENTINEL).write_text("south\n")


def pipe(share: Path) -> None:
    """A pipe by the sentinel's name, which would block a careless reader."""
    os.mkfifo(share / probe.SENTINEL)


@pytest.mark.parametrize(
    ("prepare", "arguments", "verdict", "step", "detail"),
    [
        (nothing, ["--fstype=nfs"], "wrong_source", "mountinfo", "its type is nfs4, not nfs"),
        (nothing, ["--source=10.0.0.6:/data"], "wrong_source", "mountinfo", "from 10.0.0.5:/data, not from 10.0.0.6"),
        (nothing, ["--site=north"], "wrong_export", "sentinel", "the mount is empty: no .firstbell-site"),
        (other_files, ["--site=north"], "wrong_export", "sentinel", "the mount has 2 entries, but no .firstbell-site"),
        (other_site, ["--site=north"], "wrong_export", "sentinel", "names 'south', not 'north'"),
        (pipe, ["--site=north"], "wrong_export", "sentinel", "names '', not 'north'"),
        (nothing, ["--min-free-mb=1e12"], "full", "space", "wanted are 1e+12 MB"),
    ],
)
def test_an_expectation_that_is_not_met(
    prepare: Callable[[Path], None], arguments: list[str], verdict: str, step: str, detail: str, share: Path, run: Run
) -> None:
    prepare(share)
    answer = run(share, *arguments)
    assert (answer["verdict"], answer["step"]) == (verdict, step)
    assert detail in answer["detail"]
    assert not list(share.glob(probe.CANARY + "*"))


@pytest.mark.parametrize(
    ("counted", "free", "verdict"), [(10**6, 999, "full"), (10**6, 1000, "healthy"), (0, 0, "healthy")]
)
def test_few_free_inodes_are_full_unless_none_are_counted(
    counted: int, free: int, verdict: str, share: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = list(os.statvfs(share))
    figures[5:8] = [counted, free, free]
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(figures))
    monkeypatch.setattr(probe, "LEAST_INODES", 1000)
    answer = run(share)
    assert answer["verdict"] == verdict
    assert f"{free if counted else 'uncounted'} inodes free" in answer["detail"]


def test_an_automount_is_looked_at_after_its_first_use(
    mountinfo: Path, share: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = mountinfo.read_text()
    mountinfo.write_text(f"{ROOT_LINE}\n21 20 0:49 / {share} rw - autofs systemd-1 rw\n")
    monkeypatch.setattr(os, "listdir", lambda path: mountinfo.write_text(mounted) and [])
    assert run(share, "--fstype=nfs4")["verdict"] == "healthy"


# --- a file system that fails


def failing(number: int) -> Callable[..., None]:
    """A system call that fails with this error."""

    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


VERDICTS = {
    errno.EROFS: "read_only",
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.ESTALE: "stale_handle",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EIO: "hung",
    errno.ETIMEDOUT: "hung",
    errno.ENOTCONN: "unknown",
    0: "unknown",
}


@pytest.mark.parametrize(("call", "step"), [("write", "write"), ("fsync", "fsync"), ("pread", "read")])
@pytest.mark.parametrize(("number", "verdict"), VERDICTS.items(), ids=lambda value: str(value))
def test_every_error_has_its_verdict_and_leaves_no_canary(
    number: int, verdict: str, call: str, step: str, share: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(os, call)

    def fail(file: int, *rest: Any) -> Any:
        target = os.readlink(f"/proc/self/fd/{file}")
        return failing(number)() if probe.CANARY in target else real(file, *rest)

    monkeypatch.setattr(os, call, fail)
    answer = run(share)
    assert (answer["verdict"], answer["step"]) == (verdict, step)
    assert answer["detail"].startswith(errno.errorcode.get(number, "error without a number"))
    assert ("inodes free" in answer["detail"]) == (verdict == "full")
    assert not list(share.iterdir())


def test_other_bytes_read_back_are_unknown(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fadvise", lambda file, *about: os.pwrite(file, b"other", 0))
    answer = run(share)
    assert (answer["verdict"], answer["step"]) == ("unknown", "read")
    assert "what was read back is not what was written" in answer["detail"]
    assert not list(share.iterdir())


def test_a_short_write_is_continued(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:1000] if len(data) > 1000 else data))
    assert run(share)["verdict"] == "healthy"


def test_a_child_that_dies_is_unknown(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: os.kill(os.getpid(), signal.SIGKILL))
    answer = run(share)
    assert (answer["verdict"], answer["step"]) == ("unknown", "fsync")
    assert answer["detail"] == "the child ended in step fsync"


def test_a_surprise_in_the_child_is_unknown(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: 1 // 0)
    assert "ZeroDivisionError" in run(share)["detail"]


def test_a_surprise_in_the_parent_is_unknown(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", failing(errno.EAGAIN))
    answer = run(share)
    assert (answer["verdict"], answer["step"], answer["path"]) == ("unknown", None, str(share))
    assert "Resource temporarily unavailable" in answer["detail"]


# --- time


def test_slowness_is_told_only_when_all_else_is_fine(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: time.sleep(0.3))
    slow = run(share, "--slow-ms=200")
    assert (slow["verdict"], slow["step"]) == ("slow", "fsync")
    assert slow["ms"]["fsync"] >= 300
    assert run(share, "--slow-ms=200", "--min-free-mb=1e12")["verdict"] == "full"
    assert run(share, "--slow-ms=60000")["verdict"] == "healthy"


def test_a_stalled_step_is_hung_and_its_canary_goes_with_the_next_probe(
    share: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stall:
        stall.setattr(os, "fsync", lambda file: time.sleep(60))
        began = time.monotonic()
        answer = run(share, "--timeout=2")
        took = time.monotonic() - began
    assert (answer["verdict"], answer["step"]) == ("hung", "fsync")
    assert answer["fstype"] == "nfs4"
    assert 1.0 <= took < 1.9  # half of the time is for one step
    assert answer["detail"].startswith("no answer for 1")
    assert len(list(share.iterdir())) == 1
    assert eventually(lambda: run(share)["verdict"] == "healthy")  # as soon as the abandoned child is dead
    assert not list(share.iterdir())


def test_the_whole_is_limited_even_when_no_single_step_stalls(
    share: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delayed(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            time.sleep(0.7)
            return real(*arguments)

        return call

    for name in ("unlink", "fsync", "posix_fadvise"):
        monkeypatch.setattr(os, name, delayed(getattr(os, name)))
    began = time.monotonic()
    answer = run(share, "--timeout=2")
    assert (answer["verdict"], answer["step"]) == ("hung", "read")
    assert 2.0 <= time.monotonic() - began < 2.5


def test_a_slow_start_of_the_child_is_no_slow_mount(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "setsid", lambda: time.sleep(0.35))
    answer = run(share, "--slow-ms=250")
    assert answer["verdict"] == "healthy"
    assert answer["ms"]["start"] >= 300


def test_a_child_ends_itself_when_nobody_else_does(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    set_to = share.parent / "alarm"
    set_to.touch()
    monkeypatch.setattr(signal, "alarm", lambda seconds: set_to.write_text(f"{set_to.read_text()} {seconds}"))
    run(share, "--timeout=20")
    alarms = [int(seconds) for seconds in set_to.read_text().split()]
    assert max(alarms) == 15
    assert min(alarms) >= 6


def test_only_the_own_canary_is_removed(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    strangers = [share / f"{probe.CANARY}{HOST}x-1", share / f"{probe.CANARY}{HOST}-1", share / "filedir"]
    for file in strangers:
        file.touch()
    with monkeypatch.context() as dies:
        dies.setattr(os, "fsync", lambda file: os.kill(os.getpid(), signal.SIGKILL))
        run(share)
    assert len(list(share.iterdir())) == 4
    assert run(share)["verdict"] == "healthy"
    assert sorted(share.iterdir()) == sorted(strangers)


@pytest.mark.parametrize(("seconds", "verdict"), [(0.4, "healthy"), (60, "unknown")])
def test_a_slow_or_hung_directory_of_users_is_no_fault_of_the_mount(
    seconds: float, verdict: str, share: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwall", lambda: time.sleep(seconds) or [])
    answer = run(share, "--timeout=2", "--slow-ms=300")
    assert (answer["verdict"], answer["step"]) == (verdict, "under" if verdict == "unknown" else None)


def test_a_killed_parent_leaves_a_child_that_cleans_up(share: Path, mountinfo: Path) -> None:
    code = (
        "import os, sys, time\nfrom firstbell.instances import probe\n"
        "probe.MOUNTINFO, probe.LOCK_DIRECTORIES = sys.argv[2], (sys.argv[3],)\n"
        "os.posix_fadvise = lambda *about: time.sleep(1)\nprobe.main([sys.argv[1]])"
    )
    command = [sys.executable, "-c", code, str(share), str(mountinfo), str(share.parent / "locks")]
    layer = str(SCRIPT.parents[2])
    parent = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": layer}, start_new_session=True)
    assert eventually(lambda: bool(list(share.iterdir())))
    os.killpg(parent.pid, signal.SIGKILL)  # as when Run Command is cancelled: all of the group
    parent.wait()
    assert list(share.iterdir())
    assert eventually(lambda: not list(share.iterdir()))


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait until it is so; False when it never was."""
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.02)
    return condition()


# --- one probe at a time


def test_a_probe_that_runs_elsewhere_makes_this_one_unknown_and_beyond_its_step_s_limit_hung(
    share: Path, run: Run
) -> None:
    lock, now = probe.take_lock(str(share)), time.monotonic()
    os.pwrite(lock, json.dumps([now, now + 60, {"step": "fsync"}]).encode() + b"\n", 0)
    busy = run(share)
    assert (busy["verdict"], busy["ms"], busy["detail"]) == ("unknown", {}, "another probe is running, in step fsync")
    os.pwrite(lock, json.dumps([now, now - 7, {"step": "mount"}]).encode() + b"\n", 0)
    stuck = run(share)
    assert stuck["verdict"] == "hung"
    assert "another probe is stuck" in stuck["detail"]
    assert stuck["detail"].endswith("in step mount")
    os.close(lock)
    assert run(share)["verdict"] == "healthy"


def test_an_abandoned_child_holds_the_lock_and_its_step_is_told(
    share: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = []
    monkeypatch.setattr(os, "fsync", lambda file: time.sleep(60))
    monkeypatch.setattr(os, "killpg", lambda child, number: children.append(child))  # as in D state: nothing happens
    assert run(share, "--timeout=0.6")["step"] == "fsync"
    for _ in range(3):
        again = run(share, "--timeout=20")
        assert (again["verdict"], again["ms"]) == ("hung", {})
        assert "in step fsync" in again["detail"]
    monkeypatch.undo()
    assert len(children) == 1
    os.kill(children[0], signal.SIGKILL)
    os.waitpid(children[0], 0)


def test_a_lock_that_is_about_to_be_released_is_waited_for(share: Path, run: Run) -> None:
    lock = probe.take_lock(str(share))
    child = os.fork()
    if not child:
        time.sleep(0.05)
        os._exit(0)
    os.close(lock)  # now only the child holds it
    assert run(share)["verdict"] == "healthy"
    os.waitpid(child, 0)


def test_the_lock_is_private_and_not_followed(share: Path, run: Run) -> None:
    assert run(share)["verdict"] == "healthy"
    (lock,) = (share.parent / "locks").iterdir()
    assert lock.stat().st_mode & 0o777 == 0o600
    lock.unlink()
    (share.parent / "precious").write_text("as it was")
    lock.symlink_to(share.parent / "precious")
    answer = run(share)
    assert (answer["verdict"], answer["ms"]) == ("unknown", {})
    assert (share.parent / "precious").read_text() == "as it was"


def test_a_lock_directory_that_is_full_is_passed_over(share: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    free, real = {"/full": 0, str(share.parent / "locks"): 1}, os.statvfs
    monkeypatch.setattr(probe, "LOCK_DIRECTORIES", tuple(free))
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result([4096] * 4 + [free.get(path, 9999)] * 6))
    assert run(share)["verdict"] == "healthy"
    monkeypatch.setattr(os, "statvfs", real)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert run(share)["detail"].endswith("No such file or directory: '/full/" + lock_name(share) + "'")


def lock_name(share: Path) -> str:
    """The name of the lock about the share."""
    (lock,) = (share.parent / "locks").iterdir()
    return lock.name


def test_two_paths_do_not_wait_for_each_other(share: Path, run: Run) -> None:
    lock = probe.take_lock(str(share / "other"))
    assert run(share)["verdict"] == "healthy"
    fcntl.flock(lock, fcntl.LOCK_UN)
    os.close(lock)


def test_the_answer_stays_short(share: Path, run: Run) -> None:
    answer = run("/" + "/".join(["x" * 200] * 20))
    assert answer["verdict"] == "not_mounted"
    assert answer["detail"].startswith("/xxx")
    assert len(answer["detail"]) > 50
