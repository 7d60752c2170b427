"""The internet of the twin: receives the product's webhooks, and refuses them when a scenario says so."""

import json
from http.client import HTTPMessage
from io import BytesIO
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

from simulator.engine import Engine


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
