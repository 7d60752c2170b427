"""What retention lets go: the sets first, then what no kept set names and is older than a week. In doubt, nothing goes.

Whoever prunes may delete and read; no run may be under way meanwhile (the orchestration's lock sees to it), for a run
counts on what it found in the store. A set that comes all the same stops the deleting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from firstbell.backup.engine import names
from firstbell.backup.engine.names import HASH_BYTES
from firstbell.backup.engine.reading import Stored, opened_manifest, stored
from firstbell.backup.engine.retention import Dated, Retention, kept
from firstbell.backup.engine.s3 import Bucket, Listed
from firstbell.backup.engine.sets import BackupSet
from firstbell.backup.engine.sorting import Sorter

BATCH = 1000  # keys of one request


class PruneError(Exception):
    """Nothing, or nothing more, is removed; the message says why and what to do."""


class Rules(NamedTuple):
    """What may go: sets by `retention` in days of `zone`, what nobody names after `delay`."""

    retention: Retention
    zone: tzinfo
    delay: timedelta = timedelta(days=7)


class Marks(NamedTuple):
    """What kept sets name: hashes of files that are objects of their own (sorted on disk), and the other objects."""

    files: Sorter
    keys: frozenset[str]


class Waste(NamedTuple):
    """What may go of one kind of object, and how much there is of that kind (objects, bytes)."""

    keys: list[str]
    bytes: int
    listed: int
    listed_bytes: int


class Plan(NamedTuple):
    """Which sets stay (and why) and go, what else goes, kind by kind in the order of removal; `seen`: all sets."""

    kept: dict[str, list[str]]
    sets: list[str]
    waste: dict[str, Waste]
    seen: frozenset[str]

    @property
    def objects(self) -> int:
        """How many objects go, sets excepted."""
        return sum(len(kind.keys) for kind in self.waste.values())

    @property
    def bytes(self) -> int:
        """What goes with them."""
        return sum(kind.bytes for kind in self.waste.values())


def planned(bucket: Bucket, rules: Rules, now: datetime, scratch: str, site: str = "") -> Plan:
    """Look at the store and decide. Raises PruneError when it cannot be told what is needed."""
    found = list(stored(bucket))
    backups = checked(found, site)
    reasons = kept([Dated(b.key, b.at, _sound(b)) for b in backups], rules.retention, rules.zone)
    marks = marked(bucket, [b for b in backups if b.key in reasons], scratch)
    waste = {}
    for kind in (names.MANIFESTS, names.ARCHIVES, names.PACKS, names.FILES):
        waste[kind] = wasted(bucket.list(kind), kind, marks, now - rules.delay)
    return Plan(reasons, [b.key for b in backups if b.key not in reasons], waste, frozenset(s.key for s in found))


def checked(found: Sequence[Stored], site: str) -> list[BackupSet]:
    """The sets; raises PruneError when one cannot be read, when there is none, or when they are not of one site."""
    for one in found:
        if one.backup is None:
            raise PruneError(f"{one.problem}; what it needs is not known, so nothing is removed: see to that set first")
    backups = [one.backup for one in found if one.backup is not None]
    if not backups:
        raise PruneError("there is no set, so everything would go; nothing is removed: check the store's address")
    sites = sorted({b.site for b in backups} | ({site} if site else set()))
    if len(sites) > 1:
        raise PruneError(f"the sets are of different sites ({', '.join(map(ascii, sites[:3]))}); nothing is removed")
    return backups


def _sound(backup: BackupSet) -> bool:
    """Whether the run could keep all that it found; what the database lacks is no fault of the run."""
    return not (backup.quarantined.total or backup.unreadable.total)


def marked(bucket: Bucket, backups: Iterable[BackupSet], scratch: str) -> Marks:
    """All that these sets name. Each manifest is proven; raises ReadingError when one is not what its name says."""
    files, keys, seen = Sorter(HASH_BYTES, scratch), set(), set()
    for backup in backups:
        if backup.archive:
            keys.add(backup.archive.key)
        for entry in backup.manifests:
            if entry in seen:
                continue
            seen.add(entry)
            keys.add(entry.key)
            with closing(opened_manifest(bucket, entry, scratch)) as reader:
                keys.update(map(names.pack_key, reader.packs))
                for record in reader:
                    if not record.pack:
                        files.add(record.sha1)
    return Marks(files, frozenset(keys))


def wasted(listed: Iterable[Listed], kind: str, marks: Marks, before: datetime) -> Waste:
    """What of a listing (sorted by key) nobody names, was written `before`, and is called as what we write is."""
    keys, freed, count, total = [], 0, 0, 0
    named = iter(marks.files) if kind == names.FILES else iter(())
    name = next(named, b"")
    for one in listed:
        count += 1
        total += one.size
        sha1 = _sha1(one.key)
        if sha1 is None:
            continue  # not ours
        while name and name < sha1:
            name = next(named, b"")
        if sha1 != name and one.key not in marks.keys and one.modified < before:
            keys.append(one.key)
            freed += one.size
    return Waste(keys, freed, count, total)


def _sha1(key: str) -> bytes | None:
    """The hash in a key, if the key is one that the engine gives."""
    name = key.rpartition("/")[2].removesuffix(".tar")
    if not names.is_hash(name):
        return None
    sha1 = bytes.fromhex(name)
    ours = (names.manifest_key, names.archive_key, names.pack_key, names.file_key)
    return sha1 if any(key == called(sha1) for called in ours) else None


def refuse_too_much(plan: Plan, share: float) -> None:
    """Raise PruneError when more than `share` of the objects with content, or of their bytes, would go at once."""
    kinds = [plan.waste[kind] for kind in (names.PACKS, names.FILES)]
    for what, gone, whole in (
        ("objects", sum(len(k.keys) for k in kinds), sum(k.listed for k in kinds)),
        ("bytes", sum(k.bytes for k in kinds), sum(k.listed_bytes for k in kinds)),
    ):
        if gone > share * whole:
            raise PruneError(
                f"{gone} of {whole} {what} with content would go, more than the share of {share:g}; nothing is "
                "removed: see why, and if it is right, allow a larger --share"
            )


def removed(bucket: Bucket, plan: Plan, share: float) -> Iterator[int]:
    """Remove what is planned, sets first so that none stands on what is gone; yields how many keys each step removed.

    Raises PruneError when it is more than a `share`, when a set was published meanwhile, or when S3 did not remove
    something.
    """
    refuse_too_much(plan, share)
    for keys in (plan.sets, *(kind.keys for kind in plan.waste.values())):
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            _refuse_new(bucket, plan.seen)
            failed = bucket.delete(batch)
            if failed:
                raise PruneError(f"S3 did not remove {len(failed)} objects, such as {failed[0]}; run again when it may")
            yield len(batch)
    _refuse_new(bucket, plan.seen)


def _refuse_new(bucket: Bucket, seen: frozenset[str]) -> None:
    new = [one.key for one in bucket.list(names.SETS) if one.key not in seen]
    if new:
        raise PruneError(
            f"{new[0]} was published meanwhile; no more is removed: verify it, and let no run meet a prune"
        )
