"""The engine's own S3 client against an endpoint that verifies every signature: names, lists, refusals, credentials."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from firstbell.backup.engine import clock, s3
from firstbell.backup.engine.credentials import Credentials, CredentialsError, Keys, found
from firstbell.backup.engine.s3 import NEW, THERE, Bucket, MismatchError, NotThereError, RefusedError, UnavailableError
from tests.backup import strict_s3
from tests.backup.strict_s3 import ACCESS, BUCKET, REGION, SECRET, StrictS3


@pytest.fixture
def store() -> Iterator[StrictS3]:
    with strict_s3.serving() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PAUSE", 0.001)


def bucket(store: StrictS3, token: str = "", attempts: int = 4) -> Bucket:
    where = s3.Where(BUCKET, "sites/campus", REGION, store.url)
    return Bucket(where, Credentials(lambda: Keys(ACCESS, SECRET, token)), attempts=attempts)


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()


def test_what_is_put_is_never_overwritten(store: StrictS3):
    one = bucket(store)
    assert one.put("files/a", b"first", sha1(b"first")) == NEW
    assert one.put("files/a", b"other", sha1(b"other")) == THERE
    assert one.get("files/a", most=10) == b"first"
    assert store.keys() == ["sites/campus/files/a"]


def test_bytes_that_are_not_what_they_are_called_are_refused_by_the_store(store: StrictS3):
    with pytest.raises(MismatchError):
        bucket(store).put("files/a", b"other", sha1(b"first"))
    assert store.keys() == []


@pytest.mark.parametrize("key", ["a b+c", "ä/ö", "tilde~", "per%cent", "equals=&", "quote'(*)!"])
def test_names_of_all_kinds_are_signed_and_listed_as_they_are(key: str, store: StrictS3):
    one = bucket(store)
    assert one.put(key, b"x", sha1(b"x")) == NEW
    assert one.get(key, most=1) == b"x"
    assert [listed.key for listed in one.list("")] == [key]


def test_a_long_list_comes_in_pages(store: StrictS3):
    one = bucket(store)
    for n in range(5):
        one.put(f"sets/{n}", b"x", sha1(b"x"))
    for n in range(1200):
        store.objects[f"sites/campus/files/{n:04}"] = store.objects["sites/campus/sets/0"]
    assert [listed.key for listed in one.list("files/")] == [f"files/{n:04}" for n in range(1200)]
    assert [listed.key for listed in one.list("sets/", after="sets/2")] == ["sets/3", "sets/4"]
    assert one.delete([f"files/{n:04}" for n in range(1200)]) == []
    assert len(store.keys()) == 5


def test_a_span_and_a_head(store: StrictS3):
    one = bucket(store)
    one.put("a", b"0123456789", sha1(b"0123456789"))
    assert one.get("a", (3, 4), most=4) == b"3456"
    assert one.head("a") == (10, sha1(b"0123456789"))
    assert one.head("b") is None
    with pytest.raises(NotThereError):
        one.get("b", most=1)
    with pytest.raises(RefusedError, match="more than"):
        one.get("a", most=9)
    assert one.get("a", most=10) == b"0123456789", "the connection is good for the next request"


@pytest.mark.parametrize("fault", ["status:503", "status:500", "reset", "early:503", "cut", "reset-after"])
def test_what_passes_is_tried_again_and_what_does_not_is_said(fault: str, store: StrictS3):
    store.plan = lambda method, key, number: fault if number < 2 else ""
    assert bucket(store).put("a", b"x" * 400_000, sha1(b"x" * 400_000)) in (NEW, THERE)
    assert store.keys() == ["sites/campus/a"]
    store.plan = lambda method, key, number: fault
    with pytest.raises(UnavailableError, match=r"PUT s3://vault/sites/campus/b failed 4 times"):
        bucket(store).put("b", b"x" * 400_000, sha1(b"x" * 400_000))


def test_a_kept_connection_that_was_closed_costs_no_attempt(store: StrictS3):
    one = bucket(store, attempts=1)
    one.put("a", b"x", sha1(b"x"))
    store.plan = lambda method, key, number: "reset" if number == 1 else ""
    assert one.get("a", most=1) == b"x"


def test_another_clock_is_believed(store: StrictS3):
    store.ahead = timedelta(days=-2)
    assert bucket(store).put("a", b"x", sha1(b"x")) == NEW


def test_keys_that_have_ended_are_renewed(store: StrictS3):
    tokens = iter(["old", "new"])
    store.token = "new"
    where = s3.Where(BUCKET, "", REGION, store.url)
    one = Bucket(where, Credentials(lambda: Keys(ACCESS, SECRET, next(tokens))), attempts=2)
    assert one.put("a", b"x", sha1(b"x")) == NEW


def test_a_refusal_is_one_sentence_with_a_cure_and_no_secret(store: StrictS3):
    where = s3.Where("another", "", REGION, store.url)
    with pytest.raises(RefusedError) as caught:
        Bucket(where, Credentials(lambda: Keys(ACCESS, SECRET))).put("a", b"x", sha1(b"x"))
    assert "NoSuchBucket" in str(caught.value)
    assert "check the bucket's name" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(Keys(ACCESS, SECRET))


def test_a_pace_is_kept():
    pace = clock.Pace(1e6)
    begun = clock.seconds()
    for _ in range(10):
        pace.take(50_000)
    assert 0.3 < clock.seconds() - begun < 2
    assert pace.shared(4).rate == 250_000


@pytest.mark.parametrize(
    ("where", "url"),
    [
        (s3.Where("vault", "", "eu-central-1"), "vault.s3.eu-central-1.amazonaws.com/"),
        (s3.Where("a.dotted.name", "", "eu-central-1"), "s3.eu-central-1.amazonaws.com/a.dotted.name/"),
        (s3.Where("vault", "", "cn-north-1"), "vault.s3.cn-north-1.amazonaws.com.cn/"),
        (s3.Where("vault", "", "x", "http://127.0.0.1:9000/base/"), "127.0.0.1:9000/base/vault/"),
    ],
)
def test_the_store_is_found_at(where: s3.Where, url: str):
    _, host, path = s3._address(where)
    assert host + path == url


# ---------------------------------------------------------------- credentials


@contextmanager
def metadata(answers: dict[str, str]) -> Iterator[str]:
    """An instance's or container's metadata service."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = answers.get(self.path)
            allowed = self.headers.get("X-aws-ec2-metadata-token") == "t" or self.headers.get("Authorization") == "auth"
            self.send_response(200 if text is not None and (allowed or self.command == "PUT") else 404)
            self.end_headers()
            self.wfile.write((text or "").encode())

        do_PUT = do_GET  # noqa: N815 - as http.server calls it

        def log_message(self, *args: object) -> None:
            """Be silent."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


ROLE = '{"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T", "Expiration": "2026-11-24T09:00:00Z"}'
NONE = {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true"}


def test_keys_of_the_environment_and_of_a_profile(tmp_path: Path):
    told = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "S", "AWS_SESSION_TOKEN": "T"}
    assert found({**NONE, **told}) == Keys("A", "S", "T")
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = D\naws_secret_access_key = S%x\n[sso]\nsso_session = x\n")
    assert found({**NONE, "AWS_SHARED_CREDENTIALS_FILE": str(file)}) == Keys("D", "S%x")
    with pytest.raises(CredentialsError, match="export-credentials"):
        found({**NONE, "AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "sso"})


def test_keys_of_an_instance_come_with_its_token(tmp_path: Path):
    roles = "/latest/meta-data/iam/security-credentials/"
    with metadata({"/latest/api/token": "t", roles: "firstbell\n", roles + "firstbell": ROLE}) as url:
        keys = found({"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_EC2_METADATA_SERVICE_ENDPOINT": url})
    assert keys[:3] == ("A", "S", "T")
    assert keys.expires is not None
    assert keys.expires.hour == 9


def test_keys_of_a_container(tmp_path: Path):
    (tmp_path / "token").write_text("auth\n")
    with metadata({"/creds": ROLE}) as url:
        told = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/creds"}
        file = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token")}
        assert found({**NONE, **told, **file}).access == "A"
        with pytest.raises(CredentialsError, match="it answers 404"):
            found({**NONE, **told})
    with pytest.raises(CredentialsError, match="neither https"):
        found({**NONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://elsewhere.example/creds"})
    with pytest.raises(CredentialsError, match="no AWS credentials"):
        found(NONE)
