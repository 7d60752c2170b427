"""The end of a run: the manifest of what is new, or a new base, and the set that names all; each is written once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from firstbell.backup.engine import local, sets
from firstbell.backup.engine.known import Fresh
from firstbell.backup.engine.manifest import Reader, Record, Writer, Written, merged
from firstbell.backup.engine.s3 import NEW, Bucket, RefusedError
from firstbell.backup.engine.sets import DELTAS_MOST, BackupSet, ManifestEntry
from firstbell.backup.engine.wire import FileBody

_SECONDS_TRIED = 5


def base_due(entries: Sequence[ManifestEntry]) -> bool:
    """Whether there are as many deltas as a set may have."""
    return len(entries) > DELTAS_MOST


def delta(manifests: Sequence[Reader], fresh: Fresh) -> Iterator[Record]:
    """What was stored and is in no manifest, in order."""
    for first in range(256):
        for record in fresh.records(first):
            if all(manifest.find(record.sha1) is None for manifest in manifests):
                yield record


def base(
    manifests: Sequence[Reader], fresh: Fresh, kept: Callable[[int, Iterable[bytes]], set[bytes]]
) -> Iterator[Record]:
    """All records that are kept, in order; `kept` is asked for each first byte which of its hashes are."""
    sources: list[Iterable[Record]] = [_all(fresh), *reversed(manifests)]
    waiting: list[Record] = []
    for record in merged(sources):
        if waiting and record.sha1[0] != waiting[0].sha1[0]:
            yield from _chosen(waiting, kept)
            waiting = []
        waiting.append(record)
    yield from _chosen(waiting, kept)


def _all(fresh: Fresh) -> Iterator[Record]:
    for first in range(256):
        yield from fresh.records(first)


def _chosen(records: list[Record], kept: Callable[[int, Iterable[bytes]], set[bytes]]) -> Iterator[Record]:
    if records:
        chosen = kept(records[0].sha1[0], [record.sha1 for record in records])
        yield from (record for record in records if record.sha1 in chosen)


def put_manifest(bucket: Bucket, directory: str, records: Iterable[Record]) -> Written:
    """Write a manifest of these records, store it, and keep its copy."""
    path = os.path.join(directory, "manifest.tmp")
    with open(path, "w+b") as target, tempfile.TemporaryFile(dir=directory) as scratch:
        writer = Writer(target, scratch)
        for record in records:
            writer.add(record)
        written = writer.finish()
        entry = ManifestEntry(written.sha1, written.records, base=False)
        bucket.put(entry.key, FileBody(target.fileno(), written.length), written.sha1)
    os.replace(path, local.manifest_path(directory, written.sha1))
    return written


def put_set(bucket: Bucket, backup: BackupSet) -> BackupSet:
    """Store the set's document; where another set has the same second, a later one is taken."""
    for _ in range(_SECONDS_TRIED):
        raw = sets.dumps(backup)
        if bucket.put(backup.key, raw, sets.digest(raw)) == NEW:
            return backup
        backup = backup._replace(at=backup.at + timedelta(seconds=1))
    raise RefusedError(f"{bucket.where.name}{backup.key} and those before it are taken; wait a minute and run again")
