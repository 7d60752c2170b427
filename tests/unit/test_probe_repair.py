"""The mount probe's repairs: with commands that are scripts, and a mountinfo that they rewrite."""

import errno
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firstbell.instances import probe

ROOT_LINE = "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
DIES = "echo mount.nfs: Connection refused >&2; exit 32"


class Host:
    """A host whose mount table is a file, and whose commands are scripts."""

    def __init__(self, base: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.base, self.capfd, self.share, self.mountinfo = base, capfd, base / "share", base / "mountinfo"
        for name in ("share", "locks", "bin"):
            (base / name).mkdir()
        self.mounted = f"{ROOT_LINE}21 20 0:50 / {self.share} rw shared:2 - nfs4 10.0.0.5:/data rw,vers=4.1\n"
        self.mountinfo.write_text(ROOT_LINE)
        (base / "mounted").write_text(self.mounted)
        self.mounts = f"cp {base}/mounted {self.mountinfo}"
        for name in ("findmnt", "mount", "umount", "systemctl"):
            self.command(name, "")

    def command(self, name: str, script: str) -> None:
        """Have a command do this; what it was asked for is noted."""
        file = self.base / "bin" / name
        file.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.base}/asked\n{script}\n')
        file.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """The commands that ran, without the path."""
        file = self.base / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.replace(str(self.share), "PATH") for line in lines]

    def probe(self, *arguments: str) -> dict[str, Any]:
        """Run the probe."""
        code = probe.main(["--min-free-mb=0", *arguments, str(self.share)])
        answer: dict[str, Any] = json.loads(self.capfd.readouterr().out)
        assert code == {"healthy": 0, "unknown": 2}.get(answer["verdict"], 1)
        return answer


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Host:
    """A host where nothing is mounted."""
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=os.pathsep)
    monkeypatch.setattr(probe, "MOUNTINFO", str(tmp_path / "mountinfo"))
    monkeypatch.setattr(probe, "LOCK_DIRECTORIES", (str(tmp_path / "locks"),))
    monkeypatch.setattr(probe, "LEAST_INODES", 0)
    return Host(tmp_path, capfd)


