"""The launcher of the local AWS: its servers end with it and all they started, and nothing of AWS leaks into it."""

import json
import os
import socket
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from local_aws import places, servers
from local_aws.cloud import NotProvenError, wait_for
from local_aws.receiver import receiver

# A server with a child, as MiniStack has workers: both listen, and the child outlives a parent that is merely ended.
PARENT_AND_CHILD = """
import subprocess, sys, time
child = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", sys.argv[2]]
subprocess.Popen(child)
parent = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", sys.argv[1]]
sys.exit(subprocess.call(parent))
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_ends_with_the_block_and_so_do_its_children(tmp_path: Path) -> None:
    one, two = servers.free_port(), servers.free_port()
    command = [sys.executable, "-c", PARENT_AND_CHILD, str(one), str(two)]
    with servers.running("it", command, places.clean(), one, tmp_path / "log", tmp_path) as number:
        wait_for("the child", lambda: listens(two))
        assert os.getpgid(number) == number
    assert (listens(one), listens(two)) == (False, False)


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such thing')"]
    with (
        pytest.raises(servers.DidNotStartError, match="no such thing"),
        servers.running("it", command, places.clean(), servers.free_port(), tmp_path / "log", tmp_path),
    ):
        pytest.fail("it does not run")


def test_nothing_of_the_operators_aws_leaks_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID"):
        monkeypatch.setenv(name, "the operator's own")
    assert not [name for name in places.clean() if name.startswith("AWS_")]
    client = places.aws("http://127.0.0.1:1")
    assert "the operator's own" not in client.values()
    assert client["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert client["SAM_CLI_TELEMETRY"] == "0"


def test_the_receiver_keeps_what_is_posted_and_closes() -> None:
    with receiver() as hook:
        request = urllib.request.Request(hook.url, json.dumps({"title": "x"}).encode())
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 204
    assert hook.messages == [{"title": "x"}]
    assert not listens(int(hook.url.split(":")[2].partition("/")[0]))


def test_what_does_not_happen_is_not_proven() -> None:
    start = time.monotonic()
    with pytest.raises(NotProvenError, match=r"the plan: not within"):
        wait_for("the plan", list, seconds=0.3)
    assert time.monotonic() - start < 5


def test_ministack_is_pinned_exactly() -> None:
    assert "\nministack==" in "\n" + (places.ROOT / "requirements" / "local.in").read_text(encoding="utf-8")
    assert "ministack==" in places.REQUIREMENTS.read_text(encoding="utf-8")
