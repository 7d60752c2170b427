"""The mount probe asks and warms a web server on loopback that answers, redirects, fails, hangs, or gets faster."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from firstbell.instances import probe

HOST = "moodle.example.edu"
STYLES = "/theme/styles.php/boost/17/all"
PAGES = {
    "/login/index.php": f"""<link href="https://{HOST}{STYLES}"><script src='/lib/javascript.php/17/a.js?x=1&amp;y=2'>
        <a href="/course/view.php?id=2"><script src="https://other.example/lib/evil.js"></script>
        <link rel=x href="//{HOST}/theme/yui_combo.php?a.css#top"><img src="/pluginfile.php/1/theme/x.png">""",
    "/deep": '<script src="/moodle/lib/requirejs.php/17/core/first.js"></script>',
    "/odd": """<script src="/lib/a.js?x=1&copy=2"><script src="/lib/b&#10;.js"><script src="/lib/c%20.js">""",
    "/broken": '<link href="/theme/500.css">',
    "/long": f'<link href="/theme/500.css?{"x" * 60_000}">',
    "/many": "".join(f'<script src="/lib/{n}.js"></script>' for n in range(50)),
}


class Answers(BaseHTTPRequestHandler):
    """Answers by the path's first word."""

    protocol_version = "HTTP/1.1"
    server: "Site"

    def do_GET(self) -> None:
        """Answer as the path wants it."""
        asked = self.server.asked
        asked.append(self.path)
        self.server.heads.append(dict(self.headers.items()))
        word, _, argument = self.path.strip("/").partition("/")
        status = 500 if argument.startswith("500.css") else int(word) if word.isdigit() else 200
        times = asked.count(self.path)
        if word == "hang" or (word == "drip" and self.drip()):
            self.server.ended.wait(20)
        elif word in ("close", "noise"):
            self.wfile.write(b"" if word == "close" else bytes(60_000) + b"\r\n")
            self.close_connection = True
        else:
            if word == "slow" or (word == "first" and times == 1):
                time.sleep(float(argument))
            self.reply(500 if word == "heals" and times <= int(argument) else status, self.body(word))

    def body(self, word: str) -> bytes:
        """The page, or any number of bytes."""
        return bytes(20_000_000) if word == "huge" else PAGES.get(self.path, "as you like it").encode()

    def reply(self, status: int, body: bytes) -> None:
        """Send it; the client may have gone."""
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.server.cut_off += 1
            self.close_connection = True

    def drip(self) -> bool:
        """Send a byte now and then: each piece in time, the whole never."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        try:
            for _ in range(200):
                self.wfile.write(b"x")
                if self.server.ended.wait(0.1):
                    break
        except OSError:
            pass
        return True

    def log_message(self, *words: Any) -> None:
        """Be quiet."""


class Site(ThreadingHTTPServer):
    """A web server that notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[str] = []
        self.heads: list[dict[str, str]] = []
        self.ended = threading.Event()
        self.cut_off = 0


