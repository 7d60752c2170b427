"""Processes with threads that do many small jobs; only pipes between them, for Lambda has no shared semaphores.

The parent hands out a job for each answer, so neither jobs nor answers pile up. When the parent ends, however it ends,
its pipes close and the processes end too.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

Work = Callable[[Any], Any]


class CrewError(Exception):
    """A process of the crew ended without a word."""


class Size(NamedTuple):
    """How many processes, and how many threads (each with a connection of its own) in each."""

    processes: int = min(4, os.cpu_count() or 1)
    threads: int = 8


def each(jobs: Iterable[Any], hire: Callable[[], Work], size: Size) -> Iterator[Any]:
    """The answers to all jobs, in any order. Each thread does its jobs with what its own call of `hire` returned.

    The first exception of a thread ends everything and is raised here.
    """
    members = _Members(hire, size)
    try:
        yield from members.answers(iter(jobs))
    finally:
        members.end()


class _Members:
    def __init__(self, hire: Callable[[], Work], size: Size) -> None:
        context = multiprocessing.get_context("fork")
        self._waiting: dict[Connection, int] = {}
        self._processes: list[BaseProcess] = []
        self._most = 2 * size.threads
        for _ in range(size.processes):
            ours, theirs = context.Pipe()
            inherited = [*self._waiting, ours]  # a copy of the parent's end would keep a pipe open for ever
            process = context.Process(target=_member, args=(theirs, inherited, hire, size.threads), daemon=True)
            process.start()
            theirs.close()
            self._waiting[ours] = 0
            self._processes.append(process)

    def answers(self, jobs: Iterator[Any]) -> Iterator[Any]:
        more = True
        while True:
            more = more and self._hand_out(jobs)
            busy = [pipe for pipe, count in self._waiting.items() if count]
            if not busy:
                return
            for pipe in _ready(busy):
                answer, error = self._received(pipe)
                if error is not None:
                    raise error
                self._waiting[pipe] -= 1
                yield answer

    def _hand_out(self, jobs: Iterator[Any]) -> bool:
        """Give each process what it can take, the idlest first; False when there is no job any more."""
        while True:
            pipe = min(self._waiting, key=self._waiting.__getitem__)
            if self._waiting[pipe] >= self._most:
                return True
            try:
                job = next(jobs)
            except StopIteration:
                return False
            try:
                pipe.send(job)
            except OSError:
                raise CrewError(_GONE) from None
            self._waiting[pipe] += 1

    def _received(self, pipe: Connection) -> Any:
        try:
            return pipe.recv()
        except (EOFError, OSError):
            raise CrewError(_GONE) from None

    def end(self) -> None:
        for pipe in self._waiting:
            pipe.close()
        for process in self._processes:
            process.join(1)
            if process.is_alive():
                process.kill()
                process.join()


def _ready(pipes: list[Connection]) -> list[Connection]:
    """Those of the pipes, one at least, that an answer waits in."""
    return [pipe for pipe in wait(pipes) if isinstance(pipe, Connection)]


_GONE = "a working process ended without a word (killed, or out of memory?); run the same again, with fewer --processes"


def _member(pipe: Connection, inherited: list[Connection], hire: Callable[[], Work], threads: int) -> None:
    """A process: read jobs until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and says what to do
    for other in inherited:
        other.close()
    jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
    lock = threading.Lock()
    for _ in range(threads):
        threading.Thread(target=_thread, args=(pipe, lock, jobs, hire), daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            jobs.put(pipe.recv())
    os._exit(0)  # threads in the middle of a job are not waited for: a job half done is as one never begun


def _thread(pipe: Connection, lock: threading.Lock, jobs: queue.SimpleQueue[Any], hire: Callable[[], Work]) -> None:
    work = None
    while True:
        job = jobs.get()
        try:
            work = work or hire()
            answer: tuple[Any, Exception | None] = (work(job), None)
        except Exception as error:  # noqa: BLE001 - it is raised in the parent
            answer = (None, _portable(error))
        with lock, suppress(OSError):  # the parent is gone: so is its interest
            pipe.send(answer)


def _portable(error: Exception) -> Exception:
    """The error as it can go through a pipe."""
    as_text = CrewError(f"{type(error).__name__}: {error}")
    try:
        same = type(pickle.loads(pickle.dumps(error))) is type(error)  # noqa: S301 - ours, of a moment ago
    except Exception:  # noqa: BLE001 - whatever it is, it cannot be sent
        return as_text
    return error if same else as_text
