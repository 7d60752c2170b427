"""The internet of the twin: has the calendars' feeds, and receives what the product tells, or does neither."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from firstbell import web
from simulator.engine import Engine


@dataclass
class Feeds:
    """The calendars that hosts have, by address; nobody answers while they are `down`."""

    files: Mapping[str, bytes]
    down: bool = False

    def fetch(self, url: str, form: Mapping[str, str] | None) -> bytes:
        """Answer. Raises WebError as the real internet's door does."""
        if self.down or form is not None or url not in self.files:
            raise web.WebError("no answer within 20 s" if self.down else "answered 404")
        return self.files[url]

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within it, the product's door to other hosts leads here."""
        web.use(self.fetch)
        try:
            yield
        finally:
            web.use(None)


class Network:
    """Receives what channels POST. `status` is what receivers answer; `received` what reached them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.status = 200
        self.received: list[tuple[str, dict[str, Any]]] = []

    def post(self, url: str, body: bytes | None, headers: Mapping[str, str]) -> web.Answer:  # noqa: ARG002 - `web.post`
        """Answer a POST, or without a body a GET; what is answered with success was received."""
        if self.status < 300:
            self.received.append((url, json.loads(body or b"{}")))
        return web.Answer(self.status, body=b'{"ok": true}')

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within it, what the product POSTs to other hosts arrives here."""
        web.use_poster(self.post)
        try:
            yield
        finally:
            web.use_poster(None)
