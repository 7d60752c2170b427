"""The engine's own directory on the local disk: state, journals, copies of manifests. All of it may be lost."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from firstbell.backup.engine import clock

PATIENCE = 15.0  # seconds for the orphaned workers of a killed run to end


class BusyError(Exception):
    """Another run is under way."""


def replace(path: str, raw: bytes) -> None:
    """Write a file so that it is there with all its bytes, or as it was."""
    fresh = f"{path}.{os.getpid()}.tmp"
    try:
        with open(fresh, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(fresh)
        raise


@contextmanager
def locked(directory: str) -> Iterator[None]:
    """Make the directory if it is not there, and have it for ourselves. Raises BusyError."""
    os.makedirs(os.path.join(directory, "manifests"), mode=0o700, exist_ok=True)
    file = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        _lock(file, directory)
        yield
    finally:
        os.close(file)


def _lock(file: int, directory: str) -> None:
    deadline = clock.seconds() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if clock.seconds() > deadline:
                raise BusyError(f"another run is at work in {directory}; wait for its end") from None
        clock.wait(0.1)


def journals(directory: str) -> list[str]:
    """The journals that are there, by their paths."""
    return sorted(os.path.join(directory, name) for name in os.listdir(directory) if name.startswith("journal-"))


def journal_path(directory: str, stamp: str, number: int) -> str:
    """Where a worker of a run has its journal."""
    return os.path.join(directory, f"journal-{stamp}-{os.getpid()}-{number}")


def manifest_path(directory: str, sha1: bytes) -> str:
    """Where the copy of a manifest is."""
    return os.path.join(directory, "manifests", sha1.hex())
