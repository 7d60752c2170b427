"""Fetching from other people's hosts: a real TLS server on loopback, allowed by name, and a DNS that says anything."""

import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell import web
from firstbell.web import WebError, fetch

FEED = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
SECRET = "s3cret-t0ken"


# ---------------------------------------------------------------- a host to ask


@dataclass
class Host:
    """A web server that remembers what it was asked."""

    port: int = 0
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def url(self, path: str, name: str = "feed.test") -> str:
        return f"https://{name}:{self.port}{path}?authtoken={SECRET}"


Answerer = Callable[[BaseHTTPRequestHandler, Host], None]


def plain(status: int, body: bytes, **headers: str) -> Answerer:
    """An answer with these headers (`_` for `-`)."""

    def answer(to: BaseHTTPRequestHandler, _: Host) -> None:
        to.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            to.send_header(name.replace("_", "-"), value)
        to.end_headers()
        to.wfile.write(body)

    return answer


def onward(location: str) -> Answerer:
    """A redirect to `location`, in which `PORT` stands for the host's own."""

    def answer(to: BaseHTTPRequestHandler, host: Host) -> None:
        plain(302, b"", Location=location.replace("PORT", str(host.port)))(to, host)

    return answer


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Answerer:
    """`head`, then `piece` again and again until nobody listens any more."""

    def answer(to: BaseHTTPRequestHandler, _: Host) -> None:
        try:
            to.wfile.write(head)
            while True:
                to.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            to.close_connection = True

    return answer


OK = b"HTTP/1.1 200 OK\r\n"
PAGES: dict[str, Answerer] = {
    "/feed.ics": plain(200, FEED, Set_Cookie="id=1"),
    "/sp ace/fe%C3%A9d.ics": plain(200, FEED),
    "/chunked": lambda to, _: to.wfile.write(OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    and None,
    "/rest": plain(200, b'{"ok": true}'),
    "/gone": plain(404, b"gone"),
    "/broken": plain(500, SECRET.encode()),
    "/empty": plain(204, b""),
    "/zipped": plain(200, b"\x1f\x8b\x08", Content_Encoding="gzip"),
    "/identity": plain(200, FEED, Content_Encoding="identity"),
    "/promises": plain(200, b"", Content_Length="99999999999"),
    "/cut": plain(200, FEED, Content_Length="500", Connection="close"),
    "/flood": endless(OK + b"\r\n", b"x" * 4096),
    "/chunks": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "/drip": endless(OK + b"\r\n", b"x", 0.02),
    "/drip-head": endless(OK, b"X", 0.02),
    "/drip-headers": endless(OK, b"X-A: b\r\n", 0.02),
    "/continue": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
    "/no-http": lambda to, _: to.wfile.write(b"hello\r\n\r\n") and None,
    "/1": onward("/2"),
    "/2": onward("https://also.test:PORT/3"),
    "/3": onward("//feed.test:PORT/feed.ics"),
    "/loop": onward("/loop"),
    "/far": onward("/1"),
    "/to-http": onward(f"http://feed.test:PORT/feed.ics?{SECRET}"),
    "/to-file": onward("file:///etc/passwd"),
    "/to-metadata": onward("https://169.254.169.254/latest/meta-data"),
    "/to-number": onward("https://2852039166/latest/meta-data"),
    "/to-inside": onward("https://inside.test/"),
    "/to-port": onward("https://elsewhere.test:8443/"),
    "/to-password": onward(f"https://me:{SECRET}@feed.test:PORT/feed.ics"),
    "/to-nothing": onward("https://:PORT/nothing"),
    "/nowhere": plain(302, b""),
}  # fmt: skip


def certificate(folder: Path) -> Path:
    """A certificate of its own for feed.test and also.test, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "feed.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("feed.test"), x509.DNSName("also.test")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "host.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def serving(pem: Path) -> Iterator[Host]:
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            host.asked.append((self.command, self.path, body))
            host.headers.append(dict(self.headers))
            PAGES[path.replace("%20", " ")](self, host)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that hangs up is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.sni_callback = lambda _, name, __: host.names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    host.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield host
    server.shutdown()
    server.server_close()
    thread.join()


# ---------------------------------------------------------------- a DNS that says anything


@dataclass
class Dns:
    """Answers of the resolver by name: addresses, one list a question (the last for ever after)."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    slow: float = 0.0

    def __call__(self, host: str, port: int, **kinds: Any) -> list[tuple[Any, ...]]:
        time.sleep(self.slow)
        if host in self.names:
            answers = self.names[host]
            said = answers.pop(0) if len(answers) > 1 else answers[0]
            families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in said]
            return [
                (f, socket.SOCK_STREAM, 6, "", (a, port, 0, 0) if ":" in a else (a, port))
                for f, a in zip(families, said, strict=True)
            ]
        return REAL(host, port, **kinds, flags=socket.AI_NUMERICHOST)


