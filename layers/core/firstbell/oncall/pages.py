"""The tiny pages behind a link that acknowledges: what is asked by HTTP, and what is answered. Pure.

Whoever has found the address may ask: little is read, and nothing is shown without a good token. GET and HEAD change
nothing, for mail scanners follow links.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import parse_qs

from firstbell.oncall.texts import one_line

MOST, NAME = 2048, 60  # characters of a body as it arrives, and of a name
BY_LINK = "somebody with the link"
STYLE = "body{font:1.1em sans-serif;max-width:34em;margin:2em auto}button,input{font:inherit;padding:.5em}"
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: `by` is who acknowledges, None when it only wants to see."""

    token: str
    by: str | None = None


def read(event: Mapping[str, Any]) -> Asked | Answer:
    """The request in a function URL's event (payload 2.0), or the answer where there is nothing to look up."""
    http = event.get("requestContext", {}).get("http", {})
    method, token = http.get("method"), (event.get("queryStringParameters") or {}).get("t", "")
    if method not in ("GET", "HEAD", "POST"):
        return said(405, "This can only be looked at, or acknowledged.") | {"headers": HEADERS | {"Allow": "GET, POST"}}
    if event.get("rawPath", "/") != "/":
        return UNKNOWN
    if method != "POST":
        return Asked(token)
    text = event.get("body") or ""
    if len(text) > MOST:
        return said(413, "That is more than a name.")
    try:
        form = b64decode(text, validate=True).decode() if event.get("isBase64Encoded") else text
        names = parse_qs(form, max_num_fields=5).get("by", [""])
    except ValueError:
        return said(400, "That could not be read; please try again.")
    name = one_line(names[0], NAME)
    return Asked(token, f"{name} (by the link)" if name else BY_LINK)


def question(site: str, title: str) -> Answer:
    """The page with the one button."""
    field = f'<input name="by" maxlength="{NAME}" autocomplete="name" aria-label="Your name" placeholder="Your name">'
    form = f'<form method="post"><p>{field} <button>I take it</button></p></form>'
    return _page(200, f"<h1>{escape(title)}</h1><p>Site {escape(site)}. Do you take care of it?</p>{form}")


def said(status: int, sentence: str) -> Answer:
    """A page with one sentence."""
    return _page(status, f"<p>{escape(sentence)}</p>")


def _page(status: int, inside: str) -> Answer:
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Firstbell</title>'
    body = f"<!DOCTYPE html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{inside}</body></html>"
    return {"statusCode": status, "headers": HEADERS, "body": body}


UNKNOWN = said(404, "There is nothing here. Please use the link in the newest message about the incident.")
GONE = said(410, "This link was used already, or is older than a day: the newest message has another.")
