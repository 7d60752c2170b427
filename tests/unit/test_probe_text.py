"""The mount probe's parts that need no mount: reading mountinfo, paths, bare directories, arguments; and its text."""

import ast
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from json import dumps, loads
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.instances import probe

SCRIPT = Path(probe.__file__)
ROOT_LINE = "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"


@pytest.fixture(autouse=True)
def _no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child's alarm, set in this process, would end it."""
    monkeypatch.setattr(signal, "alarm", lambda seconds: 0)


@pytest.fixture
def mountinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the probe takes for the kernel's; nothing but the root is mounted."""
    file = tmp_path / "mountinfo"
    file.write_text(ROOT_LINE)
    monkeypatch.setattr(probe, "MOUNTINFO", str(file))
    return file


def child(path: Path, *arguments: str) -> probe.Child:
    """The child for this path, in this process."""
    wanted = probe.read_arguments([str(path), *arguments])
    return probe.Child(wanted, {"step": None, "ms": {}, "warnings": []}, os.memfd_create("board"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "36 35 98:0 /m /mnt/data rw,noatime master:1 - nfs4 10.0.0.5:/data rw,vers=4.1,hard",
            ("36", "35", "/mnt/data", "rw,noatime", "nfs4", "10.0.0.5:/data", "rw,vers=4.1,hard"),
            id="an NFS mount with one optional field",
        ),
        pytest.param(
            r"36 35 0:9 / /mnt/data rw - fuse.sshfs a\040host:\134c\011d rw",
            ("36", "35", "/mnt/data", "rw", "fuse.sshfs", "a host:\\c\td", "rw"),
            id="octal escapes in the source, and no optional field",
        ),
        pytest.param(
            "36 35 0:9 / /mnt/data rw shared:1 master:2 propagate_from:3 - tmpfs tmpfs ro,size=64k",
            ("36", "35", "/mnt/data", "rw", "tmpfs", "tmpfs", "ro,size=64k"),
            id="three optional fields",
        ),
        pytest.param(
            "36 35 0:9 / /mnt/data rw - tmpfs  rw",
            ("36", "35", "/mnt/data", "rw", "tmpfs", "", "rw"),
            id="the source may be empty",
        ),
    ],
)
def test_a_line_of_mountinfo_is_read(line: str, expected: tuple[str, ...], mountinfo: Path) -> None:
    mountinfo.write_text(f"{line}\n37 36 0:8 / /mnt/data/sub rw - tmpfs x rw\n")
    assert probe.mount_at("/mnt/data") == expected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1))
def test_any_name_that_the_kernel_escapes_is_read_back(name: str) -> None:
    escaped = re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found[0]):03o}", name)
    with (
        tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="\n") as file,
        pytest.MonkeyPatch.context() as patch,
    ):
        file.write(f"{ROOT_LINE}36 20 0:9 / /mnt/{escaped} rw - tmpfs {escaped} rw\n")
        file.flush()
        patch.setattr(probe, "MOUNTINFO", file.name)
        found = probe.mount_at(f"/mnt/{name}")
    assert found
    assert (found.point, found.source) == (f"/mnt/{name}", name)


MOUNTED = {
    "the path itself": (["21 20 /mnt/data a"], "a"),
    "nothing there": ([], None),
    "a mount below the path": (["21 20 /mnt/data/sub a"], None),
    "a mount above the path": (["21 20 /mnt a"], None),
    "a path that only begins alike": (["21 20 /mnt/database a"], None),
    "two mounts on the path: the last one wins": (["21 20 /mnt/data a", "22 21 /mnt/data b"], "b"),
    "two mounts on the path, listed the other way round": (["22 21 /mnt/data b", "21 20 /mnt/data a"], "b"),
    "two mounts side by side on the path": (["21 20 /mnt/data a", "22 20 /mnt/data b"], "b"),
    "hidden by a later mount above it": (["21 20 /mnt/data a", "22 20 /mnt b"], None),
    "mounted again after it was hidden": (["21 20 /mnt/data a", "22 20 /mnt b", "23 22 /mnt/data c"], "c"),
    "below another mount that is itself visible": (["21 20 /mnt b", "22 21 /mnt/data a"], "a"),
    "the root is mounted over, as after an initramfs": (["21 20 / b", "22 21 /mnt/data a"], "a"),
    "only below the root that was mounted over": (["21 20 /mnt/data a", "22 20 / b"], None),
}


