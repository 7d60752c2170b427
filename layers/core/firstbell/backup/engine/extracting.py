"""The archive of what is not content-addressed, back into the directory; read as if an enemy had written it."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

from firstbell.backup.engine.landing import DIRECTORY, FULL, LINKED, NEW, FullError, Manner, TargetError

MEMBERS_MOST = 1_000_000
NAME_MOST = 4096  # bytes of a path
_PIECE = 1 << 20


class ArchiveError(Exception):
    """The archive holds what no archive of ours holds, or is broken; nothing of it was written."""


def extract(path: str, root: str, manner: Manner, *, replace: bool) -> tuple[int, list[str]]:
    """Write the files of the archive at `path` below `root`; how many, and which symbolic links were left out.

    Everything in it is looked at before anything is written. Files keep their permissions, without special bits; one
    that is there already stays, unless `replace`. Links are not made: who reads the message makes those that are right.
    Raises ArchiveError, TargetError.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            members = _checked(archive)
            tree = _Tree(root, manner)
            try:
                files = [(parts, member) for parts, member in members if not member.issym()]
                links = [f"{'/'.join(parts)} -> {member.linkname[:200]}" for parts, member in members if member.issym()]
                return sum(tree.write(parts, member, archive, replace) for parts, member in files), links
            finally:
                tree.close()
    except (tarfile.TarError, EOFError, ValueError, UnicodeError) as error:
        raise ArchiveError(f"the archive cannot be read: {error}") from None


def _checked(archive: tarfile.TarFile) -> list[tuple[tuple[str, ...], tarfile.TarInfo]]:
    """All members with the parts of their names; raises ArchiveError at the first that must not be there."""
    found = []
    for number, member in enumerate(archive):
        if number >= MEMBERS_MOST:
            raise ArchiveError(f"the archive has more than {MEMBERS_MOST} members")
        found.append((_parts(member), member))
    return found


def _parts(member: tarfile.TarInfo) -> tuple[str, ...]:
    shown, parts = ascii(member.name[:100]), tuple(p for p in member.name.split("/") if p != ".")
    if not (member.isreg() or member.isdir() or member.issym()) or member.issparse():
        raise ArchiveError(f"the archive holds {shown}, which is neither a file nor a directory")
    if member.isdir() and parts and not parts[-1]:
        parts = parts[:-1]
    if not parts or any(part in ("", "..") or "\0" in part for part in parts) or len(member.name) > NAME_MOST:
        raise ArchiveError(f"the archive holds {shown}, whose name leads elsewhere")
    if parts[0] == "filedir":
        raise ArchiveError(f"the archive holds {shown}; content comes by its hash, not in the archive")
    return parts


class _Tree:
    """The directory that is written into, one open descriptor at a time on the way down; links are never followed."""

    def __init__(self, root: str, manner: Manner) -> None:
        self._path, self._manner = root, manner
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._root)

    def write(self, parts: tuple[str, ...], member: tarfile.TarInfo, archive: tarfile.TarFile, replace: bool) -> int:
        try:
            if member.isdir():
                os.close(self._folder(parts))
                return 0
            folder = self._folder(parts[:-1])
            try:
                return self._file(folder, parts[-1], member, archive, replace)
            finally:
                os.close(folder)
        except OSError as error:
            raise _sentence(os.path.join(self._path, *parts), error) from error

    def _folder(self, parts: tuple[str, ...]) -> int:
        """The directory, open; what is missing of the way is made."""
        fd = os.dup(self._root)
        try:
            for part in parts:
                made = True
                try:
                    os.mkdir(part, self._manner.directory_mode & 0o777, dir_fd=fd)
                except FileExistsError:
                    made = False
                below = os.open(part, DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = below
                if made:
                    self._give(fd, self._manner.directory_mode)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _file(self, folder: int, name: str, member: tarfile.TarInfo, archive: tarfile.TarFile, replace: bool) -> int:
        if not replace and _there(folder, name):
            return 0
        source = archive.extractfile(member)
        if source is None:
            raise ArchiveError(f"the archive holds no content for {member.name[:100]!a}")
        temporary = f".firstbell.{os.getpid()}.tmp"
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        fd = os.open(temporary, NEW, 0o600, dir_fd=folder)
        try:
            try:
                for piece in _pieces(source):
                    view = memoryview(piece)
                    while view:
                        view = view[os.write(fd, view) :]
                self._give(fd, member.mode & 0o777)
                if self._manner.fsync:
                    os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        return 1

    def _give(self, fd: int, mode: int) -> None:
        owner = (self._manner.uid, self._manner.gid)
        if owner != (None, None):
            os.fchown(fd, *(-1 if one is None else one for one in owner))
        os.fchmod(fd, mode)


def _there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _pieces(source: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: source.read(_PIECE), b"")


def _sentence(place: str, error: OSError) -> TargetError:
    if error.errno in FULL:
        return FullError(f"{place}: the disk is full; make room, and run the same command again")
    if error.errno in LINKED:
        return TargetError(f"{place}: a symbolic link or a file stands on the way, and it is not followed; remove it")
    return TargetError(f"{place}: {error.strerror or error}; check who owns the target and whether it is writable")
