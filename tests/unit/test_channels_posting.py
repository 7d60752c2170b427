"""One POST and what its answer means, at real servers that answer well, badly, slowly, endlessly or not at all."""

import hashlib
import hmac
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import web
from firstbell.oncall import message
from firstbell.oncall.channels import posting, webhook
from firstbell.oncall.channels.channel import NoAnswerError, Refused, RetryLater
from tests.unit.channel_world import CONTEXT, START, Answerer, Receiver, answer, drip, listening, tell

OK = b"HTTP/1.1 200 OK\r\n"
DATE = "Mon, 04 May 2026 08:02:00 GMT"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(posting, "TIMEOUT", 0.5)
    with listening() as kept:
        yield kept


def hook(receiver: Receiver, path: str = "/very-secret-path", secret: str = "") -> webhook.Webhook:
    return webhook.Webhook("hook", lambda: receiver.url + path, lambda: secret)


TAKEN = [
    ("200", answer(200, b"fine")),
    ("202", answer(202)),
    ("204", answer(204)),
    ("a body that never ends, which nobody reads", drip(OK + b"\r\n", b"x" * 65_536)),
    ("a body that drips, which nobody waits for", drip(OK + b"Content-Length: 100\r\n\r\n", b"x", 0.1)),
    ("a body that is shorter than it says", answer(200, b"", Content_Length="5", Connection="close")),
]


@pytest.mark.parametrize(("says", "said"), TAKEN, ids=[c[0] for c in TAKEN])
def test_a_2xx_answer_is_success_whatever_follows_it(receiver: Receiver, says: str, said: Answerer):
    receiver.usual = said
    begun = time.monotonic()
    assert hook(receiver).deliver(tell(), CONTEXT) == ""
    assert time.monotonic() - begun < 2
    assert len(receiver.asked) == 1


LATER = [
    ("too many, with seconds", answer(429, b"", Retry_After="17"), "answered 429", 17.0),
    ("too many, with a date", answer(429, b"", Retry_After=DATE), "answered 429", 120.0),
    ("too many, with a date that is past", answer(429, Retry_After="Mon, 04 May 2026 07:00:00 GMT"), "answered 429", 0),
    ("too many, without a word", answer(429), "answered 429", None),
    ("too many, with a riddle", answer(429, Retry_After="soon; maybe"), "answered 429", None),
    ("a minus", answer(503, Retry_After="-5"), "answered 503", None),
    ("an error of the server", answer(500, b"oops"), "answered 500", None),
    ("the server is busy", answer(503, Retry_After="60"), "answered 503", 60.0),
    ("a gateway gave up", answer(504), "answered 504", None),
    ("the request took too long", answer(408), "answered 408", None),
    ("a status that nobody knows", answer(599), "answered 599", None),
]


@pytest.mark.parametrize(("says", "said", "why", "seconds"), LATER, ids=[c[0] for c in LATER])
def test_what_may_change_is_tried_again(receiver: Receiver, says: str, said: Answerer, why: str, seconds: float):
    receiver.usual = said
    with pytest.raises(RetryLater) as raised:
        hook(receiver).deliver(tell(), CONTEXT)
    assert (str(raised.value), raised.value.seconds) == (why, seconds)
    assert not isinstance(raised.value, NoAnswerError)


SILENT = [
    ("silence", lambda to: time.sleep(1.5), "127.0.0.1 did not answer in time (0.5 seconds at most)"),
    ("a status line that drips", drip(b"", b"H", 0.05), "did not answer in time"),
    ("headers without end", drip(OK, b"X-A: b\r\n", 0.02), "127.0.0.1"),
    ("a hundred thousand bytes of header", drip(OK, b"X" * 1000), "cannot be read: LineTooLong"),
    ("another protocol", lambda to: to.wfile.write(b"220 smtp ready\r\n") and None, "cannot be read: BadStatusLine"),
    ("garbage", lambda to: to.wfile.write(bytes(range(256)) + b"\r\n\r\n") and None, "cannot be read: BadStatusLine"),
    ("a door that shuts", lambda to: to.connection.shutdown(socket.SHUT_RDWR), "cannot be read: RemoteDisconnected"),
]


@pytest.mark.parametrize(("says", "said", "why"), SILENT, ids=[c[0] for c in SILENT])
def test_no_answer_is_tried_again_and_known_as_such(receiver: Receiver, says: str, said: Answerer, why: str):
    receiver.usual = said
    begun = time.monotonic()
    with pytest.raises(NoAnswerError) as raised:
        hook(receiver).deliver(tell(), CONTEXT)
    assert why in str(raised.value)
    assert raised.value.seconds is None
    assert time.monotonic() - begun < 1.4, "the time limit is for all of it"


def test_a_port_where_nobody_listens_and_a_name_that_nobody_has_are_no_answer(receiver: Receiver):
    for url in ("http://127.0.0.1:1/hook", "https://no-such-host.invalid/hook"):
        with pytest.raises(NoAnswerError):
            webhook.Webhook("hook", lambda url=url: url).deliver(tell(), CONTEXT)


