"""What Moodle needs beside its contents, as one tar: `secret`, `lang`, `muc/config.php`; always the same bytes."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from firstbell.backup.engine.journal import Noted
from firstbell.backup.engine.sets import ArchiveEntry
from firstbell.backup.engine.uploading import UNREADABLE

KEPT = ("lang", "muc/config.php", "secret")
_FILE_MOST = 32 * 2**20  # bytes: language packs and keys are small, and memory is too
_DEPTH_MOST = 32
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write(root: str, target: BinaryIO) -> tuple[ArchiveEntry | None, list[Noted]]:
    """Write the archive of the moodledata at `root`; what it is called (None: there is nothing to keep), and what could
    not be read.

    Links are kept as links; nothing is followed.
    """
    troubles: list[Noted] = []
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in KEPT:
            for path in _walk(root, name, troubles, 0):
                _add(tar, root, path, troubles)
        if not tar.getmembers():
            return None, troubles
    target.flush()
    target.seek(0)
    digest, size = hashlib.sha1(usedforsecurity=False), 0
    while piece := target.read(2**20):
        digest.update(piece)
        size += len(piece)
    return ArchiveEntry(digest.digest(), size), troubles


def _walk(root: str, name: str, troubles: list[Noted], depth: int) -> Iterator[str]:
    """The names below and including `name`, in order."""
    path = os.path.join(root, name)
    try:
        is_directory = stat.S_ISDIR(os.lstat(path).st_mode)
        inside = sorted(os.listdir(path)) if is_directory and depth < _DEPTH_MOST else []
    except FileNotFoundError:
        return
    except OSError as error:
        troubles.append(Noted(UNREADABLE, name, error.strerror or str(error), -1))
        return
    yield name
    for below in inside:
        yield from _walk(root, f"{name}/{below}", troubles, depth + 1)


def _add(tar: tarfile.TarFile, root: str, name: str, troubles: list[Noted]) -> None:
    path = os.path.join(root, name)
    try:
        status = os.lstat(path)
        content = _content(path) if stat.S_ISREG(status.st_mode) else b""
        link = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
    except FileNotFoundError:
        return
    except OSError as error:
        troubles.append(Noted(UNREADABLE, name, error.strerror or str(error), -1))
        return
    kinds = {stat.S_IFREG: tarfile.REGTYPE, stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFLNK: tarfile.SYMTYPE}
    kind = kinds.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return  # a socket, a pipe: nothing to keep
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content)
    info.mode, info.uid, info.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    info.mtime = int(status.st_mtime)
    tar.addfile(info, io.BytesIO(content))


def _content(path: str) -> bytes:
    file = os.open(path, _OPEN)
    with open(file, "rb") as opened:
        content = opened.read(_FILE_MOST + 1)
    if len(content) > _FILE_MOST:
        raise OSError(errno.EFBIG, f"it has more than {_FILE_MOST} bytes, too many for the archive")
    return content
