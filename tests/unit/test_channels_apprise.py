"""Apprise, the real library: a mail to a real SMTP server on loopback, JSON to a real HTTP server, and who is told."""

import email
import email.policy
import logging
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage

import pytest

from firstbell.oncall.channels.apprise import Apprise
from firstbell.oncall.channels.channel import Refused, RetryLater
from tests.unit.channel_world import CONTEXT, Receiver, answer, listening, tell


@dataclass
class Sink:
    """An SMTP server; `mails` are what it took, `refuses` whether it takes none."""

    port: int = 0
    refuses: bool = False
    mails: list[EmailMessage] = field(default_factory=list)


@contextmanager
def sink() -> Iterator[Sink]:
    """A server on a free port of loopback that speaks as much of RFC 5321 as one client needs."""
    kept = Sink()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 sink ready\r\n")
            while line := self.rfile.readline():
                match line.split(maxsplit=1)[0].upper() if line.strip() else b"":
                    case b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    case b"RCPT" if kept.refuses:
                        self.wfile.write(b"550 nobody here\r\n")
                    case b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        lines = list(iter(self.rfile.readline, b".\r\n"))
                        mail = b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)
                        kept.mails.append(email.message_from_bytes(mail, policy=email.policy.default))
                        self.wfile.write(b"250 taken\r\n")
                    case _:
                        self.wfile.write(b"250 ok\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def post() -> Iterator[Sink]:
    with sink() as kept:
        yield kept


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with listening() as kept:
        kept.usual = answer(200)
        yield kept


def mailto(post: Sink) -> str:
    return f"mailto://127.0.0.1:{post.port}?from=firstbell@example.org&to=ops@example.org&mode=insecure&format=text"


def hook(receiver: Receiver, path: str = "hook") -> str:
    return f"json://127.0.0.1:{receiver.port}/{path}"


def apprise(*addresses: str) -> Apprise:
    return Apprise("apprise", lambda: "\n".join(addresses))


def test_a_mail_arrives_with_the_whole_story(post: Sink):
    apprise(mailto(post)).deliver(tell(what="Grüße 🔥 <script>\n."), CONTEXT)
    (mail,) = post.mails
    assert mail["Subject"] == "[page] campus: moodledata is not mounted"
    assert mail["To"] == "ops@example.org"
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Grüße 🔥 <script>" in body.get_content()
    assert "- verdict hung" in body.get_content()
    assert "Acknowledge: https://ack.example.org/?t=1" in body.get_content()


def test_a_title_cannot_add_headers_or_mention_everybody(post: Sink):
    apprise(mailto(post)).deliver(tell(title="a\r\nBcc: evil@example.org\r\n\r\n@everyone"), CONTEXT)
    (mail,) = post.mails
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("[page] campus: a Bcc: evil@example.org @")
    assert "@everyone" not in mail["Subject"]


def test_a_mail_that_is_refused_is_tried_again(post: Sink):
    post.refuses = True
    with pytest.raises(RetryLater, match="1 of 1 addresses did not take it"):
        apprise(mailto(post)).deliver(tell(), CONTEXT)
    assert post.mails == []


def test_severities_and_the_end_have_colours_of_their_own(receiver: Receiver):
    for notice in (tell(), tell(severity="ticket"), tell(severity="info"), tell("resolved")):
        apprise(hook(receiver)).deliver(notice, CONTEXT)
    assert [body["type"] for body in receiver.bodies()] == ["failure", "warning", "info", "success"]


def test_each_address_is_told_once_also_when_another_one_fails(receiver: Receiver):
    with listening() as broken:
        broken.answers = [answer(500), answer(500)]
        channel = apprise(hook(receiver), hook(broken))
        receipt = ""
        for _ in range(2):
            with pytest.raises(RetryLater) as raised:
                channel.deliver(tell(receipt=receipt), CONTEXT)
            assert raised.value.receipt is not None
            receipt = raised.value.receipt
        receipt = channel.deliver(tell(receipt=receipt), CONTEXT)
        assert (len(receiver.asked), len(broken.asked)) == (1, 3)
        end = tell("resolved", receipt=receipt)
        channel.deliver(replace(end, delivery=replace(end.delivery, number=2)), CONTEXT)
        assert (len(receiver.asked), len(broken.asked)) == (2, 4)


def test_a_receipt_of_an_earlier_notice_does_not_count_for_the_next(receiver: Receiver):
    receipt = apprise(hook(receiver)).deliver(tell(), CONTEXT)
    apprise(hook(receiver)).deliver(tell(receipt=receipt), CONTEXT)
    assert len(receiver.asked) == 1
    apprise(hook(receiver)).deliver(tell(site="riverside", receipt=receipt), CONTEXT)
    assert len(receiver.asked) == 2


def test_a_redirect_is_not_followed(receiver: Receiver):
    receiver.usual = answer(302, b"", Location=f"{receiver.url}/elsewhere")
    with pytest.raises(RetryLater):
        apprise(hook(receiver)).deliver(tell(), CONTEXT)
    assert [path for path, _, _ in receiver.asked] == ["/hook"]


def test_an_address_that_apprise_does_not_know_is_refused_before_anybody_is_told(receiver: Receiver):
    with pytest.raises(Refused) as raised:
        apprise(hook(receiver), "nonsense://very-secret").deliver(tell(), CONTEXT)
    assert str(raised.value) == "one of the addresses is none that Apprise knows"
    assert receiver.asked == []


def test_nothing_is_logged_that_may_quote_an_address(receiver: Receiver, caplog: pytest.LogCaptureFixture):
    receiver.usual = answer(500, b"very-secret")
    with caplog.at_level(logging.DEBUG):
        for address in (hook(receiver, "very-secret"), "json://127.0.0.1:1/very-secret"):
            with pytest.raises(RetryLater):
                apprise(address).deliver(tell(), CONTEXT)
    assert "very-secret" not in caplog.text


def test_a_text_longer_than_the_service_takes_is_cut(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    import apprise as library

    monkeypatch.setattr(library.plugins.custom_json.NotifyJSON, "body_maxlen", 300)
    apprise(hook(receiver)).deliver(tell(what="w" * 2000), CONTEXT)
    (body,) = receiver.bodies()
    assert 200 < len(body["message"]) <= 300


def test_without_the_library_one_clear_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(Refused, match=r"^the library 'apprise' is not installed: .* docs/channels.md"):
        apprise("json://example.org").deliver(tell(), CONTEXT)


def test_the_library_is_loaded_only_where_it_is_configured():
    code = "import sys; import firstbell.oncall.channels.ready; assert 'apprise' not in sys.modules, 'loaded'"
    subprocess.run([sys.executable, "-c", code], check=True)
