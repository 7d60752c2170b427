"""The one door to other people's hosts, for calendars and messages: https to public addresses only, little and soon.

A name is resolved once and its addresses are checked; then the connection goes to one of these very addresses, while
TLS verifies the name. So a name that changes its address in between (DNS rebinding) gains nothing.
"""

import socket
import ssl
import string
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from firstbell import __version__
from firstbell.environment import Environment

REDIRECTS = 3
LOOPBACK = ("127.0.0.1", "::1", "localhost")  # to these, and only by a POST, plain http is spoken
SILENCE = 10.0  # seconds without a byte
CONNECTING = 5.0  # seconds for one address, so that the next one has its turn
UNICAST = ip_network("2000::/3")  # all that IANA has given out; mapped IPv4, NAT64 and the like lie outside
NEVER = (  # in IANA's registries of special-purpose addresses, but global for some versions of Python
    ip_network("192.0.0.0/24"),
    ip_network("192.88.99.0/24"),
    ip_network("2001::/23"),
    ip_network("2001:db8::/32"),
    ip_network("2002::/16"),
    ip_network("3fff::/20"),
)

Addresses = list[tuple[Any, ...]]
"""As `socket.getaddrinfo` returns them."""


class WebError(ValueError):
    """A host did not give what was asked for; the message names the host, never the query, the form or a password."""


class NoAnswerError(WebError):
    """A host did not answer, or not in time, or not in HTTP: it may do so another time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered: its status, its header Retry-After, and as much of its body as was wanted."""

    status: int
    retry_after: str = ""
    body: bytes = b""


Fetcher = Callable[[str, Mapping[str, str] | None], bytes]
Poster = Callable[[str, bytes | None, Mapping[str, str]], Answer]


@dataclass(frozen=True, slots=True)
class _Target:
    host: str
    port: int
    path: str
    private: bool
    plain: bool


@dataclass(frozen=True, slots=True)
class _Redirect:
    location: str


_fetcher: Fetcher | None = None
_poster: Poster | None = None


def use(fetcher: Fetcher | None) -> None:
    """Fetch through `fetcher` from now on (the twin's network); None returns to the real one."""
    global _fetcher
    _fetcher = fetcher


def use_poster(poster: Poster | None) -> None:
    """Post through `poster` from now on (the twin's network, a test's); None returns to the real one."""
    global _poster
    _poster = poster


def fetch(
    url: str,
    *,
    private_hosts: Collection[str] = (),
    largest: int,
    form: Mapping[str, str] | None = None,
    seconds: float = 20.0,
) -> bytes:
    """GET `url`, or POST the `form` to it: at most `largest` bytes, within `seconds` all in all. Raises WebError.

    Only hosts named in `private_hosts` may have addresses that are not public, and ports other than 443. Redirects are
    followed, but not with a form, whose token is meant for one host.
    """
    if _fetcher is not None:
        return _fetcher(url, form)
    private = {name.lower().rstrip(".") for name in private_hosts}
    deadline = time.monotonic() + seconds
    for _ in range(REDIRECTS + 1):
        target = _target(url, private)
        sent = None if form is None else urlencode(form).encode()
        headers = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
        with _asked(target, sent, headers, deadline, seconds) as found:
            answer = _read(found, target.host, largest)
        if isinstance(answer, bytes):
            return answer
        if form is not None:
            raise WebError(f"{target.host} answered with a redirect, which is not followed with a form: give its goal")
        url = urljoin(url, answer.location)
    raise WebError(f"{target.host} redirects more than {REDIRECTS} times")


def ping(url: str, *, private_hosts: Collection[str] = (), seconds: float = 5.0) -> Answer:
    """GET `url` for the sake of it: whatever is answered, under the rules of `post`. Raises WebError as that does."""
    return post(url, None, {}, private_hosts=private_hosts, seconds=seconds)


def post(
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    private_hosts: Collection[str] = (),
    read: int = 0,
    seconds: float = 10.0,
) -> Answer:
    """POST `body` to `url`: whatever is answered within `seconds` all in all, with at most `read` bytes of its body.

    Without a body it is a GET. Nothing follows a redirect: it is an answer like any other. Addresses are checked as by
    `fetch`; only a name of loopback is spoken to in plain http, where the URL says so, and not within Lambda, where its
    own runtime listens there and hands out events. Raises NoAnswerError, and WebError when nobody may be asked.
    """
    if _poster is not None:
        return _poster(url, body, headers)
    loopback = () if "AWS_LAMBDA_RUNTIME_API" in Environment.of_process().variables else LOOPBACK
    target = _target(url, {name.lower().rstrip(".") for name in (*private_hosts, *loopback)}, loopback)
    with _asked(target, body, headers, time.monotonic() + seconds, seconds) as found:
        return Answer(found.status, found.getheader("Retry-After", ""), found.read(read) if read else b"")


