"""Acknowledging by the link in a message: from the signal to the page to what the others hear."""

import base64
import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from firstbell import journal
from firstbell.acting import ActionsFailed
from firstbell.aws import parameters
from firstbell.aws.table import Table
from firstbell.oncall import links, pages, tokens
from functions.acknowledge.app import handler as asked
from functions.notify_on_call.app import handler as told
from tests.functions.on_call_world import NEW, START, TABLE, TICK, World, living, signal, sns

BASE = "https://abc.lambda-url.eu-central-1.on.aws/"
KEY = "/firstbell/prod/ack-key"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with living(monkeypatch) as made:
        monkeypatch.setenv("ACKNOWLEDGE_URL", BASE)
        monkeypatch.setenv("ACKNOWLEDGE_KEY", KEY)
        yield made


def link(world: World) -> str:
    """The link in the newest message that people got."""
    found = re.findall(r"^Acknowledge: (\S+)$", world.inbox()[-1][1], re.MULTILINE)
    return str(found[-1]) if found else ""


def token(world: World) -> str:
    return parse_qs(urlsplit(link(world)).query)["t"][0]


def request(token: str, method: str = "GET", body: str | None = None) -> dict[str, Any]:
    """What a function URL hands over (payload format 2.0): it encodes the body of a form."""
    http = {"method": method, "path": "/", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "x"}
    event = {
        "version": "2.0",
        "rawPath": "/",
        "rawQueryString": f"t={token}",
        "queryStringParameters": {"t": token},
        "headers": {"content-type": "application/x-www-form-urlencoded"},
        "requestContext": {"accountId": "anonymous", "http": http},
        "isBase64Encoded": body is not None,
    }
    return event | ({} if body is None else {"body": base64.b64encode(body.encode()).decode()})


def post(token: str, body: str = "by=Ada") -> dict[str, Any]:
    return asked(request(token, "POST", body))


# ---------------------------------------------------------------- the way through


def test_who_follows_the_link_and_presses_the_button_has_taken_it_and_the_others_hear_so(world: World):
    told(sns(signal(world)))
    page = asked(request(token(world)))
    assert (page["statusCode"], "not mounted" in page["body"]) == (200, True)
    assert '<form method="post">' in page["body"]
    world.later(minutes=2)
    assert post(token(world))["statusCode"] == 200
    incident = world.incident()
    assert incident["acknowledged_at"] == world.now.isoformat()
    assert incident["acknowledged_by"] == "Ada (by the link)"
    world.ticks(5)
    assert world.subjects()[-1] == "[page] campus: acknowledged: not mounted"
    assert "Acknowledged by Ada (by the link)" in world.inbox()[-1][1]
    assert ("acknowledge", "Noted") in {(e.function, e.action) for e in world.journal()}


def test_after_it_nobody_is_bothered_again_until_it_is_over(world: World):
    told(sns(signal(world)))
    post(token(world))
    world.ticks(5)
    heard = len(world.inbox())
    world.later(hours=5)
    told(TICK)
    assert len(world.inbox()) == heard


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_mail_scanner_that_follows_links_takes_nothing_and_uses_nothing_up(world: World, method: str):
    told(sns(signal(world)))
    for _ in range(3):
        assert asked(request(token(world), method))["statusCode"] == 200
    assert world.incident()["acknowledged_at"] is None
    assert post(token(world))["statusCode"] == 200


def test_the_link_has_nothing_of_the_site_in_it_and_is_one_for_all_messages_about_a_notice(world: World):
    told(sns(signal(world, key="mount/i-0abc")))
    assert re.fullmatch(re.escape(BASE) + r"\?t=[A-Za-z0-9_-]{44}", link(world))
    stored = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert len([item for item in stored if item["pk"]["S"].startswith("ACK#")]) == 1


def test_what_is_over_has_no_link(world: World):
    told(sns(signal(world)))
    told(sns(signal(world, resolved=True)))
    assert link(world) == ""


# ---------------------------------------------------------------- once, for a day, and only what is still so


