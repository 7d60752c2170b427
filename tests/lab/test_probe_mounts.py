"""The mount probe on real mounts: tmpfs, bind mounts, remounts, and a FUSE file system that never answers.

All mounts are made in a private mount namespace, which ends with its only process: so nothing stays mounted. That needs
root; the file system that hangs needs /dev/fuse as well.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firstbell.instances import probe

SCRIPT = Path(probe.__file__)
SYSTEM_PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin")  # one that an unprivileged user may start
NOBODY = 65534
HOST = os.uname().nodename

# Mounts a FUSE file system over /dev/fuse itself. It "ignores" every request (who waits can be killed), or answers the
# first one, INIT (fuse_init_out of fuse.h, protocol 7.31), and "takes" the others without an answer (who waits cannot).
SILENT = """
import ctypes, os, signal, struct, sys
path, manner = sys.argv[1:]
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40755,user_id=0,group_id=0,allow_other"
if ctypes.CDLL(None, use_errno=True).mount(b"silent", path.encode(), b"fuse", 0, options.encode()):
    sys.exit(os.strerror(ctypes.get_errno()))
if manner == "takes":
    unique = struct.unpack_from("<IIQ", os.read(device, 1 << 17))[2]
    os.write(device, struct.pack("<IiQ4I2H2I2H8I", 80, 0, unique, 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, *[0] * 8))
print("mounted", flush=True)
while manner == "takes":
    os.read(device, 1 << 17)
signal.pause()
"""


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Wait until it is so; False when it never was."""
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:
        time.sleep(0.02)
    return condition()


