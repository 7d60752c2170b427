"""Bring new files into the store: small ones in packs, the others by themselves, over several connections at once.

The threads that list directories offer files to a `Loader`; its senders are threads of their own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import queue
import stat
import threading
from typing import Callable, NamedTuple, Union

from firstbell.backup.engine import names
from firstbell.backup.engine.credentials import CredentialsError
from firstbell.backup.engine.journal import Journal, JournalError, Noted
from firstbell.backup.engine.packing import Packing, is_small
from firstbell.backup.engine.s3 import PUT_MOST, Bucket, MismatchError, StoreError
from firstbell.backup.engine.wire import BodyError, FileBody

QUARANTINED, UNREADABLE = "quarantined", "unreadable"
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 2**20
_RESENT = 3  # times that a good file is sent because S3 received something else
_ON_THE_WAY = (QUARANTINED, f"S3 received something else {_RESENT} times, though it is whole here: test the network")


class Large(NamedTuple):
    """An open file that is sent by itself."""

    file: int
    size: int
    sha1: bytes
    directory: int


Job = Union[Large, Packing, None]
Tell = Callable[[int, int, int], None]
"""Hears the files, bytes and requests so far."""


class Loader:
    """Store new files; what is stored, or cannot be, is noted in the journal.

    `store_class` is S3's storage class; empty, it is the bucket's own.
    """

    def __init__(self, bucket: Bucket, journal: Journal, senders: int, store_class: str, tell: Tell) -> None:
        self._journal, self._tell, self._class = journal, tell, store_class
        self._jobs: queue.Queue[Job] = queue.Queue(maxsize=2 * senders)
        self._free: queue.Queue[Packing] = queue.Queue()
        self._free.put(Packing())
        self._packing, self._filling = Packing(), threading.Lock()
        self._failed: Exception | None = None
        self._buckets = [bucket.another() for _ in range(senders)]
        self._counting = threading.Lock()
        self._files = self._bytes = 0
        self._senders = [threading.Thread(target=self._serve, args=(b,), daemon=True) for b in self._buckets]
        for sender in self._senders:
            sender.start()

    def offer(self, directory: int, name: str, sha1: bytes, number: int) -> bool:
        """Store the file `name` of an open directory, which has this number; False when it is not there.

        Raises what a sender failed with: StoreError, CredentialsError, JournalError.
        """
        if self._failed is not None:
            raise self._failed
        try:
            file = os.open(name, _FILE, dir_fd=directory)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            self._note(UNREADABLE, sha1, error.strerror or str(error), number)
            return True
        if not self._taken(file, sha1, number):
            os.close(file)
        return True

    def finish(self) -> None:
        """Send what is left and wait for all of it. Raises as `offer` does."""
        if self._packing.files:
            self._jobs.put(self._packing)
        for _ in self._senders:
            self._jobs.put(None)
        for sender in self._senders:
            sender.join()
        if self._failed is not None:
            raise self._failed

    def _taken(self, file: int, sha1: bytes, number: int) -> bool:
        """Take an open file; whether somebody else closes it."""
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                self._note(UNREADABLE, sha1, "it is not a file", number)
                return False
            if not is_small(status.st_size):
                self._jobs.put(Large(file, status.st_size, sha1, number))
                return True
            data = _read(file, status.st_size)
            if len(data) == status.st_size and hashlib.sha1(data, usedforsecurity=False).digest() == sha1:
                self._pack(sha1, data)
            else:
                self._note(QUARANTINED, sha1, f"its bytes have the SHA-1 {_digest(file).hex()}", number)
        except OSError as error:
            self._note(UNREADABLE, sha1, error.strerror or str(error), number)
        return False

    def _pack(self, sha1: bytes, data: bytes) -> None:
        with self._filling:
            if not self._packing.fits(len(data)):
                full, self._packing = self._packing, self._free.get()
                self._jobs.put(full)
            self._packing.add(sha1, data)

    def _note(self, kind: str, sha1: bytes, why: str, number: int) -> None:
        self._journal.trouble(Noted(kind, f"filedir/{names.content_path(sha1)}", why, number))

    def _serve(self, bucket: Bucket) -> None:
        """Send what comes, until None comes; after a failure, only take it off the queue."""
        while True:
            job = self._jobs.get()
            if job is None:
                bucket.close()
                return
            try:
                if self._failed is None:
                    self._send(bucket, job)
            except (StoreError, CredentialsError, JournalError) as error:
                self._failed = error
            finally:
                if isinstance(job, Large):
                    os.close(job.file)
                else:
                    job.clear()
                    self._free.put(job)

    def _send(self, bucket: Bucket, job: Large | Packing) -> None:
        if isinstance(job, Packing):
            sha1 = job.sha1()
            bucket.put(names.pack_key(sha1), job.body(), sha1, storage_class=self._class)
            self._journal.pack(sha1, bytes(job.entries))
            self._count(job.files, job.length)
        else:
            self._send_large(bucket, job)

    def _send_large(self, bucket: Bucket, job: Large) -> None:
        """Send a file by itself, or note why it cannot be."""
        if job.size > PUT_MOST:
            why = f"it has {job.size} bytes, and S3 proves the name of no file above {PUT_MOST}"
            return self._note(UNREADABLE, job.sha1, why, job.directory)
        problem: tuple[str, str] | None = _ON_THE_WAY
        attempts = 0
        while problem is _ON_THE_WAY and attempts < _RESENT:
            problem = self._problem(bucket, job)
            attempts += 1
        if problem is not None:
            return self._note(problem[0], job.sha1, problem[1], job.directory)
        self._journal.file(job.sha1, job.size)
        return self._count(1, job.size)

    def _problem(self, bucket: Bucket, job: Large) -> tuple[str, str] | None:
        """Send a file by itself, once; what is wrong with it: kind and reason."""
        try:
            body = FileBody(job.file, job.size)
            bucket.put(names.file_key(job.sha1), body, job.sha1, storage_class=self._class)
        except BodyError as error:
            return UNREADABLE, str(error)
        except MismatchError:
            return _wrong(job)
        return None

    def _count(self, files: int, size: int) -> None:
        with self._counting:
            self._files += files
            self._bytes += size
            self._tell(self._files, self._bytes, sum(bucket.requests for bucket in self._buckets))


def _wrong(job: Large) -> tuple[str, str]:
    """What is wrong with a file that S3 did not take for what it is called: kind and reason."""
    try:
        found = _digest(job.file)
    except OSError as error:
        return UNREADABLE, error.strerror or str(error)
    return _ON_THE_WAY if found == job.sha1 else (QUARANTINED, f"its bytes have the SHA-1 {found.hex()}")


def _read(file: int, size: int) -> bytes:
    """The bytes of a small file: one more than it has, where it has grown."""
    data = os.read(file, size + 1)
    while len(data) < size and (more := os.read(file, size + 1 - len(data))):
        data += more  # some file systems give less at once than they have
    return data


def _digest(file: int) -> bytes:
    """The SHA-1 of an open file, from its first byte."""
    digest, offset = hashlib.sha1(usedforsecurity=False), 0
    while piece := os.pread(file, _PIECE, offset):
        digest.update(piece)
        offset += len(piece)
    return digest.digest()
