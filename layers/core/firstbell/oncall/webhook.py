"""A generic webhook: one signed POST; whatever is not a 2xx answer in time is a failure."""

import hashlib
import hmac
from datetime import datetime
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request, UnknownHandler

from firstbell import __version__

TIMEOUT = 10.0  # seconds without an answer


class DeliveryError(Exception):
    """The receiver answered, but not with success."""


class UnreachableError(DeliveryError):
    """The receiver did not answer."""


class Opener(Protocol):
    """What sends requests: `urllib.request.OpenerDirector`, or whatever plays the network's part."""

    def open(self, fullurl: Request, data: Any = None, timeout: float | None = None) -> Any:
        """Send the request; what is returned has `status` and `close()`."""


_opener: Opener | None = None


def use(opener: Opener | None) -> None:
    """Send through `opener` from now on (the twin's network); None returns to the real one."""
    global _opener
    _opener = opener


def _network() -> Opener:
    """HTTP and HTTPS only, by the environment's proxy if it names one; nothing in it follows a redirect."""
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler(), UnknownHandler()):
        opener.add_handler(handler)
    return opener


def post(url: str, body: bytes, headers: dict[str, str], timeout: float) -> int:
    """POST, and return the answer's status, whatever it is; its body is not read. `timeout`: seconds of silence.

    Raises UnreachableError without an answer; its text never has the URL, whose path may be a secret.
    """
    try:
        request = Request(url, body, headers, method="POST")  # noqa: S310 - the site file allows http(s) only
        answer = (_opener or _network()).open(request, timeout=timeout)
    except HTTPError as error:
        error.close()
        return error.code
    except OSError as error:
        raise UnreachableError(f"no answer: {getattr(error, 'reason', error)}") from error
    except (HTTPException, ValueError) as error:
        raise UnreachableError(f"no answer: {type(error).__name__}") from None
    answer.close()
    return int(answer.status)


def signature(secret: str, body: bytes, now: datetime) -> str:
    """The header `X-Firstbell-Signature`: `t`, Unix seconds, and `v1`, HMAC-SHA256 over "t.body", in hexadecimal."""
    t = str(int(now.timestamp()))
    return f"t={t},v1={hmac.new(secret.encode(), f'{t}.'.encode() + body, hashlib.sha256).hexdigest()}"


def send(url: str, body: bytes, delivery: str, secret: str, now: datetime) -> None:
    """Deliver a message. Raises DeliveryError unless the receiver answers 2xx."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Firstbell/{__version__}",
        "X-Firstbell-Delivery": delivery,
    }
    if secret:
        headers["X-Firstbell-Signature"] = signature(secret, body, now)
    status = post(url, body, headers, TIMEOUT)
    if not 200 <= status < 300:
        raise DeliveryError(f"answered {status}")
