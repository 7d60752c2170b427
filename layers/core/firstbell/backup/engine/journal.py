"""What a worker has stored, noted on the local disk as it is stored: so an interrupted run is continued, not repeated.

A journal is a file of frames (length, CRC-32, payload); a torn last frame is what a killed process leaves, and ends it.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from firstbell.backup.engine.manifest import Record
from firstbell.backup.engine.names import HASH_BYTES

TRUSTED = timedelta(days=5)  # pruning sweeps what no set names after a week
_FRAME = struct.Struct(">II")
_PAYLOAD_MOST = 64 * 2**20
_HEAD, _PACK, _FILE, _TROUBLE = b"H", b"P", b"F", b"T"
_ENTRY = HASH_BYTES + 12  # of a pack: hash, size (6), offset (6)


class JournalError(Exception):
    """The journal cannot be written: what is stored from now on would be stored again."""


class Noted(NamedTuple):
    """A file or directory that could not be stored: of which kind, its name, why, and the number of its directory."""

    kind: str  # "quarantined" or "unreadable"
    name: str
    why: str
    directory: int  # 0 to 65,535, -1 for none


class Journal:
    """A journal being written, by several threads."""

    def __init__(self, path: str, store: str, at: datetime) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._path, self._lock = path, threading.Lock()
        self._write(_HEAD + json.dumps({"store": store, "at": at.isoformat()}).encode())

    def pack(self, sha1: bytes, entries: bytes) -> None:
        """Note a stored pack; `entries` as `entry` makes them, one after the other."""
        self._write(_PACK + sha1 + entries)

    def file(self, sha1: bytes, size: int) -> None:
        """Note a stored file."""
        self._write(_FILE + sha1 + size.to_bytes(6, "big"))

    def trouble(self, noted: Noted) -> None:
        """Note what could not be stored."""
        self._write(_TROUBLE + json.dumps(noted).encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, payload: bytes) -> None:
        frame = _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            with self._lock:
                written = os.write(self._file, frame)
        except OSError as error:
            raise JournalError(f"the journal {self._path} cannot be written: {error.strerror}") from None
        if written != len(frame):
            raise JournalError(f"the journal {self._path} cannot be written: its disk is full; free some space")


def entry(sha1: bytes, size: int, offset: int) -> bytes:
    """A small file in a pack, for `Journal.pack`."""
    return sha1 + ((size << 48) | offset).to_bytes(12, "big")


def read(path: str) -> Iterator[Record | Noted]:
    """What a journal says, up to a torn end."""
    for payload in _payloads(path):
        kind, rest = payload[:1], payload[1:]
        if kind == _PACK:
            pack, entries = rest[:HASH_BYTES], rest[HASH_BYTES:]
            for start in range(0, len(entries), _ENTRY):
                numbers = int.from_bytes(entries[start + HASH_BYTES : start + _ENTRY], "big")
                sha1 = entries[start : start + HASH_BYTES]
                yield Record(sha1, numbers >> 48, pack, numbers & 0xFFFFFFFFFFFF)
        elif kind == _FILE:
            yield Record(rest[:HASH_BYTES], int.from_bytes(rest[HASH_BYTES:], "big"), b"", 0)
        elif kind == _TROUBLE:
            yield Noted(*json.loads(rest))


def trusted(path: str, store: str, now: datetime) -> bool:
    """Whether a journal is of this store and young enough for what it names to be still there."""
    for payload in _payloads(path):
        if payload[:1] != _HEAD:
            return False
        head = json.loads(payload[1:])
        age = now - datetime.fromisoformat(head["at"])
        return bool(head["store"] == store and -TRUSTED < age < TRUSTED)
    return False


def _payloads(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while True:
            frame = file.read(_FRAME.size)
            if len(frame) < _FRAME.size:
                return
            length, crc = _FRAME.unpack(frame)
            payload = file.read(length) if length <= _PAYLOAD_MOST else b""
            if len(payload) != length or zlib.crc32(payload) != crc:
                return
            yield payload
