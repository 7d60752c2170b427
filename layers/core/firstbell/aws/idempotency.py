"""Powertools idempotency on our table: the same event twice does its work once."""

from collections.abc import Callable
from typing import Any

from firstbell.aws import clients

KEPT = 24 * 3600  # seconds; EventBridge retries a delivery for up to 24 h


def once(table: str, key: str, context: Any, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do `work` unless it was done for `key` before: then return what it returned. A failure may be tried again."""
    from aws_lambda_powertools.utilities.idempotency import (
        DynamoDBPersistenceLayer,
        IdempotencyConfig,
        idempotent_function,
    )

    config = IdempotencyConfig(expires_after_seconds=KEPT)
    if hasattr(context, "get_remaining_time_in_millis"):
        config.register_lambda_context(context)
    store = DynamoDBPersistenceLayer(
        table_name=table,
        key_attr="pk",
        sort_key_attr="sk",
        static_pk_value="IDEMPOTENCY",
        expiry_attr="expires_at",
        boto3_client=clients.dynamodb(),
    )

    def guarded(key: str) -> dict[str, Any]:  # noqa: ARG001 - Powertools makes the record's name from it
        return work()

    wrap = idempotent_function(
        data_keyword_argument="key", persistence_store=store, config=config, key_prefix="firstbell"
    )
    result: dict[str, Any] = wrap(guarded)(key=key)
    return result
