"""One POST of JSON, and what the answer means: told, not now, or never. Whatever is not a 2xx answer in time failed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from firstbell import web
from firstbell.oncall.channels.channel import NoAnswerError, Refused, RetryLater

TIMEOUT = 10.0  # seconds for one POST, all in all
AGAIN = (408, 425, 429)  # the statuses of a client's error that say "not now"


def encode(payload: Any) -> bytes:
    """Compact JSON in UTF-8; half characters become question marks."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def post(
    url: str,
    body: bytes,
    now: datetime,
    *,
    headers: Mapping[str, str] | None = None,
    private_hosts: tuple[str, ...] = (),
    read: int = 0,
) -> bytes:
    """POST JSON; return at most `read` bytes of what a 2xx answer says.

    Raises RetryLater for a status that may change, with what Retry-After asks for, NoAnswerError without an answer, and
    Refused for any other status, a redirect included. None of their texts has the URL, whose path may be a secret.
    """
    sent = {"Content-Type": "application/json; charset=utf-8"} | dict(headers or {})
    try:
        answer = web.post(url, body, sent, private_hosts=private_hosts, read=read, seconds=TIMEOUT)
    except web.NoAnswerError as error:
        raise NoAnswerError(str(error)) from None
    except web.WebError as error:
        raise Refused(str(error)) from None
    if 200 <= answer.status < 300:
        return answer.body
    if answer.status in AGAIN or answer.status >= 500:
        raise RetryLater(f"answered {answer.status}", wait(answer.retry_after, now))
    raise Refused(f"answered {answer.status}")


def wait(retry_after: str, now: datetime) -> float | None:
    """Seconds that a header Retry-After asks for, as a number or as a date (RFC 9110, 10.2.3); None when unreadable."""
    if retry_after.strip().isascii() and retry_after.strip().isdigit():
        return float(retry_after.strip()[:9])
    try:
        until = parsedate_to_datetime(retry_after)
    except (ValueError, IndexError):
        return None
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())