REAL = socket.getaddrinfo
HERE = [["127.0.0.1"]]
ALLOWED = ("feed.test", "also.test")


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Dns:
    known = Dns({"feed.test": HERE, "also.test": HERE, "wrong.test": HERE, "inside.test": [["10.0.0.8"]]})
    monkeypatch.setattr(socket, "getaddrinfo", known)
    return known


@pytest.fixture
def host(serving: Host, dns: Dns, pem: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    web._trust.cache_clear()
    serving.asked.clear()
    serving.headers.clear()
    serving.names.clear()
    yield serving
    web._trust.cache_clear()


def refusal(url: str, **how: Any) -> str:
    """The sentence with which it is refused, after a look that nothing secret is in it or in what led to it."""
    with pytest.raises(WebError) as caught:
        fetch(url, **({"private_hosts": ALLOWED, "largest": 10_000, "seconds": 5.0} | how))
    said = str(caught.value)
    assert SECRET not in said
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in said
    return said


# ---------------------------------------------------------------- what is fetched


def test_a_feed_is_fetched_with_its_query_by_a_client_that_names_itself_and_keeps_no_cookie(host: Host):
    for _ in range(2):
        assert fetch(host.url("/feed.ics"), private_hosts=ALLOWED, largest=1000) == FEED
    assert host.asked == [("GET", f"/feed.ics?authtoken={SECRET}", b"")] * 2
    assert host.names == ["feed.test"] * 2, "TLS asks for the name, not for the address"
    for headers in host.headers:
        assert headers["Host"] == f"feed.test:{host.port}"
        assert headers["User-Agent"].startswith("Firstbell/")
        assert headers["Accept-Encoding"] == "identity"
        assert "Cookie" not in headers


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/chunked", b"abcde"), ("/identity", FEED), ("/sp ace/feéd.ics", FEED), ("/feed.ics#part", FEED)],
)
def test_what_else_is_fetched(host: Host, path: str, expected: bytes):
    url = f"https://FEED.test.:{host.port}{path}"
    assert fetch(url, private_hosts=["Feed.Test"], largest=1000) == expected


def test_the_largest_answer_is_still_taken_and_one_byte_more_is_not(host: Host):
    assert fetch(host.url("/feed.ics"), private_hosts=ALLOWED, largest=len(FEED)) == FEED
    assert "more than 31 bytes" in refusal(host.url("/feed.ics"), largest=len(FEED) - 1)


def test_a_form_is_posted_and_its_token_is_in_no_address(host: Host):
    url = f"https://feed.test:{host.port}/rest"
    form = {"wstoken": SECRET, "options[0][name]": "ä b"}
    assert fetch(url, private_hosts=ALLOWED, largest=1000, form=form) == b'{"ok": true}'
    sent = f"wstoken={SECRET}&options%5B0%5D%5Bname%5D=%C3%A4+b".encode()
    assert host.asked == [("POST", "/rest", sent)]
    assert host.headers[0]["Content-Type"] == "application/x-www-form-urlencoded"


