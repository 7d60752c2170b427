"""The internet of the twin: has the calendars' feeds, and receives the product's webhooks, or does neither."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from io import BytesIO
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

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
    """Stands in for urllib's opener. `status` is what receivers answer; `received` what reached them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.status = 200
        self.received: list[tuple[str, dict[str, Any]]] = []

    def open(self, fullurl: Request, data: Any = None, timeout: float | None = None) -> Any:  # noqa: ARG002
        """Answer a request. Raises HTTPError for a status that is not 2xx, as urllib does."""
        if self.status >= 300:
            raise HTTPError(fullurl.full_url, self.status, "refused by the twin", HTTPMessage(), BytesIO(b""))
        body = fullurl.data
        self.received.append((fullurl.full_url, json.loads(body) if isinstance(body, bytes) else {}))
        return _Answer(self.status)


class _Answer(BytesIO):
    def __init__(self, status: int) -> None:
        super().__init__(b"ok")
        self.status = status
        self.code = status