def _target(url: str, private: Collection[str], plain: Collection[str] = ()) -> _Target:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode().lower().rstrip(".")
        port = (80 if parts.scheme == "http" else 443) if parts.port is None else parts.port
    except ValueError:
        host, port = "", 0
    if not host or len(host) > 253 or not set(host) <= set(string.ascii_lowercase + string.digits + "-._:"):
        raise WebError("the address names no host that can be asked")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in plain):
        raise WebError(f"{host}: only https is fetched, and the address begins otherwise")
    if "@" in parts.netloc:
        raise WebError(f"{host}: the address has a user name or a password in it; leave them out")
    if port != 443 and host not in private:
        raise WebError(f"{host}: only port 443 is asked; add the name to 'private_hosts' to allow others")
    path = quote(f"{parts.path or '/'}?{parts.query}".removesuffix("?"), safe=string.punctuation)
    return _Target(host, port, path, host in private, parts.scheme == "http")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextmanager
def _asked(
    target: _Target, body: bytes | None, headers: Mapping[str, str], deadline: float, seconds: float
) -> Iterator[HTTPResponse]:
    """The answer to a GET, or with a `body` to a POST, to be read within; what goes wrong becomes a WebError."""
    try:
        with closing(_connected(_addresses(target, deadline), deadline)) as raw:
            raw.settimeout(_left(deadline))
            with closing(HTTPConnection(target.host, target.port)) as connection:
                connection.default_port = 80 if target.plain else 443  # which the header Host leaves out
                connection.sock = raw if target.plain else _secured(raw, target.host, deadline)
                usual = {"User-Agent": f"Firstbell/{__version__}", "Accept-Encoding": "identity", "Connection": "close"}
                connection.request("GET" if body is None else "POST", target.path, body, usual | dict(headers))
                with closing(connection.getresponse()) as answer:
                    yield answer
    except WebError:
        raise
    except TimeoutError:
        raise NoAnswerError(f"{target.host} did not answer in time ({seconds:g} seconds at most)") from None
    except (OSError, HTTPException, ValueError) as error:  # from None: their texts may have the path
        raise NoAnswerError(f"{target.host} cannot be read: {_reason(error)}") from None


def _secured(raw: socket.socket, host: str, deadline: float) -> socket.socket:
    secured: Any = _trust().wrap_socket(raw, server_hostname=host)
    secured.deadline = deadline
    return secured  # type: ignore[no-any-return]


@cache
def _trust() -> ssl.SSLContext:
    """Whom to believe; reading all authorities' certificates takes 40 ms, so they are kept."""
    context = ssl.create_default_context()
    context.sslsocket_class = _Hurried
    return context


class _Hurry(socket.socket):
    """A socket that reads until its deadline at most, however slowly the bytes drip in."""

    deadline: float

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive into `buffer`. Raises TimeoutError after the deadline, or a long silence."""
        self.settimeout(min(SILENCE, _left(self.deadline)))
        return super().recv_into(buffer, nbytes or len(buffer), flags)


class _Hurried(_Hurry, ssl.SSLSocket):
    """The same with TLS."""


def _addresses(target: _Target, deadline: float) -> Addresses:
    """Where the host is. Raises WebError when one of its addresses is not public and the name is not allowed."""
    pool = ThreadPoolExecutor(1)  # for a resolver knows no time limit
    try:
        asked = pool.submit(socket.getaddrinfo, target.host, target.port, type=socket.SOCK_STREAM)
        found = asked.result(_left(deadline))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if not found or not (target.private or all(_is_public(str(address[4][0])) for address in found)):
        raise WebError(
            f"{target.host} has an address that is not public; if it is yours, add the name to 'private_hosts'"
        )
    return found


def _is_public(address: str) -> bool:
    ip = ip_address(address.partition("%")[0])
    special = ip.is_multicast or ip.is_reserved or any(ip in network for network in NEVER)
    return ip.is_global and not special and (ip.version == 4 or ip in UNICAST)


def _connected(addresses: Addresses, deadline: float) -> socket.socket:
    """A connection to the first of the addresses that answers."""
    failure: OSError = TimeoutError()
    for family, kind, protocol, _, address in addresses:
        raw = _Hurry(family, kind, protocol)
        raw.deadline = deadline
        try:
            raw.settimeout(min(CONNECTING, _left(deadline)))
            raw.connect(address)
        except OSError as error:
            raw.close()
            failure = error
        else:
            return raw
    raise failure


def _read(answer: HTTPResponse, host: str, largest: int) -> bytes | _Redirect:
    if answer.status in (301, 302, 303, 307, 308) and (location := answer.getheader("Location")):
        return _Redirect(quote(location, safe=string.punctuation, encoding="latin-1"))
    if answer.status != 200:
        raise WebError(f"{host} answered {answer.status} instead of 200")
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise WebError(f"{host} answered compressed, which was not asked for")
    body = b"" if (answer.length or 0) > largest else answer.read(largest + 1)
    if (answer.length or 0) + len(body) > largest:
        raise WebError(f"{host} answered more than {largest:,} bytes; export a shorter time or fewer courses")
    if answer.length:
        raise WebError(f"{host} broke off in the middle of its answer")
    return body


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
