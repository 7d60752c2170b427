"""The engine against an S3 that was not written here: MiniStack verifies SHA-1 and If-None-Match."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from firstbell.backup.engine.credentials import Credentials, Keys
from firstbell.backup.engine.s3 import NEW, THERE, Bucket, MismatchError, NotThereError, Where
from local_aws import places
from local_aws.servers import free_port, running
from tests.backup.engine_world import PREFIX, School, newest, restored, run
from tests.backup.strict_s3 import ACCESS, BUCKET, REGION, SECRET, Object, StrictS3

PYTHON = places.VENV / "bin" / "python"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="needs .venv-local: `make deploy-local` makes it"),
]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("ministack")
    port = free_port()
    told = {
        **places.clean(),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_REGION": REGION,
        "SERVICES": "s3",
    }
    with running("MiniStack", [str(PYTHON), "-m", "ministack"], told, port, place / "log", place):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def client(endpoint: str) -> Iterator[object]:
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id=ACCESS, aws_secret_access_key=SECRET
    )
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    yield s3
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for found in page.get("Contents", ()):
            s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def copied(client: object, endpoint: str) -> StrictS3:
    """What MiniStack holds, for the tests' own reader of sets."""
    copy = StrictS3(url=endpoint)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):  # type: ignore[attr-defined]
        for found in page.get("Contents", ()):
            data = client.get_object(Bucket=BUCKET, Key=found["Key"])["Body"].read()  # type: ignore[attr-defined]
            copy.objects[found["Key"]] = Object(data, "", datetime.now(UTC))
    return copy


def test_a_foreign_store_takes_what_the_engine_sends(client: object, endpoint: str, tmp_path: Path):
    school = School(tmp_path / "moodledata")
    school.fill(40, seed=5)
    school.fill(5, seed=6, largest=500_000)
    store = StrictS3(url=endpoint)
    assert run(school, store).code == 0
    copy = copied(client, endpoint)
    assert restored(copy, newest(copy)) == school.contents()
    spoiled = school.path(school.add(os.urandom(300_000)))
    raw = spoiled.read_bytes()
    spoiled.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    ended = run(school, store)
    assert (ended.code, ended.said["quarantined"]) == (1, 1), "this S3 itself refused it"


def test_a_foreign_store_agrees_with_each_method(client: object, endpoint: str):
    where = Where(BUCKET, PREFIX, REGION, endpoint)
    bucket = Bucket(where, Credentials(lambda: Keys(ACCESS, SECRET)))
    good, other = bytes.fromhex("a9993e364706816aba3e25717850c26c9cd0d89d"), bytes(20)
    assert bucket.put("files/abc", b"abc", good) == NEW
    assert bucket.put("files/abc", b"abc", good) == THERE
    with pytest.raises(MismatchError):
        bucket.put("files/other", b"abc", other)
    assert bucket.get("files/abc", most=3) == b"abc"
    assert bucket.get("files/abc", (1, 2), most=3) == b"bc"
    head = bucket.head("files/abc")
    assert head is not None
    assert head.size == 3
    assert head.sha1 in (good, None)
    assert bucket.head("files/none") is None
    with pytest.raises(NotThereError):
        bucket.get("files/none", most=3)
    assert [(one.key, one.size) for one in bucket.list("files/")] == [("files/abc", 3)]
    assert bucket.delete(["files/abc"]) == []
    assert list(bucket.list("")) == []
