"""Files that land in a `filedir`: verified before they have their name, never through a symbolic link.

Every step is relative to an open directory that was opened without following links, so that whoever may write in the
target cannot lead a restore (often root's) elsewhere. A file is written under another name, `<sha1>.<process>.tmp`,
which Moodle and the engine both ignore, and renamed when its bytes have proven its name: so what has a name is whole.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

FULL = (errno.ENOSPC, errno.EDQUOT)
LINKED = (errno.ELOOP, errno.ENOTDIR)
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
LEFTOVER = re.compile(r"[0-9a-f]{40}\.\d{1,10}\.tmp")
BLOCK = 1 << 20  # bytes read at once


class TargetError(Exception):
    """The target cannot be written as it is; the message is one sentence with the place and the cure."""


class FullError(TargetError):
    """The target's disk or quota is full."""


class CorruptError(Exception):
    """What came is not what its name says; the message says what came instead."""


class Manner(NamedTuple):
    """How files land: permissions, the owner (None: whoever runs this), and whether each is flushed to the disk."""

    file_mode: int = 0o660
    directory_mode: int = 0o2770
    uid: int | None = None
    gid: int | None = None
    fsync: bool = False


class Landing:
    """One thread's way into `<root>/filedir`. It keeps the last directory open; `umask` must be 0 for the modes."""

    def __init__(self, root: str, manner: Manner) -> None:
        self._root, self._manner = root, manner
        self._own = (manner.uid, manner.gid) != (None, None)
        self._suffix = f".{os.getpid()}.tmp"
        self._files = self._first = self._second = -1
        self._name, self._fresh = "", False

    def there(self, sha1: str, size: int, *, proven: bool) -> bool:
        """Whether the file is there with its size and, if it is to be `proven`, with the bytes of its name."""
        with _told(self._root, sha1):
            self._enter(sha1[:2], sha1[2:4])
            if self._fresh:
                return False
            try:
                fd = os.open(sha1, READ | os.O_NONBLOCK, dir_fd=self._second)
            except FileNotFoundError:
                return False
            try:
                about = os.fstat(fd)
                return stat.S_ISREG(about.st_mode) and about.st_size == size and (not proven or digest(fd) == sha1)
            finally:
                os.close(fd)

    def land(self, sha1: str, size: int, content: Iterable[bytes]) -> None:
        """Write the file. Raises CorruptError when `content` is not it, and TargetError."""
        temporary = sha1 + self._suffix
        with _told(self._root, sha1):
            self._enter(sha1[:2], sha1[2:4])
            fd = self._create(temporary)
            try:
                try:
                    _copy(fd, proven(sha1, size, content))
                    self._finish(fd)
                finally:
                    os.close(fd)
                os.rename(temporary, sha1, src_dir_fd=self._second, dst_dir_fd=self._second)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=self._second)
                raise
            if self._manner.fsync:
                os.fsync(self._second)

    def close(self) -> None:
        """Close the directories."""
        for fd in (self._files, self._first, self._second):
            if fd >= 0:
                os.close(fd)
        self._files = self._first = self._second = -1
        self._name = ""

    def _create(self, name: str) -> int:
        """A new file. One left by an earlier process of that number goes first: it may be a link to who knows what."""
        mode = self._manner.file_mode
        try:
            return os.open(name, NEW, mode, dir_fd=self._second)
        except FileExistsError:
            os.unlink(name, dir_fd=self._second)
            return os.open(name, NEW, mode, dir_fd=self._second)

    def _finish(self, fd: int) -> None:
        if self._own:
            _give(fd, self._manner)
        if self._manner.fsync:
            os.fsync(fd)

    def _enter(self, first: str, second: str) -> None:
        """Open `filedir/first/second`, made where it is missing."""
        if self._name == first + second:
            self._fresh = False
            return
        if self._files < 0:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._files, _ = self._directory("filedir", root)
            finally:
                os.close(root)
        if self._first < 0 or self._name[:2] != first:
            opened, _ = self._directory(first, self._files)
            self._name, self._first = "", _instead(opened, self._first)
        opened, self._fresh = self._directory(second, self._first)
        self._name, self._second = first + second, _instead(opened, self._second)

    def _directory(self, name: str, parent: int) -> tuple[int, bool]:
        """A directory of `parent`, open, and whether it was made just now."""
        made = True
        try:
            os.mkdir(name, self._manner.directory_mode & 0o777, dir_fd=parent)
        except FileExistsError:
            made = False
        fd = os.open(name, DIRECTORY, dir_fd=parent)
        if made and (self._own or self._manner.directory_mode & 0o7000):
            _give(fd, self._manner)
            os.fchmod(fd, self._manner.directory_mode)  # after the owner, whose change clears these bits
        return fd, made


def _instead(opened: int, before: int) -> int:
    if before >= 0:
        os.close(before)
    return opened


def _give(fd: int, manner: Manner) -> None:
    if (manner.uid, manner.gid) != (None, None):
        os.fchown(fd, -1 if manner.uid is None else manner.uid, -1 if manner.gid is None else manner.gid)


def proven(sha1: str, size: int, content: Iterable[bytes]) -> Iterator[bytes]:
    """`content` as it comes, nothing beyond `size` bytes; at its end CorruptError when it is not what its name says."""
    hashed, seen = hashlib.sha1(usedforsecurity=False), 0
    for chunk in content:
        seen += len(chunk)
        if seen > size:
            raise CorruptError(f"it has more than its {size} bytes")
        hashed.update(chunk)
        yield chunk
    if seen != size:
        raise CorruptError(f"it has {seen} bytes instead of {size}")
    if hashed.hexdigest() != sha1:
        raise CorruptError(f"its bytes hash to {hashed.hexdigest()}")


def _copy(fd: int, content: Iterable[bytes]) -> None:
    for chunk in content:
        view = memoryview(chunk)
        while view:
            view = view[os.write(fd, view) :]


def digest(fd: int) -> str:
    """The SHA-1 of an open file, in hexadecimal digits."""
    hashed = hashlib.sha1(usedforsecurity=False)
    while True:
        block = os.read(fd, BLOCK)
        if not block:
            return hashed.hexdigest()
        hashed.update(block)


class _told:  # noqa: N801 - used as a function
    """Turn an OSError into one sentence with the place and the cure."""

    def __init__(self, root: str, sha1: str) -> None:
        self._root, self._sha1 = root, sha1

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise _sentence(self._root, self._sha1, error) from error


def _sentence(root: str, sha1: str, error: OSError) -> TargetError:
    place = os.path.join(root, "filedir", sha1[:2], sha1[2:4], sha1)
    if error.errno in FULL:
        return FullError(
            f"{root}: the disk (or its quota, or its inodes) is full; what is there is whole: make room, and run the "
            "same command again, it goes on where it stopped"
        )
    if error.errno in LINKED:
        return TargetError(
            f"{place}: a symbolic link or a file stands where the way leads, and it is not followed; remove it, or "
            "restore to the place it points to"
        )
    return TargetError(f"{place}: {error.strerror or error}; check who owns the target and whether it is writable")


def leftovers(root: str) -> Iterator[str]:
    """Remove what killed restores left under their other names, and say which; only while no other restore runs."""
    top = os.path.join(root, "filedir")
    if not os.path.isdir(top):
        return
    for directory, names, files, fd in os.fwalk(top, follow_symlinks=False):
        if directory != top and os.path.dirname(directory) != top:
            names.clear()
        for name in filter(LEFTOVER.fullmatch, files):
            os.unlink(name, dir_fd=fd)
            yield name
