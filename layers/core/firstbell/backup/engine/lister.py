"""One worker's task: list the directories of a unit, and offer what the store does not have yet to the loader."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from firstbell.backup.engine import names
from firstbell.backup.engine.hashlist import Wanted
from firstbell.backup.engine.journal import Journal, Noted
from firstbell.backup.engine.known import Known
from firstbell.backup.engine.s3 import Bucket
from firstbell.backup.engine.scanning import Unit
from firstbell.backup.engine.source import DIRECTORY
from firstbell.backup.engine.uploading import UNREADABLE, Loader, Tell


class Task(NamedTuple):
    """What each worker must know. With `wanted` nothing is listed: what it names and the store lacks is looked for.

    A dry task stores nothing and notes nothing.
    """

    filedir: str
    bucket: Bucket  # at the pace of one worker
    known: Known
    wanted: Wanted | None
    readers: int  # threads that list directories and read small files: several where the file system is slow
    senders: int  # threads that store, each with a connection
    store_class: str
    at: datetime
    dry: bool


class Lister:
    """A worker at its task, for several threads at once; `journal` is the path of its journal."""

    def __init__(self, task: Task, journal: str, tell: Tell) -> None:
        self._task, self._tell = task, tell
        self._filedir = os.open(task.filedir, DIRECTORY & ~os.O_NOFOLLOW)
        self._journal = None if task.dry else Journal(journal, task.bucket.where.identity, task.at)
        self._loader: Loader | DryLoader = DryLoader(tell)
        if self._journal is not None:
            self._loader = Loader(task.bucket, self._journal, task.senders, task.store_class, tell)

    def do(self, unit: Unit) -> None:
        """List the directories of a unit; raises as `Loader.offer` does."""
        if self._task.wanted is None:
            known = self._task.known.below(unit.first)
            for second in unit.seconds:
                self._list(unit.first, second, known)
            return
        self.look_for(self._task.wanted.hashes(unit.first) - self._task.known.beginning_with(unit.first))

    def look_for(self, hashes: Iterable[bytes]) -> list[bytes]:
        """Store these contents, if they are there; returns those that are not."""
        absent: list[bytes] = []
        for first, second, group in _grouped(hashes):
            absent += self._each(first, second, group)
        return absent

    def finish(self) -> None:
        """Wait until everything is stored."""
        self._loader.finish()
        if self._journal is not None:
            self._journal.close()
        os.close(self._filedir)

    def _list(self, first: int, second: int, known_of: Callable[[int], set[bytes]]) -> None:
        """Offer what is new in a directory. One that is gone has nothing, and what is no content has no such name."""
        try:
            directory = self._open(first, second)
        except FileNotFoundError:
            return
        except OSError as error:
            self._note(first, second, error)
            return
        try:
            known = known_of(second)
            for name in os.listdir(directory):
                sha1 = names.content_hash(f"{first:02x}", f"{second:02x}", name)
                if sha1 is not None and sha1 not in known:
                    self._loader.offer(directory, name, sha1, first << 8 | second)
        except OSError as error:
            self._note(first, second, error)
        finally:
            os.close(directory)

    def _each(self, first: int, second: int, hashes: Iterable[bytes]) -> list[bytes]:
        """Offer these contents of one directory; returns those that are not there."""
        try:
            directory = self._open(first, second)
        except FileNotFoundError:
            return list(hashes)
        except OSError as error:
            self._note(first, second, error)
            return list(hashes)
        try:
            number = first << 8 | second
            return [sha1 for sha1 in hashes if not self._loader.offer(directory, sha1.hex(), sha1, number)]
        finally:
            os.close(directory)

    def _open(self, first: int, second: int) -> int:
        """Open a directory of the second level, through no link on either level."""
        above = os.open(f"{first:02x}", DIRECTORY, dir_fd=self._filedir)
        try:
            return os.open(f"{second:02x}", DIRECTORY, dir_fd=above)
        finally:
            os.close(above)

    def _note(self, first: int, second: int, error: OSError) -> None:
        if self._journal is not None:
            name, why = f"filedir/{first:02x}/{second:02x}", error.strerror or str(error)
            self._journal.trouble(Noted(UNREADABLE, name, why, first << 8 | second))


class DryLoader:
    """Counts what would be stored."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._files, self._bytes = tell, 0, 0
        self._lock = threading.Lock()

    def offer(self, directory: int, name: str, sha1: bytes, number: int) -> bool:
        """Count the file, if it is there."""
        del sha1, number
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        with self._lock:
            self._files += 1
            self._bytes += status.st_size
            self._tell(self._files, self._bytes, 0)
        return True

    def finish(self) -> None:
        """Nothing is under way."""


def _grouped(hashes: Iterable[bytes]) -> Iterator[tuple[int, int, list[bytes]]]:
    """Hashes by their directory."""
    for prefix, group in groupby(sorted(hashes), lambda sha1: sha1[:2]):
        yield prefix[0], prefix[1], list(group)
