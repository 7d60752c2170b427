"""S3 as the engine needs it: put once and never over anything, get, look, list, delete; retried, explained.

A `Bucket` has one kept connection and serves one thread; `another()` gives the next thread its own.
"""

from __future__ import annotations

import base64
import builtins
import hashlib
import html
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from firstbell.backup.engine import clock
from firstbell.backup.engine.credentials import Credentials
from firstbell.backup.engine.signing import EMPTY, UNSIGNED, Signer, path_of, query_of
from firstbell.backup.engine.wire import Answer, Body, Connection, FileBody, Place, WireError

PUT_MOST = 5 * 2**30  # bytes of a single PUT
ANSWER_MOST = 16 * 2**20  # bytes of a listing or an error
ATTEMPTS = 8  # about 50 seconds of them
PAUSE, PAUSE_MOST = 0.2, 20.0  # seconds before the second attempt, doubled each time
NEW, THERE = "new", "there"
_PASSING = {408, 409, 425, 429, 500, 502, 503, 504}
_PASSING_CODES = {"RequestTimeout", "SlowDown", "IncompleteBody", "InternalError", "OperationAborted"}
_OLD_KEYS = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
_CURES = {
    "AccessDenied": "give the role that permission",
    "NoSuchBucket": "check the bucket's name and the region",
    "InvalidAccessKeyId": "check the credentials",
    "SignatureDoesNotMatch": "check the secret key, and that nothing between here and S3 changes requests",
    "PermanentRedirect": "name the bucket's own region",
    "AuthorizationHeaderMalformed": "name the bucket's own region",
}
_CONTENTS = re.compile(r"<Contents>(.*?)</Contents>", re.DOTALL)
_DELETE_FAILED = re.compile(r"<Error>(.*?)</Error>", re.DOTALL)


class StoreError(Exception):
    """The store did not do what it was asked; the message says what and why."""


class RefusedError(StoreError):
    """S3 said no, and will say so again."""


class MismatchError(RefusedError):
    """S3 found that the bytes are not what their checksum says: nothing was stored."""


class NotThereError(RefusedError):
    """There is no object of this name."""


class UnavailableError(StoreError):
    """S3 did not answer, or only with errors that pass, for all the attempts that are made."""


class Head(NamedTuple):
    """What HEAD tells: the size in bytes, and the SHA-1 that S3 has verified, where it has one."""

    size: int
    sha1: bytes | None


class Listed(NamedTuple):
    """An object in a listing: its key without the store's prefix, size in bytes, when it was written (UTC)."""

    key: str
    size: int
    modified: datetime


