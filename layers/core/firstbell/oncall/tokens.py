"""The token in a link that acknowledges: an opaque handle and until when it holds, signed. Pure.

A version, the handle, its end in seconds since 1970 (UTC), and an HMAC-SHA256 over these, cut to half as RFC 2104
allows: 33 bytes, 44 characters that are fit for a URL. What the handle stands for is in the table only.
"""

import base64
import hmac
import re
from datetime import datetime, timedelta

VALID = timedelta(hours=24)
VERSION, HANDLE, MAC = b"\x01", 12, 16  # the last two in bytes
_TOKEN = re.compile(r"[A-Za-z0-9_-]{44}")


class ForgedError(Exception):
    """Not a token of ours; nothing more is said."""


class ExpiredError(Exception):
    """A token of ours that does not hold any more."""


def handle(key: str, *notice: str) -> str:
    """The handle of a notice, in hexadecimal: the same each time, and of no meaning to who has not the key."""
    return _mac(key, b"handle", "\0".join(notice).encode("utf-8", "replace"))[:HANDLE].hex()


def make(key: str, handle: str, now: datetime) -> str:
    """The token for a handle, which holds for a day from `now` on."""
    signed = VERSION + bytes.fromhex(handle) + int((now + VALID).timestamp()).to_bytes(4, "big")
    return base64.urlsafe_b64encode(signed + _mac(key, b"token", signed)[:MAC]).decode()


def check(key: str, token: str, now: datetime) -> str:
    """The handle in a token. Raises ForgedError, in the same time whatever is wrong with it, and ExpiredError."""
    raw = base64.urlsafe_b64decode(token if _TOKEN.fullmatch(token) else "A" * 44)
    signed, mac = raw[:-MAC], raw[-MAC:]
    if not hmac.compare_digest(mac, _mac(key, b"token", signed)[:MAC]) or not signed.startswith(VERSION):
        raise ForgedError
    if now.timestamp() >= int.from_bytes(signed[-4:], "big"):
        raise ExpiredError
    return signed[len(VERSION) :][:HANDLE].hex()


def _mac(key: str, purpose: bytes, text: bytes) -> bytes:
    """Other purposes have other MACs: what a webhook's messages are signed with begins with a number."""
    return hmac.digest(key.encode(), b"firstbell " + purpose + b"\0" + text, "sha256")
