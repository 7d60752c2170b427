"""Pruning: what no kept set names goes, nothing else, and in doubt nothing; then histories of every kind."""

import random
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.backup.engine import names
from firstbell.backup.engine.crew import Size
from firstbell.backup.engine.pruning import Plan, PruneError, Rules, planned, removed
from firstbell.backup.engine.reading import Opened, ReadingError, stored
from firstbell.backup.engine.restoring import Wish, restore
from firstbell.backup.engine.retention import Retention
from firstbell.backup.engine.sets import Trouble, Troubles
from firstbell.backup.engine.verifying import by_listing
from tests.backup.loopback_store import Store, running
from tests.backup.model_writer import ModelWriter, sha1
from tests.backup.test_engine_restore import files

ONLY_NEWEST = Rules(Retention(1, 0, 0, 0), UTC)
LATER = datetime(2027, 3, 1, tzinfo=UTC)
PAPERS = [f"paper {n} ".encode() * 20 for n in range(9)]  # each an object of its own
NOTES = [f"note {n}".encode() for n in range(9)]  # each in a pack


@pytest.fixture
def store() -> Iterator[Store]:
    with running() as started:
        yield started


def plan(store: Store, tmp_path: Path, rules: Rules = ONLY_NEWEST, now: datetime = LATER, site: str = "") -> Plan:
    return planned(store.bucket(), rules, now, str(tmp_path), site)


def keys(store: Store, kind: str) -> set[str]:
    return {k.removeprefix("campus/") for k in store.objects if k.startswith(f"campus/{kind}")}


