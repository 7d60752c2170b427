"""A generic webhook: one signed POST of JSON."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from firstbell.oncall import message
from firstbell.oncall.channels import posting
from firstbell.oncall.incident import Tell
from firstbell.oncall.message import Context


@dataclass(frozen=True)
class Webhook:
    """A receiver. What `url` and `secret` return is read when it is used; an empty secret signs nothing."""

    name: str
    url: Callable[[], str]
    secret: Callable[[], str] = str
    private_hosts: tuple[str, ...] = ()
    interval: float = 0.0

    def deliver(self, tell: Tell, context: Context) -> str:
        """Deliver a notice. Raises RetryLater or Refused."""
        body, secret = message.body(tell, context), self.secret()
        headers = {"Content-Type": "application/json", "X-Firstbell-Delivery": message.delivery_id(tell)}
        if secret:
            headers["X-Firstbell-Signature"] = signature(secret, body, context.now)
        posting.post(self.url(), body, context.now, headers=headers, private_hosts=self.private_hosts)
        return ""


def signature(secret: str, body: bytes, now: datetime) -> str:
    """The header `X-Firstbell-Signature`: `t`, Unix seconds, and `v1`, HMAC-SHA256 over "t.body", in hexadecimal."""
    t = str(int(now.timestamp()))
    return f"t={t},v1={hmac.new(secret.encode(), f'{t}.'.encode() + body, hashlib.sha256).hexdigest()}"