class Where(NamedTuple):
    """The store: a prefix in a bucket. Without an `endpoint` it is AWS's own for the region."""

    bucket: str
    prefix: str
    region: str
    endpoint: str = ""

    @property
    def name(self) -> str:
        """As people write it."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def identity(self) -> str:
        """What tells this store from all others."""
        return f"{self.endpoint or 'aws'} {self.region} {self.name}"


class _Call(NamedTuple):
    """A request, and what it may be answered with."""

    method: str
    key: str | None  # none: the bucket itself
    query: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    body: Body = b""
    wanted: Sequence[int] = (200,)
    streamed: bool = False


class Bucket:
    """The store, over one connection. Each method raises RefusedError or UnavailableError, CredentialsError too."""

    def __init__(
        self, where: Where, credentials: Credentials, *, pace: clock.Pace | None = None, attempts: int = ATTEMPTS
    ) -> None:
        self.where = where._replace(prefix=where.prefix.strip("/") + "/" if where.prefix.strip("/") else "")
        self.requests = 0  # sent so far, attempts included
        self._credentials, self._attempts = credentials, attempts
        self.pace = pace or clock.Pace(0)
        self._place, self._host, self._base = _address(self.where)
        self._connection = Connection(self._place, self.pace)
        self._signer: Signer | None = None
        self._skew = timedelta(0)  # of our clock behind S3's
        self._second, self._date = -1, ""

    def another(self, pace: clock.Pace | None = None) -> Bucket:
        """The same store over a connection of its own, to be used by another thread or process; at the same pace."""
        return Bucket(self.where, self._credentials, pace=pace or self.pace, attempts=self._attempts)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def put(self, key: str, body: Body, sha1: bytes, *, if_none: bool = True, storage_class: str = "") -> str:
        """Store what has this SHA-1; NEW, or THERE when the name is taken (and `if_none`).

        Raises MismatchError, and BodyError when the file cannot be read.
        """
        size = _length(body)
        if size > PUT_MOST:
            raise RefusedError(f"{self._named(key)} has {size} bytes; a single PUT to S3 takes {PUT_MOST}")
        headers = {"x-amz-checksum-sha1": base64.b64encode(sha1).decode(), "x-amz-content-sha256": UNSIGNED}
        if storage_class:
            headers["x-amz-storage-class"] = storage_class
        if if_none:
            headers["if-none-match"] = "*"
        answer = self._asked(_Call("PUT", key, None, headers, body, (200, 412)))
        return NEW if answer.status == 200 else THERE

    def get(self, key: str, span: tuple[int, int] | None = None, *, most: int) -> bytes:
        """The object, or `span` (offset, length in bytes) of it; RefusedError when there are more than `most` bytes."""
        with self.stream(key, span) as answer:
            found = bytearray()
            while piece := answer.read():
                found += piece
                if len(found) > most:
                    raise RefusedError(f"{self._named(key)} has more than the {most} bytes that are read of it")
            return bytes(found)

    @contextmanager
    def stream(self, key: str, span: tuple[int, int] | None = None) -> Iterator[Answer]:
        """The same piece by piece; UnavailableError when it breaks off. Raises NotThereError."""
        headers = {"range": f"bytes={span[0]}-{span[0] + span[1] - 1}"} if span else {}
        answer = self._asked(_Call("GET", key, None, headers, b"", (206,) if span else (200,), streamed=True))
        try:
            yield answer
        except OSError as error:
            self._connection.close()
            if isinstance(error, (WireError, ConnectionError, TimeoutError)):  # not the caller's, of its own file
                raise UnavailableError(f"{self._named(key)} broke off: {error}") from None
            raise
        finally:
            answer.finish()

    def head(self, key: str) -> Head | None:
        """Size and verified SHA-1 of an object; None when it is not there."""
        answer = self._asked(_Call("HEAD", key, None, {"x-amz-checksum-mode": "ENABLED"}, b"", (200, 404)))
        if answer.status == 404:
            return None
        sha1 = answer.headers.get("x-amz-checksum-sha1", "")
        return Head(int(answer.headers.get("content-length", "0")), _digest(sha1))

    def list(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """What is below `prefix`, in the order of the keys, a thousand a request; `after` this key only."""
        full, token = self.where.prefix + prefix, ""
        while True:
            query = {"list-type": "2", "prefix": full, "encoding-type": "url"}
            if token:
                query["continuation-token"] = token
            elif after:
                query["start-after"] = self.where.prefix + after
            text = self._asked(_Call("GET", None, query)).text
            for match in _CONTENTS.finditer(text):
                yield self._listed(match.group(1), full)
            token = html.unescape(_tag(text, "NextContinuationToken"))
            if _tag(text, "IsTruncated") != "true" or not token:
                return

    def delete(self, keys: Sequence[str]) -> builtins.list[str]:
        """Delete these objects, a thousand a request; returns those that S3 did not delete, each with its reason."""
        failed: builtins.list[str] = []
        for start in range(0, len(keys), 1000):
            objects = "".join(
                f"<Object><Key>{html.escape(self.where.prefix + key)}</Key></Object>"
                for key in keys[start : start + 1000]
            )
            body = f"<Delete><Quiet>true</Quiet>{objects}</Delete>".encode()
            md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            headers = {"content-md5": md5, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
            text = self._asked(_Call("POST", None, {"delete": ""}, headers, body)).text
            failed += [f"{_tag(e, 'Key')}: {_tag(e, 'Code')}" for e in _DELETE_FAILED.findall(text)]
        return failed

    def _listed(self, text: str, full: str) -> Listed:
        key = unquote(html.unescape(_tag(text, "Key")).replace("+", " "))
        if not key.startswith(full):
            raise RefusedError(f"{self.where.name} lists {key[:200]!r}, which is outside of what was asked for")
        modified = datetime.strptime(_tag(text, "LastModified")[:19] + "Z", "%Y-%m-%dT%H:%M:%S%z")
        return Listed(key[len(self.where.prefix) :], int(_tag(text, "Size") or 0), modified)

    def _named(self, key: str | None) -> str:
        return self.where.name + (key or "")

    def _asked(self, call: _Call) -> Answer:
        """Send until the answer has a status that is wanted; any other ends it, when it does not pass.

        All of the answer is in its `text`, unless it is wanted as a stream.
        """
        what, problem, attempt, mended = f"{call.method} {self._named(call.key)}", "", 0, False
        while attempt < self._attempts:
            idle = self._connection.used
            try:
                answer = self._once(call)
            except OSError as error:
                self._connection.close()
                problem = str(error) or type(error).__name__
                if not idle:  # a kept connection may have been closed for its age: that costs no attempt
                    attempt += 1
                    clock.wait(_pause(attempt))
                continue
            if answer.status in call.wanted:
                return answer
            code = _tag(answer.text, "Code") or str(answer.status)
            problem = f"{answer.status} {code}"
            if not mended and self._mend(code, answer):
                mended = True
                continue
            if answer.status not in _PASSING and code not in _PASSING_CODES:
                raise _refusal(what, answer, code)
            attempt += 1
            clock.wait(_pause(attempt))
        raise UnavailableError(f"{what} failed {attempt} times, at last with: {problem}; try again later")

    def _mend(self, code: str, answer: Answer) -> bool:
        """Set our clock or renew the keys, if the answer says that these are wrong."""
        if code == "RequestTimeTooSkewed":
            return self._set_clock(answer.headers.get("date", ""))
        if code in _OLD_KEYS:
            self._credentials.get(anew=True)
            return True
        return False

    def _once(self, call: _Call) -> Answer:
        """Send once; what is not streamed, errors included, is read to its end."""
        answer = self._sent(call)
        if call.streamed and answer.status in call.wanted:
            return answer
        found = bytearray()
        while len(found) < ANSWER_MOST and (piece := answer.read()):
            found += piece
        answer.finish()
        answer.text = found.decode("utf-8", "replace")
        return answer

    def _sent(self, call: _Call) -> Answer:
        path = self._base + (path_of(self.where.prefix + call.key) if call.key is not None else "")
        query = query_of(call.query) if call.query else ""
        every = {"host": self._host, "x-amz-content-sha256": EMPTY, **(call.headers or {})}
        signed = self._signed(call.method, path, query, every)
        if call.method in ("PUT", "POST"):
            signed["content-length"] = str(_length(call.body))
        target = f"{path}?{query}" if query else path
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        self.requests += 1
        head = f"{call.method} {target} HTTP/1.1\r\n{lines}\r\n"
        return self._connection.exchange(head.encode("latin-1"), call.body)

    def _signed(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> dict[str, str]:
        keys = self._credentials.get()
        if self._signer is None or self._signer.keys != keys:
            self._signer = Signer(keys, self.where.region)
        moment = clock.now() + self._skew
        second = int(moment.timestamp())
        if second != self._second:
            self._second, self._date = second, moment.strftime("%Y%m%dT%H%M%SZ")
        return self._signer.headers(method, path, query, headers, self._date)

    def _set_clock(self, date: str) -> bool:
        """Take S3's clock for ours, if the answer told it."""
        from email.utils import parsedate_to_datetime  # only here: it takes 4 ms to import

        try:
            theirs = parsedate_to_datetime(date)
        except (TypeError, ValueError):
            return False
        if theirs.tzinfo is None:
            return False
        self._skew, self._second = theirs - clock.now(), -1
        return True


