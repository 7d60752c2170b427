"""The one DynamoDB table: plain documents under (pk, sk), kept as JSON text, with a version for safe replacement."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firstbell.aws import clients

Document = dict[str, Any]
BATCH = 25  # BatchWriteItem's limit (DynamoDB API reference)
READABLE = 64 * 1024  # characters; longer texts are compressed: an item has 400 KB at most, a busy plan more


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it was read; `version` is wanted back by `replace`."""

    sk: str
    data: Document
    version: int


@dataclass(frozen=True, slots=True)
class Table:
    """The table called `name`."""

    name: str

    def get(self, pk: str, sk: str) -> Stored | None:
        """The document under (pk, sk), read consistently, or None."""
        found = clients.dynamodb().get_item(TableName=self.name, Key=_key(pk, sk), ConsistentRead=True)
        item = found.get("Item")
        return _stored(item) if item else None

    def query(self, pk: str, prefix: str = "", newest_first: bool = False, limit: int = 0) -> list[Stored]:
        """The documents under `pk` whose sk begins with `prefix`, in the order of sk; `limit` 0 is all of them."""
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :sk)" if prefix else ""),
            "ExpressionAttributeValues": {":pk": {"S": pk}} | ({":sk": {"S": prefix}} if prefix else {}),
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
        } | ({"Limit": limit} if limit else {})
        found: list[Stored] = []
        while True:
            page = clients.dynamodb().query(**request)
            found += [_stored(item) for item in page["Items"]]
            if "LastEvaluatedKey" not in page or (limit and len(found) >= limit):
                return found[:limit] if limit else found
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def put(self, pk: str, sk: str, data: Document, expires: datetime | None = None) -> None:
        """Write the document whatever was there before."""
        clients.dynamodb().put_item(TableName=self.name, Item=_item(pk, sk, data, expires, 0))

    def replace(self, pk: str, sk: str, data: Document, version: int, expires: datetime | None = None) -> bool:
        """Write the document if it still has `version` (0: if there is none yet). False: somebody was faster."""
        request: dict[str, Any] = {"TableName": self.name, "Item": _item(pk, sk, data, expires, version + 1)}
        if version == 0:
            request["ConditionExpression"] = "attribute_not_exists(pk)"
        else:
            request["ConditionExpression"] = "#v = :v"
            request["ExpressionAttributeNames"] = {"#v": "version"}
            request["ExpressionAttributeValues"] = {":v": {"N": str(version)}}
        try:
            clients.dynamodb().put_item(**request)
        except Exception as error:
            if clients.error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def delete(self, pk: str, sk: str) -> None:
        """Remove the document if it is there."""
        clients.dynamodb().delete_item(TableName=self.name, Key=_key(pk, sk))

    def put_all(self, pk: str, documents: Sequence[tuple[str, Document]], expires: datetime) -> None:
        """Write many documents; what DynamoDB leaves unprocessed three times over raises TimeoutError."""
        for batch in _in_batches(documents):
            left: Any = {self.name: [{"PutRequest": {"Item": _item(pk, sk, data, expires, 0)}} for sk, data in batch]}
            for _ in range(3):
                left = clients.dynamodb().batch_write_item(RequestItems=left).get("UnprocessedItems")
                if not left:
                    break
            else:
                raise TimeoutError(f"table {self.name} left {len(left[self.name])} documents unwritten")


def _in_batches(documents: Sequence[tuple[str, Document]]) -> Iterator[Sequence[tuple[str, Document]]]:
    return (documents[n : n + BATCH] for n in range(0, len(documents), BATCH))


def _key(pk: str, sk: str) -> Any:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _item(pk: str, sk: str, data: Document, expires: datetime | None, version: int) -> Any:
    text = json.dumps(data, sort_keys=True)
    kept = {"S": text} if len(text) <= READABLE else {"B": zlib.compress(text.encode())}
    item = {**_key(pk, sk), "data": kept, "version": {"N": str(version)}}
    if expires is not None:
        item["expires_at"] = {"N": str(int(expires.timestamp()))}
    return item


def _stored(item: Any) -> Stored:
    kept = item["data"]
    text = kept["S"] if "S" in kept else zlib.decompress(kept["B"])
    return Stored(item["sk"]["S"], json.loads(text), int(item.get("version", {"N": "0"})["N"]))
