"""AWS Signature Version 4, as S3 wants it; pure. Source: Amazon S3 API Reference, "Signature Calculations"."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

from firstbell.backup.engine.credentials import Keys

UNSIGNED = "UNSIGNED-PAYLOAD"  # what a body holds is proven by its SHA-1, which is signed
EMPTY = hashlib.sha256(b"").hexdigest()


def path_of(key: str) -> str:
    """A key (or a bucket and a key) as it stands in the request line."""
    return quote(key, safe="/-_.~")


def query_of(parameters: Mapping[str, str]) -> str:
    """Parameters in canonical order."""
    return "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in sorted(parameters.items()))


class Signer:
    """Sign requests with one access key; what is the same all day is computed once."""

    def __init__(self, keys: Keys, region: str) -> None:
        self.keys, self._region = keys, region
        self._day, self._key, self._scope = "", b"", ""

    def headers(self, method: str, path: str, query: str, headers: Mapping[str, str], date: str) -> dict[str, str]:
        """`headers` (names in lower case; all are signed) and those that prove them.

        `date` is the moment in UTC, 20261124T031500Z.
        """
        if date[:8] != self._day:
            self._begin(date[:8])
        every = {**headers, "x-amz-date": date}
        if self.keys.token:
            every["x-amz-security-token"] = self.keys.token
        names = sorted(every)
        signed = ";".join(names)
        listed = "".join(f"{name}:{every[name]}\n" for name in names)
        request = f"{method}\n{path}\n{query}\n{listed}\n{signed}\n{every['x-amz-content-sha256']}"
        wanted = f"AWS4-HMAC-SHA256\n{date}\n{self._scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key, wanted.encode(), "sha256").hex()
        every["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.keys.access}/{self._scope}, "
            f"SignedHeaders={signed}, Signature={signature}"
        )
        return every

    def _begin(self, day: str) -> None:
        key = ("AWS4" + self.keys.secret).encode()
        for part in (day, self._region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._day, self._key, self._scope = day, key, f"{day}/{self._region}/s3/aws4_request"