@pytest.fixture
def site() -> Iterator[Site]:
    """The web server, running."""
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Prober:
    """Runs the probe on a healthy mount, with this web server."""

    def __init__(self, site: Site, share: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.site, self.share, self.capfd = site, share, capfd

    def __call__(self, *arguments: str) -> dict[str, Any]:
        web = [f"--web-host={HOST}", f"--web-port={self.site.server_address[1]}"]
        code = probe.main(["--min-free-mb=0", *web, *arguments, str(self.share)])
        answer: dict[str, Any] = json.loads(self.capfd.readouterr().out)
        assert code == {"healthy": 0, "unknown": 2}.get(answer["verdict"], 1)
        assert (answer["step"] is None) == (answer["verdict"] == "healthy")
        return answer


@pytest.fixture
def ask(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Prober:
    """A probe of a mount that is fine."""
    for name in ("share", "locks"):
        (tmp_path / name).mkdir()
    (tmp_path / "mountinfo").write_text(f"21 20 0:50 / {tmp_path}/share rw - nfs4 10.0.0.5:/data rw\n")
    monkeypatch.setattr(probe, "MOUNTINFO", str(tmp_path / "mountinfo"))
    monkeypatch.setattr(probe, "LOCK_DIRECTORIES", (str(tmp_path / "locks"),))
    monkeypatch.setattr(probe, "LEAST_INODES", 0)
    monkeypatch.setattr(probe, "WEB_SECONDS", 1)
    monkeypatch.setattr(probe, "LEAST_SECONDS", 1)
    return Prober(site, tmp_path / "share", capfd)


# --- the cheap page


@pytest.mark.parametrize("page", ["/200", "/303/login", "/404", "/login/index.php", "/huge", "/slow/0.3"])
def test_what_is_below_500_is_an_answer_and_no_redirect_is_followed(page: str, ask: Prober) -> None:
    answer = ask(f"--page={page}")
    status = int(page.split("/")[1]) if page.split("/")[1].isdigit() else 200
    assert answer["verdict"] == "healthy"
    assert (answer["web"]["page"], answer["web"]["status"]) == (page, status)
    assert answer["web"]["ms"] > 0
    assert answer["warm"] is None
    assert ask.site.asked == [page]


@pytest.mark.parametrize(
    ("page", "status", "detail"),
    [
        ("/500", 500, "/500: status 500"),
        ("/503/maintenance", 503, "/503/maintenance: status 503"),
        ("/close", None, "/close: no answer: RemoteDisconnected"),
        ("/noise", None, "/noise: no answer: BadStatusLine"),
        ("/hang", None, "/hang: no answer: "),
        ("/drip", None, "no answer for 2"),
        ("/a b", None, "no answer: InvalidURL"),
    ],
)
def test_what_is_no_answer_makes_a_healthy_mount_unknown(
    page: str, status: int | None, detail: str, ask: Prober
) -> None:
    began = time.monotonic()
    answer = ask(f"--page={page}")
    assert time.monotonic() - began < 4
    assert (answer["verdict"], answer["step"]) == ("unknown", "web")
    assert detail in answer["detail"]
    assert page == "/drip" or (answer["web"]["page"], answer["web"]["status"]) == (page, status)


def test_a_server_that_is_not_there_is_no_answer(ask: Prober) -> None:
    answer = ask("--web-port=1")
    assert (answer["verdict"], answer["step"]) == ("unknown", "web")
    assert "Connection refused" in answer["detail"]


def test_a_child_that_dies_while_it_asks_leaves_the_web_server_unproven(
    ask: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe.http.client, "HTTPConnection", lambda *about, **named: os.kill(os.getpid(), SIGKILL))
    answer = ask()
    assert (answer["verdict"], answer["step"], answer["detail"]) == ("unknown", "web", "the child ended in step web")


def test_a_page_s_name_of_any_length_is_cut_in_the_answer(ask: Prober) -> None:
    answer = ask(f"--page=/{'x' * 5000}")
    assert (answer["verdict"], answer["web"]["page"]) == ("healthy", "/" + "x" * 199)


def test_it_asks_as_the_balancer_does(ask: Prober) -> None:
    ask()
    (heads,) = ask.site.heads
    assert (heads["Host"], heads["X-Forwarded-Proto"]) == (HOST, "https")


@pytest.mark.parametrize("arguments", [("--web-host=",), ("--min-free-mb=1e12",), ("--slow-ms=0.0001",)])
def test_nobody_is_asked_without_a_host_or_about_a_mount_that_is_not_healthy(
    arguments: tuple[str, ...], ask: Prober
) -> None:
    answer = ask(*arguments)
    assert (answer["web"], answer["warm"], ask.site.asked) == (None, None, [])


# --- warming


def warming(ask: Prober, pages: str, *arguments: str) -> dict[str, Any]:
    return ask("--purpose=admitting", "--page=/200", f"--warm={pages}", "--warm-ms=150", *arguments)


def test_only_an_instance_that_is_admitted_is_warmed(ask: Prober) -> None:
    assert ask("--purpose=patrolling", "--warm=/200")["warm"] is None
    assert warming(ask, "")["warm"] is None
    assert warming(ask, "/200", "--warm-seconds=0")["warm"] is None
    assert len(ask.site.asked) == 3
    assert warming(ask, "/200")["warm"]["done"] is True


def test_one_round_is_enough_for_what_is_fast(ask: Prober) -> None:
    warm = warming(ask, "/200/a /303/b")["warm"]
    assert (warm["done"], warm["rounds"], warm["pages"]) == (True, 1, 2)
    assert ask.site.asked == ["/200", "/200/a", "/303/b"]


def test_another_round_follows_until_all_is_fast(ask: Prober) -> None:
    answer = warming(ask, "/first/0.3 /200")
    assert (answer["verdict"], answer["warm"]["done"], answer["warm"]["rounds"]) == ("healthy", True, 2)
    assert answer["warm"]["ms"] >= 300
    assert answer["warm"]["slowest"].endswith(" ms")


def test_what_stays_slow_is_not_done_which_changes_no_verdict(ask: Prober) -> None:
    began = time.monotonic()
    answer = warming(ask, "/slow/0.3 /200", "--warm-seconds=1")
    assert time.monotonic() - began < 3
    assert answer["verdict"] == "healthy"
    assert answer["warm"]["done"] is False
    assert answer["warm"]["rounds"] >= 3
    assert answer["warm"]["slowest"].startswith("/slow/0.3 took 3")


def test_a_page_that_fails_first_may_work_in_the_end(ask: Prober) -> None:
    answer = warming(ask, "/heals/1")
    assert (answer["verdict"], answer["warm"]["done"], answer["warm"]["rounds"]) == ("healthy", True, 2)


@pytest.mark.parametrize(("page", "detail"), [("/500/x", "/500/x: status 500"), ("/hang", "/hang: no answer")])
def test_a_page_that_fails_to_the_end_makes_it_unknown(page: str, detail: str, ask: Prober) -> None:
    began = time.monotonic()
    answer = warming(ask, f"/200/fine {page}", "--warm-seconds=2")
    assert time.monotonic() - began < 5
    assert (answer["verdict"], answer["step"]) == ("unknown", "warm")
    assert answer["detail"].startswith(detail)
    assert answer["warm"]["done"] is False


def test_a_page_that_drips_ends_all_in_time(ask: Prober) -> None:
    began = time.monotonic()
    answer = warming(ask, "/200/fine /drip", "--warm-seconds=1")
    assert time.monotonic() - began < 4
    assert (answer["verdict"], answer["step"], answer["warm"]) == ("unknown", "warm", None)


def test_styles_and_scripts_of_the_same_host_are_warmed_too(ask: Prober) -> None:
    warm = warming(ask, "/login/index.php")["warm"]
    linked = [STYLES, "/lib/javascript.php/17/a.js?x=1&y=2", "/theme/yui_combo.php?a.css"]
    assert Counter(ask.site.asked) == Counter(["/200", "/login/index.php", *linked])
    assert (warm["rounds"], warm["pages"]) == (1, 4)


def test_odd_links_are_asked_for_as_they_are_written(ask: Prober) -> None:
    answer = warming(ask, "/odd")
    assert (answer["verdict"], answer["warm"]["done"]) == ("healthy", True)
    assert {"/lib/a.js?x=1&copy=2", "/lib/c%20.js"} <= set(ask.site.asked)


@pytest.mark.parametrize("page", ["/broken", "/long"])
def test_a_linked_file_that_fails_keeps_no_instance_out(page: str, ask: Prober) -> None:
    answer = warming(ask, page)
    assert any(path.startswith("/theme/500.css") for path in ask.site.asked)
    assert (answer["verdict"], answer["warm"]["done"], answer["warm"]["pages"]) == ("healthy", True, 2)


def test_a_moodle_below_a_directory_has_its_links_there(ask: Prober) -> None:
    warming(ask, "/deep")
    assert "/moodle/lib/requirejs.php/17/core/first.js" in ask.site.asked


def test_no_more_than_twenty_links_are_asked_for(ask: Prober) -> None:
    assert warming(ask, "/many /200/x")["warm"]["pages"] == 22
    assert len(ask.site.asked) == 23


def test_of_a_huge_page_only_a_part_is_read(ask: Prober) -> None:
    assert warming(ask, "/huge", "--warm-ms=5000")["warm"]["done"] is True
    assert ask.site.cut_off == 1


def test_a_second_probe_during_the_warming_says_so(ask: Prober) -> None:
    answers: list[str] = []

    def second() -> None:
        time.sleep(0.5)
        try:
            probe.take_lock(str(ask.share))
        except probe.Finding as finding:
            answers.extend(finding.args)

    thread = threading.Thread(target=second)
    thread.start()
    warming(ask, "/slow/0.3", "--warm-seconds=2")
    thread.join()
    assert answers == ["unknown", "another probe is running, in step warm"]
