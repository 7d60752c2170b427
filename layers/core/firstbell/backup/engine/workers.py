"""Several processes list directories and store what is new; each has its own journal, so none waits for another.

Work comes through a pipe as messages of one size, which any worker may take. How far they are is in shared memory.
"""

from __future__ import annotations

import gc
import mmap
import os
import select
import signal
import struct
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, NoReturn

from firstbell.backup.engine import clock
from firstbell.backup.engine.credentials import CredentialsError
from firstbell.backup.engine.journal import JournalError
from firstbell.backup.engine.lister import Lister, Task
from firstbell.backup.engine.s3 import StoreError
from firstbell.backup.engine.scanning import Unit

_MESSAGE = 1 + 256
_SLOT = struct.Struct("=QQQ")
_PERIOD = 0.2  # seconds between two tellings
_SAID_MOST = 4000  # bytes of last words
_ORPHANED = 0.5  # seconds after which a worker notices that the run was killed


class WorkerError(Exception):
    """A worker did not come to its end: nothing is published, the next run goes on from there."""


class Progress(NamedTuple):
    """What all workers have done: files and bytes stored (or, dry, that would be), requests sent."""

    files: int = 0
    bytes: int = 0
    requests: int = 0


Tell = Callable[[Progress], None]


def work(task: Task, units: Sequence[Unit], journals: Sequence[str], tell: Tell) -> Progress:
    """Do the units, with a worker for each journal; `tell` hears now and then how far they are.

    Raises WorkerError with the words of the first that failed; the others are ended.
    """
    crew = _Crew(task, journals)
    try:
        crew.hand_out(units)
        crew.watch(tell)
    finally:
        crew.end()
    return crew.progress()


class _Crew:
    """The workers, their pipes and the memory that they share."""

    def __init__(self, task: Task, journals: Sequence[str]) -> None:
        self._shared = mmap.mmap(-1, _SLOT.size * len(journals))
        self._work, self._out = os.pipe()
        self._said, self._saying = os.pipe()
        self._workers: dict[int, int] = {}
        parent = os.getpid()
        gc.freeze()  # what the collector does not touch stays shared with the workers
        for number, path in enumerate(journals):
            worker = os.fork()
            if not worker:
                self._be_worker(task, number, path, parent)
            self._workers[worker] = number
        os.close(self._work)
        os.close(self._saying)

    def hand_out(self, units: Sequence[Unit]) -> None:
        """Give the work to whoever takes it."""
        try:
            for unit in units:
                os.write(self._out, bytes((unit.first,)) + unit.second)
        except BrokenPipeError:
            pass  # none is left, and `watch` says why
        finally:
            os.close(self._out)

    def watch(self, tell: Tell) -> None:
        """Wait until all are done. Raises WorkerError."""
        words = b""
        while not words:
            ready, _, _ = select.select([self._said], [], [], _PERIOD)
            tell(self.progress())
            if ready:
                words = os.read(self._said, _SAID_MOST)
                if not words:
                    break
        if words:
            raise WorkerError(words.decode("utf-8", "replace"))
        for worker in list(self._workers):
            _, status = os.waitpid(worker, 0)
            del self._workers[worker]
            if status:
                raise WorkerError(f"a worker ended with status {status}; run again: what is stored is not sent again")

    def progress(self) -> Progress:
        """The sum of what all have done."""
        slots = [_SLOT.unpack_from(self._shared, start) for start in range(0, len(self._shared), _SLOT.size)]
        return Progress(*map(sum, zip(*slots)))

    def end(self) -> None:
        """End those that are still at work."""
        for worker in self._workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)
        self._workers.clear()
        os.close(self._said)

    def _be_worker(self, task: Task, number: int, path: str, parent: int) -> NoReturn:
        """Work until there is no more, and end the process."""
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run itself hears it, and ends us
            os.close(self._out)
            os.close(self._said)
            threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
            lister = Lister(task, path, lambda *done: _SLOT.pack_into(self._shared, _SLOT.size * number, *done))
            self._take_turns(lister, task.readers)
            lister.finish()
            code = 0
        except (StoreError, CredentialsError, JournalError, OSError) as error:
            self._say(str(error))
        except BaseException:  # noqa: BLE001 - this is the end of the process: the run is told, and says it
            self._say(f"a worker failed; please report this: {traceback.format_exc()}")
        finally:
            os._exit(code)

    def _take_turns(self, lister: Lister, readers: int) -> None:
        """Do units as they come, several threads at once."""
        if readers == 1:
            self._take(lister)
            return
        from concurrent.futures import ThreadPoolExecutor  # only here: it takes 10 ms to import

        with ThreadPoolExecutor(readers) as pool:
            for taken in [pool.submit(self._take, lister) for _ in range(readers)]:
                taken.result()

    def _take(self, lister: Lister) -> None:
        while message := os.read(self._work, _MESSAGE):
            lister.do(Unit(message[0], message[1:]))

    def _say(self, words: str) -> None:
        os.write(self._saying, words.encode("utf-8", "replace")[:_SAID_MOST])


def _end_with(parent: int) -> None:
    """End this process soon after the run that started it, however that ended."""
    while os.getppid() == parent:
        clock.wait(_ORPHANED)
    os._exit(1)
