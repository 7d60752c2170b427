"""What the tests of channels share: notices to deliver, and real servers on loopback that answer as they are told."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from firstbell import web
from firstbell.oncall.incident import Delivery, Incident, Kind, Tell
from firstbell.oncall.message import Context
from firstbell.oncall.signal import Signal
from firstbell.oncall.texts import tidy

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
CONTEXT = Context(START, "https://wiki.example.org/ops", lambda incident, n: f"https://ack.example.org/?t={n}")
SIGNAL = Signal(
    site="campus",
    key="mount/i-0abc",
    severity="page",
    title="moodledata is not mounted",
    what="i-0abc has no mount.",
    runbook="mount-sick",
    at=START,
    evidence=("verdict hung", "latency 4,000 ms"),
    done=("drained i-0abc",),
)


def tell(kind: Kind = "new", signal: Signal = SIGNAL, receipt: str = "", channel: str = "x", **more: Any) -> Tell:
    """A notice of the incident that the signal would be, after it was tidied as every signal is."""
    clean = tidy(signal, START)
    over = {"state": "resolved", "resolved_at": START + timedelta(minutes=6)} if kind == "resolved" else {}
    incident = Incident(
        site=clean.site,
        key=clean.key,
        state="open",
        severity=clean.severity,
        title=clean.title,
        what=clean.what,
        runbook=clean.runbook,
        opened_at=START,
        last_signal_at=START,
        count=1,
        evidence=clean.evidence,
        done=clean.done,
        expected_end=clean.expected_end,
        number=1,
    )
    delivery = Delivery(channel, 1, kind, START, START, attempts=1, receipt=receipt)
    return Tell(replace(incident, **(over | more)), delivery)


Answerer = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, body: bytes = b"", **headers: str) -> Answerer:
    """An answer with these headers (`_` for `-`)."""

    def say(to: BaseHTTPRequestHandler) -> None:
        to.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            to.send_header(name.replace("_", "-"), value)
        to.end_headers()
        to.wfile.write(body)

    return say


def drip(head: bytes, piece: bytes, pause: float = 0.0) -> Answerer:
    """`head`, then `piece` again and again until nobody listens any more."""

    def say(to: BaseHTTPRequestHandler) -> None:
        try:
            to.wfile.write(head)
            while True:
                to.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            to.close_connection = True

    return say


@dataclass
class Receiver:
    """A server; `answers` are its next ones (then `usual`), `asked` what it was sent: path, headers, body."""

    port: int = 0
    usual: Answerer = field(default_factory=lambda: answer(204))
    answers: list[Answerer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.asked]


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver on a free port of loopback until the block ends."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept.asked.append((self.path, dict(self.headers), body))
            (kept.answers.pop(0) if kept.answers else kept.usual)(self)

        do_GET = do_POST  # noqa: N815 - a redirect that is followed comes with GET

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    kept.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def instead_of(hosts: dict[str, str]) -> Iterator[None]:
    """Within it, what is posted to these hosts goes to others, and really does."""

    def post(url: str, body: bytes, headers: Any) -> web.Answer:
        web.use_poster(None)
        try:
            for host, other in hosts.items():
                url = url.replace(host, other)
            return web.post(url, body, headers, read=65_536, seconds=2.0)
        finally:
            web.use_poster(post)

    web.use_poster(post)
    try:
        yield
    finally:
        web.use_poster(None)
