"""Random histories of a Moodle with real runs, restores and prunes: each set restores to what its moment knew."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.backup import strict_s3
from tests.backup.engine_world import PREFIX, School, environment, run
from tests.backup.strict_s3 import BUCKET, REGION, StrictS3


@pytest.fixture
def store() -> Iterator[StrictS3]:
    with strict_s3.serving() as s3:
        yield s3


def engine(store: StrictS3, command: str, *more: object) -> tuple[int, dict[str, object], str]:
    """The exit code of a command, its last line of JSON, and what it complained of."""
    address = ["--store", f"s3://{BUCKET}/{PREFIX}", "--endpoint", store.url, "--region", REGION]
    done = subprocess.run(
        [sys.executable, "-m", "firstbell.backup.engine", command, *map(str, more), *address],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    last = done.stdout.strip().splitlines()[-1:]
    return done.returncode, json.loads(last[0]) if last else {}, done.stderr


def changed(school: School, chance: random.Random, contents: list[bytes]) -> None:
    """Some of what goes on between two nights: uploads (also of what was there), deletions with their purge."""
    for data in chance.sample(contents, 6):
        school.add(data)
    for name in chance.sample(sorted(school.contents()), 3):
        school.path(name).unlink()


def lies_in(target: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in target.glob("filedir/*/*/*")}


@pytest.mark.parametrize("seed", [1, 2])
def test_every_set_restores_to_what_its_moment_knew(tmp_path, store, seed):
    chance = random.Random(seed)
    contents = [chance.randbytes(chance.choice((0, 10, 5_000, 140_000))) for _ in range(24)]
    school, knew = School(tmp_path / "moodledata"), {}
    for _ in range(6):
        changed(school, chance, contents)
        if chance.random() < 0.3:
            shutil.rmtree(tmp_path / "state", ignore_errors=True)  # a new server: nothing is remembered
        ended = run(school, store, "--look", "full")
        assert ended.code == 0, ended.errors
        knew[ended.said["key"]] = school.contents()
    assert len(knew) == 6
    for number, (key, wanted) in enumerate(knew.items()):
        code, said, errors = engine(store, "restore", tmp_path / f"to{number}", key)
        assert (code, errors) == (0, ""), said
        assert wanted.items() <= lies_in(tmp_path / f"to{number}").items()
    assert engine(store, "verify", "--deep")[0] == 0

    for written in store.objects.values():
        written.written -= timedelta(days=30)
    code, said, errors = engine(
        store, "prune", "--daily=1", "--weekly=0", "--monthly=0", "--yearly=0", "--share=1", "--yes"
    )
    assert (code, errors) == (0, "")
    newest = max(knew)
    assert [PREFIX + newest] == store.keys(PREFIX + "sets/")
    assert engine(store, "verify", "--deep")[0] == 0
    code, _, errors = engine(store, "restore", tmp_path / "last")
    assert (code, errors) == (0, "")
    assert knew[newest].items() <= lies_in(tmp_path / "last").items()
