"""What the NFS lab stands on, without the lab: its table, SSM's substitution, its judgement, what it says is missing.

`make lab` runs the table itself.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from firstbell.instances.verdicts import HEALTHY, NEEDED_IN_A_ROW, UNKNOWN
from nfs_lab import needs, ssm
from nfs_lab.__main__ import as_json, row
from nfs_lab.cases import CASES, Case
from nfs_lab.guest import Ran
from nfs_lab.judging import judge
from nfs_lab.world import Probed

ROOT = Path(__file__).parents[2]

# ---------------------------------------------------------------- the table


def test_every_verdict_has_a_row() -> None:
    assert {case.verdict for case in CASES} == {HEALTHY, UNKNOWN, None, *NEEDED_IN_A_ROW}


def test_names_tell_the_rows_apart() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    assert max(len(case.name) for case in CASES) <= 46, "the table's first column"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_document_takes_what_a_row_gives_it(case: Case) -> None:
    script = ssm.script(case.parameters)
    assert "{{" not in script
    assert f"'{case.parameters['path']}'" in script


# ---------------------------------------------------------------- as SSM does it

CONTENT: dict[str, Any] = {
    "parameters": {
        "path": {"type": "String", "allowedPattern": "^/[a-z{} ]+$"},
        "site": {"type": "String", "allowedPattern": "^[a-z]*$", "default": ""},
    },
    "mainSteps": [{"inputs": {"runCommand": ["probe '{{ path }}' '{{site}}'", "again {{ path }}"]}}],
}


@pytest.mark.parametrize(
    ("values", "script"),
    [
        ({"path": "/srv"}, "probe '/srv' ''\nagain /srv"),
        ({"path": "/srv", "site": "north"}, "probe '/srv' 'north'\nagain /srv"),
        ({"path": "/{{ site }}", "site": "north"}, "probe '/{{ site }}' 'north'\nagain /{{ site }}"),
    ],
    ids=["a default takes its place", "every place is filled", "what a value holds is not looked at again"],
)
def test_parameters_take_their_places(values: dict[str, str], script: str) -> None:
    assert ssm.script(values, CONTENT) == script


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"path": "/srv", "repair": "2"}, "declares no parameter repair"),
        ({"site": "north"}, "wants the parameter path"),
        ({"path": "srv"}, "pattern for path refuses 'srv'"),
    ],
)
def test_what_ssm_refuses_is_refused(values: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ssm.script(values, CONTENT)


# ---------------------------------------------------------------- judgement

GOOD = Case("a row", (), "hung", step="fsync", says="no answer")
ANSWER = {"probe": 1, "verdict": "hung", "step": "fsync", "detail": "no answer for 1000 ms"}


def ran(code: int = 1, seconds: float = 0.5, **changes: object) -> Ran:
    return Ran("a warning\n" + json.dumps({**ANSWER, **changes}), code, seconds)


@pytest.mark.parametrize(
    ("probed", "complaint"),
    [
        (Probed((ran(verdict="healthy", code=0),), 0), "the verdict must be hung"),
        (Probed((ran(verdict="healthy"), ran()), 0), "the verdict must be hung"),
        (Probed((ran(step="read"),), 0), "the step must be fsync, not read"),
        (Probed((ran(detail="EIO"),), 0), "must match no answer"),
        (Probed((ran(seconds=8.1), ran()), 0), "may take 8 s"),
        (Probed((ran(),), 3), "left 3 processes behind"),
        (Probed((ran(code=0),), 0), "exit code must be 1, not 0"),
        (Probed((ran(options="x" * 2500),), 0), "would list only 2500"),
        (Probed((Ran("Traceback: no", 1, 0.5),), 0), "it printed 'Traceback: no'"),
        (Probed((Ran("", 1, 0.5),), 0), "it printed ''"),
        (Probed((Ran("[1]", 1, 0.5),), 0), "it printed '[1]'"),
    ],
)
def test_what_is_not_as_the_row_says_is_a_complaint(probed: Probed, complaint: str) -> None:
    result = judge(GOOD, probed)
    assert complaint in "\n".join(result.complaints)
    assert "FAILED" in row(result)


def test_what_is_as_the_row_says_is_ok() -> None:
    result = judge(GOOD, Probed((ran(), ran(seconds=1.5)), 0))
    assert result.complaints == ()
    assert row(result).split() == ["a", "row", "hung", "1.5", "s", "ok"]
    assert json.loads(as_json([result], 2.0))["cases"][0]["complaints"] == []


@pytest.mark.parametrize(("verdict", "code"), [("healthy", 0), (None, 0), ("unknown", 2), ("full", 1)])
def test_the_exit_code_belongs_to_the_verdict(verdict: str | None, code: int) -> None:
    case = replace(GOOD, verdict=verdict)
    assert judge(case, Probed((ran(code, verdict=verdict),), 0)).complaints == ()
    assert judge(case, Probed((ran(3, verdict=verdict),), 0)).complaints != ()


# ---------------------------------------------------------------- where it cannot run


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory with every program that the lab wants."""
    for name in (*needs.PACKAGE_OF, "gcc"):
        (tmp_path / name).touch(0o755)
    return tmp_path


def test_a_missing_package_is_named(programs: Path) -> None:
    vfs = str(programs / "*.uml")  # something that is there
    assert needs.missing_packages(str(programs), vfs, amx=True) == []
    (programs / "linux.uml").unlink()
    (programs / "ip").unlink()
    (programs / "tc").unlink()
    (programs / "gcc").unlink()
    assert needs.missing_packages(str(programs), str(programs), amx=False) == ["user-mode-linux", "iproute2"]
    assert needs.missing_packages(str(programs), vfs, amx=True) == [
        *("user-mode-linux", "iproute2", "gcc libc6-dev", "nfs-ganesha-vfs")
    ]


def test_it_says_what_to_install_and_exits_with_2(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "nfs_lab"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "The NFS lab cannot run here." in ended.stderr
    assert "sudo apt-get install -y" in ended.stderr
    assert "user-mode-linux" in ended.stderr


@pytest.mark.parametrize("pattern", ["no such case", "("])
def test_a_pattern_without_a_case_is_refused(pattern: str) -> None:
    command = [sys.executable, "-m", "nfs_lab", "--only", pattern]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert repr(pattern) in ended.stderr


# ---------------------------------------------------------------- what it leaves

HOLD = "from nfs_lab.rooms import Rooms; print(Rooms().holder.pid, flush=True); input()"


@pytest.fixture
def keeper() -> Iterator[subprocess.Popen[str]]:
    """A process that has made the lab's namespaces."""
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes the lab's namespaces")
@pytest.mark.skipif(not os.access("/dev/net/tun", os.W_OK), reason="no /dev/net/tun here")
@pytest.mark.skipif(shutil.which("ip", path=needs.search_path()) is None, reason="no iproute2 here")
def test_the_namespaces_end_with_a_lab_that_is_killed(keeper: subprocess.Popen[str]) -> None:
    assert keeper.stdout
    holder = int(keeper.stdout.readline())
    seen = os.pidfd_open(holder)
    assert os.readlink(f"/proc/{holder}/ns/net") != os.readlink("/proc/self/ns/net")
    keeper.send_signal(signal.SIGKILL)
    assert keeper.wait(10) == -signal.SIGKILL
    with open(seen, "rb") as ending:
        assert select.select([ending], [], [], 10)[0], "the holder lives on"