NEVER = [(f"{status}", answer(status)) for status in (400, 401, 403, 404, 410, 413, 422)]
NEVER += [(f"{n}, which is not followed", answer(n, b"", Location="/elsewhere")) for n in (301, 302, 303, 307, 308)]


@pytest.mark.parametrize(("says", "said"), NEVER, ids=[c[0] for c in NEVER])
def test_what_will_never_succeed_is_refused(receiver: Receiver, says: str, said: Answerer):
    receiver.usual = said
    with pytest.raises(Refused, match=f"^answered {says[:3]}$"):
        hook(receiver).deliver(tell(), CONTEXT)
    assert len(receiver.asked) == 1


WRONG = [
    ("plain http elsewhere", "http://hooks.example.org/secret", "hooks.example.org: only https is fetched"),
    ("a private address", "https://10.0.0.8/secret", "10.0.0.8 has an address that is not public"),
    ("the metadata service", "https://169.254.169.254/secret", "has an address that is not public"),
    ("no address at all", "secret", "names no host"),
    ("a password", "https://u:secret@example.org/", "has a user name or a password in it"),
    ("another port", "https://example.org:8443/secret", "only port 443 is asked"),
]


@pytest.mark.parametrize(("says", "url", "why"), WRONG, ids=[c[0] for c in WRONG])
def test_where_nobody_may_be_asked_the_notice_is_refused(says: str, url: str, why: str):
    with pytest.raises(Refused) as raised:
        webhook.Webhook("hook", lambda: url).deliver(tell(), CONTEXT)
    assert why in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_name_that_the_site_allows_may_have_a_private_address_and_any_port(monkeypatch: pytest.MonkeyPatch):
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    with pytest.raises(NoAnswerError, match="Connection refused"):
        webhook.Webhook("hook", lambda: "https://chat.internal:8443/", private_hosts=("Chat.Internal",)).deliver(
            tell(), CONTEXT
        )


FAULTS = [*LATER, *SILENT]


@pytest.mark.parametrize("said", [c[1] for c in FAULTS], ids=[c[0] for c in FAULTS])
def test_no_error_quotes_the_path_or_the_key(receiver: Receiver, said: Answerer):
    receiver.usual = said
    with pytest.raises(RetryLater) as raised:
        hook(receiver, secret="s3cret-key").deliver(tell(), CONTEXT)
    chain = f"{raised.value!r} {raised.value.__cause__!r}"
    assert not {part for part in ("very-secret-path", "s3cret-key") if part in chain}


# ---------------------------------------------------------------- what a webhook is sent


def test_a_webhook_receives_json_that_it_can_believe(receiver: Receiver):
    hook(receiver, secret="s3cret").deliver(tell(), CONTEXT)
    ((path, headers, body),) = receiver.asked
    t, v1 = (part.partition("=")[2] for part in headers["X-Firstbell-Signature"].split(","))
    assert v1 == hmac.new(b"s3cret", f"{t}.".encode() + body, hashlib.sha256).hexdigest()
    assert int(t) == START.timestamp()
    assert (path, headers["Content-Type"]) == ("/very-secret-path", "application/json")
    assert headers["User-Agent"].startswith("Firstbell/")
    assert headers["X-Firstbell-Delivery"] == message.delivery_id(tell())
    assert receiver.bodies()[0]["key"] == "mount/i-0abc"


def test_without_a_secret_a_message_is_not_signed(receiver: Receiver):
    hook(receiver).deliver(tell(), CONTEXT)
    assert "X-Firstbell-Signature" not in receiver.asked[0][1]


# ---------------------------------------------------------------- Retry-After


@given(st.text(max_size=40) | st.datetimes().map(lambda d: d.strftime("%a, %d %b %Y %H:%M:%S GMT")))
def test_any_retry_after_is_a_time_that_is_not_negative_or_nothing(text: str):
    seconds = posting.wait(text, START)
    assert seconds is None or seconds >= 0


@given(st.integers(0, 10**8))
def test_a_retry_after_means_the_same_as_seconds_and_as_a_date(seconds: int):
    assert posting.wait(f" {seconds} ", START) == seconds
    date = (START + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert posting.wait(date, START) == seconds


def test_the_twins_network_takes_the_place_of_the_real_one():
    heard: list[str] = []

    def post(url: str, body: bytes, headers: object) -> web.Answer:
        heard.append(url)
        return web.Answer(429, "9")

    web.use_poster(post)
    try:
        with pytest.raises(RetryLater) as raised:
            posting.post("https://hooks.example.org/", b"{}", datetime(2026, 5, 4, tzinfo=UTC))
    finally:
        web.use_poster(None)
    assert (raised.value.seconds, heard) == (9.0, ["https://hooks.example.org/"])


def test_within_lambda_nothing_goes_to_loopback_where_its_runtime_hands_out_events(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", receiver.url.removeprefix("http://"))
    for url in (f"{receiver.url}/2018-06-01/runtime/invocation/next", "https://localhost/", "http://[::1]/"):
        with pytest.raises(web.WebError) as raised:
            web.ping(url, seconds=0.5)
        assert not isinstance(raised.value, web.NoAnswerError)
    assert receiver.asked == []
