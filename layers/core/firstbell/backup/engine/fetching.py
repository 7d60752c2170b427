"""Content out of the store: all that is wanted of a pack at once, each file proven by its name; by many connections."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from firstbell.backup.engine.clock import Pace
from firstbell.backup.engine.crew import Size, each
from firstbell.backup.engine.grouping import Groups, Span, spans
from firstbell.backup.engine.landing import CorruptError, Landing, Manner, proven
from firstbell.backup.engine.manifest import Record
from firstbell.backup.engine.names import HASH_BYTES, file_key, pack_key
from firstbell.backup.engine.s3 import Bucket, NotThereError, RefusedError, UnavailableError
from firstbell.backup.engine.wire import Answer

_WIDTH = HASH_BYTES + 12
BREAKS = 2  # times that an answer may break off
AT_ONCE = 2000  # records of one job at most: a job's answer is a step of the progress


T = TypeVar("T")


class Job(NamedTuple):
    """The records of one pack (or, without a pack, one file that is an object of its own), packed for a pipe."""

    pack: bytes
    records: bytes


class Outcome(NamedTuple):
    """What became of a job: files and bytes that came, files and bytes that were there, and what is wrong by name."""

    files: int
    bytes: int
    there: int
    there_bytes: int
    wrong: tuple[tuple[str, str], ...] = ()


class Sink(Protocol):
    """Where content goes."""

    def there(self, record: Record) -> bool:
        """Whether it need not be fetched."""

    def take(self, record: Record, content: Iterable[bytes]) -> None:
        """Take it; raises CorruptError when it is not what its name says."""


class Proof:
    """Content that only has to be what its name says."""

    def there(self, _record: Record) -> bool:
        """Never."""
        return False

    def take(self, record: Record, content: Iterable[bytes]) -> None:
        """Hash it."""
        for _ in proven(record.sha1.hex(), record.size, content):
            pass


class Directory:
    """Content that lands in a directory; `prove` what is there already by its bytes, not only by its size.

    In an `empty` one nothing is looked for.
    """

    def __init__(self, root: str, manner: Manner, *, prove: bool, empty: bool) -> None:
        self._landing, self._prove, self._empty = Landing(root, manner), prove, empty

    def there(self, record: Record) -> bool:
        """Whether the file is there."""
        return not self._empty and self._landing.there(record.sha1.hex(), record.size, proven=self._prove)

    def take(self, record: Record, content: Iterable[bytes]) -> None:
        """Write it."""
        self._landing.land(record.sha1.hex(), record.size, content)


def fetched(
    records: Iterable[Record], groups: Groups, bucket: Bucket, sink: Callable[[], Sink], size: Size
) -> Iterator[Outcome]:
    """Fetch these records by processes and threads, each with a connection and a sink of its own."""
    paced = bucket.another(Pace(bucket.pace.rate / size.processes))  # each process has a copy of it
    return each(_jobs(records, groups), lambda: Fetcher(paced.another(), sink()).do, size)


def _jobs(records: Iterable[Record], groups: Groups) -> Iterator[Job]:
    """Objects of their own as they come; then what lies in packs, pack by pack, for that must be known in full."""
    for record in records:
        if record.pack:
            groups.add(record)
        else:
            yield _packed(b"", [record])
    for pack, found in groups:
        found.sort(key=lambda r: r.offset)
        for start in range(0, len(found), AT_ONCE):
            yield _packed(pack, found[start : start + AT_ONCE])


def _packed(pack: bytes, records: Sequence[Record]) -> Job:
    return Job(pack, b"".join(r.sha1 + (r.size << 48 | r.offset).to_bytes(12, "big") for r in records))


def _unpacked(job: Job) -> list[Record]:
    found = []
    for start in range(0, len(job.records), _WIDTH):
        numbers = int.from_bytes(job.records[start + HASH_BYTES : start + _WIDTH], "big")
        sha1 = job.records[start : start + HASH_BYTES]
        found.append(Record(sha1, numbers >> 48, job.pack, numbers & 0xFFFFFFFFFFFF))
    return found


class Fetcher:
    """One thread's work: jobs in, outcomes out. Raises what the store and the target raise when they cannot go on."""

    def __init__(self, bucket: Bucket, sink: Sink) -> None:
        self._bucket, self._sink = bucket, sink
        self._wrong: list[tuple[str, str]] = []
        self._files = self._bytes = 0

    def do(self, job: Job) -> Outcome:
        """Fetch what is not there."""
        self._wrong, self._files, self._bytes = [], 0, 0
        records = _unpacked(job)
        wanted = [record for record in records if not self._sink.there(record)]
        if job.pack:
            for span in spans(wanted):
                self._of_pack(span)
        else:
            for record in wanted:
                self._whole(record)
        there_bytes = sum(r.size for r in records) - sum(r.size for r in wanted)
        return Outcome(self._files, self._bytes, len(records) - len(wanted), there_bytes, tuple(self._wrong))

    def _whole(self, record: Record) -> None:
        key = file_key(record.sha1)

        def copy() -> None:
            with self._bucket.stream(key) as answer:
                self._take(record, self._pieces(answer, key), key)

        try:
            _patiently(copy)
        except NotThereError:
            self._wrong.append((record.sha1.hex(), f"{key} is not in the store"))

    def _of_pack(self, span: Span) -> None:
        key, body = pack_key(span.records[0].pack), b""
        if span.end > span.start:
            self._bucket.pace.take(span.end - span.start)
            try:
                place = (span.start, span.end - span.start)
                body = _patiently(lambda: self._bucket.get(key, place, most=place[1]))
            except NotThereError:
                self._wrong += [(r.sha1.hex(), f"{key} is not in the store") for r in span.records]
                return
            except RefusedError as error:
                if not _beyond(error):
                    raise  # what follows takes the empty body for what it is: each file has 0 bytes instead of its own
        view = memoryview(body)
        for record in sorted(span.records):  # by hash, as the directories are
            start = record.offset - span.start
            self._take(record, [view[start : start + record.size]], key)  # type: ignore[list-item]

    def _pieces(self, answer: Answer, key: str) -> Iterator[bytes]:
        """The body; what goes wrong with the connection is not to be taken for an error of the target's files."""
        while True:
            try:
                piece = answer.read()
            except OSError as error:
                raise UnavailableError(f"{key} broke off: {error}") from None
            if not piece:
                return
            self._bucket.pace.take(len(piece))
            yield piece

    def _take(self, record: Record, content: Iterable[bytes], key: str) -> None:
        try:
            self._sink.take(record, content)
        except CorruptError as error:
            self._wrong.append((record.sha1.hex(), f"{error} in {key}"))
        else:
            self._files += 1
            self._bytes += record.size


def _patiently(call: Callable[[], T], breaks: int = BREAKS) -> T:
    """Call again when an answer broke off: it was under way, so the store is there."""
    try:
        return call()
    except UnavailableError:
        if not breaks:
            raise
    return _patiently(call, breaks - 1)


def _beyond(error: RefusedError) -> bool:
    """Whether S3 says that a range begins behind the object's end."""
    return "InvalidRange" in str(error) or ": 416;" in str(error)