class Lab:
    """A mount namespace of its own: commands run inside it, and its files are seen from outside."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sleep", "infinity"])
        ours = os.readlink("/proc/self/ns/mnt")
        assert eventually(lambda: os.readlink(f"/proc/{self.holder.pid}/ns/mnt") != ours)
        self.servers: list[subprocess.Popen[str]] = []
        self.tmpfs("", "mode=755")
        self.do("mount", "-t", "tmpfs", "-o", "mode=1777", "locks", "/run")  # the locks vanish with the namespace

    def close(self) -> None:
        """End all that runs in the namespace, and so the namespace."""
        for server in self.servers:
            server.kill()
            server.wait()
        self.holder.kill()
        self.holder.wait()

    def enter(self, *command: str, user: int = 0) -> list[str]:
        """Return the command line that runs a command inside, as this user."""
        return ["nsenter", f"--target={self.holder.pid}", "--mount", f"-S{user}", f"-G{user}", "--", *command]

    def do(self, *command: str) -> None:
        """Run a command inside. Raises when it fails."""
        subprocess.run(self.enter(*command), check=True, capture_output=True)

    def path(self, name: str) -> str:
        """The path of a name, as seen inside."""
        return f"{self.base}/{name}".rstrip("/")

    def seen(self, name: str) -> Path:
        """The same file, as seen from outside."""
        return Path(f"/proc/{self.holder.pid}/root{self.path(name)}")

    def tmpfs(self, name: str, options: str = "mode=755", source: str = "tmpfs") -> Path:
        """Mount a new tmpfs there; returns its root as seen from outside."""
        self.do("mkdir", "-p", self.path(name))
        self.do("mount", "-t", "tmpfs", "-o", options, source, self.path(name))
        return self.seen(name)

    def silent(self, name: str, manner: str) -> None:
        """Mount a file system that does not answer."""
        self.do("mkdir", "-p", self.path(name))
        command = self.enter(sys.executable, "-c", SILENT, self.path(name), manner)
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.servers.append(server)
        assert server.stdout
        assert server.stderr
        if server.stdout.readline() != "mounted\n":
            pytest.skip(f"FUSE cannot be mounted here: {server.stderr.read().strip()}")

    def probe(self, name: str, *arguments: str, user: int = 0, python: str = sys.executable) -> dict[str, Any]:
        """Run the probe from standard input, as Run Command does, and check the form of its answer."""
        command = self.enter(python, "-", self.path(name), "--min-free-mb=0", *arguments, user=user)
        done = subprocess.run(
            command, input=SCRIPT.read_text(), capture_output=True, text=True, timeout=30, check=False
        )
        assert done.stderr == ""
        assert done.stdout.count("\n") == 1
        answer: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == {"healthy": 0, "unknown": 2}.get(answer["verdict"], 1)
        return answer

    def verdict(self, name: str, *arguments: str, user: int = 0) -> tuple[str, str | None]:
        """Run the probe; returns the verdict and the step."""
        answer = self.probe(name, *arguments, user=user, python=SYSTEM_PYTHON or sys.executable)
        return answer["verdict"], answer["step"]

    def stuck(self, name: str) -> list[int]:
        """The processes that still run the probe on that path."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            if self.path(name).encode() in words and b"--min-free-mb=0" in words:
                found.append(int(process.name))
        return found


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A mount namespace with an empty base directory."""
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    allowed = shutil.which("unshare") and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0
    if not allowed:
        pytest.skip("no mount namespaces here")
    base = tempfile.mkdtemp(prefix="probe-lab-", dir="/tmp")
    os.chmod(base, 0o755)
    made = Lab(base)
    try:
        yield made
    finally:
        made.close()
        os.rmdir(base)


def test_a_healthy_tmpfs_with_and_without_expectations(lab: Lab) -> None:
    share = lab.tmpfs("share", source="10.0.0.5:/")
    (share / probe.SENTINEL).write_text("north\n")
    answer = lab.probe("share", "--fstype=tmpfs", "--source=10.0.0.5:/", "--site=north")
    assert answer["verdict"] == "healthy"
    assert (answer["fstype"], answer["source"]) == ("tmpfs", "10.0.0.5:/")
    assert answer["options"].startswith("rw,")
    assert lab.verdict("share") == ("healthy", None)
    assert [file.name for file in share.iterdir()] == [probe.SENTINEL]


def interpreter(version: str) -> str | None:
    """Find a Python of this version, with pyenv or on the path."""
    homes = [str(home) for home in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))]
    return next(iter(homes), None) or shutil.which(f"python{version}")


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_python_from_3_9_proves_a_mount(version: str, lab: Lab) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    lab.tmpfs("share")
    assert lab.probe("share", python=python)["verdict"] == "healthy"


@pytest.mark.parametrize("name", ["a b", "tab\tand\nline", "back\\slash", "caf\u00e9", "#1", "x (deleted)"])
def test_odd_names_are_mount_points_too(name: str, lab: Lab) -> None:
    lab.tmpfs(name, source="odd one")
    assert lab.verdict(name, "--source=odd one") == ("healthy", None)


@pytest.mark.parametrize("spelling", ["share/", "share/.", "x/../share", "link", "link/", "up/share"])
def test_a_path_may_be_spelt_in_many_ways(spelling: str, lab: Lab) -> None:
    lab.tmpfs("share", source="alpha")
    lab.seen("link").symlink_to("share")
    lab.seen("up").symlink_to(lab.base)
    assert lab.verdict(spelling, "--source=alpha") == ("healthy", None)


def test_a_directory_that_is_not_mounted_any_more(lab: Lab) -> None:
    lab.tmpfs("share")
    lab.do("umount", lab.path("share"))
    assert lab.verdict("share") == ("not_mounted", "mountinfo")
    lab.seen("share").chmod(0o777)
    assert "writable for nobody: uploads would be lost" in lab.probe("share", "--user=nobody")["detail"]
    assert not list(lab.seen("share").iterdir())


def test_a_directory_inside_a_mount_is_not_a_mount_point(lab: Lab) -> None:
    lab.tmpfs("share")
    lab.do("mkdir", lab.path("share/inner"))
    assert lab.verdict("share/inner") == ("not_mounted", "mountinfo")


def test_a_wrong_type_and_a_wrong_source(lab: Lab) -> None:
    lab.tmpfs("alpha", source="alpha")
    lab.tmpfs("beta", source="beta")
    lab.do("mkdir", lab.path("share"))
    lab.do("mount", "--bind", lab.path("beta"), lab.path("share"))
    assert lab.verdict("share", "--fstype=nfs4") == ("wrong_source", "mountinfo")
    assert lab.verdict("share", "--source=alpha") == ("wrong_source", "mountinfo")
    assert lab.verdict("share", "--source=beta") == ("healthy", None)


def test_of_two_mounts_on_one_path_the_last_wins(lab: Lab) -> None:
    lab.tmpfs("share", source="alpha")
    lab.tmpfs("share", source="beta")
    assert lab.verdict("share", "--source=alpha") == ("wrong_source", "mountinfo")
    lab.do("umount", lab.path("share"))
    assert lab.verdict("share", "--source=alpha") == ("healthy", None)


def test_a_mount_hidden_by_one_above_it_does_not_count(lab: Lab) -> None:
    lab.tmpfs("top/share")
    assert lab.verdict("top/share") == ("healthy", None)
    lab.tmpfs("top")
    lab.do("mkdir", lab.path("top/share"))
    assert lab.verdict("top/share") == ("not_mounted", "mountinfo")


def test_a_wrong_export(lab: Lab) -> None:
    share = lab.tmpfs("share")
    assert "the mount is empty" in lab.probe("share", "--site=north")["detail"]
    (share / "filedir").mkdir()
    assert "1 entries" in lab.probe("share", "--site=north")["detail"]
    (share / probe.SENTINEL).write_text("south")
    answer = lab.probe("share", "--site=north")
    assert (answer["verdict"], answer["step"]) == ("wrong_export", "sentinel")
    assert "names 'south', not 'north'" in answer["detail"]


@pytest.mark.parametrize("how", ["remount,ro", "remount,bind,ro"], ids=["the file system", "only the mount"])
def test_a_read_only_mount(how: str, lab: Lab) -> None:
    share = lab.tmpfs("share")
    (share / probe.SENTINEL).write_text("north")
    lab.do("mount", "-o", how, lab.path("share"))
    answer = lab.probe("share", "--site=north")
    assert (answer["verdict"], answer["step"]) == ("read_only", "create")
    assert "ro" in answer["options"].split(",")
    assert "rw" not in answer["options"].split(",")


def test_a_full_file_system(lab: Lab) -> None:
    share = lab.tmpfs("share", "size=64k")
    with pytest.raises(OSError, match="No space left"):
        (share / "film.mp4").write_bytes(b"\0" * 2**17)
    answer = lab.probe("share")
    assert (answer["verdict"], answer["step"]) == ("full", "write")
    assert "ENOSPC" in answer["detail"]
    assert "0 MB and" in answer["detail"]
    assert [file.name for file in share.iterdir()] == ["film.mp4"]


def test_a_nearly_full_file_system(lab: Lab) -> None:
    lab.tmpfs("share", "size=8m")
    assert lab.verdict("share", "--min-free-mb=256") == ("full", "space")
    assert lab.verdict("share", "--min-free-mb=4") == ("healthy", None)


def test_exhausted_inodes(lab: Lab) -> None:
    share = lab.tmpfs("share", "size=8m,nr_inodes=20")
    assert lab.verdict("share") == ("full", "space")  # few are left
    touched = subprocess.run(["touch", *(str(share / str(number)) for number in range(30))], check=False)
    assert touched.returncode != 0
    answer = lab.probe("share")
    assert (answer["verdict"], answer["step"]) == ("full", "create")
    assert "8 MB and 0 inodes free" in answer["detail"]


@pytest.mark.skipif(SYSTEM_PYTHON is None, reason="no Python that an unprivileged user may start")
def test_a_directory_that_the_caller_may_not_write(lab: Lab) -> None:
    share = lab.tmpfs("share")
    assert lab.verdict("share", user=NOBODY) == ("permission", "create")
    share.chmod(0o1777)
    assert lab.verdict("share", user=NOBODY) == ("healthy", None)
    (share / probe.SENTINEL).touch(0o600)
    assert lab.verdict("share", "--site=north", user=NOBODY) == ("permission", "sentinel")
    share.chmod(0o700)
    assert lab.verdict("share", user=NOBODY) == ("permission", "create")


def test_a_canary_of_a_killed_probe_goes_with_the_next_one(lab: Lab) -> None:
    share = lab.tmpfs("share")
    (share / f"{probe.CANARY}{HOST}-9999991").touch()  # not of this host
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    (share / f"{probe.CANARY}{HOST}-0-{boot}").touch()
    assert lab.verdict("share") == ("healthy", None)
    assert [file.name for file in share.iterdir()] == [f"{probe.CANARY}{HOST}-9999991"]


# --- under the mount


@pytest.mark.parametrize(
    ("mode", "uid", "warned"),
    [(0o755, 0, False), (0o777, 0, True), (0o700, NOBODY, True), (0o555, NOBODY, False)],
    ids=["as it should be", "for all", "of the web user", "of the web user, who may not write"],
)
def test_the_bare_directory_under_a_mount_is_looked_at(mode: int, uid: int, warned: bool, lab: Lab) -> None:
    lab.do("mkdir", lab.path("share"))
    lab.seen("share").chmod(mode)
    os.chown(lab.seen("share"), uid, 0)
    share = lab.tmpfs("share", "mode=700")  # what is mounted has another mode
    lab.tmpfs("share", "mode=755")  # and there may be two
    before = Path(f"/proc/{lab.holder.pid}/mountinfo").read_text()
    answer = lab.probe("share", "--user=nobody")
    assert (answer["verdict"], answer["step"]) == ("healthy", None)
    if warned:
        (warning,) = answer["warnings"]
        assert warning.startswith("the bare directory is writable for nobody: uploads would be lost whenever")
        lab.do("sh", "-c", warning.partition("cure: ")[2])  # the mount stays in its place meanwhile
        assert lab.probe("share", "--user=nobody")["warnings"] == []
    else:
        assert answer["warnings"] == []
        assert "the bare directory is not writable for nobody" in answer["detail"]
    assert Path(f"/proc/{lab.holder.pid}/mountinfo").read_text() == before
    assert not list(share.iterdir())


def test_a_mount_below_another_mount_is_looked_under(lab: Lab) -> None:
    lab.tmpfs("top")
    lab.do("mkdir", lab.path("top/share"))
    lab.seen("top/share").chmod(0o777)
    lab.tmpfs("top/share")
    lab.seen("link").symlink_to("top/share")
    assert len(lab.probe("link", "--user=nobody")["warnings"]) == 1


@pytest.mark.skipif(SYSTEM_PYTHON is None, reason="no Python that an unprivileged user may start")
def test_who_may_not_look_under_a_mount_says_so_and_it_is_no_failure(lab: Lab) -> None:
    lab.tmpfs("share", "mode=1777")
    answer = lab.probe("share", "--user=nobody", user=NOBODY, python=str(SYSTEM_PYTHON))
    assert (answer["verdict"], answer["warnings"]) == ("healthy", [])
    assert "the bare directory could not be looked at: [Errno 1] Operation not permitted" in answer["detail"]


# --- repairs, with the real commands


def in_fstab(lab: Lab, line: str) -> None:
    """Have this line, and no other, in the fstab that is seen inside."""
    lab.seen("fstab").write_text(line)
    lab.do("mount", "--bind", lab.path("fstab"), "/etc/fstab")


def test_what_is_in_fstab_is_mounted_for_real(lab: Lab) -> None:
    lab.do("mkdir", lab.path("share"))
    in_fstab(lab, f"alpha {lab.path('share')} tmpfs mode=755,noauto 0 0\n")
    assert lab.verdict("share") == ("not_mounted", "mountinfo")
    answer = lab.probe("share", "--repair=2", "--source=alpha")
    assert (answer["verdict"], answer["source"]) == ("healthy", "alpha")
    (repair,) = answer["repairs"]
    assert (repair["was"], repair["did"], repair["ok"], repair["said"]) == ("not_mounted", "mount", True, "")
    assert lab.probe("share", "--repair=2")["repairs"] == []


@pytest.mark.parametrize("fstab", ["alpha {path} nosuchfs defaults 0 0\n", "# alpha {path} tmpfs\n"])
def test_what_cannot_be_mounted_says_why(fstab: str, lab: Lab) -> None:
    lab.do("mkdir", lab.path("share"))
    in_fstab(lab, fstab.format(path=lab.path("share")))
    answer = lab.probe("share", "--repair=2")
    assert answer["verdict"] == "not_mounted"
    assert [repair["ok"] for repair in answer["repairs"]] == [False, False]
    assert all(repair["said"] for repair in answer["repairs"])
    assert answer["repairs"][0]["did"] == ("systemctl restart" if fstab.startswith("#") else "mount")


def test_a_mount_helper_that_hangs_is_killed(lab: Lab) -> None:
    lab.do("mkdir", lab.path("share"))
    in_fstab(lab, f"alpha {lab.path('share')} tmpfs mode=755,noauto 0 0\n")
    lab.seen("mount").write_text("#!/bin/sh\nexec sleep 4321.5\n")
    lab.seen("mount").chmod(0o755)
    lab.do("mount", "--bind", lab.path("mount"), "/usr/bin/mount")
    began = time.monotonic()
    answer = lab.probe("share", "--repair=2")
    assert probe.COMMAND_SECONDS <= time.monotonic() - began < probe.COMMAND_SECONDS + 3
    assert (answer["verdict"], answer["step"]) == ("not_mounted", "mount")
    assert answer["repairs"][0]["said"] == "no end within 10 s"
    assert eventually(lambda: not [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"4321.5" in read(p)])


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


# --- leaving

VISITED = """
import os, socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["ip", "address", "add", "10.99.0.1/32", "dev", "lo"], check=True)
server = socket.create_server(("::", 8088), family=socket.AF_INET6, dualstack_ipv6=True)
callers = [socket.create_connection((to, 8088), source_address=(by, 0)) for by, to in
    [("10.99.0.1", "10.99.0.1"), ("10.99.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")]]