def test_a_link_is_good_once(world: World):
    told(sns(signal(world)))
    good = token(world)
    assert post(good)["statusCode"] == 200
    answers = [post(good, "by=Eve"), asked(request(good)), asked(request(good, "HEAD"))]
    assert answers == [pages.GONE] * 3
    assert world.incident()["acknowledged_by"] == "Ada (by the link)"


def test_of_two_who_press_at_once_one_has_it(world: World):
    told(sns(signal(world)))
    good = token(world)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(post, [good] * 2, ["by=Ada", "by=Eve"]))
    assert sorted(a["statusCode"] for a in answers) in ([200, 409], [200, 410])
    [winner] = [name for name, a in zip(("Ada", "Eve"), answers, strict=True) if a["statusCode"] == 200]
    assert world.incident()["acknowledged_by"] == f"{winner} (by the link)"


def test_after_a_day_it_is_too_late(world: World):
    told(sns(signal(world)))
    good = token(world)
    world.later(hours=23, minutes=59)
    assert asked(request(good))["statusCode"] == 200
    world.later(minutes=1)
    assert asked(request(good)) == pages.GONE
    assert post(good) == pages.GONE
    assert world.incident()["acknowledged_at"] is None


def test_who_saw_only_what_it_was_before_it_became_worse_has_not_taken_it(world: World):
    told(sns(signal(world, "ticket")))
    old = token(world)
    world.later(minutes=1)
    told(sns(signal(world, "page")))
    answer = post(old)
    assert (answer["statusCode"], "It has changed since" in answer["body"]) == (409, True)
    assert world.incident()["acknowledged_at"] is None
    assert post(token(world))["statusCode"] == 200


def test_what_is_over_cannot_be_taken_any_more_and_the_page_says_so(world: World):
    told(sns(signal(world)))
    good = token(world)
    world.later(minutes=1)
    told(sns(signal(world, resolved=True)))
    for answer in (asked(request(good)), post(good)):
        assert (answer["statusCode"], "It is over already" in answer["body"]) == (409, True)
    assert "<form" not in asked(request(good))["body"]


# ---------------------------------------------------------------- strangers


def test_a_stranger_learns_nothing_from_what_is_answered(world: World):
    """Forged, malformed, unknown: the same page, byte for byte."""
    told(sns(signal(world)))
    good, key = token(world), parameters.secret(KEY, world.now)
    unknown = tokens.make(key, "00" * 12, world.now)
    swapped = good[:-1] + ("A" if good[-1] != "A" else "B")
    for bad in ("", "x", swapped, unknown, tokens.make("guess", "00" * 12, world.now), "A" * 44):
        assert asked(request(bad)) == post(bad) == pages.UNKNOWN
    assert world.incident()["acknowledged_at"] is None


def test_no_table_is_asked_for_a_token_that_is_not_ours(world: World, monkeypatch: pytest.MonkeyPatch):
    told(sns(signal(world)))
    good = token(world)
    monkeypatch.setenv("TABLE_NAME", "there-is-none")
    assert post("A" * 44) == pages.UNKNOWN
    with pytest.raises(Exception, match="ResourceNotFoundException"):
        post(good)


def test_before_the_first_link_was_made_none_is_good(world: World):
    assert asked(request("A" * 44)) == pages.UNKNOWN
    assert boto3.client("ssm").describe_parameters()["Parameters"] == []


@pytest.mark.parametrize(
    ("sentence", "change", "status"),
    [
        ("another method", {"requestContext": {"http": {"method": "DELETE"}}}, 405),
        ("no method at all", {"requestContext": {}}, 405),
        ("another path, such as an icon's", {"rawPath": "/favicon.ico"}, 404),
        ("no query", {"queryStringParameters": None}, 404),
        ("a long body", {"body": "a" * 100_000}, 413),
        ("a body that is no base64", {"body": "!!!"}, 400),
        ("a body that is no text", {"body": base64.b64encode(b"\xff\xfe").decode()}, 400),
        ("a form of many fields", {"body": base64.b64encode(b"&".join([b"a=1"] * 50)).decode()}, 400),
    ],
)
def test_a_request_that_no_browser_of_ours_sends_changes_nothing(
    world: World, sentence: str, change: dict[str, Any], status: int
):
    told(sns(signal(world)))
    assert asked(request(token(world), "POST", "by=Ada") | change)["statusCode"] == status
    assert world.incident()["acknowledged_at"] is None


