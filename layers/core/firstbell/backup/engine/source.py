"""The source: is it the right one, is it whole, what time is it on its server? All asked before anything is stored."""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress
from typing import NamedTuple

from firstbell.backup.engine import clock

SENTINEL = ".firstbell-site"
CANARY = ".firstbell-canary-"
UNKNOWN_CLOCK = 300 * 10**9  # ns that a file server's clock may be off where nothing can be written to ask it
_SENTINEL_MOST = 256  # bytes
HEXADECIMAL_PAIR = re.compile(r"[0-9a-f]{2}\Z")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class SourceError(Exception):
    """The source is not what it must be: nothing was stored. The message says what to do."""


class Source(NamedTuple):
    """A `moodledata` that may be backed up: its path, its file system's identity, the directories below filedir."""

    root: str
    identity: str
    first_level: tuple[str, ...]
    strange: tuple[str, ...]  # named like such a directory, but links or files

    @property
    def filedir(self) -> str:
        """Where the contents are."""
        return os.path.join(self.root, "filedir")


class Before(NamedTuple):
    """What the last set says of its source."""

    identity: str
    directories: int


def checked(root: str, site: str, before: Before | None, *, sentinel: bool = True, new: bool = False) -> Source:
    """The source at `root`, once it is proven to be that of `site` and of the last set; raises SourceError.

    `new`: another file system than before is expected, and it may hold less.
    """
    numbers = [_sentinel(root, site)] if sentinel else []
    filedir = os.path.join(root, "filedir")
    try:
        numbers.append(os.stat(filedir).st_ino)
        first, strange = _first_level(filedir)
    except OSError as error:
        why = error.strerror or str(error)
        raise SourceError(f"{filedir} cannot be read ({why}); see whether moodledata is mounted there") from None
    source = Source(os.path.abspath(root), ":".join(map(str, numbers)), first, strange)
    if before is not None and not new:
        _compare(source, before)
    return source


def _sentinel(root: str, site: str) -> int:
    """Demand that the sentinel names the site; its number in the file system, the same on each client of a share."""
    path = os.path.join(root, SENTINEL)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = error.strerror or str(error)
        cure = f"see whether moodledata is mounted there; a new site needs one: echo {site} > {path}"
        raise SourceError(f"{path} cannot be read ({why}); {cure}") from None
    try:
        name = os.read(file, _SENTINEL_MOST).decode("utf-8", "replace").strip()
        number = os.fstat(file).st_ino
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}); see whether it is a file") from None
    finally:
        os.close(file)
    if name != site:
        raise SourceError(f"{path} names {name[:60]!r}, not {site!r}; see whether the right share is mounted")
    return number


def _first_level(filedir: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    first: list[str] = []
    strange: list[str] = []
    with os.scandir(filedir) as entries:
        for entry in entries:
            if HEXADECIMAL_PAIR.match(entry.name):
                (first if entry.is_dir(follow_symlinks=False) else strange).append(entry.name)
    return tuple(sorted(first)), tuple(sorted(strange))


def _compare(source: Source, before: Before) -> None:
    if source.identity != before.identity:
        raise SourceError(
            f"{source.root} is on another file system than the last set's (its files are numbered "
            f"{source.identity}, not {before.identity}); if it was moved or restored, run once with --new-source"
        )
    if 2 * len(source.first_level) < before.directories:
        raise SourceError(
            f"{source.filedir} has {len(source.first_level)} directories, and had {before.directories} at the last "
            "set; if so much was really deleted, run once with --new-source"
        )


def moment(root: str) -> int:
    """The file server's clock now, in ns: a canary's time. Earlier than that where none may be written."""
    path = os.path.join(root, f"{CANARY}{socket.gethostname()}-backup-{os.getpid()}")
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return int(clock.now().timestamp() * 1e9) - UNKNOWN_CLOCK
    try:
        return os.fstat(file).st_mtime_ns
    finally:
        os.close(file)
        with suppress(FileNotFoundError):
            os.unlink(path)
