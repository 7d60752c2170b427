"""Verifying: by the listing, by S3's own checksums, by reading; each damage is seen by what can see it, and named."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from firstbell.backup.engine import names, verifying
from firstbell.backup.engine.crew import Size
from firstbell.backup.engine.reading import Opened, ReadingError, the_set
from firstbell.backup.engine.verifying import Found
from tests.backup.loopback_store import Store, running
from tests.backup.model_writer import ModelWriter, sha1
from tests.backup.test_engine_restore import contents

CREW = Size(2, 3)
Step = Callable[[Any, Opened, str], Found]


@pytest.fixture
def store() -> Iterator[Store]:
    with running() as started:
        yield started


def listing(bucket: Any, opened: Opened, scratch: str) -> Found:
    return verifying.by_listing(bucket, opened, CREW)


def checksums(bucket: Any, opened: Opened, scratch: str) -> Found:
    return verifying.by_checksums(bucket, opened, 1000, CREW)


def reading(bucket: Any, opened: Opened, scratch: str) -> Found:
    return verifying.by_reading(opened, opened.packs, bucket, scratch, CREW, lambda found: None)


def verified(store: Store, tmp_path, step: Step, wanted: str = "latest") -> Found:
    bucket = store.bucket()
    with Opened(bucket, the_set(bucket, wanted), str(tmp_path)) as opened:
        return step(bucket, opened, str(tmp_path))


def damaged(store: Store, kind: str, damage: str) -> str:
    """Damage the first object of a kind and return its key."""
    key = next(k for k in sorted(store.objects) if k.startswith(f"campus/{kind}/"))
    body = store.objects.pop(key)
    if damage != "gone":
        store.put(key, {"spoilt": bytes([body[0] ^ 1]) + body[1:], "short": body[:-1], "long": body + b"!"}[damage])
    return key


@pytest.mark.parametrize("step", [listing, checksums, reading])
def test_a_whole_set_is_found_whole(store, tmp_path, step):
    wanted = contents(200)
    writer = ModelWriter(store)
    writer.run(wanted[:150])
    writer.run(wanted)
    found = verified(store, tmp_path, step)
    assert (found.wrong_count, found.unproven) == (0, 0)
    if step is not checksums:
        assert (found.files, found.bytes) == (200, sum(map(len, wanted)))


@pytest.mark.parametrize(
    ("step", "kind", "damage", "seen"),
    [
        (listing, "files", "gone", True),
        (listing, "files", "short", True),
        (listing, "files", "long", True),
        (listing, "files", "spoilt", False),  # of the same size: the listing cannot know
        (listing, "packs", "gone", True),
        (listing, "packs", "short", True),
        (listing, "packs", "spoilt", False),
        (checksums, "files", "spoilt", True),
        (checksums, "packs", "spoilt", True),
        (checksums, "packs", "gone", True),
        (reading, "files", "spoilt", True),
        (reading, "packs", "spoilt", True),
        (reading, "packs", "gone", True),
        (reading, "files", "long", True),
    ],
)
def test_damage_is_seen_by_what_can_see_it(store, tmp_path, step, kind, damage, seen):
    ModelWriter(store).run(contents(60))
    key = damaged(store, kind, damage).removeprefix("campus/")
    found = verified(store, tmp_path, step)
    assert bool(found.wrong_count) is seen
    assert all(key in f"{name} {why}" or name in key for name, why in found.wrong)


def test_a_listing_in_many_parts_finds_the_same(store, tmp_path, monkeypatch):
    monkeypatch.setattr(verifying, "MANY", 10)
    wanted = contents(150)
    ModelWriter(store, small=20).run(wanted)
    assert verified(store, tmp_path, listing).wrong_count == 0
    key = damaged(store, "files", "gone")
    assert [name for name, _ in verified(store, tmp_path, listing).wrong] == [key.rpartition("/")[2]]


def test_objects_in_the_wrong_place_do_not_count(store, tmp_path):
    ModelWriter(store, small=10).run([b"a file of its own"])
    key = names.file_key(sha1(b"a file of its own"))
    store.put(f"campus/files/00/00/{sha1(b'a file of its own').hex()}", store.objects.pop(f"campus/{key}"))
    assert verified(store, tmp_path, listing).wrong_count == 1


def test_a_document_that_does_not_add_up_is_wrong(store, tmp_path):
    backup = ModelWriter(store).run(contents(10), files=11)
    [(name, why)] = verified(store, tmp_path, listing).wrong
    assert name == backup.key
    assert "says 11 files" in why


def test_a_lost_archive_is_wrong(store, tmp_path):
    backup = ModelWriter(store).run(contents(10), archive=b"tar")
    store.put(f"campus/{backup.archive.key}", b"tar!")
    assert verified(store, tmp_path, listing).wrong == ((backup.archive.key, "the store has 4 bytes of it, not 3"),)
    del store.objects[f"campus/{backup.archive.key}"]
    assert verified(store, tmp_path, listing).wrong == ((backup.archive.key, "it is not in the store"),)


def test_what_came_in_parts_is_unproven_and_not_wrong(store, tmp_path):
    ModelWriter(store).run(contents(60))
    store.unchecked = {k for k in store.objects if "/files/" in k}
    found = verified(store, tmp_path, checksums)
    assert (found.wrong_count, found.unproven) == (0, len(store.unchecked))


@pytest.mark.parametrize("damage", ["gone", "spoilt", "short"])
def test_a_set_without_its_manifest_is_no_set(store, tmp_path, damage):
    ModelWriter(store).run(contents(10))
    damaged(store, "manifests", damage)
    with pytest.raises(ReadingError, match=r"manifests/[0-9a-f]{40}"):
        verified(store, tmp_path, listing)
    assert list(tmp_path.iterdir()) == []


def test_the_newest_manifest_alone_can_be_read(store, tmp_path):
    wanted = contents(50)
    writer = ModelWriter(store)
    writer.run(wanted[:40])
    writer.run(wanted)
    bucket = store.bucket()
    with Opened(bucket, the_set(bucket), str(tmp_path)) as opened:
        found = verifying.by_reading(opened.newest, opened.packs, bucket, str(tmp_path), CREW, lambda found: None)
    assert found.files == 10


def test_a_sample_is_of_the_set_and_each_only_once(store, tmp_path):
    wanted = contents(50)
    ModelWriter(store).run(wanted)
    bucket = store.bucket()
    with Opened(bucket, the_set(bucket), str(tmp_path)) as opened:
        drawn = [r.sha1 for r in verifying.sampled(opened, 50, 20)]
        assert len(list(verifying.sampled(opened, 50, 200))) == 50
    assert len(set(drawn)) == 20
    assert set(drawn) <= {hashlib.sha1(c).digest() for c in wanted}


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("20261101T031500Z", None),
        ("sets/20261101T031500Z.json", None),
        ("20261102", None),  # how it begins is enough
        ("202611", "2 sets begin with"),
        ("20251101T031500Z", "has no set"),
        ("../other/sets/x", "has no set"),
    ],
)
def test_a_set_is_found_by_its_moment(store, wanted, says):
    writer = ModelWriter(store)
    writer.run(contents(3))
    writer.run(contents(3))
    if says is None:
        assert the_set(store.bucket(), wanted).key.startswith("sets/2026110")
    else:
        with pytest.raises(ReadingError, match=says):
            the_set(store.bucket(), wanted)


def test_a_set_of_another_site_is_refused(store):
    ModelWriter(store).run(contents(3))
    assert the_set(store.bucket(), site="campus").site == "campus"
    with pytest.raises(ReadingError, match="of the site 'campus', not of 'college'"):
        the_set(store.bucket(), site="college")
