"""A small S3 on loopback, in this process: strict about checksums and names, and open to the tests' mischief."""

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from firstbell.backup.engine.credentials import Credentials, Keys
from firstbell.backup.engine.s3 import Bucket, Where


class Store:
    """Objects by key, when each was written, and what is to go wrong."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.modified: dict[str, str] = {}
        self.unchecked: set[str] = set()  # keys without a checksum, as those uploaded in parts are
        self.refused: set[str] = set()  # keys that cannot be deleted
        self.torn: dict[str, int] = {}  # keys whose answer breaks off in the middle, so many times
        self.on_delete: Any = None  # called before keys are deleted
        self.requests: list[str] = []
        self.port = 0

    def bucket(self, prefix: str = "campus") -> Bucket:
        where = Where("backups", prefix, "eu-central-1", f"http://127.0.0.1:{self.port}")
        return Bucket(where, Credentials(lambda: Keys("AKIDEXAMPLE", "secret")), attempts=3)

    def put(self, key: str, body: bytes, modified: str = "2026-11-01T00:00:00.000Z") -> None:
        """Place an object, whatever its name says."""
        self.objects[key], self.modified[key] = body, modified


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    store: Store

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "content-length" not in (headers or {}):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())

    def _key(self) -> str:
        self.store.requests.append(f"{self.command} {self.path}")
        return unquote(urlsplit(self.path).path).removeprefix("/backups").removeprefix("/")

    def do_PUT(self) -> None:
        key, body = self._key(), self.rfile.read(int(self.headers["content-length"]))
        if self.headers["x-amz-checksum-sha1"] != base64.b64encode(hashlib.sha1(body).digest()).decode():
            return self._error(400, "BadDigest")
        if self.headers["if-none-match"] == "*" and key in self.store.objects:
            return self._error(412, "PreconditionFailed")
        self.store.put(key, body)
        return self._answer(200)

    def do_GET(self) -> None:
        key = self._key()
        if not key:
            return self._list(parse_qs(urlsplit(self.path).query))
        body = self.store.objects.get(key)
        if body is None:
            return self._error(404, "NoSuchKey")
        status, wanted = 200, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["range"] or "")
        if wanted:
            start, end = int(wanted[1]), int(wanted[2])
            if start >= len(body):
                return self._error(416, "InvalidRange")
            status, body = 206, body[start : end + 1]
        if self.store.torn.get(key):
            self.store.torn[key] -= 1
            self._answer(status, body[: len(body) // 2], {"content-length": str(len(body))})
            self.close_connection = True
            return None
        return self._answer(status, body)

    def do_HEAD(self) -> None:
        key = self._key()
        body = self.store.objects.get(key)
        if body is None:
            return self._answer(404)
        headers = {"content-length": str(len(body))}
        if key not in self.store.unchecked:
            headers["x-amz-checksum-sha1"] = base64.b64encode(hashlib.sha1(body).digest()).decode()
        return self._answer(200, b"", headers)

    def _list(self, query: dict[str, list[str]]) -> None:
        after = unquote(query.get("continuation-token", query.get("start-after", [""]))[0])
        prefix = query.get("prefix", [""])[0]
        keys = [k for k in sorted(self.store.objects) if k.startswith(prefix) and k > after]
        parts = [
            f"<Contents><Key>{escape(quote(k, safe='/'))}</Key><LastModified>{self.store.modified[k]}</LastModified>"
            f"<Size>{len(self.store.objects[k])}</Size></Contents>"
            for k in keys[:1000]
        ]
        more = len(keys) > 1000
        token = f"<NextContinuationToken>{quote(keys[999])}</NextContinuationToken>" if more else ""
        parts += [f"<IsTruncated>{str(more).lower()}</IsTruncated>", token]
        self._answer(200, f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode())

    def do_POST(self) -> None:
        self._key()
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        failed = ""
        if self.store.on_delete:
            self.store.on_delete(body)
        for key in re.findall(r"<Key>(.*?)</Key>", body):
            if key in self.store.refused:
                failed += f"<Error><Key>{key}</Key><Code>AccessDenied</Code></Error>"
            else:
                self.store.objects.pop(key, None)
        self._answer(200, f"<DeleteResult>{failed}</DeleteResult>".encode())


@contextmanager
def running() -> Iterator[Store]:
    """A store on a free port."""
    store = Store()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"store": store}))
    server.daemon_threads = True
    store.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