def without_ms(repairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert all(repair["ms"] >= 0 for repair in repairs)
    return [{key: value for key, value in repair.items() if key != "ms"} for repair in repairs]


def entry(was: str, did: str, said: str = "") -> dict[str, Any]:
    return {"was": was, "did": did, "ok": not said, "said": said}


def test_nothing_is_repaired_unasked(host: Host) -> None:
    answer = host.probe()
    assert (answer["verdict"], answer["repairs"], host.asked) == ("not_mounted", [], [])


def test_what_is_in_fstab_is_mounted(host: Host) -> None:
    host.command("mount", host.mounts)
    answer = host.probe("--repair=2", "--fstype=nfs4")
    assert (answer["verdict"], answer["fstype"]) == ("healthy", "nfs4")
    assert without_ms(answer["repairs"]) == [entry("not_mounted", "mount")]
    assert host.asked == ["findmnt --fstab PATH", "mount PATH"]


def test_what_is_not_in_fstab_is_left_to_systemd(host: Host) -> None:
    host.command("findmnt", "exit 1")
    host.command("systemctl", host.mounts)
    answer = host.probe("--repair=1")
    assert answer["verdict"] == "healthy"
    assert without_ms(answer["repairs"]) == [entry("not_mounted", "systemctl restart")]
    assert host.asked == ["findmnt --fstab PATH", "systemctl restart PATH"]


def test_it_is_judged_anew_after_each_attempt_and_tried_no_oftener_than_asked(host: Host) -> None:
    host.command("mount", DIES)
    answer = host.probe("--repair=2")
    assert (answer["verdict"], answer["step"]) == ("not_mounted", "mountinfo")
    assert without_ms(answer["repairs"]) == [entry("not_mounted", "mount", "mount.nfs: Connection refused")] * 2
    host.command("mount", f"test -e {host.base}/again || {{ touch {host.base}/again; exit 1; }}; {host.mounts}")
    again = host.probe("--repair=2")
    assert again["verdict"] == "healthy"
    assert [repair["ok"] for repair in again["repairs"]] == [False, True]
    assert again["repairs"][0]["said"] == "exit code 1"


def test_a_missing_command_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("env", "sh"):
        (host.base / "bin" / name).symlink_to(f"/usr/bin/{name}")
    (host.base / "bin" / "systemctl").unlink()
    monkeypatch.setenv("PATH", f"{host.base}/bin")
    host.command("findmnt", "exit 1")
    answer = host.probe("--repair=1")
    assert answer["verdict"] == "not_mounted"
    assert "No such file" in answer["repairs"][0]["said"]


def stale_until(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mount something whose handle is stale until it is mounted anew."""
    host.mountinfo.write_text(host.mounted)
    stale, real = host.base / "stale", os.open
    stale.touch()

    def fails(path: Any, *about: Any, **named: Any) -> int:
        if stale.exists() and str(path).startswith(str(host.share)):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        return real(path, *about, **named)

    monkeypatch.setattr(os, "open", fails)
    (host.base / "bare").write_text(ROOT_LINE)
    host.command("umount", f"cp {host.base}/bare {host.mountinfo}; rm {stale}")


def test_a_stale_handle_is_taken_away_and_mounted_anew(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    stale_until(host, monkeypatch)
    host.command("mount", host.mounts)
    answer = host.probe("--repair=2")
    assert answer["verdict"] == "healthy"
    assert without_ms(answer["repairs"]) == [entry("stale_handle", "umount -l, mount")]
    assert host.asked == ["umount -l PATH", "findmnt --fstab PATH", "mount PATH"]


def test_a_stale_handle_whose_server_is_away_ends_unmounted(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    stale_until(host, monkeypatch)
    host.command("mount", DIES)
    answer = host.probe("--repair=2")
    assert answer["verdict"] == "not_mounted"
    assert [(repair["was"], repair["did"]) for repair in answer["repairs"]] == [
        ("stale_handle", "umount -l, mount"),
        ("not_mounted", "mount"),
    ]


def test_nothing_is_mounted_over_what_cannot_be_taken_away(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    stale_until(host, monkeypatch)
    host.command("umount", "echo umount: only root can do that >&2; exit 1")
    answer = host.probe("--repair=1")
    assert answer["verdict"] == "stale_handle"
    assert without_ms(answer["repairs"]) == [entry("stale_handle", "umount -l", "umount: only root can do that")]
    assert host.asked == ["umount -l PATH"]


def test_the_root_itself_is_never_taken_away(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def fails(path: Any, *about: Any, **named: Any) -> int:
        if probe.CANARY in str(path):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        return real(path, *about, **named)

    monkeypatch.setattr(os, "open", fails)
    host.share = Path("/")
    assert (host.probe("--repair=2")["verdict"], host.asked) == ("stale_handle", [])


@pytest.mark.parametrize("error", [errno.EROFS, errno.ENOSPC, errno.EIO, errno.EACCES, errno.ENOTCONN])
def test_other_verdicts_are_not_repaired(error: int, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.mountinfo.write_text(host.mounted)

    def fail(*about: Any) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", fail)
    assert host.probe("--repair=2")["repairs"] == []
    assert host.asked == []


def test_six_repairs_an_hour_are_enough(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.command("mount", DIES)
    tried = [len(host.probe("--repair=2")["repairs"]) for _ in range(4)]
    assert tried == [2, 2, 2, 0]
    answer = host.probe("--repair=1")
    assert answer["detail"].endswith("; not repaired: 6 times an hour are enough")
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 3600)
    assert len(host.probe("--repair=1")["repairs"]) == 1


# --- commands that hang


def alive(word: str) -> list[int]:
    """The processes with this word among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words:
            found.append(int(process.name))
    return found


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.02)
    return condition()


def test_a_mount_that_hangs_is_killed_with_its_helper_and_what_was_judged_stays(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "COMMAND_SECONDS", 0.5)
    host.command("mount", "sleep 1234.5")
    began = time.monotonic()
    answer = host.probe("--repair=2")
    assert time.monotonic() - began < 3
    assert (answer["verdict"], answer["step"]) == ("not_mounted", "mount")
    assert without_ms(answer["repairs"]) == [entry("not_mounted", "mount", "no end within 0.5 s")]
    assert eventually(lambda: not alive("1234.5"))
    host.command("mount", host.mounts)
    assert host.probe("--repair=1")["verdict"] == "healthy"


def test_a_mount_that_cannot_be_killed_keeps_others_from_starting(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "COMMAND_SECONDS", 0.5)
    host.command("mount", "sleep 1235.5")
    with monkeypatch.context() as in_d_state:
        groups = []
        in_d_state.setattr(os, "killpg", lambda group, number: groups.append(group))
        assert host.probe("--repair=2")["verdict"] == "not_mounted"
        for _ in range(5):
            answer = host.probe("--repair=2")
            assert (answer["verdict"], answer["repairs"]) == ("hung", [])
            assert answer["detail"].endswith("in step mount")
        assert len(alive("1235.5")) == 1
    os.killpg(groups[0], signal.SIGKILL)
    os.waitpid(groups[0], 0)


def test_a_daemon_of_the_file_system_keeps_no_lock(host: Host) -> None:
    host.command("mount", f"{host.mounts}\nsleep 1236.5 &")
    assert host.probe("--repair=1")["verdict"] == "healthy"
    (daemon,) = alive("1236.5")
    assert host.probe("--repair=1")["verdict"] == "healthy"
    os.kill(daemon, signal.SIGKILL)
