"""Which directories of filedir changed: all of the second level are looked at, none is listed.

A new file changes the mtime of its directory `ab/cd` and of nothing else.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from stat import S_ISDIR
from typing import NamedTuple

from firstbell.backup.engine import clock
from firstbell.backup.engine.journal import Noted
from firstbell.backup.engine.source import DIRECTORY, HEXADECIMAL_PAIR, Source
from firstbell.backup.engine.state import State, settled

SLOW = 0.008  # seconds to look at a first-level directory at the least: a local disk takes 1 ms, NFS some 100
AT_ONCE = 16  # of them, on a slow file system
_TIMED = 3


class Unit(NamedTuple):
    """Directories to be listed: those below `first` whose byte in `second` is not zero."""

    first: int
    second: bytes  # 256 of them

    @property
    def seconds(self) -> Iterator[int]:
        """The numbers of the second level."""
        return (number for number, wanted in enumerate(self.second) if wanted)


class Scan(NamedTuple):
    """What was seen: the directories to be listed, all times, what is strange, and how many directories there are."""

    units: list[Unit]
    changed: array[int]
    touched: array[int]
    troubles: list[Noted]
    directories: int

    @property
    def listed(self) -> int:
        """How many directories are to be listed."""
        return sum(256 - unit.second.count(0) for unit in self.units)


class _Looked(NamedTuple):
    """One first-level directory: of each directory below it the number and both times."""

    first: int
    found: list[tuple[int, int, int]]
    troubles: list[Noted]


def scan(source: Source, before: State, moment: int, *, everything: bool, slow: bool) -> Scan:
    """Look at all directories; those that may have changed since `before`, or all, are to be listed.

    `moment`: the file server's clock (ns) before this began; `slow`: `is_slow`.
    """
    filedir = os.open(source.filedir, DIRECTORY & ~os.O_NOFOLLOW)
    try:
        looked = _spread([int(name, 16) for name in source.first_level], lambda first: _look(filedir, first), slow)
        result = Scan([], array("q", bytes(8 * 65_536)), array("q", bytes(8 * 65_536)), _strange(source), 0)
        for one in looked:
            result = _add(result, one, before, moment, everything)
        return result
    finally:
        os.close(filedir)


def _strange(source: Source) -> list[Noted]:
    why = "it is not a directory: contents behind a link are not backed up"
    return [Noted("unreadable", f"filedir/{name}", why, -1) for name in source.strange]


def _add(scan: Scan, one: _Looked, before: State, moment: int, everything: bool) -> Scan:
    """Compare a first-level directory with what it was before."""
    base = one.first << 8
    wanted = bytearray(256)
    was_changed, was_touched, changed, touched = before.changed, before.touched, scan.changed, scan.touched
    for second, mtime, ctime in one.found:
        number = base | second
        if everything or was_changed[number] != mtime or was_touched[number] != ctime:
            wanted[second] = 1
        if settled(max(mtime, ctime), moment):
            changed[number], touched[number] = mtime, ctime
    if any(wanted):
        scan.units.append(Unit(one.first, bytes(wanted)))
    scan.troubles.extend(one.troubles)
    return scan._replace(directories=scan.directories + len(one.found))


def is_slow(source: Source) -> bool:
    """Whether the file system is so slow that several things should be asked at once."""
    filedir = os.open(source.filedir, DIRECTORY & ~os.O_NOFOLLOW)
    taken = []
    try:
        for name in source.first_level[:_TIMED]:
            begun = clock.seconds()
            _look(filedir, int(name, 16))
            taken.append(clock.seconds() - begun)
    finally:
        os.close(filedir)
    return min(taken, default=0.0) > SLOW


def _spread(firsts: Sequence[int], look: Callable[[int], _Looked], slow: bool) -> Iterable[_Looked]:
    """Look at each, several at once where that takes long."""
    if not slow:
        return map(look, firsts)
    from concurrent.futures import ThreadPoolExecutor  # only here: it takes 10 ms to import

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(look, firsts))


def _look(filedir: int, first: int) -> _Looked:
    name = f"{first:02x}"
    found: list[tuple[int, int, int]] = []
    troubles: list[Noted] = []
    try:
        directory = os.open(name, DIRECTORY, dir_fd=filedir)
    except OSError as error:
        return _Looked(first, found, _unless_gone(f"filedir/{name}", error))
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if not HEXADECIMAL_PAIR.match(entry.name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError as error:
                    troubles += _unless_gone(f"filedir/{name}/{entry.name}", error)
                    continue
                if S_ISDIR(status.st_mode):
                    found.append((int(entry.name, 16), status.st_mtime_ns, status.st_ctime_ns))
                else:
                    why = "it is not a directory: contents behind a link are not backed up"
                    troubles.append(Noted("unreadable", f"filedir/{name}/{entry.name}", why, -1))
    except OSError as error:
        troubles += _unless_gone(f"filedir/{name}", error)
    finally:
        os.close(directory)
    return _Looked(first, found, troubles)


def _unless_gone(name: str, error: OSError) -> list[Noted]:
    """Trouble, unless Moodle has removed it meanwhile."""
    if error.errno == errno.ENOENT:
        return []
    return [Noted("unreadable", name, error.strerror or str(error), -1)]
