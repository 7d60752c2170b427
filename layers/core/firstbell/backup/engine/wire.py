"""HTTP/1.1 over one kept connection, no more of it than S3 speaks, for `http.client` takes longer than a small PUT."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple, Union

from firstbell.backup.engine.clock import Pace

CONNECTING, SILENCE = 5.0, 30.0  # seconds for a connection; without a byte in either direction
_HEAD_MOST = 64 * 1024  # bytes
_OF_FILES = {errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM, errno.EISDIR, errno.EREMOTEIO, errno.EINVAL}
_PIECE = 256 * 1024  # bytes sent or read at once


class WireError(OSError):
    """The connection ended or made no sense; the request may be sent again."""


class BodyError(Exception):
    """The file that is sent cannot be read, or became shorter: sending it again does not help."""


class FileBody(NamedTuple):
    """An open file as a body: its first `size` bytes."""

    file: int
    size: int


Body = Union[bytes, bytearray, memoryview, FileBody]
"""What is sent: bytes, or a file."""


class Place(NamedTuple):
    """A server."""

    host: str
    port: int
    tls: bool


class Connection:
    """A connection, made when it is first needed and again when it was closed. Raises OSError, WireError among them."""

    def __init__(self, place: Place, pace: Pace) -> None:
        self.place, self._pace = place, pace
        self._socket: socket.socket | None = None
        self._buffer = b""
        self.used = False  # whether an answer came over it: it may have been closed for being idle since

    def close(self) -> None:
        """Close it; the next exchange opens another."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._buffer, self.used = None, b"", False

    def exchange(self, head: bytes, body: Body) -> Answer:
        """Send a request and read the head of its answer; the last answer's body must have been read."""
        if self._socket is None:
            self._socket = _connected(self.place)
        try:
            self._send(self._socket, head, body)
        except (BrokenPipeError, ConnectionResetError):
            # An answer may stand there already: who refuses does not always listen to the end.
            try:
                answer = self._answer(head.startswith(b"HEAD "))
            except OSError:
                raise WireError("the connection was closed while the request was sent") from None
            answer.last = True
            return answer
        except BodyError:
            self.close()
            raise
        return self._answer(head.startswith(b"HEAD "))

    def _send(self, to: socket.socket, head: bytes, body: Body) -> None:
        if isinstance(body, FileBody):
            to.sendall(head)
            self._send_file(to, body)
        elif len(body) <= _PIECE and not self._pace.rate:
            to.sendall(head + body)
        else:
            to.sendall(head)
            view = memoryview(body)
            for start in range(0, len(view), _PIECE):
                piece = view[start : start + _PIECE]
                self._pace.take(len(piece))
                to.sendall(piece)

    def _send_file(self, to: socket.socket, body: FileBody) -> None:
        direct = not isinstance(to, ssl.SSLSocket)
        sent = 0
        while sent < body.size:
            wanted = min(body.size - sent, _PIECE)
            self._pace.take(wanted)
            if direct:
                done = _handed_over(to, body.file, sent, wanted)
            else:
                piece = _piece(body.file, wanted, sent)
                done = len(piece)
                to.sendall(piece)
            if not done:
                raise BodyError("it became shorter while it was sent")
            sent += done

    def _answer(self, headless: bool) -> Answer:
        while True:
            head, self._buffer = self._head()
            lines = head.decode("latin-1").split("\r\n")
            if not lines[0].startswith("HTTP/1.") or not lines[0][9:12].isdigit():
                raise WireError("the answer is not HTTP")
            status = int(lines[0][9:12])
            if status >= 200:
                break
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        self.used = True
        return Answer(self, status, headers, headless or status in (204, 304))

    def _head(self) -> tuple[bytes, bytes]:
        """The head of an answer and what came with it of the body."""
        found, self._buffer = self._buffer, b""
        while b"\r\n\r\n" not in found:
            if len(found) > _HEAD_MOST:
                raise WireError("the head of the answer has no end")
            found += self.receive(_HEAD_MOST)
        head, _, rest = found.partition(b"\r\n\r\n")
        return head, rest

    def receive(self, most: int) -> bytes:
        """Some more bytes, one at least; what was read too early comes first."""
        if self._buffer:
            found, self._buffer = self._buffer[:most], self._buffer[most:]
            return found
        if self._socket is None:
            raise WireError("the connection is closed")
        found = self._socket.recv(most)
        if not found:
            raise WireError("the connection was closed before the answer ended")
        return found

    def put_back(self, early: bytes) -> None:
        """Give back what was received but belongs to what follows."""
        self._buffer = early + self._buffer


class Answer:
    """An answer; `read` gives its body. A connection whose answer is not read to its end is closed by `finish`."""

    def __init__(self, connection: Connection, status: int, headers: Mapping[str, str], empty: bool) -> None:
        self.status, self.headers, self.text = status, headers, ""
        self._connection = connection
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked" and not empty
        length = headers.get("content-length", "")
        if not (empty or self._chunked or length.isdigit()):
            raise WireError("the answer does not say how long it is")
        self._left = 0 if empty or self._chunked else int(length)
        self._done = not self._left and not self._chunked
        self.last = headers.get("connection", "").lower() == "close"

    def read(self, most: int = _PIECE) -> bytes:
        """At most so many bytes of the body; none when it has ended."""
        if self._chunked and not self._left and not self._done:
            self._left = self._next_chunk()
            self._done = not self._left
        if not self._left or not most:
            return b""
        found = self._connection.receive(min(most, self._left))
        self._left -= len(found)
        if not self._left:
            if self._chunked:
                self._line()
            else:
                self._done = True
        return found

    def finish(self) -> None:
        """Make the connection ready for the next request, or close it."""
        if self.last or not self._done:
            self._connection.close()

    def _next_chunk(self) -> int:
        size = self._line().partition(b";")[0].strip()
        try:
            length = int(size, 16)
        except ValueError:
            raise WireError("a chunk of the answer does not say how long it is") from None
        if not length:
            while self._line():
                pass
        return length

    def _line(self) -> bytes:
        line = b""
        while b"\r\n" not in line:
            if len(line) > _HEAD_MOST:
                raise WireError("a line of the answer has no end")
            line += self._connection.receive(1024)
        line, _, rest = line.partition(b"\r\n")
        self._connection.put_back(rest)
        return line


def _connected(place: Place) -> socket.socket:
    plain = socket.create_connection((place.host, place.port), timeout=CONNECTING)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.settimeout(SILENCE)
    if not place.tls:
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=place.host)
    except BaseException:
        plain.close()
        raise


def _handed_over(to: socket.socket, file: int, offset: int, count: int) -> int:
    """Let the kernel send from the file; how many bytes it took."""
    waiting = select.poll()  # a socket with a time limit does not block by itself
    waiting.register(to, select.POLLOUT)
    if not waiting.poll(SILENCE * 1000):
        raise TimeoutError("nothing was taken for too long")
    try:
        return os.sendfile(to.fileno(), file, offset, count)
    except OSError as error:
        if error.errno in _OF_FILES:
            raise BodyError(os.strerror(error.errno)) from None
        raise


def _piece(file: int, count: int, offset: int) -> bytes:
    try:
        return os.pread(file, count, offset)
    except OSError as error:
        raise BodyError(error.strerror or str(error)) from None