accepted = [server.accept() for _ in callers]
gone = socket.create_connection(("10.99.0.1", 8088))
server.accept()[0].close()
gone.close()
subprocess.run([sys.executable, "-", *sys.argv[1:]], input=open(0).read(), text=True)
"""


def test_requests_are_the_connections_from_elsewhere_and_a_hung_mount_hinders_nobody(lab: Lab) -> None:
    lab.silent("share", "takes") if Path("/dev/fuse").exists() else lab.tmpfs("share")
    arguments = [lab.path("share"), "--purpose=leaving", "--web-port=8088"]
    command = ["unshare", "--net", *lab.enter(sys.executable, "-c", VISITED, *arguments)]
    began = time.monotonic()
    done = subprocess.run(command, input=SCRIPT.read_text(), capture_output=True, text=True, timeout=30, check=False)
    assert time.monotonic() - began < 5
    assert done.stderr == ""
    answer = json.loads(done.stdout)
    assert (answer["verdict"], answer["purpose"]) == (None, "leaving")
    assert (answer["leaving"]["requests"], answer["leaving"]["timer"]) == (2, "none")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="no /dev/fuse here")
@pytest.mark.parametrize("manner", ["ignores", "takes"])
def test_twenty_probes_of_a_hung_mount_leave_at_most_one_stuck_child(manner: str, lab: Lab) -> None:
    lab.silent("share", manner)
    stalled = []
    for _ in range(20):
        began = time.monotonic()
        answer = lab.probe("share", "--site=north", "--timeout=1")
        assert time.monotonic() - began < 3  # the timeout, and the start of an interpreter on a busy machine
        assert answer["verdict"] == "hung"
        assert "step sentinel" in answer["detail"]
        stalled += [answer["step"]] if answer["step"] else []
        assert len(lab.stuck("share")) <= 1
    assert set(stalled) == {"sentinel"}
    if manner == "takes":
        (stuck,) = lab.stuck("share")
        assert Path(f"/proc/{stuck}/stat").read_text().rsplit(")", 1)[1].split()[0] == "D"
        assert stalled == ["sentinel"]  # only the first one touched the mount


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="no /dev/fuse here")
def test_a_stuck_child_goes_with_the_hang_and_the_path_is_probed_again(lab: Lab) -> None:
    lab.silent("share", "takes")
    assert lab.verdict("share", "--timeout=1") == ("hung", "create")
    assert len(lab.stuck("share")) == 1
    lab.servers[0].kill()
    assert eventually(lambda: not lab.stuck("share"))
    answer = lab.probe("share")
    assert (answer["verdict"], answer["step"]) == ("unknown", "create")
    assert "ENOTCONN" in answer["detail"]
    lab.do("umount", lab.path("share"))
    assert lab.verdict("share") == ("not_mounted", "mountinfo")


@pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="no /dev/fuse here")
def test_a_hung_mount_above_the_path_hangs_no_probe(lab: Lab) -> None:
    lab.silent("top", "takes")
    assert lab.verdict("top/share", "--timeout=1") == ("hung", "mountinfo")


def test_nothing_stays_mounted(lab: Lab) -> None:
    lab.tmpfs("share")
    assert lab.base in Path(f"/proc/{lab.holder.pid}/mountinfo").read_text()
    assert lab.base not in Path("/proc/self/mountinfo").read_text()
