"""A set's files, all or those asked for, back into a directory; and only what is missing, for a live site."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from firstbell.backup.engine import extracting, fetching
from firstbell.backup.engine.crew import Size
from firstbell.backup.engine.fetching import Outcome
from firstbell.backup.engine.grouping import Groups
from firstbell.backup.engine.landing import FullError, Manner, TargetError, leftovers
from firstbell.backup.engine.manifest import Record
from firstbell.backup.engine.names import is_hash
from firstbell.backup.engine.reading import Opened, fetch
from firstbell.backup.engine.s3 import Bucket
from firstbell.backup.engine.sets import NAMED

LIST_MOST = 2**30  # bytes of a list of hashes
_SPLIT = re.compile(r"[\s,;\"']+")


class Wish(NamedTuple):
    """What to restore and how. `hashes` (sorted, each once): only these. `repair`: what has its size is not read."""

    root: str
    manner: Manner = Manner()
    hashes: Sequence[bytes] | None = None
    repair: bool = False
    archive: bool = True


class Restored(NamedTuple):
    """What came (files, bytes), what was there, what is wrong by name, and the hashes that the set does not know."""

    files: int = 0
    bytes: int = 0
    there: int = 0
    there_bytes: int = 0
    wrong: tuple[tuple[str, str], ...] = ()  # the first of them
    wrong_count: int = 0
    unknown: tuple[str, ...] = ()
    others: int = 0  # files of the archive
    links: tuple[str, ...] = ()  # of the archive: they are not restored

    @property
    def whole(self) -> bool:
        """Whether everything that was asked for is there now."""
        return not (self.wrong_count or self.unknown)

    def plus(self, outcome: Outcome) -> Restored:
        """With the outcome of one more job."""
        return self._replace(
            files=self.files + outcome.files,
            bytes=self.bytes + outcome.bytes,
            there=self.there + outcome.there,
            there_bytes=self.there_bytes + outcome.there_bytes,
            wrong=(self.wrong + outcome.wrong)[:NAMED] if outcome.wrong else self.wrong,
            wrong_count=self.wrong_count + len(outcome.wrong),
        )


Told = Callable[[Restored], None]


def restore(bucket: Bucket, opened: Opened, wish: Wish, scratch: str, size: Size, told: Told) -> Restored:
    """Bring the files of a set into `wish.root`, which is made if need be; `told` hears of each step.

    It may be stopped at any moment and run again. Raises TargetError, and what the store raises.
    """
    _made(wish)
    with _alone(wish.root) as alone:
        if alone and not wish.repair:
            list(leftovers(wish.root))
        if wish.hashes is None:
            _room(wish.root, opened)
        done = _files(bucket, opened, wish, scratch, size, told)
        if wish.archive and opened.backup.archive and wish.hashes is None:
            others, links = _archive(bucket, opened, wish, scratch)
            done = done._replace(others=others, links=tuple(links))
        return done


def _files(bucket: Bucket, opened: Opened, wish: Wish, scratch: str, size: Size, told: Told) -> Restored:
    done = Restored()
    records: Iterable[Record] = opened if wish.hashes is None else opened.of(wish.hashes)
    if wish.hashes is not None:
        found = list(records)
        known = {record.sha1 for record in found}
        records, done = found, done._replace(unknown=tuple(h.hex() for h in wish.hashes if h not in known))
    groups = Groups(scratch, opened.packs)
    empty = not os.path.lexists(os.path.join(wish.root, "filedir"))

    def sink() -> fetching.Sink:
        return fetching.Directory(wish.root, wish.manner, prove=not wish.repair, empty=empty)

    before = os.umask(0)  # the modes are as they were asked for
    try:
        for outcome in fetching.fetched(records, groups, bucket, sink, size):
            done = done.plus(outcome)
            told(done)
    finally:
        os.umask(before)
        groups.close()
    return done


def _archive(bucket: Bucket, opened: Opened, wish: Wish, scratch: str) -> tuple[int, list[str]]:
    entry = opened.backup.archive
    if entry is None:
        return 0, []
    path = os.path.join(scratch, f"{entry.sha1.hex()}.tar")
    try:
        fetch(bucket, entry.key, entry.sha1, path)
        return extracting.extract(path, wish.root, wish.manner, replace=not wish.repair)
    finally:
        if os.path.exists(path):
            os.unlink(path)


def _made(wish: Wish) -> None:
    """Make the target, unless it is there; what lies above it must be there already."""
    try:
        os.mkdir(wish.root, wish.manner.directory_mode & 0o777)
    except FileExistsError:
        if not os.path.isdir(wish.root):
            raise TargetError(f"{wish.root}: this is a file; name a directory") from None
    except OSError as error:
        raise TargetError(f"{wish.root}: {error.strerror}; make the directory above it first") from error
    else:
        if os.geteuid() == 0 and (wish.manner.uid, wish.manner.gid) != (None, None):
            os.chown(wish.root, *(-1 if one is None else one for one in (wish.manner.uid, wish.manner.gid)))
        os.chmod(wish.root, wish.manner.directory_mode)


def _room(root: str, opened: Opened) -> None:
    """Refuse a whole set that cannot fit even beside nothing else; what is there already counts as room."""
    about = os.statvfs(root)
    backup = opened.backup
    free, total = about.f_bavail * about.f_frsize, about.f_blocks * about.f_frsize
    if total and backup.bytes > total:
        raise FullError(f"{root}: its disk has {total} bytes, the set has {backup.bytes}; restore to a larger one")
    if not os.path.isdir(os.path.join(root, "filedir")) and backup.bytes > free:
        raise FullError(f"{root}: {free} bytes are free, the set has {backup.bytes}; make room, or restore elsewhere")


@contextmanager
def _alone(root: str) -> Iterator[bool]:
    """Keep others from restoring to the same place; False where the file system cannot lock a directory (NFS)."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise TargetError(f"{root}: another restore is at work there; wait for it") from None
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def hashes_in(path: str) -> list[bytes]:
    """The hashes in a file: anywhere in its lines, so that a query's output serves as it is. Sorted.

    Raises TargetError when there is none in it.
    """
    found = set()
    with open(path, encoding="utf-8", errors="replace") as file:
        if os.fstat(file.fileno()).st_size > LIST_MOST:
            raise TargetError(f"{path}: a list of hashes has {LIST_MOST} bytes at most; split it")
        for line in file:
            found |= {bytes.fromhex(word) for word in _SPLIT.split(line) if is_hash(word)}
    if not found:
        raise TargetError(f"{path}: there is no content hash (40 hexadecimal digits) in it")
    return sorted(found)
