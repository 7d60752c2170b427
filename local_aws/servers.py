"""Servers as child processes: started on a free loopback port, waited for, and stopped by their process number."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE = 60.0  # seconds for a server to answer; a cold disk has needed 15
LAST_WORDS = 5.0  # seconds between asking a server to end and ending it


class DidNotStartError(Exception):
    """A server ended or stayed silent; the message has the end of what it printed."""


def free_port() -> int:
    """A TCP port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    name: str, command: Sequence[str], environment: Mapping[str, str], port: int, log: Path, directory: Path
) -> Iterator[int]:
    """Run a server in `directory` until the block ends; yields its process number. Raises DidNotStartError."""
    with log.open("wb") as output:
        # A session of its own: Ctrl-C at the terminal reaches us alone, and its children can be ended with it.
        server = subprocess.Popen(  # noqa: S603 - the commands are this package's own
            command, env=dict(environment), cwd=directory, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_it_listens(name, server, port, log)
        yield server.pid
    finally:
        _stop(server)


def _wait_until_it_listens(name: str, server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DidNotStartError(f"{name} ended with code {server.returncode}:\n{_end_of(log)}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise DidNotStartError(f"{name} does not listen on port {port} after {PATIENCE:.0f} s:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server, which was made the leader of its group, and whatever it started; wait until all are gone."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, kind)
        deadline = time.monotonic() + LAST_WORDS
        while time.monotonic() < deadline:
            if server.poll() is not None and not _group_lives(server.pid):
                return
            time.sleep(0.02)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