def test_what_only_old_sets_name_goes_and_the_rest_stays(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    old = writer.run([PAPERS[0], PAPERS[1], NOTES[0]], archive=b"old")
    new = writer.run([PAPERS[1], PAPERS[2], NOTES[1]], archive=b"new")
    decided = plan(store, tmp_path)
    assert decided.sets == [old.key]
    gone = {key for kind in decided.waste.values() for key in kind.keys}
    note_pack = names.pack_key(sha1(NOTES[0]))
    assert gone == {old.manifests[0].key, old.archive.key, names.file_key(sha1(PAPERS[0])), note_pack}
    assert decided.bytes == sum(len(store.objects[f"campus/{key}"]) for key in gone)
    before = dict(store.objects)
    assert sum(removed(store.bucket(), decided, 1)) == 5
    assert before.keys() - store.objects.keys() == {f"campus/{key}" for key in gone | {old.key}}
    assert keys(store, "sets") == {new.key}


def test_planning_removes_nothing(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    writer.run(PAPERS[:3])
    writer.run(PAPERS[3:6])
    before = dict(store.objects)
    assert plan(store, tmp_path).objects
    assert store.objects == before


def test_a_pack_stays_while_one_file_of_it_is_named(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    writer.run(NOTES)
    writer.run(NOTES[:1])
    assert plan(store, tmp_path).waste[names.PACKS].keys == []


def test_what_is_younger_than_a_week_stays(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    writer.run(PAPERS[:1])
    writer.run(PAPERS[1:2])
    store.put(f"campus/{names.file_key(sha1(PAPERS[5]))}", PAPERS[5], "2027-02-22T00:00:01.000Z")  # a run under way
    gone = plan(store, tmp_path).waste[names.FILES].keys
    assert gone == [names.file_key(sha1(PAPERS[0]))]
    assert plan(store, tmp_path, now=LATER + timedelta(seconds=2)).waste[names.FILES].keys != gone


@pytest.mark.parametrize(
    "key",
    [
        "files/notes.txt",
        f"files/00/00/{sha1(PAPERS[0]).hex()}",  # not where it belongs
        f"files/{sha1(PAPERS[0]).hex()}",
        f"packs/{'A' * 40}",
        "packs/",
        f"archives/{'a' * 40}.zip",
        f"other/{'a' * 40}",
    ],
)
def test_what_is_not_ours_stays(store, tmp_path, key):
    ModelWriter(store).run(PAPERS[1:3])
    store.put(f"campus/{key}", b"x")
    assert plan(store, tmp_path).objects == 0


def test_another_prefix_is_not_looked_at(store, tmp_path):
    ModelWriter(store, prefix="campus-2").run(PAPERS[:3])
    ModelWriter(store).run(PAPERS[3:4])
    assert plan(store, tmp_path).objects == 0


@pytest.mark.parametrize("share", [0.1, 0.24])
def test_more_than_a_share_does_not_go_at_once(store, tmp_path, share):
    writer = ModelWriter(store, deltas=0)
    writer.run(PAPERS[:4])
    writer.run(PAPERS[1:4])
    before = dict(store.objects)
    with pytest.raises(PruneError, match=r"1 of 4 objects with content would go, more than the share of 0\.\d+"):
        list(removed(store.bucket(), plan(store, tmp_path), share))
    assert store.objects == before
    assert sum(removed(store.bucket(), plan(store, tmp_path), 0.26)) == 3


def test_few_large_objects_are_a_large_share(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    writer.run([b"large" * 500, *PAPERS])
    writer.run(PAPERS)
    with pytest.raises(PruneError, match="bytes with content"):
        list(removed(store.bucket(), plan(store, tmp_path), 0.2))


@pytest.mark.parametrize("damage", ["gone", "spoilt"])
def test_nothing_goes_when_a_kept_manifest_cannot_be_read(store, tmp_path, damage):
    writer = ModelWriter(store, deltas=0)
    writer.run(PAPERS[:1])
    backup = writer.run(PAPERS[1:2])
    body = store.objects.pop(f"campus/{backup.manifests[0].key}")
    if damage == "spoilt":
        store.put(f"campus/{backup.manifests[0].key}", body[:-1] + b"!")
    with pytest.raises(ReadingError):
        plan(store, tmp_path)


def test_nothing_goes_when_a_set_cannot_be_read(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    old = writer.run(PAPERS[:1])
    writer.run(PAPERS[1:2])
    store.put(f"campus/{old.key}", b'{"version": 2}')
    with pytest.raises(PruneError, match="nothing is removed"):
        plan(store, tmp_path)


def test_nothing_goes_from_a_store_without_sets(store, tmp_path):
    store.put(f"campus/{names.file_key(sha1(PAPERS[0]))}", PAPERS[0])
    with pytest.raises(PruneError, match="there is no set"):
        plan(store, tmp_path)


def test_nothing_goes_when_sites_are_mixed(store, tmp_path):
    writer = ModelWriter(store)
    writer.run(PAPERS[:1])
    with pytest.raises(PruneError, match="'campus', 'college'"):
        plan(store, tmp_path, site="college")
    writer.run(PAPERS[:1], site="college")
    with pytest.raises(PruneError, match="'campus', 'college'"):
        plan(store, tmp_path)


def test_a_set_that_left_something_out_does_not_push_out_a_sound_one(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    sound = writer.run(PAPERS[:1])
    late = writer.run(PAPERS[1:2], unreadable=Troubles([Trouble("filedir/aa", "denied")], 1))
    assert set(plan(store, tmp_path).kept) == {sound.key, late.key}


def test_a_set_that_comes_meanwhile_stops_it(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    writer.run(PAPERS[:1])
    writer.run(PAPERS[1:2])
    decided = plan(store, tmp_path)
    fresh = writer.run(PAPERS[:1])  # it needs what was to go
    with pytest.raises(PruneError, match=f"{fresh.key} was published meanwhile"):
        list(removed(store.bucket(), decided, 1))
    assert f"campus/{names.file_key(sha1(PAPERS[0]))}" in store.objects


def test_a_set_that_comes_in_the_middle_is_told(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    writer.run(PAPERS[:1])
    writer.run(PAPERS[1:2])
    decided = plan(store, tmp_path)
    store.on_delete = lambda body: None if "files/" not in body else writer.run(PAPERS[2:3])
    with pytest.raises(PruneError, match="was published meanwhile"):
        list(removed(store.bucket(), decided, 1))


def test_what_s3_does_not_remove_is_told_and_sets_went_first(store, tmp_path):
    writer = ModelWriter(store, deltas=0)
    old = writer.run(PAPERS[:1])
    writer.run(PAPERS[1:2])
    store.refused = {f"campus/{names.file_key(sha1(PAPERS[0]))}"}
    with pytest.raises(PruneError, match="AccessDenied"):
        list(removed(store.bucket(), plan(store, tmp_path), 1))
    assert old.key not in keys(store, "sets"), "no set stands on what is gone"
    store.refused = set()
    assert sum(removed(store.bucket(), plan(store, tmp_path), 1)) == 1, "the next one takes what is left"


# ---------------------------------------------------------------- histories

CONTENTS = [*PAPERS, *NOTES]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("upload"), st.integers(0, len(CONTENTS) - 1)),  # of what is there already: Moodle keeps one
        st.tuples(st.just("delete"), st.integers(0, len(CONTENTS) - 1)),  # into trashdir
        st.tuples(st.just("recover"), st.integers(0, len(CONTENTS) - 1)),  # out of it, when it is uploaded again
        st.tuples(st.just("purge"), st.just(0)),
        st.tuples(st.just("run"), st.just(0)),
        st.tuples(st.just("prune"), st.integers(1, 3)),
    ),
    min_size=5,
    max_size=40,
)


class Moodle:
    """A filedir and its trash, as sets of contents."""

    def __init__(self) -> None:
        self.files: set[bytes] = set()
        self.trash: set[bytes] = set()

    def do(self, step: str, content: bytes) -> None:
        match step:
            case "upload":
                self.files.add(content)
            case "delete" if content in self.files:
                self.files.remove(content)
                self.trash.add(content)
            case "recover" if content in self.trash:
                self.trash.remove(content)
                self.files.add(content)
            case "purge":
                self.trash.clear()


@settings(max_examples=25, deadline=None)
@given(steps, st.integers(0, 3))
def test_every_set_that_is_kept_restores_to_what_it_knew(history, deltas):
    """Whatever happens, and however often it is pruned; and every set is whole when it is listed."""
    moodle, knew = Moodle(), {}
    with running() as store:
        writer = ModelWriter(store, deltas=deltas)
        for step, number in history:
            if step == "run":
                backup = writer.run(sorted(moodle.files))
                knew[backup.key] = set(moodle.files)
            elif step == "prune" and knew:
                _prune(store, writer, number)
            elif step != "prune":
                moodle.do(step, CONTENTS[number])
        bucket = store.bucket()
        left = [one.backup for one in stored(bucket) if one.backup]
        assert not knew or max(knew) in {b.key for b in left}, "the newest set stays"
        for backup in left:
            _restores(bucket, backup, knew[backup.key])


def _prune(store: Store, writer: ModelWriter, daily: int) -> None:
    """Prune as if weeks had passed, keeping the sets of so many days."""
    rules = Rules(Retention(daily, 0, 0, 0), UTC)
    with tempfile.TemporaryDirectory() as scratch:
        decided = planned(store.bucket(), rules, writer.at + timedelta(days=30), scratch)
    for _ in removed(store.bucket(), decided, 1):
        pass
    writer.known = {h: r for h, r in writer.known.items() if _still(store, h, r.pack)}


def _still(store: Store, sha1: bytes, pack: bytes) -> bool:
    return f"campus/{names.pack_key(pack) if pack else names.file_key(sha1)}" in store.objects


def _restores(bucket, backup, wanted: set[bytes]) -> None:
    scratch = tempfile.mkdtemp()
    try:
        with Opened(bucket, backup, scratch) as opened:
            assert by_listing(bucket, opened, Size(1, 1)).wrong == ()
            restore(bucket, opened, Wish(f"{scratch}/to"), scratch, Size(1, 2), lambda done: None)
        root = Path(scratch, "to")
        found = set(files(root).values()) if (root / "filedir").is_dir() else set()
        assert wanted <= found, "all that was there when it was made, and perhaps what was there before"
    finally:
        shutil.rmtree(scratch)


@given(st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_a_prune_never_touches_what_a_kept_set_names(seed):
    """By keys alone, over longer histories than can be restored each time."""
    drawn, moodle = random.Random(seed), set()
    with running() as store, tempfile.TemporaryDirectory() as scratch:
        writer = ModelWriter(store, deltas=drawn.randrange(4))
        for _ in range(12):
            moodle ^= set(drawn.sample(CONTENTS, 5))
            writer.run(sorted(moodle))
        decided = planned(store.bucket(), Rules(Retention(drawn.randrange(1, 5), 1, 0, 0), UTC), LATER, scratch)
        list(removed(store.bucket(), decided, 1))
        bucket = store.bucket()
        for one in stored(bucket):
            assert one.backup is not None
            assert one.key in decided.kept
            with Opened(bucket, one.backup, scratch) as opened:
                assert by_listing(bucket, opened, Size(1, 1)).wrong == ()