def _address(where: Where) -> tuple[Place, str, str]:
    """The server, its name in the Host header, and the path that names the bucket."""
    dotted = "." in where.bucket
    suffix = "amazonaws.com.cn" if where.region.startswith("cn-") else "amazonaws.com"
    own = f"https://s3.{where.region}.{suffix}" if dotted else f"https://{where.bucket}.s3.{where.region}.{suffix}"
    parts = urlsplit(where.endpoint or own)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RefusedError(f"{where.endpoint!r} is not the address of an S3 service; write it as https://host")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = parts.path.rstrip("/") + ("" if not where.endpoint and not dotted else "/" + path_of(where.bucket))
    return Place(parts.hostname, port, parts.scheme == "https"), parts.netloc, path + "/"


def _length(body: Body) -> int:
    return body.size if isinstance(body, FileBody) else len(body)


def _pause(attempt: int) -> float:
    """Seconds before the next attempt: doubled each time, and spread so that not all come at once."""
    return float(min(PAUSE_MOST, PAUSE * 2**attempt)) * (0.5 + random.random() / 2)  # noqa: S311 - a pause is no secret


def _refusal(what: str, answer: Answer, code: str) -> RefusedError:
    if code in ("BadDigest", "XAmzContentChecksumMismatch") or "checksum" in code.lower():
        return MismatchError(f"{what}: the bytes are not what their SHA-1 says")
    if answer.status == 404 and code != "NoSuchBucket":
        return NotThereError(f"{what}: there is no such object")
    region = answer.headers.get("x-amz-bucket-region", "")
    said = "".join(c if c.isprintable() else " " for c in html.unescape(_tag(answer.text, "Message")))[:200]
    why = f"{code} ({said})" if said else code
    cure = f"the bucket is in {region}: name that region" if answer.status in (301, 307) and region else ""
    return RefusedError(f"S3 refused {what}: {why}; {cure or _CURES.get(code, 'see to that, then run again')}")


def _tag(text: str, name: str) -> str:
    start = text.find(f"<{name}>")
    end = text.find(f"</{name}>", start)
    return text[start + len(name) + 2 : end] if 0 <= start < end else ""


def _digest(sha1: str) -> bytes | None:
    """A checksum header as bytes; None when it is none, or that of parts."""
    try:
        found = base64.b64decode(sha1, validate=True)
    except ValueError:
        return None
    return found if len(found) == hashlib.sha1(usedforsecurity=False).digest_size else None
