"""A moodledata with contents as Moodle keeps them, the engine as a process of its own, and a reader of sets that shares
no code with the engine: it knows the formats of docs/decisions/0011-backup-sets.md alone.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.backup.strict_s3 import ACCESS, BUCKET, REGION, SECRET, StrictS3

CORE = Path(__file__).parents[2] / "layers" / "core"
SITE, PREFIX = "campus", "sites/campus/"


@dataclass(frozen=True)
class Ended:
    """How a run of the engine ended."""

    code: int
    said: dict[str, Any]  # its line of JSON
    errors: str


class School:
    """A moodledata."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "filedir").mkdir(parents=True)
        (root / ".firstbell-site").write_text(SITE + "\n")

    def add(self, data: bytes) -> str:
        """Store a content as Moodle does: under another name first."""
        sha1 = hashlib.sha1(data).hexdigest()
        path = self.path(sha1)
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / f"{sha1}.tmp").write_bytes(data)
        (path.parent / f"{sha1}.tmp").rename(path)
        return sha1

    def fill(self, count: int, seed: int, largest: int = 3000) -> list[str]:
        """Add so many contents of all sizes."""
        chance = random.Random(seed)
        return [self.add(chance.randbytes(chance.randrange(largest))) for _ in range(count)]

    def path(self, sha1: str) -> Path:
        return self.root / "filedir" / sha1[:2] / sha1[2:4] / sha1

    def settle(self) -> None:
        """Wait until what was changed is old enough that the next change is sure to have another time."""
        time.sleep(2.1)

    def contents(self) -> dict[str, bytes]:
        """What filedir holds, by name."""
        return {
            path.name: path.read_bytes()
            for path in self.root.glob("filedir/*/*/*")
            if path.is_file() and len(path.name) == 40
        }


def command(school: School, store: StrictS3, *more: str, state: Path | None = None) -> list[str]:
    """The engine's command line for a run."""
    state = state or school.root.parent / "state"
    address = ("--store", f"s3://{BUCKET}/{PREFIX}", "--endpoint", store.url, "--region", REGION)
    engine = (sys.executable, "-m", "firstbell.backup.engine", "run", str(school.root), "--site", SITE)
    return [*engine, *address, "--state", str(state), "--workers", "2", "--connections", "2", *more]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What the engine's process is told."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CORE),
        "AWS_ACCESS_KEY_ID": ACCESS,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        **(more or {}),
    }


def run(school: School, store: StrictS3, *more: str, state: Path | None = None) -> Ended:
    """Run the engine to its end."""
    done = subprocess.run(
        command(school, store, *more, state=state), env=environment(), capture_output=True, text=True, timeout=120
    )
    last = done.stdout.strip().splitlines()[-1:]
    return Ended(done.returncode, json.loads(last[0]) if last else {}, done.stderr)


# ---------------------------------------------------------------- reading


def newest(store: StrictS3) -> dict[str, Any]:
    """The document of the newest set."""
    keys = store.keys(PREFIX + "sets/")
    found: dict[str, Any] = json.loads(store.objects[keys[-1]].data)
    return found


def restored(store: StrictS3, document: Mapping[str, Any]) -> dict[str, bytes]:
    """All that a set holds, by name; whatever is not what its name says is an error."""
    found: dict[str, bytes] = {}
    for entry in document["manifests"]:
        raw = store.objects[PREFIX + entry["key"]].data
        assert hashlib.sha1(raw).hexdigest() == entry["sha1"]
        for sha1, size, pack, offset in manifest_of(raw):
            if pack is None:
                data = store.objects[f"{PREFIX}files/{sha1[:2]}/{sha1[2:4]}/{sha1}"].data
            else:
                data = store.objects[f"{PREFIX}packs/{pack}"].data[offset : offset + size]
            assert len(data) == size
            assert hashlib.sha1(data).hexdigest() == sha1
            found[sha1] = data
    assert len(found) == document["files"]
    assert sum(map(len, found.values())) == document["bytes"]
    return found


def manifest_of(raw: bytes) -> Sequence[tuple[str, int, str | None, int]]:
    """The records of a manifest: name, size, pack's name, offset."""
    head, _, rest = raw.partition(b"\n")
    word, what, version, records, packs = head.decode().split(" ")
    assert (word, what, version) == ("firstbell", "manifest", "1")
    names = [rest[n * 20 : n * 20 + 20].hex() for n in range(int(packs))]
    body = rest[int(packs) * 20 :]
    assert len(body) == 36 * int(records)
    found = []
    for start in range(0, len(body), 36):
        record = body[start : start + 36]
        number = int.from_bytes(record[26:30], "big")
        pack = names[number - 1] if number else None
        found.append(
            (record[:20].hex(), int.from_bytes(record[20:26], "big"), pack, int.from_bytes(record[30:], "big"))
        )
    assert [r[0] for r in found] == sorted({r[0] for r in found})
    return found
