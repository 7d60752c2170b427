"""One run, from the look at the source to the set: whatever stops it on the way, the next one goes on from there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from itertools import chain
from typing import NamedTuple

from firstbell.backup.engine import VERSION, archive, clock, journal, local, publishing, sets, workers
from firstbell.backup.engine import source as sources
from firstbell.backup.engine import state as states
from firstbell.backup.engine.hashlist import Wanted
from firstbell.backup.engine.journal import Noted
from firstbell.backup.engine.known import Fresh, Known, readers
from firstbell.backup.engine.lister import Lister, Task
from firstbell.backup.engine.manifest import Reader
from firstbell.backup.engine.names import SETS, content_path, set_time, stamp
from firstbell.backup.engine.s3 import Bucket
from firstbell.backup.engine.scanning import Scan, Unit, is_slow, scan
from firstbell.backup.engine.sets import NAMED, ArchiveEntry, BackupSet, Database, ManifestEntry, Trouble, Troubles
from firstbell.backup.engine.uploading import QUARANTINED, UNREADABLE
from firstbell.backup.engine.wire import FileBody
from firstbell.backup.engine.workers import Progress, Tell

CHANGED, FULL, BY_HASHES = "changed", "full", "hashes"
_PER_WORKER = 64  # directories: for less than that another process does not pay
_READERS = 8  # threads of each worker, on a slow file system
_AHEAD = timedelta(days=1)


class HistoryError(Exception):
    """The last set cannot be built upon: nothing was stored. The message says what to do."""


class Order(NamedTuple):
    """What is to be done; `state` is a local directory, `look` one of CHANGED, FULL, BY_HASHES."""

    root: str
    site: str
    state: str
    look: str = CHANGED
    hashes: str = ""  # file with the database's list
    database: Database = Database()
    workers: int = 3
    senders: int = 8  # of each worker
    store_class: str = ""
    sentinel: bool = True
    new_source: bool = False
    afresh: bool = False
    dry: bool = False


class Outcome(NamedTuple):
    """What came of it: the set (none of a dry run), what was stored or would be, directories listed, S3 requests."""

    backup: BackupSet | None
    stored: Progress
    listed: int
    requests: int


class _Added(NamedTuple):
    """The manifests of the new set, and what they hold: all of it, and what is new of it."""

    entries: Sequence[ManifestEntry]
    files: int
    bytes: int
    new_files: int
    new_bytes: int


def run(order: Order, bucket: Bucket, tell: Tell) -> Outcome:
    """Make a backup set.

    Raises SourceError, HistoryError, HashListError or BusyError before anything is stored, and StoreError,
    CredentialsError, WorkerError or JournalError when it could not be finished.
    """
    begun = clock.seconds()
    with local.locked(order.state):
        keys = [] if order.afresh else [found.key for found in bucket.list(SETS) if set_time(found.key)]
        before = _read(bucket, order.site, max(keys)) if keys else None
        known_source = before and sources.Before(before.identity, before.directories)
        source = sources.checked(order.root, order.site, known_source, sentinel=order.sentinel, new=order.new_source)
        return _Run(order, bucket, tell, before, keys, source, begun).do()


def _read(bucket: Bucket, site: str, key: str) -> BackupSet:
    """The newest set. Raises HistoryError when it is of no use."""
    cure = "see to that, or run once with --afresh, which builds upon no set"
    try:
        backup = sets.loads(bucket.get(key, most=sets.DOCUMENT_MOST), key)
    except sets.SetError as error:
        raise HistoryError(f"{bucket.where.name}: {error}; {cure}") from None
    if backup.site != site:
        raise HistoryError(f"{bucket.where.name}{key} is a set of {backup.site!r}, not of {site!r}; {cure}")
    if backup.at > clock.now() + _AHEAD:
        raise HistoryError(f"{bucket.where.name}{key} is of a time to come; correct the clock here, or remove that set")
    return backup


class _Run:
    """What one run knows; `do` has its steps."""

    def __init__(
        self,
        order: Order,
        bucket: Bucket,
        tell: Tell,
        before: BackupSet | None,
        set_keys: Collection[str],
        source: sources.Source,
        begun: float,
    ) -> None:
        self._order, self._bucket, self._tell = order, bucket, tell
        self._before, self._set_keys, self._source, self._begun = before, set_keys, source, begun
        now = clock.now().replace(microsecond=0)
        self._at = now if before is None else max(now, before.at + timedelta(seconds=1))
        self._old_journals = local.journals(order.state)
        self._fresh = Fresh(order.state)
        self._manifests: list[Reader] = []
        self._stored, self._requests = Progress(), 0
        self._wanted = _wanted(order)
        self._slow = is_slow(source)

    def do(self) -> Outcome:
        """Look, store, prove, publish."""
        order = self._order
        for path in self._old_journals:
            if journal.trusted(path, self._bucket.where.identity, self._at):
                self._fresh.read(path, troubles=False)
        state, seen = self._look()
        if seen.units or self._fresh or self._wanted is not None:
            self._manifests = readers(self._bucket, order.state, self._before.manifests if self._before else ())
        self._store(seen)
        if order.dry:
            return self._outcome(None, seen)
        missing = self._missing()
        backup = self._published(seen, missing)
        if order.look != BY_HASHES:
            self._save(state, seen, backup)
        for path in local.journals(order.state):
            os.unlink(path)
        return self._outcome(backup, seen)

    def _outcome(self, backup: BackupSet | None, seen: Scan) -> Outcome:
        return Outcome(backup, self._stored, seen.listed, self._bucket.requests + self._requests)

    # ------------------------------------------------------------ look

    def _look(self) -> tuple[states.State, Scan]:
        """Find the directories that must be listed; all of them now and then, and when nothing is known of before."""
        order, store, identity = self._order, self._bucket.where.identity, self._source.identity
        nothing = states.nothing(store, identity)
        if order.look == BY_HASHES:
            every = [Unit(first, b"\1" * 256) for first in range(256)]
            return nothing, Scan(every, nothing.changed, nothing.touched, [], 0)
        state = states.load(order.state, store, identity, self._set_keys)
        everything = state is None or order.look == FULL or state.runs + 1 >= states.FULL_EVERY
        moment = 0 if order.dry else sources.moment(order.root)
        state = state or nothing
        seen = scan(self._source, state, moment, everything=everything, slow=self._slow)
        return state._replace(runs=0 if everything else state.runs + 1), seen

    def _save(self, state: states.State, seen: Scan, backup: BackupSet) -> None:
        """Remember what was seen; a directory with something amiss in it is listed again."""
        for noted in self._fresh.troubles:
            if noted.directory >= 0:
                seen.changed[noted.directory] = seen.touched[noted.directory] = 0
        state = state._replace(set_key=backup.key, changed=seen.changed, touched=seen.touched)
        states.save(self._order.state, state)

    # ------------------------------------------------------------ store

    def _task(self, filedir: str, wanted: Wanted | None, share: int) -> Task:
        bucket = self._bucket.another(self._bucket.pace.shared(share))
        known = Known(self._manifests, self._fresh)
        order = self._order
        readers = _READERS if self._slow else 1
        return Task(filedir, bucket, known, wanted, readers, order.senders, order.store_class, self._at, order.dry)

    def _store(self, seen: Scan) -> None:
        """Let workers list directories and store what is new in them."""
        if not seen.units:
            return
        order = self._order
        count = min(order.workers, 1 + seen.listed // _PER_WORKER)
        paths = [local.journal_path(order.state, stamp(self._at), number) for number in range(count)]
        task = self._task(self._source.filedir, self._wanted if order.look == BY_HASHES else None, count)
        self._stored = workers.work(task, seen.units, paths, self._tell)
        self._requests += self._stored.requests
        if not order.dry:
            for path in paths:
                self._fresh.read(path)

    def _missing(self) -> list[bytes]:
        """What the database knows and the store has not, after it was looked for in filedir and in the trash."""
        if self._wanted is None:
            return []
        known = Known(self._manifests, self._fresh)
        lacking: list[bytes] = []
        for first in range(256):
            lacking += sorted(self._wanted.hashes(first) - known.beginning_with(first))
        absent = lacking
        for number, name in enumerate(("filedir", "trashdir")):
            place = os.path.join(self._source.root, name)
            if absent and os.path.isdir(place):
                absent = self._look_for(absent, place, number)
        return [sha1 for sha1 in lacking if sha1 not in self._fresh.hashes(sha1[0])]

    def _look_for(self, hashes: Iterable[bytes], place: str, number: int) -> list[bytes]:
        """Store these contents from a directory like filedir; returns those that are not there."""
        path = local.journal_path(self._order.state, stamp(self._at), self._order.workers + number)

        def tell(files: int, size: int, requests: int) -> None:
            late.append(Progress(files, size, requests))

        late = [Progress()]
        lister = Lister(self._task(place, None, 1), path, tell)
        absent = lister.look_for(hashes)
        lister.finish()
        self._fresh.read(path)
        self._requests += late[-1].requests
        self._stored = Progress(*(a + b for a, b in zip(self._stored, late[-1])))
        return absent

    # ------------------------------------------------------------ publish

    def _published(self, seen: Scan, missing: Sequence[bytes]) -> BackupSet:
        """Store manifest, archive and, at last, the set."""
        added = self._added()
        kept, beside = self._archived()
        noted = _each_once([*self._fresh.troubles, *seen.troubles, *beside])
        named_before = set(self._before.missing) if self._before else set()
        missing_names = [sha1.hex() for sha1 in missing]
        backup = BackupSet(
            site=self._order.site,
            at=self._at,
            database=self._order.database._replace(hashes=None if self._wanted is None else self._wanted.total),
            manifests=added.entries,
            archive=kept,
            identity=self._source.identity,
            directories=len(self._source.first_level),
            files=added.files,
            bytes=added.bytes,
            new_files=added.new_files,
            new_bytes=added.new_bytes,
            missing=missing_names[:NAMED],
            missing_count=len(missing_names),
            missing_new=len(set(missing_names) - named_before),
            quarantined=_of_kind(noted, QUARANTINED),
            unreadable=_of_kind(noted, UNREADABLE),
            seconds=round(clock.seconds() - self._begun, 3),
            engine=VERSION,
        )
        return publishing.put_set(self._bucket, backup)

    def _added(self) -> _Added:
        """Store what is new as a delta, or all as a new base."""
        before, directory = self._before, self._order.state
        new = publishing.delta(self._manifests, self._fresh)
        if before is not None and publishing.base_due(before.manifests):
            counted = [record.size for record in new]
            if counted:
                written = publishing.put_manifest(
                    self._bucket, directory, publishing.base(self._manifests, self._fresh, self._kept)
                )
                entry = ManifestEntry(written.sha1, written.records, base=True)
                return _Added([entry], written.records, written.content, len(counted), sum(counted))
        one = next(new, None)
        if before is not None and one is None:
            return _Added(before.manifests, before.files, before.bytes, 0, 0)
        written = publishing.put_manifest(self._bucket, directory, chain([one] if one else [], new))
        entry = ManifestEntry(written.sha1, written.records, base=before is None)
        files, size = (before.files, before.bytes) if before else (0, 0)
        entries = [*(before.manifests if before else ()), entry]
        return _Added(entries, files + written.records, size + written.content, written.records, written.content)

    def _kept(self, first: int, hashes: Iterable[bytes]) -> set[bytes]:
        """Which contents a new base keeps: what the database knows or is on the disk, and all where neither is sure."""
        if self._wanted is None:
            return set(hashes)
        wanted = self._wanted.hashes(first)
        filedir = self._source.filedir
        return {h for h in hashes if h in wanted or os.path.lexists(os.path.join(filedir, content_path(h)))}

    def _archived(self) -> tuple[ArchiveEntry | None, list[Noted]]:
        with tempfile.TemporaryFile(dir=self._order.state) as file:
            entry, troubles = archive.write(self._source.root, file)
            if entry is not None and (self._before is None or self._before.archive != entry):
                self._bucket.put(entry.key, FileBody(file.fileno(), entry.size), entry.sha1)
        return entry, troubles


def _wanted(order: Order) -> Wanted | None:
    """The database's list. Raises HashListError, and OSError when there is no such file."""
    if not order.hashes:
        return None
    with open(order.hashes, encoding="ascii", errors="replace") as lines:
        return Wanted(lines, order.state)


def _each_once(noted: Iterable[Noted]) -> list[Noted]:
    """The troubles in order of their names, each thing once."""
    return [one for _, one in sorted({(one.kind, one.name): one for one in noted}.items())]


def _of_kind(noted: Iterable[Noted], kind: str) -> Troubles:
    found = [Trouble(one.name, one.why) for one in noted if one.kind == kind]
    return Troubles(found[:NAMED], len(found))
