"""The document of a backup set: what it is made of, what is missing from it; read as if a stranger had written it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from firstbell.backup.engine import names

NAMED = 1000  # so many missing, quarantined, unreadable things are named; of the others the number is known
DOCUMENT_MOST = 16 * 2**20  # bytes
DELTAS_MOST = 30
_VERSION = 1


class SetError(Exception):
    """A set's document that cannot be trusted; the message says what is wrong with it."""


class ManifestEntry(NamedTuple):
    """A manifest of a set; the base comes first, then the deltas from the oldest to the newest."""

    sha1: bytes
    records: int
    base: bool

    @property
    def key(self) -> str:
        """Its key in the store."""
        return names.manifest_key(self.sha1)


class ArchiveEntry(NamedTuple):
    """The archive of what is not content-addressed; `size` in bytes."""

    sha1: bytes
    size: int

    @property
    def key(self) -> str:
        """Its key in the store."""
        return names.archive_key(self.sha1)


class Database(NamedTuple):
    """The database's part: the snapshot's name, how many hashes its list has, when it was taken (ISO, UTC)."""

    snapshot: str | None = None
    hashes: int | None = None
    at: str | None = None


class Trouble(NamedTuple):
    """A thing of the source that is not in the set, and why."""

    name: str
    why: str


class Troubles(NamedTuple):
    """All things of one kind of trouble: the first of them by name, and how many there are."""

    named: Sequence[Trouble] = ()
    total: int = 0


class BackupSet(NamedTuple):
    """A backup set. Sizes in bytes; `at` is when the run began (UTC), `seconds` how long it took."""

    site: str
    at: datetime
    database: Database
    manifests: Sequence[ManifestEntry]
    archive: ArchiveEntry | None
    identity: str  # of the source's file system
    directories: int  # of the first level of filedir
    files: int
    bytes: int
    new_files: int
    new_bytes: int
    missing: Sequence[str]  # hashes in hexadecimal, the first of them
    missing_count: int
    missing_new: int  # those that were not missing in the set before
    quarantined: Troubles
    unreadable: Troubles
    seconds: float
    engine: str

    @property
    def complete(self) -> bool:
        """Whether everything that the database and the source have is in the set."""
        return not (self.missing_count or self.quarantined.total or self.unreadable.total)

    @property
    def key(self) -> str:
        """Its key in the store."""
        return names.set_key(self.at)


def dumps(backup: BackupSet) -> bytes:
    """The document: JSON, UTF-8, sorted keys; the same for the same set."""
    document = {
        "version": _VERSION,
        "site": backup.site,
        "at": backup.at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "database": backup.database._asdict(),
        "manifests": [
            {"key": m.key, "sha1": m.sha1.hex(), "records": m.records, "base": m.base} for m in backup.manifests
        ],
        "archive": backup.archive
        and {"key": backup.archive.key, "sha1": backup.archive.sha1.hex(), "size": backup.archive.size},
        "source": {"identity": backup.identity, "directories": backup.directories},
        **{name: getattr(backup, name) for name in _PLAIN},
        "missing": list(backup.missing),
        **_spread("quarantined", backup.quarantined),
        **_spread("unreadable", backup.unreadable),
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


_PLAIN = {
    **dict.fromkeys(("files", "bytes", "new_files", "new_bytes", "missing_count", "missing_new"), int),
    "seconds": float,
    "engine": str,
}


def _spread(name: str, troubles: Troubles) -> dict[str, Any]:
    return {name: [trouble._asdict() for trouble in troubles.named], f"{name}_count": troubles.total}


def loads(raw: bytes, key: str) -> BackupSet:
    """The set in a document found under `key`; raises SetError when anything in it is not as it must be."""
    at = names.set_time(key)
    if at is None:
        raise SetError(f"{key} is not the key of a set")
    if len(raw) > DOCUMENT_MOST:
        raise SetError(f"{key} has {len(raw)} bytes; a set has {DOCUMENT_MOST} at most")
    try:
        document = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise SetError(f"{key} is not JSON in UTF-8") from None
    try:
        return _checked(document, at)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SetError(f"{key} is not a set of version {_VERSION}: {_said(error)}") from None


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _checked(document: Mapping[str, Any], at: datetime) -> BackupSet:
    if _typed(document["version"], int) != _VERSION:
        raise ValueError(f"its version is {document['version']}")
    if document["at"] != at.strftime("%Y-%m-%dT%H:%M:%SZ"):
        raise ValueError("`at` is not what its key says")
    source = _typed(document["source"], dict)
    return BackupSet(
        site=_typed(document["site"], str),
        at=at,
        database=_database(_typed(document["database"], dict)),
        manifests=_manifests(_typed(document["manifests"], list)),
        archive=_archive(document["archive"]),
        identity=_typed(source["identity"], str),
        directories=_typed(source["directories"], int),
        missing=[_hash(name).hex() for name in _typed(document["missing"], list)],
        quarantined=_troubles(document, "quarantined"),
        unreadable=_troubles(document, "unreadable"),
        **{name: _typed(document[name], kind) for name, kind in _PLAIN.items()},
    )


def _typed(value: Any, kind: type) -> Any:
    """The value, which must be of this kind; numbers are not negative (NaN is not either)."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise TypeError(f"{str(value)[:60]!r} is not of type {kind.__name__}")
    if isinstance(value, (int, float)) and not 0 <= value < 2**63:
        raise ValueError(f"{value} is out of range")
    return value


def _hash(value: Any) -> bytes:
    if not names.is_hash(_typed(value, str)):
        raise ValueError(f"{value[:60]!r} is not a SHA-1")
    return bytes.fromhex(value)


def _database(found: Mapping[str, Any]) -> Database:
    kinds = (("snapshot", str), ("hashes", int), ("at", str))
    return Database(**{n: None if found[n] is None else _typed(found[n], kind) for n, kind in kinds})


def _manifests(found: Sequence[Any]) -> list[ManifestEntry]:
    entries = [ManifestEntry(_hash(m["sha1"]), _typed(m["records"], int), _typed(m["base"], bool)) for m in found]
    if any(m["key"] != entry.key for m, entry in zip(found, entries)):
        raise ValueError("a manifest's key is not that of its hash")
    if not 1 <= len(entries) <= 1 + DELTAS_MOST:
        raise ValueError(f"it names {len(entries)} manifests, not 1 to {1 + DELTAS_MOST}")
    if [entry.base for entry in entries] != [True] + [False] * (len(entries) - 1):
        raise ValueError("the first manifest, and no other, must be the base")
    return entries


def _archive(found: Any) -> ArchiveEntry | None:
    if found is None:
        return None
    entry = ArchiveEntry(_hash(found["sha1"]), _typed(found["size"], int))
    if found["key"] != entry.key:
        raise ValueError("the archive's key is not that of its hash")
    return entry


def _troubles(document: Mapping[str, Any], name: str) -> Troubles:
    found = _typed(document[name], list)
    named = [Trouble(_typed(t["name"], str), _typed(t["why"], str)) for t in found]
    return Troubles(named, _typed(document[f"{name}_count"], int))


def digest(raw: bytes) -> bytes:
    """The SHA-1 of a document, with which it is stored."""
    return hashlib.sha1(raw, usedforsecurity=False).digest()
