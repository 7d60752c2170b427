"""The keys that sign requests: from the environment, a profile, the container or the instance (IMDSv2)."""

from __future__ import annotations

import configparser
import json
import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from firstbell.backup.engine import clock

EARLY = timedelta(minutes=5)  # keys are renewed so long before they end
_ANSWER_MOST = 64 * 1024  # bytes
_PATIENCE = 2.0  # seconds: these services are on the machine itself
_INSTANCE, _CONTAINER = "169.254.169.254", "169.254.170.2"
_CONTAINERS = (_CONTAINER, "169.254.170.23", "fd00:ec2::23", "127.0.0.1", "localhost", "::1")
_CURE = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (`aws configure export-credentials --format env` prints those of "
    "a log-in), or run where a role is attached"
)


class CredentialsError(Exception):
    """There are no credentials, or their source fails; the message says what to do, and never a key."""


class Keys(NamedTuple):
    """An access key; `token` for temporary ones, which end at `expires` (UTC)."""

    access: str
    secret: str
    token: str = ""
    expires: datetime | None = None

    def __repr__(self) -> str:
        return f"Keys({self.access[:4]}…)"  # no secret in a traceback


Source = Callable[[Mapping[str, str]], "Keys | None"]


class Credentials:
    """The present keys, renewed before they end; for use by several threads. `get` raises CredentialsError."""

    def __init__(self, find: Callable[[], Keys]) -> None:
        self._find, self._lock = find, threading.Lock()
        self._keys: Keys | None = None

    def get(self, anew: bool = False) -> Keys:
        """The keys; `anew` when those at hand were refused."""
        with self._lock:
            ends = self._keys and self._keys.expires
            if self._keys is None or anew or (ends and clock.now() > ends - EARLY):
                self._keys = self._find()
            return self._keys


def of_process() -> Credentials:
    """Credentials from wherever this process has them."""
    return Credentials(lambda: found(dict(os.environ)))


def region_of_process() -> str:
    """The AWS region that the environment names; empty when it names none."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""


def found(environment: Mapping[str, str]) -> Keys:
    """Keys from the first source that has some; raises CredentialsError."""
    for source in (_of_environment, _of_profile, _of_container, _of_instance):
        keys = source(environment)
        if keys is not None:
            return keys
    raise CredentialsError(f"there are no AWS credentials: {_CURE}")


def _of_environment(environment: Mapping[str, str]) -> Keys | None:
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    return Keys(access, secret, environment.get("AWS_SESSION_TOKEN", "")) if access and secret else None


def _of_profile(environment: Mapping[str, str]) -> Keys | None:
    """The keys of a profile in `~/.aws/credentials`; one that is asked for by name must be there."""
    path = environment.get("AWS_SHARED_CREDENTIALS_FILE") or os.path.expanduser("~/.aws/credentials")
    name = environment.get("AWS_PROFILE", "")
    profiles = configparser.RawConfigParser()
    try:
        profiles.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        raise CredentialsError(f"{path} cannot be read as a file of profiles; mend it") from None
    profile = name or "default"
    if profiles.has_option(profile, "aws_access_key_id") and profiles.has_option(profile, "aws_secret_access_key"):
        return Keys(
            profiles.get(profile, "aws_access_key_id"),
            profiles.get(profile, "aws_secret_access_key"),
            profiles.get(profile, "aws_session_token", fallback=""),
        )
    if name:
        raise CredentialsError(f"the profile {name} has no keys in {path}: {_CURE}")
    return None


def _of_container(environment: Mapping[str, str]) -> Keys | None:
    relative = environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = f"http://{_CONTAINER}{relative}" if relative else environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _CONTAINERS:
        raise CredentialsError("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine; correct it")
    token = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    file = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    if file:
        with open(file, encoding="utf-8") as opened:
            token = opened.read(_ANSWER_MOST).strip()
    headers = {"Authorization": token} if token else {}
    return _of_json(_asked(url, "GET", headers), "the container's credentials service")


def _of_instance(environment: Mapping[str, str]) -> Keys | None:
    if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    base = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://{_INSTANCE}").rstrip("/") + "/latest"
    try:
        token = _asked(f"{base}/api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}).decode("ascii")
    except (CredentialsError, UnicodeDecodeError):
        return None  # not on an instance
    headers = {"X-aws-ec2-metadata-token": token}
    roles = f"{base}/meta-data/iam/security-credentials/"
    [role, *_] = _asked(roles, "GET", headers).decode("utf-8", "replace").split() or [""]
    return _of_json(_asked(roles + role, "GET", headers), "the instance's metadata service")


def _asked(url: str, method: str, headers: Mapping[str, str]) -> bytes:
    """The body of the answer 200; raises CredentialsError for any other."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection  # only here: it takes 13 ms to import

    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE)
    try:
        connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), headers=dict(headers))
        answer = connection.getresponse()
        body = answer.read(_ANSWER_MOST)
    except (OSError, HTTPException) as error:
        raise CredentialsError(f"{parts.hostname} gives no credentials: {type(error).__name__}; {_CURE}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise CredentialsError(f"{parts.hostname} gives no credentials: it answers {answer.status}; {_CURE}")
    return body


def _of_json(raw: bytes, where: str) -> Keys:
    try:
        answer: Any = json.loads(raw)
        expires = datetime.strptime(answer["Expiration"][:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
        return Keys(str(answer["AccessKeyId"]), str(answer["SecretAccessKey"]), str(answer.get("Token", "")), expires)
    except (ValueError, KeyError, TypeError):
        raise CredentialsError(f"{where} gives no credentials that can be understood; {_CURE}") from None
