"""SSM Parameter Store: secrets, kept in the process for five minutes."""

from datetime import datetime, timedelta

from firstbell.aws import clients

FRESH = timedelta(minutes=5)
_cache: dict[str, tuple[datetime, str]] = {}


def secret(name: str, now: datetime) -> str:
    """The decrypted value of a parameter, without white space around it, at most five minutes old.

    Raises ValueError when it is empty (nothing may be signed with an empty key), and what AWS says otherwise.
    """
    read_at, value = _cache.get(name, (None, ""))
    if read_at is None or not timedelta(0) <= now - read_at < FRESH:
        value = clients.ssm().get_parameter(Name=name, WithDecryption=True)["Parameter"].get("Value", "").strip()
        if not value:
            raise ValueError(f"SSM parameter {name} is empty")
        _cache[name] = (now, value)
    return value


def forget() -> None:
    """Drop what was read."""
    _cache.clear()
