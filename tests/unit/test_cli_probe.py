"""`firstbell probe`: the real probe in a subprocess, its answer and its exit code passed on."""

import json
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
    probe._show({**answer, "source": None, "options": None, "host": "web-1", "ms": {"write": 3000.0}})
    out = capsys.readouterr().out
    assert "/m: slow" in out
    assert "step write" in out
    assert "3000 ms" in out


@pytest.mark.parametrize("flags", [("--timeout", "0"), ("--timeout", "soon"), ("--slow-ms", "-1")])
def test_wrong_numbers_are_wrong_usage(flags):
    assert firstbell("probe", "/", *flags).exit_code == 2
