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
    return kept(f"SSM parameter {name}", lambda: _read(name), now)


def made(name: str, make: Callable[[], str], now: datetime) -> str:
    """The same of a secret that `make` makes where there is none yet; who is slower takes what was made."""

    def read() -> str:
        try:
            return _read(name)
        except Exception as error:
            if clients.error_code(error) != "ParameterNotFound":
                raise
        try:
            clients.ssm().put_parameter(Name=name, Value=(value := make()), Type="SecureString", Overwrite=False)
        except Exception as error:
            if clients.error_code(error) != "ParameterAlreadyExists":
                raise
            return _read(name)
        return value

    return kept(f"SSM parameter {name}", read, now)


def _read(name: str) -> str:
    return clients.ssm().get_parameter(Name=name, WithDecryption=True)["Parameter"].get("Value", "")


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
