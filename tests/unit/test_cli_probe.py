"""`firstbell probe`: the real probe in a subprocess, its answer and its exit code passed on."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.commands import probe
from cli.main import app


def firstbell(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_bad_verdict_is_one_json_line_and_code_1(tmp_path: Path, flags):
    result = firstbell("probe", tmp_path, "--timeout", 5, *flags)
    answer = json.loads(result.stdout)
    assert len(result.stdout.splitlines()) == 1
    assert answer["verdict"] == "not_mounted"
    assert answer["path"] == str(tmp_path)
    assert result.exit_code == 1


def test_a_path_with_a_leading_dash_is_a_path():
    answer = json.loads(firstbell("probe", "--", "-nowhere").stdout)
    assert answer["path"].endswith("/-nowhere")


def test_a_terminal_gets_it_in_words(capsys):
    answer = {"verdict": "slow", "path": "/m", "step": "write", "detail": "took 3 s", "fstype": "nfs4"}
    answer |= {"source": None, "options": None, "host": "web-1", "ms": {"write": 3000.0}}
    answer |= {"warnings": ["the bare directory is writable"], "web": {"page": "/l", "status": None, "ms": 7.5}}
    answer |= {"repairs": [{"was": "stale_handle", "did": "umount -l, mount", "ok": True, "said": ""}]}
    warm = {"done": True, "rounds": 3, "pages": 4, "slowest": "/l took 900 ms"}
    probe._show(answer | {"warm": warm})
    out = capsys.readouterr().out
    for words in ("/m: slow", "step write", "3000 ms", "the bare directory is writable", "/l: no answer, 7.5 ms"):
        assert words in out
    assert "stale_handle: umount -l, mount: done" in out
    assert "warm after 3 rounds of 4 pages; /l took 900 ms" in out


@pytest.mark.parametrize(
    ("flags", "purpose"), [((), "patrolling"), (("--warm", "/a", "--warm=/b", "--web-host=h"), "admitting")]
)
def test_pages_to_warm_make_it_an_admission(tmp_path: Path, flags, purpose):
    answer = json.loads(firstbell("probe", tmp_path, *flags).stdout)
    assert answer["purpose"] == purpose


def test_a_repair_is_tried_when_asked_for(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name in ("findmnt", "mount"):
        (tmp_path / name).write_text("#!/bin/sh\necho busy >&2; exit $(test $(basename $0) = findmnt; echo $?)\n")
        (tmp_path / name).chmod(0o755)
    answer = json.loads(firstbell("probe", tmp_path / "share", "--repair", 1).stdout)
    assert [(repair["did"], repair["ok"], repair["said"]) for repair in answer["repairs"]] == [("mount", False, "busy")]


@pytest.mark.parametrize("page", ["login", "/a b", "/\u00e9", "/a\n"])
@pytest.mark.parametrize("flag", ["--page", "--warm"])
def test_a_page_is_a_path(flag: str, page: str):
    result = firstbell("probe", "/", flag, page)
    assert result.exit_code == 1
    assert "begins with a slash" in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"), [(("",), "PATH is empty"), (("/", "--warm", "/"), "--warm needs --web-host")]
)
def test_what_would_silently_say_nothing_is_an_error(arguments, sentence: str):
    result = firstbell("probe", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.output


def test_ctrl_c_ends_it_with_one_sentence(tmp_path: Path):
    started, script = tmp_path / "started", tmp_path / "script.py"
    os.mkfifo(started)
    script.write_text(f"import time; open({str(started)!r}, 'w').close(); time.sleep(30)")
    code = f"import sys; from cli.commands import probe; probe.script.__file__ = {str(script)!r}"
    code += "; from cli.main import main; sys.argv[1:] = ['probe', '/']; main()"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, **pipes)
    with started.open():
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.communicate(timeout=20) == ("", "firstbell: interrupted\n")
    assert process.returncode == 130


@pytest.mark.parametrize(
    "flags", [("--timeout", "0"), ("--timeout", "soon"), ("--slow-ms", "-1"), ("--repair", "7"), ("--web-port", "0")]
)
def test_wrong_numbers_are_wrong_usage(flags):
    assert firstbell("probe", "/", *flags).exit_code == 2