def test_an_address_that_does_not_answer_leaves_its_turn_to_the_next(host: Host, dns: Dns):
    dns.names["feed.test"] = [["127.0.0.2", "127.0.0.1"]]
    assert fetch(host.url("/feed.ics"), private_hosts=ALLOWED, largest=1000) == FEED


def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_mind(host: Host, dns: Dns):
    dns.names["feed.test"] = [["127.0.0.1"], ["10.0.0.8"]]
    assert fetch(host.url("/feed.ics"), private_hosts=ALLOWED, largest=1000, seconds=3) == FEED


def test_the_network_can_be_played():
    web.use(lambda url, form: f"{url} {form}".encode())
    try:
        assert fetch("https://feed.test/a", largest=1, form={"a": "b"}) == b"https://feed.test/a {'a': 'b'}"
    finally:
        web.use(None)


# ---------------------------------------------------------------- redirects


def test_three_redirects_are_followed_to_another_host_too(host: Host):
    assert fetch(host.url("/1"), private_hosts=ALLOWED, largest=1000) == FEED
    assert [path for _, path, _ in host.asked] == [f"/1?authtoken={SECRET}", "/2", "/3", "/feed.ics"]
    assert host.names == ["feed.test", "feed.test", "also.test", "feed.test"]


REDIRECTS = [
    ("/far", "also.test redirects more than 3 times"),
    ("/loop", "feed.test redirects more than 3 times"),
    ("/to-http", "feed.test: only https is fetched"),
    ("/to-file", "the address names no host"),
    ("/to-metadata", "169.254.169.254 has an address that is not public; if it is yours, add the name to"),
    ("/to-number", "2852039166 has an address that is not public"),
    ("/to-inside", "inside.test has an address that is not public"),
    ("/to-port", "elsewhere.test: only port 443 is asked"),
    ("/to-password", "feed.test: the address has a user name or a password in it"),
    ("/to-nothing", "the address names no host"),
    ("/nowhere", "feed.test answered 302 instead of 200"),
]


@pytest.mark.parametrize(("path", "told"), REDIRECTS, ids=[r[0] for r in REDIRECTS])
def test_every_redirect_is_checked_anew(host: Host, path: str, told: str):
    assert told in refusal(host.url(path))


def test_a_form_is_not_sent_on_by_a_redirect(host: Host):
    said = refusal(host.url("/1"), form={"wstoken": SECRET})
    assert said == "feed.test answered with a redirect, which is not followed with a form: give its goal"
    assert len(host.asked) == 1


# ---------------------------------------------------------------- answers that are refused, and soon

ANSWERS = [
    ("/gone", "feed.test answered 404 instead of 200"),
    ("/broken", "feed.test answered 500 instead of 200"),
    ("/empty", "feed.test answered 204 instead of 200"),
    ("/zipped", "feed.test answered compressed, which was not asked for"),
    ("/promises", "feed.test answered more than 10,000 bytes"),
    ("/flood", "feed.test answered more than 10,000 bytes"),
    ("/chunks", "feed.test answered more than 10,000 bytes"),
    ("/cut", "feed.test broke off in the middle of its answer"),
    ("/no-http", "feed.test cannot be read: BadStatusLine"),
]


@pytest.mark.parametrize(("path", "told"), ANSWERS, ids=[a[0] for a in ANSWERS])
def test_an_answer_that_is_none_is_refused_in_a_sentence(host: Host, path: str, told: str):
    assert told in refusal(host.url(path))
    assert told in refusal(host.url(path), form={"wstoken": SECRET})


@pytest.mark.parametrize("path", ["/drip", "/drip-head", "/drip-headers", "/continue"])
def test_an_answer_that_drips_in_is_not_waited_for(host: Host, path: str):
    begun = time.monotonic()
    said = refusal(host.url(path), seconds=0.5)
    assert said in (
        "feed.test did not answer in time (0.5 seconds at most)",
        "feed.test cannot be read: HTTPException",  # more than a hundred header lines
    )
    assert time.monotonic() - begun < 1.5


