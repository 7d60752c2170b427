"""What every model of a service stands on: the engine, one account in one Region, identifiers and the event bus."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.utils import parse_to_aware_datetime

from simulator.engine import Engine

Json = dict[str, Any]
Emit = Callable[[Json], object]
Operation = Callable[[Json], Json | None]
"""An API operation: the parameters of the call in, the answer (None: no answer body) out."""
Operations = dict[tuple[str, str], Operation]
"""Which operations a model answers, keyed by (boto3 service name, API operation name)."""


@dataclass(frozen=True)
class Account:
    """The AWS account and Region of a run; the number is the one that moto answers with."""

    region: str = "eu-central-1"
    number: str = "123456789012"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this account in this Region."""
        return f"arn:aws:{service}:{self.region}:{self.number}:{resource}"


class Ground:
    """One run's engine, account and event bus, shared by all models; `emit` receives every EventBridge envelope."""

    def __init__(self, engine: Engine, emit: Emit, account: Account | None = None) -> None:
        self.engine = engine
        self.account = account or Account()
        self._emit = emit
        self._event_ids = Identifiers(engine, "events")

    def publish(self, source: str, detail_type: str, resources: Iterable[str], detail: Json) -> None:
        """Emit an event in the envelope that EventBridge documents for AWS services; `time` has whole seconds."""
        self._emit(
            {
                "version": "0",
                "id": self._event_ids.uuid(),
                "detail-type": detail_type,
                "source": source,
                "account": self.account.number,
                "time": zulu(self.engine.now),
                "region": self.account.region,
                "resources": list(resources),
                "detail": detail,
            }
        )


class Identifiers:
    """Reproducible identifiers out of a stream of randomness of their own."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._random = engine.random(f"identifiers/{name}")

    def uuid(self) -> str:
        """A random UUID (version 4), as AWS uses for tokens, activities, commands and events."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def resource(self, prefix: str) -> str:
        """A long resource id such as i-0123456789abcdef0 (17 hexadecimal digits, the first of them 0)."""
        return f"{prefix}-0{self._random.getrandbits(64):016x}"


def at_utc(seconds: float) -> datetime:
    """The aware datetime of an epoch time, as botocore parses timestamps."""
    return datetime.fromtimestamp(seconds, UTC)


def epoch(value: Any) -> float:
    """A timestamp parameter (datetime, string or number, whatever botocore accepts) in seconds since the epoch."""
    return float(parse_to_aware_datetime(value).timestamp())


def zulu(seconds: float) -> str:
    """An epoch time as 2026-05-04T08:00:00Z."""
    return at_utc(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def zulu_millis(seconds: float) -> str:
    """An epoch time as 2026-05-04T08:00:00.123Z."""
    return f"{at_utc(seconds):%Y-%m-%dT%H:%M:%S}.{int(seconds * 1000) % 1000:03d}Z"


def page(items: list[Any], params: Json, size_key: str, default: int, most: int) -> tuple[list[Any], str | None]:
    """One page of `items` and the NextToken of the following one (None at the end); the token is an offset."""
    start = int(params.get("NextToken") or 0)
    end = start + min(params.get(size_key) or default, most)
    return items[start:end], str(end) if end < len(items) else None


def with_token(answer: Json, token: str | None) -> Json:
    """The answer with its NextToken, which AWS leaves out on the last page."""
    return answer if token is None else {**answer, "NextToken": token}