@pytest.mark.parametrize(
    ("sentence", "body", "by"),
    [
        ("no name", "", "somebody with the link"),
        ("an empty name", "by=", "somebody with the link"),
        ("a name of spaces and controls", "by=+%0A%00+", "somebody with the link"),
        ("a name that would be a line of its own", "by=Ada%0ARunbook:+evil", "Ada Runbook: evil (by the link)"),
        ("a long name", "by=" + "x" * 200, "x" * 59 + "… (by the link)"),
        ("two names", "by=Ada&by=Eve", "Ada (by the link)"),
    ],
)
def test_whoever_it_was_is_a_short_name_on_one_line(world: World, sentence: str, body: str, by: str):
    told(sns(signal(world)))
    assert post(token(world), body)["statusCode"] == 200
    assert world.incident()["acknowledged_by"] == by


def test_a_plain_body_is_read_as_well(world: World):
    told(sns(signal(world)))
    plain = {"body": "by=Ada", "isBase64Encoded": False}
    assert asked(request(token(world), "POST") | plain)["statusCode"] == 200
    assert world.incident()["acknowledged_by"] == "Ada (by the link)"


# ---------------------------------------------------------------- the page


def test_a_title_from_anywhere_is_text_on_the_page(world: World):
    title = "<script>alert(1)</script>\"'&"
    told(sns(signal(world, title=title)))
    shown = asked(request(token(world)))["body"]
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in shown


def test_the_page_may_do_nothing_but_send_its_form_home_and_is_kept_and_embedded_nowhere(world: World):
    told(sns(signal(world)))
    answer = asked(request(token(world)))
    headers = answer["headers"]
    [style] = re.findall(r"<style>(.*)</style>", answer["body"])
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert headers["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        f"style-src 'sha256-{digest}'",
    ]
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert len(answer["body"]) < 2000


# ---------------------------------------------------------------- the key, and when it cannot be had


def test_the_key_is_made_once_and_is_secret(world: World):
    told(sns(signal(world), signal(world, key="mount/i-2")))
    parameters.forget()
    world.later(minutes=1)
    told(sns(signal(world, key="mount/i-3")))
    [parameter] = boto3.client("ssm").describe_parameters()["Parameters"]
    assert (parameter["Name"], parameter["Type"], parameter["Version"]) == (KEY, "SecureString", 1)
    assert len(parameters.secret(KEY, world.now)) >= 43


def test_of_two_who_make_the_key_at_once_both_have_the_same(world: World):
    def slower() -> str:
        boto3.client("ssm").put_parameter(Name=KEY, Value="the other's", Type="SecureString")
        return "mine"

    assert parameters.made(KEY, slower, world.now) == "the other's"


def test_without_a_link_the_message_goes_out_anyway_and_the_failure_is_not_hidden(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("ACKNOWLEDGE_KEY")
    with pytest.raises(ActionsFailed):
        told(sns(signal(world)))
    assert world.subjects() == [NEW]
    assert link(world) == ""


def test_without_an_address_there_are_no_links_and_no_key(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ACKNOWLEDGE_URL", "")
    told(sns(signal(world)))
    assert (world.subjects(), link(world)) == ([NEW], "")
    assert boto3.client("ssm").describe_parameters()["Parameters"] == []


def test_no_token_and_no_key_gets_into_the_journal(world: World):
    told(sns(signal(world)))
    post(token(world))
    secret = parameters.secret(KEY, world.now)
    said = " ".join(f"{e.subject} {e.reason} {e.error}" for e in journal.newest(Table(TABLE), "campus"))
    assert token(world) not in said
    assert secret not in said


def test_a_used_link_is_remembered_longer_than_any_link_of_the_notice_holds(world: World):
    told(sns(signal(world)))
    post(token(world))
    [item] = [
        i for i in boto3.client("dynamodb").scan(TableName=TABLE)["Items"] if i["pk"]["S"].startswith(links.PREFIX)
    ]
    assert int(item["expires_at"]["N"]) >= (START + timedelta(hours=48)).timestamp()
