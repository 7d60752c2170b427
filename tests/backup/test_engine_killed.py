"""SIGKILL at every request and in between: the next run's set restores byte for byte, and no set lacks anything."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backup import strict_s3
from tests.backup.engine_world import PREFIX, School, command, environment, newest, restored, run
from tests.backup.strict_s3 import StrictS3

SOON = 20.0  # seconds within which a process must have ended


@pytest.fixture
def store() -> Iterator[StrictS3]:
    with strict_s3.serving() as s3:
        yield s3


@pytest.fixture
def school(tmp_path: Path) -> School:
    found = School(tmp_path / "moodledata")
    found.fill(30, seed=2)
    found.fill(4, seed=3, largest=600_000)
    (found.root / "secret").mkdir()
    (found.root / "secret" / "key").write_text("k")
    return found


def started(school: School, store: StrictS3) -> subprocess.Popen[bytes]:
    """The engine at work, in a group of its own."""
    return subprocess.Popen(
        command(school, store),
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill(process: subprocess.Popen[bytes], whole: bool) -> None:
    """Kill the run alone, so that its workers are orphans, or all of them at once."""
    (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
    process.wait(SOON)


def killed_when(school: School, store: StrictS3, whole: bool, hook: str, at: int) -> bool:
    """Kill a run at its request number `at`; whether it got that far."""
    first = len(store.requests)
    running: list[subprocess.Popen[bytes]] = []
    done = [False]

    def reached(number: int) -> None:
        if number - first == at and not done[0]:
            done[0] = True
            while not running:
                time.sleep(0.001)
            kill(running[0], whole)

    def before(method: str, key: str, number: int) -> str:
        reached(number)
        return ""

    if hook == "plan":
        store.plan = before
    else:
        store.served = reached
    running.append(started(school, store))
    running[0].wait(SOON)
    store.plan, store.served = StrictS3.plan, StrictS3.served
    return done[0]


def whole_sets(store: StrictS3) -> int:
    """Read back all sets; how many there are."""
    keys = store.keys(PREFIX + "sets/")
    for key in keys:
        document = json.loads(store.objects[key].data)
        restored(store, document)
    return len(keys)


@pytest.mark.parametrize("hook", ["plan", "served"])
@pytest.mark.parametrize("whole", [True, False], ids=["all", "parent"])
def test_a_run_killed_at_any_request_is_continued(school: School, store: StrictS3, whole: bool, hook: str):
    """Each turn adds files, kills a run at the next request, and lets another run finish."""
    at = 0
    while killed_when(school, store, whole, hook, at):
        whole_sets(store)
        ended = run(school, store)
        assert ended.code == 0, ended.errors
        assert restored(store, newest(store)) == school.contents()
        school.fill(3, seed=100 + at, largest=300_000)
        at += 1
    assert at >= 4, "listing, set, manifest, packs or files, archive, set"
    assert whole_sets(store) >= at


@pytest.mark.parametrize("seed", range(6))
def test_a_first_run_killed_again_and_again_at_any_moment_gets_there(school: School, store: StrictS3, seed: int):
    chance = random.Random(seed)
    store.plan = lambda method, key, number: "slow:0.02"
    for _ in range(8):
        process = started(school, store)
        time.sleep(chance.uniform(0.02, 0.5))
        kill(process, chance.random() < 0.5)
    store.plan = StrictS3.plan
    assert run(school, store).code == 0
    assert restored(store, newest(store)) == school.contents()
    whole_sets(store)


def test_what_a_killed_run_has_stored_is_not_stored_again(school: School, store: StrictS3):
    reached_manifest: list[int] = []

    def at_manifest(method: str, key: str, number: int) -> str:
        if key.startswith(PREFIX + "manifests/") and not reached_manifest:
            reached_manifest.append(number)
            kill(process, whole=True)
        return ""

    store.plan = at_manifest
    process = started(school, store)
    process.wait(SOON)
    assert reached_manifest
    puts = store.count("PUT", PREFIX + "packs/") + store.count("PUT", PREFIX + "files/")
    store.plan = StrictS3.plan
    assert run(school, store).code == 0
    assert store.count("PUT", PREFIX + "packs/") + store.count("PUT", PREFIX + "files/") == puts
    assert restored(store, newest(store)) == school.contents()


def waiting(condition: Callable[[], bool]) -> bool:
    """Wait until something holds; whether it did in time."""
    deadline = time.monotonic() + SOON
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_two_runs_at_once_are_one(school: School, store: StrictS3):
    store.plan = lambda method, key, number: "slow:20" if key.startswith(PREFIX + "packs/") else ""
    process = started(school, store)
    assert waiting(lambda: store.count("PUT") > 0)
    ended = run(school, store)
    kill(process, whole=True)
    assert ended.code == 3
    assert "another run" in ended.errors
