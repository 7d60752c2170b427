"""An S3 on loopback that believes nothing: it verifies signatures and SHA-1, overwrites nothing, and fails by plan.

It holds its objects in memory and may be asked from several processes: it is a server in a thread of the test's own.
"""

import base64
import hashlib
import hmac
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS, SECRET, REGION, BUCKET = "AKIDTEST", "a secret/with+signs", "eu-central-1", "vault"
SKEW_MOST = timedelta(minutes=15)
PAGE = 1000
_CODES = {"403": "AccessDenied", "500": "InternalError", "503": "SlowDown"}

Plan = Callable[[str, str, int], str]
"""(method, key, how many requests there were before) → a fault, or nothing: see `_Handler._fail`."""


@dataclass
class Object:
    data: bytes
    sha1: str
    written: datetime


@dataclass
class StrictS3:
    """The endpoint's state; `plan` says what fails, `ahead` is how far its clock is before ours."""

    url: str = ""
    objects: dict[str, Object] = field(default_factory=dict)
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    plan: Plan = lambda method, key, number: ""
    served: Callable[[int], None] = lambda number: None  # called when a request is done, before it is answered
    ahead: timedelta = timedelta(0)
    token: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin so, in order."""
        with self.lock:
            return sorted(key for key in self.objects if key.startswith(prefix))

    def count(self, method: str, prefix: str = "") -> int:
        """How many requests there were of a kind."""
        with self.lock:
            return sum(m == method and key.startswith(prefix) for m, key, _ in self.requests)


@contextmanager
def serving() -> Iterator[StrictS3]:
    """An endpoint until the block ends."""
    store = StrictS3()

    class Handler(_Handler):
        s3 = store

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        store.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield store
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    s3: StrictS3

    def log_message(self, *args: object) -> None:
        """Be silent."""

    def do_PUT(self) -> None:
        self._do()

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT  # noqa: N815 - as http.server calls them

    def _do(self) -> None:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        with self.s3.lock:
            number = len(self.s3.requests)
            self.s3.requests.append((self.command, key, number))
        fault = self.s3.plan(self.command, key, number)
        if fault and self._fail(fault):
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if fault == "reset-after":  # it is done, but nobody hears of it
            self._outcome(parts.path, parts.query, bucket, key, body)
            self._reset()
            return
        answer = self._outcome(parts.path, parts.query, bucket, key, body)
        self.s3.served(number)
        self._answer(*answer)

    def _outcome(self, path: str, query: str, bucket: str, key: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return self._checked(path, query, body) or self._served(bucket, key, query, body)

    def _fail(self, fault: str) -> bool:
        """Fail as told; whether the request has ended with that."""
        kind, _, number = fault.partition(":")
        match kind:
            case "slow":
                time.sleep(float(number))
                return False
            case "reset-after":
                return False
            case "reset":
                self._reset()
            case "early":  # an error before the body was read, and the connection ends
                self._answer(*_error(int(number), "SlowDown"))
                self._reset()
            case "cut":  # half of an answer
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
                self.wfile.flush()
                self._reset()
            case "status":
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self._answer(*_error(int(number), _CODES[number]))
            case _:
                raise AssertionError(f"no such fault: {fault}")
        return True

    def _reset(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RD)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        lines = {"Date": format_datetime(self._now(), usegmt=True), "Content-Length": str(len(content)), **headers}
        head = f"HTTP/1.1 {status} Any\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines.items()) + "\r\n"
        with suppress(OSError):
            self.wfile.write(head.encode() + (b"" if self.command == "HEAD" else content))

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.s3.ahead

    # ---------------------------------------------------------------- what is demanded

    def _checked(self, path: str, query: str, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """What is wrong with the request, if anything."""
        at = datetime.strptime(self.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(at - self._now()) > SKEW_MOST:
            return _error(403, "RequestTimeTooSkewed")
        if self.headers.get("x-amz-security-token", "") != self.s3.token:
            return _error(400, "ExpiredToken")
        if self._signature(path, query) != self.headers.get("Authorization", "").rpartition("Signature=")[2]:
            return _error(403, "SignatureDoesNotMatch")
        claimed = self.headers["x-amz-content-sha256"]
        if claimed not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return _error(400, "XAmzContentSHA256Mismatch")
        return None

    def _signature(self, path: str, query: str) -> str:
        """The signature as Amazon describes it, computed from what came."""
        credential, signed = re.findall(r"(?:Credential|SignedHeaders)=([^,]+)", self.headers.get("Authorization", ""))
        access, _, scope = credential.partition("/")
        names = signed.split(";")
        assert access == ACCESS
        assert "host" in names
        assert names == sorted(names)
        for name in self.headers:
            assert not name.lower().startswith("x-amz-") or name.lower() in names, f"{name} is not signed"
        pairs = sorted(parse_qsl(query, keep_blank_values=True))
        request = "\n".join(
            [
                self.command,
                quote(unquote(path), safe="/-_.~"),
                "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in pairs),
                *(f"{name}:{' '.join(self.headers[name].split())}" for name in names),
                "",
                signed,
                self.headers["x-amz-content-sha256"],
            ]
        )
        text = (
            f"AWS4-HMAC-SHA256\n{self.headers['x-amz-date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        )
        key = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        assert scope.split("/")[1:] == [REGION, "s3", "aws4_request"]
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    # ---------------------------------------------------------------- what is done

    def _served(self, bucket: str, key: str, query: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if bucket != BUCKET:
            return _error(404, "NoSuchBucket")
        match self.command, bool(key):
            case "PUT", True:
                return self._put(key, body)
            case (("GET" | "HEAD"), True):
                return self._get(key)
            case "GET", False:
                return self._list(dict(parse_qsl(query, keep_blank_values=True)))
            case "POST", False:
                return self._delete(body)
        return _error(405, "MethodNotAllowed")

    def _put(self, key: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        sha1 = base64.b64encode(hashlib.sha1(body).digest()).decode()
        if self.headers.get("x-amz-checksum-sha1") != sha1:
            return _error(400, "BadDigest")
        with self.s3.lock:
            if key in self.s3.objects:
                if self.headers.get("If-None-Match") == "*":
                    return _error(412, "PreconditionFailed")
                raise AssertionError(f"{key} would be overwritten")
            self.s3.objects[key] = Object(body, sha1, self._now())
        return 200, {"x-amz-checksum-sha1": sha1}, b""

    def _get(self, key: str) -> tuple[int, dict[str, str], bytes]:
        with self.s3.lock:
            found = self.s3.objects.get(key)
        if found is None:
            return _error(404, "NoSuchKey")
        asked = re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), min(int(asked[2]), len(found.data) - 1)
            if first >= len(found.data):
                return _error(416, "InvalidRange")
            return 206, {"Content-Range": f"bytes {first}-{last}/{len(found.data)}"}, found.data[first : last + 1]
        return 200, {"x-amz-checksum-sha1": found.sha1} if self.headers.get("x-amz-checksum-mode") else {}, found.data

    def _list(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        after = query.get("continuation-token") or query.get("start-after", "")
        keys = [key for key in self.s3.keys(query.get("prefix", "")) if key > after]
        page = keys[:PAGE]
        with self.s3.lock:
            listed = "".join(
                f"<Contents><Key>{quote(k)}</Key><LastModified>{o.written:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
                f"<Size>{len(o.data)}</Size></Contents>"
                for k, o in ((k, self.s3.objects[k]) for k in page)
            )
        more = len(keys) > len(page)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        text = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{listed}</ListBucketResult>"
        return 200, {}, text.encode()

    def _delete(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if self.headers.get("Content-MD5") != base64.b64encode(hashlib.md5(body).digest()).decode():
            return _error(400, "BadDigest")
        with self.s3.lock:
            for key in re.findall(r"<Key>(.*?)</Key>", body.decode()):
                self.s3.objects.pop(key, None)
        return 200, {}, b"<DeleteResult/>"


def _error(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    return status, {}, f"<Error><Code>{code}</Code><Message>by plan</Message></Error>".encode()