def test_a_silent_host_is_not_waited_for_until_the_end(host: Host, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(web, "SILENCE", 0.2)
    monkeypatch.setitem(PAGES, "/silent", lambda *_: time.sleep(1.5))
    begun = time.monotonic()
    assert "did not answer in time" in refusal(host.url("/silent"), seconds=10)
    assert time.monotonic() - begun < 1.4


def test_a_resolver_that_sleeps_is_not_waited_for(dns: Dns):
    dns.slow = 1.5
    begun = time.monotonic()
    assert refusal("https://feed.test/", seconds=0.3) == "feed.test did not answer in time (0.3 seconds at most)"
    assert time.monotonic() - begun < 1.2


def test_a_host_that_never_shakes_hands_is_not_waited_for(dns: Dns):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        begun = time.monotonic()
        said = refusal(f"https://feed.test:{mute.getsockname()[1]}/?{SECRET}", seconds=0.4)
    assert "did not answer in time" in said
    assert time.monotonic() - begun < 1.2


def test_nobody_there_is_said(dns: Dns):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert refusal(f"https://feed.test:{port}/?{SECRET}") == "feed.test cannot be read: Connection refused"
    assert refusal(f"https://unknown.test/?{SECRET}").startswith("unknown.test cannot be read: ")


# ---------------------------------------------------------------- certificates


def test_a_certificate_of_another_name_is_refused(host: Host):
    said = refusal(host.url("/feed.ics", "wrong.test"), private_hosts=["wrong.test"])
    assert said.startswith("wrong.test cannot be read: its certificate is not valid (Hostname mismatch")
    assert host.asked == []


def test_a_certificate_that_nobody_vouches_for_is_refused(serving: Host, dns: Dns, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    web._trust.cache_clear()
    assert "its certificate is not valid (self-signed certificate)" in refusal(serving.url("/feed.ics"))


def test_a_host_that_speaks_no_tls_is_refused(dns: Dns):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        assert "cannot be read: [SSL" in refusal(f"https://feed.test:{server.getsockname()[1]}/")
        thread.join()


# ---------------------------------------------------------------- addresses in the net and on paper

BAD_URLS = [
    (f"http://feed.test/?{SECRET}", "feed.test: only https is fetched"),
    (f"ftp://feed.test/?{SECRET}", "feed.test: only https is fetched"),
    (f"file:///etc/{SECRET}", "the address names no host"),
    (f"{SECRET}", "the address names no host"),
    (f"https:///{SECRET}", "the address names no host"),
    (f"https://feed.test:99999/{SECRET}", "the address names no host"),
    (f"https://feed.test:x/{SECRET}", "the address names no host"),
    (f"https://[::1/{SECRET}", "the address names no host"),
    (f"https://fe ed.test/{SECRET}", "the address names no host"),
    (f"https://feed%00.test/{SECRET}", "the address names no host"),
    (f"https://{'a' * 64}.test/{SECRET}", "the address names no host"),
    (f"https://{SECRET}@feed.test/", "feed.test: the address has a user name or a password in it; leave them out"),
    (f"https://a:{SECRET}@feed.test/", "feed.test: the address has a user name or a password in it"),
    ("https://public.test:8443/", "public.test: only port 443 is asked; add the name to 'private_hosts'"),
    ("https://public.test:0/", "public.test: only port 443 is asked"),
]


@pytest.mark.parametrize(("url", "told"), BAD_URLS)
def test_an_address_that_is_none_is_refused_before_anything_is_asked(dns: Dns, url: str, told: str):
    dns.names.clear()
    assert told in refusal(url)


NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.8.8.8",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "::8.8.8.8", "::ffff:8.8.8.8",
    "::ffff:10.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:db8::1", "2002:808:808::1", "2002:a00:1::1", "3fff::1", "4000::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888"]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(dns: Dns, address: str):
    dns.names["calendar.test"] = [[address]]
    assert refusal(f"https://calendar.test/?{SECRET}").startswith("calendar.test has an address that is not public")


def test_one_address_that_is_not_public_is_enough(dns: Dns):
    dns.names["calendar.test"] = [["8.8.8.8", "2606:4700::1111", "10.0.0.1"]]
    assert "not public" in refusal("https://calendar.test/")


def unplugged(_: object, address: Any) -> None:
    raise OSError(113, f"No route to {address[0]}")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_what_is_connected_to(dns: Dns, monkeypatch: pytest.MonkeyPatch, address: str):
    dns.names["calendar.test"] = [[address]]
    monkeypatch.setattr(web._Hurry, "connect", unplugged)
    assert refusal("https://calendar.test/") == f"calendar.test cannot be read: No route to {address}"


INSIDE = st.one_of(*(st.ip_addresses(network=ip_network(n)) for n in ("10.0.0.0/8", "169.254.0.0/16", "127.0.0.0/8")))
DISGUISES = {"::ffff:0:0": 0, "::": 0, "64:ff9b::": 0, "64:ff9b:1::": 0, "2002::": 80, "2001::": 64}


@settings(deadline=None)
@given(INSIDE, st.sampled_from(sorted(DISGUISES)))
def test_an_inside_address_in_any_disguise_is_refused(inside: IPv4Address, disguise: str):
    dressed = IPv6Address(int(IPv6Address(disguise)) | int(inside) << DISGUISES[disguise])
    for address in (inside, dressed):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", Dns({"calendar.test": [[str(address)]]}))
            assert "not public" in refusal("https://calendar.test/")


# ---------------------------------------------------------------- POST


def test_a_post_goes_over_tls_and_brings_back_what_is_wanted_of_the_answer(host: Host):
    sent = {"Content-Type": "application/json", "X-Own": "1"}
    answer = web.post(host.url("/rest"), b"[1]", sent, private_hosts=ALLOWED, read=4)
    assert (answer.status, answer.body) == (200, b'{"ok')
    assert host.asked == [("POST", f"/rest?authtoken={SECRET}", b"[1]")]
    assert (host.headers[0]["X-Own"], host.headers[0]["Host"]) == ("1", f"feed.test:{host.port}")
    assert host.names == ["feed.test"]


POSTED = [
    ("a redirect is an answer", "/1", 302),
    ("so is an error", "/broken", 500),
    ("an endless body is nobody's", "/flood", 200),
    ("nor is one that drips", "/drip", 200),
]


@pytest.mark.parametrize(("says", "path", "status"), POSTED, ids=[c[0] for c in POSTED])
def test_whatever_a_post_is_answered_is_an_answer(host: Host, says: str, path: str, status: int):
    assert web.post(host.url(path), b"{}", {}, private_hosts=ALLOWED, seconds=1.0) == web.Answer(status)
    assert len(host.asked) == 1


UNPOSTED = [
    ("a private address", "https://10.0.0.8/", "not public", False),
    ("plain http", f"http://feed.test/?{SECRET}", "only https is fetched", False),
    ("a certificate of another name", "https://wrong.test:PORT/", "certificate is not valid", True),
    ("headers that drip", "https://feed.test:PORT/drip-headers", "feed.test", True),
    ("nobody there", "https://feed.test:1/", "Connection refused", True),
]


@pytest.mark.parametrize(("says", "url", "why", "again"), UNPOSTED, ids=[c[0] for c in UNPOSTED])
def test_what_cannot_be_posted_says_whether_another_time_may_be_better(
    host: Host, says: str, url: str, why: str, again: bool
):
    with pytest.raises(WebError, match=why) as raised:
        web.post(url.replace("PORT", str(host.port)), b"{}", {}, private_hosts=(*ALLOWED, "wrong.test"), seconds=0.5)
    assert isinstance(raised.value, web.NoAnswerError) is again
    assert SECRET not in str(raised.value)


def test_a_body_that_nobody_reads_is_sent_until_the_deadline_only():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        begun = time.monotonic()
        with pytest.raises(web.NoAnswerError, match="did not answer in time"):
            web.post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", bytes(50_000_000), {}, seconds=0.5)
        assert time.monotonic() - begun < 3
