"""SSM Parameter Store: secrets, kept in the process for five minutes."""

from collections.abc import Callable
from datetime import datetime, timedelta

from firstbell.aws import clients

FRESH = timedelta(minutes=5)
_cache: dict[str, tuple[datetime, str]] = {}


def secret(name: str, now: datetime) -> str:
    """The decrypted value of a parameter, without white space around it, at most five minutes old.

    Raises ValueError when it is empty (nothing may be signed with an empty key), and what AWS says otherwise.
    """
    return kept(
        f"SSM parameter {name}",
        lambda: clients.ssm().get_parameter(Name=name, WithDecryption=True)["Parameter"].get("Value", ""),
        now,
    )


def kept(name: str, read: Callable[[], str], now: datetime) -> str:
    """What `read` returns for `name`, without white space around it, at most five minutes old; not empty."""
    read_at, value = _cache.get(name, (None, ""))
    if read_at is None or not timedelta(0) <= now - read_at < FRESH:
        value = read().strip()
        if not value:
            raise ValueError(f"{name} is empty")
        _cache[name] = (now, value)
    return value


def forget() -> None:
    """Drop what was read."""
    _cache.clear()
