"""Backup sets written as the engine writes them, from a dictionary of contents: the readers' tests stand on it."""

import hashlib
import io
from datetime import UTC, datetime, timedelta

from firstbell.backup.engine import names
from firstbell.backup.engine.manifest import Record, Writer
from firstbell.backup.engine.sets import ArchiveEntry, BackupSet, Database, ManifestEntry, Troubles, dumps
from tests.backup.loopback_store import Store

START = datetime(2026, 11, 1, 3, 15, tzinfo=UTC)


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()


def manifest(records: list[Record]) -> bytes:
    target = io.BytesIO()
    writer = Writer(target, io.BytesIO())
    for record in sorted(records):
        writer.add(record)
    writer.finish()
    return target.getvalue()


class ModelWriter:
    """Runs of a backup: new contents into packs or objects of their own, then a manifest, then a set.

    `small` is the size below which a file goes into a pack, `pack_most` that of a pack; every `deltas`-th run writes a
    new base with what the source holds then.
    """

    def __init__(self, store: Store, prefix: str = "campus", small: int = 100, pack_most: int = 400, deltas: int = 3):
        self.store, self.prefix = store, prefix + "/"
        self._small, self._pack_most, self._deltas = small, pack_most, deltas
        self.known: dict[bytes, Record] = {}
        self.entries: list[ManifestEntry] = []
        self.at = START

    def _put(self, key: str, body: bytes) -> None:
        if self.prefix + key not in self.store.objects:
            self.store.put(self.prefix + key, body, self.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"))

    def run(self, contents: list[bytes], archive: bytes | None = None, **changes: object) -> BackupSet:
        """One run over a filedir that holds `contents`; the next is a day later."""
        present = {sha1(c): c for c in contents}
        new = self._stored({h: c for h, c in sorted(present.items()) if h not in self.known})
        if not self.entries or len(self.entries) > self._deltas:
            self.known = {h: r for h, r in (self.known | new).items() if h in present}
            records, self.entries = list(self.known.values()), []
        else:
            self.known |= new
            records = list(new.values())
        if records or not self.entries:
            raw = manifest(records)
            self._put(names.manifest_key(sha1(raw)), raw)
            self.entries = [*self.entries, ManifestEntry(sha1(raw), len(records), not self.entries)]
        if archive is not None:
            self._put(names.archive_key(sha1(archive)), archive)
        backup = self._set(new, archive)._replace(**changes)  # type: ignore[arg-type]
        self._put(backup.key, dumps(backup))
        self.at += timedelta(days=1)
        return backup

    def _stored(self, new: dict[bytes, bytes]) -> dict[bytes, Record]:
        records, pack = {}, []
        for name, content in new.items():
            if len(content) >= self._small:
                self._put(names.file_key(name), content)
                records[name] = Record(name, len(content), b"", 0)
                continue
            if sum(map(len, pack)) + len(content) > self._pack_most:
                records |= self._packed(pack)
                pack = []
            pack.append(content)
        return records | self._packed(pack)

    def _packed(self, contents: list[bytes]) -> dict[bytes, Record]:
        if not contents:
            return {}
        body, records, offset = b"".join(contents), {}, 0
        for content in contents:
            records[sha1(content)] = Record(sha1(content), len(content), sha1(body), offset)
            offset += len(content)
        self._put(names.pack_key(sha1(body)), body)
        return records

    def _set(self, new: dict[bytes, Record], archive: bytes | None) -> BackupSet:
        return BackupSet(
            site="campus",
            at=self.at,
            database=Database(),
            manifests=self.entries,
            archive=ArchiveEntry(sha1(archive), len(archive)) if archive is not None else None,
            identity="nfs4 nfs:/moodledata",
            directories=256,
            files=len(self.known),
            bytes=sum(r.size for r in self.known.values()),
            new_files=len(new),
            new_bytes=sum(r.size for r in new.values()),
            missing=[],
            missing_count=0,
            missing_new=0,
            quarantined=Troubles(),
            unreadable=Troubles(),
            seconds=1.0,
            engine="0.1.0",
        )