@pytest.mark.parametrize(("lines", "source"), MOUNTED.values(), ids=MOUNTED.keys())
def test_the_visible_mount_at_a_path_is_found(lines: list[str], source: str | None, mountinfo: Path) -> None:
    texts = ["{} {} 0:1 / {} rw - nfs4 {} rw".format(*line.split(" ")) for line in lines]
    mountinfo.write_text(ROOT_LINE + "\n".join(texts) + "\n")
    found = probe.mount_at("/mnt/data")
    assert (found.source if found else None) == source


def test_the_root_is_a_mount_point_even_when_it_is_its_own_parent(mountinfo: Path) -> None:
    mountinfo.write_text("1 1 8:1 / / rw - ext4 /dev/root rw\n")
    found = probe.mount_at("/")
    assert found
    assert found.source == "/dev/root"


PATHS = {
    "as it is": "share",
    "a trailing slash": "share/",
    "doubled slashes and dots": ".//elsewhere/../share/.",
    "a link to the mount point": "link",
    "a link to the link": "link2/",
    "a link in the parents": "up/share",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_a_path_may_be_spelt_in_many_ways(path: str, mountinfo: Path) -> None:
    top = mountinfo.parent
    mountinfo.write_text(f"{ROOT_LINE}21 20 0:50 / {top}/share rw - nfs4 host:/ rw\n")
    (top / "link").symlink_to("share")
    (top / "link2").symlink_to(top / "link")
    (top / "up").symlink_to(top)
    examined = child(top)
    examined.path = probe.read_arguments([f"{top}/{path}"]).path
    examined.wanted.source = "host:/elsewhere"
    with pytest.raises(probe.Finding, match="it comes from host:/, not"):
        examined.check_mount()
    assert examined.path == f"{top}/share"


def test_links_in_a_circle_are_no_mount_point(mountinfo: Path) -> None:
    circle = mountinfo.parent / "circle"
    circle.symlink_to("circle")
    with pytest.raises(probe.Finding, match="is no mount point"):
        child(circle).check_mount()


@pytest.mark.parametrize(
    ("of_the_mount", "of_the_file_system", "told"),
    [("rw,noatime", "rw,hard", "rw,noatime,hard"), ("ro,noatime", "rw", "ro,noatime"), ("rw", "ro,hard", "ro,hard")],
    ids=["writable", "the mount is read-only", "the file system is read-only"],
)
def test_one_of_both_is_read_only_enough(
    of_the_mount: str, of_the_file_system: str, told: str, mountinfo: Path
) -> None:
    mountinfo.write_text(f"{ROOT_LINE}21 20 0:5 / /mnt {of_the_mount} - tmpfs x {of_the_file_system}\n")
    examined = child(Path("/mnt"))
    examined.check_mount()
    assert examined.answer["options"] == told


BARE = {
    "open for everybody": (0o777, "the bare directory is writable for nobody: uploads would be lost"),
    "of root, as it should be": (0o755, "the bare directory is not writable for nobody"),
    "writable, but not to be entered": (0o776, "the bare directory is not writable for nobody"),
}


@pytest.mark.parametrize(("mode", "detail"), BARE.values(), ids=BARE.keys())
def test_a_bare_mount_point_is_told(mode: int, detail: str, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    told = child(tmp_path, "--user=nobody").look_at_bare(under=False)
    tmp_path.chmod(0o700)
    assert told == detail


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give directories away")
@pytest.mark.parametrize(
    ("uid", "gid", "mode", "lost"),
    [(65534, 0, 0o700, True), (65534, 0, 0o577, False), (0, 65534, 0o730, True), (0, 65534, 0o707, False)],
    ids=["the owner may", "the owner may not, though all others may", "the group may", "the group may not"],
)
def test_owner_and_group_of_a_bare_mount_point_count(
    uid: int, gid: int, mode: int, lost: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(tmp_path, uid, gid)
    tmp_path.chmod(mode)
    web = pwd.struct_passwd(("web", "x", 65534, 65534, "", "/", "/bin/false"))
    monkeypatch.setattr(pwd, "getpwnam", lambda name: web)
    monkeypatch.setattr(os, "getgrouplist", lambda name, group: [group])
    assert ("uploads would be lost" in child(tmp_path, "--user=web").look_at_bare(under=False)) == lost


def test_what_is_bare_may_be_absent_a_file_or_of_nobody_known(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o666)
    assert "No such file" in child(tmp_path / "gone", "--user=nobody").look_at_bare(under=False)
    assert child(tmp_path / "file", "--user=root").look_at_bare(under=False).endswith("is not writable for root")
    assert "name not found" in child(tmp_path, "--user=no-such-user").look_at_bare(under=False)


@pytest.mark.parametrize(
    ("there", "wanted", "found"),
    [
        (["nginx", "apache", "www-data"], "www-data", "www-data"),
        (["nginx", "apache"], "www-data", "apache"),
        (["nginx"], "www-data", "nginx"),
        (["nginx", "apache", "moodle"], "moodle", "moodle"),
        (["nginx", "apache"], "moodle", None),
    ],
)
def test_where_debian_s_user_is_unknown_it_is_amazon_linux_s(
    there: list[str], wanted: str, found: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = {n: pwd.struct_passwd((n, "x", 65534, 65534, "", "/", "/bin/false")) for n in there}
    monkeypatch.setattr(pwd, "getpwall", lambda: list(accounts.values()))
    monkeypatch.setattr(pwd, "getpwnam", accounts.__getitem__)
    monkeypatch.setattr(os, "getgrouplist", lambda name, group: [group])
    told = child(tmp_path, f"--user={wanted}").look_at_bare(under=False)
    assert told.endswith(f"for {found}") if found else "could not be looked at" in told


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [""],
        ["/a", "/b"],
        ["/a", "--timeout", "0"],
        ["/a", "--timeout=nan"],
        ["/a", "--slow-ms=fast"],
        ["/a", "-x"],
        ["/a", "--purpose=nothing"],
        ["/a", "--repair=often"],
        ["/a", "--warm-seconds=-1"],
        ["/a", "--warm-seconds=nan"],
    ],
    ids=[
        "no path",
        "an empty path",
        "two paths",
        "no time",
        "a time that is no number",
        "no number",
        "unknown option",
        "unknown purpose",
        "no count",
        "negative time",
        "no time for warming",
    ],
)
def test_wrong_arguments_are_unknown_with_a_message(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert probe.main(arguments) == 2
    out, err = capfd.readouterr()
    answer = loads(out)
    assert (answer["verdict"], answer["path"], answer["ms"]) == ("unknown", "", {})
    assert "probe: error:" in err


def test_the_text_can_be_embedded() -> None:
    raw = SCRIPT.read_bytes()
    text = raw.decode("ascii")
    assert "{{" not in text
    assert "}}" not in text
    assert len(raw) < 30_000
    assert text.count("\n") <= 400
    tree = ast.parse(text, feature_version=(3, 9))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def test_importing_does_nothing() -> None:
    layer = str(SCRIPT.parents[2])
    code = f"import sys; sys.path.insert(0, {layer!r}); import firstbell.instances.probe"
    done = subprocess.run([sys.executable, "-I", "-c", code, "/tmp"], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


def interpreter(version: str) -> str | None:
    """Find a Python of this version, on the path or with pyenv."""
    homes = [str(home) for home in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))]
    return next(iter(homes), None) or shutil.which(f"python{version}")


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("stdin", [True, False], ids=["from stdin", "from a file"])
def test_it_runs_on_every_python_from_3_9(version: str, stdin: bool, tmp_path: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    command = [python, "-W", "error", "-" if stdin else str(SCRIPT), str(tmp_path), "--user=nobody"]
    text = SCRIPT.read_text() if stdin else ""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    answer = loads(done.stdout)
    assert (answer["verdict"], done.returncode, done.stderr) == ("not_mounted", 1, "")
    name = re.sub("[^A-Za-z0-9]", "-", str(tmp_path))[-99:]
    for directory in probe.LOCK_DIRECTORIES:
        Path(directory, f"firstbell-probe-{os.getuid()}-{name}").unlink(missing_ok=True)


# --- the line


texts = st.text(max_size=700) | st.text('\u00e4\U0001f600\\"\x01', max_size=700)
ANSWERS = st.fixed_dictionaries(
    {
        "probe": st.just(1),
        "verdict": st.sampled_from(["healthy", "unknown", "not_mounted", None]),
        "step": st.none() | st.sampled_from(["mountinfo", "fsync"]),
        "detail": texts,
        "ms": st.just(dict.fromkeys((*probe.OPTIONS, "mountinfo"), 1234.5)),
        "fstype": st.none() | st.text(max_size=20),
        "source": st.none() | texts,
        "options": st.none() | texts,
        "path": st.text(max_size=4096),
        "host": st.text(max_size=64),
        "purpose": st.sampled_from(["admitting", "patrolling", "leaving"]),
        "repairs": st.lists(
            st.fixed_dictionaries({"was": st.text(max_size=12), "said": st.text(max_size=200)}), max_size=6
        ),
        "warnings": st.lists(texts, max_size=2),
        "tail": st.text(max_size=600),
        "leaving": st.none() | st.just({"requests": 1, "tasks": ["admin/cli/scheduled_task.php, 123456 s"] * 20}),
    }
)


@given(ANSWERS)
def test_the_line_is_never_longer_than_run_command_lists(answer: dict[str, Any]) -> None:
    whole = dict(answer)
    line = probe.one_line(answer)
    cut = loads(line)
    assert len(line) <= probe.LONGEST_LINE
    assert list(cut) == list(whole)
    assert all(cut[key] == whole[key] for key in ("probe", "verdict", "step", "ms", "leaving"))
    if len(dumps(whole)) <= probe.LONGEST_LINE:
        assert cut == loads(dumps(whole))


def test_the_log_s_tail_is_cut_first_and_keeps_its_end() -> None:
    answer = {
        "verdict": "hung",
        "detail": "d" * 500,
        "options": "o" * 500,
        "path": "p" * 400,
        "tail": "x" * 1000 + "end",
    }
    cut = loads(probe.one_line(answer))
    assert cut["tail"].endswith("end")
    assert len(cut["tail"]) < 1003
    assert (len(cut["detail"]), len(cut["options"]), len(cut["path"])) == (500, 500, 400)


@pytest.mark.parametrize(
    ("log", "tail"),
    [
        (b"", ""),
        (b"one\r\ntwo\x1b[31m \xff\xfe red\n", "one two [31m  red"),
        (b"x" * 5000 + b"\nthe end\n", "x" * 592 + " the end"),
        (b"line\n" * 1000 + b"mount.nfs: Connection refused\n", "line " * 19 + "mount.nfs: Connection refused"),
    ],
    ids=["empty", "colours and no UTF-8", "long lines", "many lines"],
)
def test_a_bad_verdict_brings_the_end_of_the_bootstrap_log(
    log: bytes, tail: str, mountinfo: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    file = mountinfo.parent / "cloud-init-output.log"
    file.write_bytes(log)
    monkeypatch.setattr(probe, "BOOT_LOG", str(file))
    monkeypatch.setattr(probe, "LOCK_DIRECTORIES", (str(mountinfo.parent),))
    assert probe.main([str(mountinfo.parent)]) == 1
    assert loads(capfd.readouterr().out)["tail"] == tail
    file.unlink()
    assert probe.main([str(mountinfo.parent)]) == 1
    assert loads(capfd.readouterr().out)["tail"] == ""


# --- what is still worked on


@pytest.mark.parametrize(
    ("peer", "here"),
    [
        ("0100007F:A1B2", True),
        ("0200007F:A1B2", True),
        ("0501A8C0:A1B2", False),
        ("7F00000A:A1B2", False),
        ("00000000000000000000000001000000:A1B2", True),
        ("0000000000000000FFFF00000100007F:A1B2", True),
        ("0000000000000000FFFF00000501A8C0:A1B2", False),
        ("B80D0120000000000000000001000000:A1B2", False),
    ],
    ids=[
        "127.0.0.1",
        "127.0.0.2",
        "192.168.1.5",
        "10.0.0.127",
        "::1",
        "127.0.0.1 in 6",
        "192.168.1.5 in 6",
        "2001:db8::1",
    ],
)
def test_loopback_is_told_from_elsewhere(peer: str, here: bool) -> None:
    assert bool(probe.LOOPBACK.match(peer)) == here


@pytest.mark.parametrize(
    ("command", "task"),
    [
        ("php\0/var/www/moodle/admin/cli/cron.php\0", "admin/cli/cron.php"),
        ("php8.2\0admin/cli/adhoc_task.php\0--execute\0", "admin/cli/adhoc_task.php"),
        ("/bin/sh\0-c\0cd /srv && php admin/cli/scheduled_task.php --all\0", "admin/cli/scheduled_task.php"),
        ("php\0/srv/admin/cli/automated_backups.php\0", "admin/cli/automated_backups.php"),
        ("php\0/srv/admin/cli/restore_backup.php\0--file=x\0", "admin/cli/restore_backup.php"),
        ("php\0/srv/admin/cli/purge_caches.php\0", None),
        ("php\0/srv/myadmin/cli/cron.php\0", None),
        ("tail\0admin/cli/cron.php.log\0", None),
        ("php-fpm: pool www\0", None),
    ],
)
def test_moodle_s_tasks_are_known_by_their_command_line(command: str, task: str | None) -> None:
    found = probe.TASK.search(command)
    assert (found[0] if found else None) == task


def test_a_leaving_instance_tells_its_tasks_and_their_age_without_touching_the_mount(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probe, "LOCK_DIRECTORIES", ())  # no lock is needed
    monkeypatch.setattr(probe, "MOUNTINFO", "/nowhere")
    command = [sys.executable, "-c", "import time; time.sleep(60)", "/srv/moodle/admin/cli/cron.php"]
    with subprocess.Popen(command) as cron:
        time.sleep(1.2)
        assert probe.main(["/nowhere", "--purpose=leaving"]) == 0
        cron.kill()
    answer = loads(capfd.readouterr().out)
    assert (answer["verdict"], answer["step"], answer["detail"]) == (None, None, "")
    assert answer["leaving"]["timer"] == "none"
    ours = [task for task in answer["leaving"]["tasks"] if task.startswith("admin/cli/cron.php, ")]
    assert [task for task in ours if 1 <= int(task.split()[1]) <= 5]
    assert answer["leaving"]["requests"] >= 0


@pytest.mark.parametrize(
    ("script", "timer"),
    [
        ("", "stopped"),
        ("echo Failed to stop x.timer: Unit x.timer not loaded. >&2; exit 5", "error: Failed to stop x.timer"),
    ],
)
def test_the_timer_of_cron_is_stopped(
    script: str, timer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho $* > {tmp_path}/asked\n{script}\n")
    (tmp_path / "systemctl").chmod(0o755)
    assert probe.main(["/nowhere", "--purpose=leaving", "--cron=moodle-cron.timer"]) == 0
    assert loads(capfd.readouterr().out)["leaving"]["timer"].startswith(timer)
    assert (tmp_path / "asked").read_text() == "stop -- moodle-cron.timer\n"


def test_a_timer_that_cannot_be_stopped_in_time_leaves_the_work_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(probe, "COMMAND_SECONDS", 0.3)
    (tmp_path / "systemctl").write_text("#!/bin/sh\nsleep 60\n")
    (tmp_path / "systemctl").chmod(0o755)
    assert probe.main(["/nowhere", "--purpose=leaving", "--cron=moodle-cron.timer"]) == 2
    answer = loads(capfd.readouterr().out)
    assert (answer["verdict"], answer["step"], answer["leaving"]) == ("unknown", "systemctl", None)
