"""What things are called: Moodle's content by its SHA-1, and the keys of the store; pure."""

from __future__ import annotations

import re
from datetime import datetime, timezone

HASH_BYTES = 20
SMALL = 128 * 1024  # bytes: a file below this goes into a pack; the least that infrequent-access classes bill
PACK_MOST = 8 * 1024 * 1024  # bytes of one pack

FILES, PACKS, MANIFESTS, ARCHIVES, SETS = "files/", "packs/", "manifests/", "archives/", "sets/"

_HASH = re.compile(r"[0-9a-f]{40}\Z")
_STAMP = "%Y%m%dT%H%M%SZ"
_SET = re.compile(r"sets/(\d{8}T\d{6}Z)\.json\Z", re.ASCII)


def is_hash(name: str) -> bool:
    """Whether `name` is a SHA-1 as Moodle writes it: 40 lower-case hexadecimal digits."""
    return _HASH.match(name) is not None


def content_hash(first: str, second: str, name: str) -> bytes | None:
    """The SHA-1 of the content at `filedir/<first>/<second>/<name>`; None when this is no place for content."""
    if _HASH.match(name) and name.startswith(first + second) and len(first) == 2 and len(second) == 2:
        return bytes.fromhex(name)
    return None


def content_path(sha1: bytes) -> str:
    """Where Moodle keeps this content below `filedir`: `ab/cd/<sha1>`."""
    name = _hex(sha1)
    return f"{name[:2]}/{name[2:4]}/{name}"


def file_key(sha1: bytes) -> str:
    """The key of a file that is an object of its own."""
    return FILES + content_path(sha1)


def pack_key(sha1: bytes) -> str:
    """The key of a pack of small files."""
    return PACKS + _hex(sha1)


def manifest_key(sha1: bytes) -> str:
    """The key of a manifest."""
    return MANIFESTS + _hex(sha1)


def archive_key(sha1: bytes) -> str:
    """The key of the archive of what is not content-addressed."""
    return f"{ARCHIVES}{_hex(sha1)}.tar"


def stamp(at: datetime) -> str:
    """A moment (aware) as sets are named by it: UTC, to the second."""
    return at.astimezone(timezone.utc).strftime(_STAMP)


def set_key(at: datetime) -> str:
    """The key of the set of a moment (aware)."""
    return f"{SETS}{stamp(at)}.json"


def set_time(key: str) -> datetime | None:
    """The moment (UTC) in a set's key; None when this is not the key of a set."""
    match = _SET.match(key)
    if match is None:
        return None
    try:
        return datetime.strptime(match.group(1), _STAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def _hex(sha1: bytes) -> str:
    if len(sha1) != HASH_BYTES:
        raise ValueError(f"a SHA-1 has {HASH_BYTES} bytes, not {len(sha1)}")
    return sha1.hex()
