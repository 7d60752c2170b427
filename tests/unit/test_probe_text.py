"""The mount probe's parts that need no run: reading mountinfo, paths, bare directories, arguments; and its text."""

import ast
import os
import pwd
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from json import loads
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.instances import probe

SCRIPT = Path(probe.__file__)
ROOT_LINE = "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"


@pytest.fixture
def mountinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the probe takes for the kernel's; nothing but the root is mounted."""
    file = tmp_path / "mountinfo"
    file.write_text(ROOT_LINE)
    monkeypatch.setattr(probe, "MOUNTINFO", str(file))
    return file


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "36 35 98:0 /m /mnt/data rw,noatime master:1 - nfs4 10.0.0.5:/data rw,vers=4.1,hard",
            ("36", "35", "/mnt/data", "nfs4", "10.0.0.5:/data", "rw,noatime,vers=4.1,hard"),
            id="an NFS mount with one optional field",
        ),
        pytest.param(
            r"36 35 0:9 / /mnt/a\040b\134c\011d rw - fuse.sshfs a\040host: rw",
            ("36", "35", "/mnt/a b\\c\td", "fuse.sshfs", "a host:", "rw"),
            id="octal escapes in the path and the source, and no optional field",
        ),
        pytest.param(
            "36 35 0:9 / /mnt rw shared:1 master:2 propagate_from:3 - tmpfs tmpfs ro,size=64k",
            ("36", "35", "/mnt", "tmpfs", "tmpfs", "ro,size=64k"),
            id="a read-only file system in a writable mount is read-only; three optional fields",
        ),
        pytest.param(
            "36 35 0:9 / /mnt rw - tmpfs  rw", ("36", "35", "/mnt", "tmpfs", "", "rw"), id="the source may be empty"
        ),
    ],
)
def test_a_line_of_mountinfo_is_read(line: str, expected: tuple[str, ...]) -> None:
    assert probe.parse_mount(line) == expected


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1))
def test_any_name_that_the_kernel_escapes_is_read_back(name: str) -> None:
    escaped = re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found[0]):03o}", name)
    assert probe.parse_mount(f"36 35 0:9 / /mnt/{escaped} rw - tmpfs {escaped} rw")[2:5] == (
        f"/mnt/{name}",
        "tmpfs",
        name,
    )


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
    found, mount = probe.locate(probe.read_arguments([f"{top}/{path}"]).path)
    assert mount
    assert (found, mount.source) == (f"{top}/share", "host:/")


def test_links_in_a_circle_are_an_error(mountinfo: Path) -> None:
    circle = mountinfo.parent / "circle"
    circle.symlink_to("circle")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        probe.locate(str(circle))


BARE = {
    "open for everybody": (0o777, "writable for nobody: uploads would be lost"),
    "of root, as it should be": (0o755, "is not writable for nobody"),
    "writable, but not to be entered": (0o776, "is not writable for nobody"),
}


@pytest.mark.parametrize(("mode", "detail"), BARE.values(), ids=BARE.keys())
def test_a_bare_mount_point_is_told(mode: int, detail: str, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    told = probe.look_below(str(tmp_path), "nobody")
    tmp_path.chmod(0o700)
    assert told.endswith(detail)


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
    assert ("uploads would be lost" in probe.look_below(str(tmp_path), "web")) == lost


def test_what_lies_below_may_be_absent_a_file_or_of_nobody_known(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o666)
    assert "No such file" in probe.look_below(str(tmp_path / "gone"), "nobody")
    assert probe.look_below(str(tmp_path / "file"), "root") == "and what lies there is not writable for root"
    assert "name not found" in probe.look_below(str(tmp_path), "no-such-user")


@pytest.mark.parametrize(
    "arguments",
    [[], [""], ["/a", "/b"], ["/a", "--timeout", "0"], ["/a", "--timeout=nan"], ["/a", "--slow-ms=fast"], ["/a", "-x"]],
    ids=["no path", "an empty path", "two paths", "no time", "a time that is no number", "no number", "unknown option"],
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
    assert len(raw) < 20_000
    assert text.count("\n") <= 300
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
    for directory in probe.LOCK_DIRECTORIES:
        digest = sha256(os.fsencode(tmp_path)).hexdigest()[:16]
        Path(directory, f"firstbell-probe-{os.getuid()}-{digest}").unlink(missing_ok=True)
