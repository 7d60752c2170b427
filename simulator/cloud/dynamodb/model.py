"""DynamoDB's API over tables in memory: the operations that Firstbell and Powertools call, with AWS's refusals.

An item that has expired stays (moto keeps it, too): AWS deletes it "within a few days", and nothing may rely on when.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from simulator.cloud.dynamodb import expressions
from simulator.cloud.dynamodb.items import KEY_BYTES, Attributes, Item, Partition, Value, invalid, item, plain, value
from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Json, Operation, Operations, at_utc

BATCH = 25  # puts of a BatchWriteItem (API reference)
NAMES, VALUES = "ExpressionAttributeNames", "ExpressionAttributeValues"
Key = tuple[str, str]


@dataclass(slots=True)
class Table:
    """A table: the names of its partition key and its sort key, both texts, and its items."""

    partition_key: str
    sort_key: str
    partitions: defaultdict[str, Partition] = field(default_factory=lambda: defaultdict(Partition))

    def get(self, key: Key) -> Item | None:
        """The item under a key."""
        return self.partitions[key[0]].items.get(key[1])

    def key(self, attributes: Attributes, alone: bool = False) -> Key:
        """The key in an item, or one that is `alone`. Raises ApiError when it is none."""
        names = (self.partition_key, self.sort_key)
        if missing := [name for name in names if name not in attributes]:
            raise invalid(f"One or more parameter values were invalid: Missing the key {missing[0]} in the item")
        if alone and len(attributes) > len(names):
            raise invalid("The provided key element does not match the schema")
        for name, most in zip(names, KEY_BYTES.values(), strict=True):
            kind, text = attributes[name]
            if kind != "S":
                raise invalid(f"One or more parameter values were invalid: Type mismatch for key {name} expected: S")
            if not 0 < len(str(text).encode()) <= most:
                raise invalid(f"One or more parameter values were invalid: The key {name} is empty or too long")
        return str(attributes[names[0]][1]), str(attributes[names[1]][1])


class DynamoDb:
    """The DynamoDB API. A table is there at once; every read is consistent."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._tables: dict[str, Table] = {}

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        key, put = {"TableName", "Key"}, {"TableName", "Item", "ReturnValuesOnConditionCheckFailure"}
        query = {"TableName", "KeyConditionExpression", "ScanIndexForward", "Limit", "ExclusiveStartKey"}
        expression = {NAMES, VALUES}
        create = {"TableName", "KeySchema", "AttributeDefinitions", "BillingMode"}
        known = (
            ("CreateTable", self.create, create),
            ("GetItem", self.get, key | {"ConsistentRead"}),
            ("PutItem", self.put, put | expression | {"ConditionExpression"}),
            ("UpdateItem", self.update, key | expression | {"UpdateExpression"}),
            ("DeleteItem", self.delete, key),
            ("BatchWriteItem", self.write, {"RequestItems"}),
            ("Query", self.query, query | expression | {"ConsistentRead"}),
        )
        return {("dynamodb", name): _knowing(name, parameters, do) for name, do, parameters in known}

    def create(self, params: Json) -> Json:
        """CreateTable, with a partition key and a sort key."""
        name = params["TableName"]
        types = {d["AttributeName"]: d["AttributeType"] for d in params["AttributeDefinitions"]}
        keys = {k["KeyType"]: k["AttributeName"] for k in params["KeySchema"]}
        if keys.keys() != KEY_BYTES.keys() or types != dict.fromkeys(keys.values(), "S"):
            raise NotImplementedError(f"the twin's tables have a partition key and a sort key, both texts: {params}")
        if name in self._tables:
            raise ApiError("ResourceInUseException", f"Table already exists: {name}")
        self._tables[name] = Table(keys["HASH"], keys["RANGE"])
        told = {part: params[part] for part in ("TableName", "KeySchema", "AttributeDefinitions")}
        created = at_utc(self._ground.engine.now)
        arn = self._ground.account.arn("dynamodb", f"table/{name}")
        return {"TableDescription": {**told, "TableStatus": "ACTIVE", "CreationDateTime": created, "TableArn": arn}}

    def get(self, params: Json) -> Json:
        """GetItem."""
        table = self._table(params["TableName"])
        found = table.get(table.key(_attributes(params["Key"]), alone=True))
        return {"Item": plain(found)} if found else {}

    def put(self, params: Json) -> Json:
        """PutItem, on a condition if there is one."""
        table = self._table(params["TableName"])
        new = item(_attributes(params["Item"]))
        key = table.key(new.attributes)
        old = table.get(key)
        if not _holds(params, table, old):
            shown = {"Item": plain(old)} if old and _wants_old(params) else {}
            raise ApiError("ConditionalCheckFailedException", "The conditional request failed", fields=shown)
        table.partitions[key[0]].put(key[1], new)
        return {}

    def update(self, params: Json) -> Json:
        """UpdateItem: sets attributes, of a new item if there is none."""
        table = self._table(params["TableName"])
        key = _attributes(params["Key"])
        pk, sk = table.key(key, alone=True)
        assigned = expressions.assignments(params["UpdateExpression"])
        names, values = _placeholders(params, {*assigned, *assigned.values()})
        changed = {names[name]: values[content] for name, content in assigned.items()}
        if touched := key.keys() & changed.keys():
            raise invalid(f"Cannot update attribute {min(touched)}. This attribute is part of the key")
        old = table.get((pk, sk))
        table.partitions[pk].put(sk, item((old.attributes if old else key) | changed))
        return {}

    def delete(self, params: Json) -> Json:
        """DeleteItem."""
        table = self._table(params["TableName"])
        pk, sk = table.key(_attributes(params["Key"]), alone=True)
        table.partitions[pk].delete(sk)
        return {}

    def write(self, params: Json) -> Json:
        """BatchWriteItem of puts; nothing is left unprocessed."""
        requests = [(self._table(name), each) for name, several in params["RequestItems"].items() for each in several]
        if strange := [each for _, each in requests if each.keys() != {"PutRequest"}]:
            raise NotImplementedError(f"the twin's DynamoDB only puts in batches: {strange[0]}")
        puts = [(table, item(_attributes(each["PutRequest"]["Item"]))) for table, each in requests]
        keys = [(id(table), table.key(new.attributes)) for table, new in puts]
        if not 0 < len(keys) <= BATCH:
            raise invalid("Too many items requested for the BatchWriteItem call")
        if len(set(keys)) < len(keys):
            raise invalid("Provided list of item keys contains duplicates")
        for (table, new), (_, (pk, sk)) in zip(puts, keys, strict=True):
            table.partitions[pk].put(sk, new)
        return {"UnprocessedItems": {}}

    def query(self, params: Json) -> Json:
        """Query: a page of a partition's items, of all or of those whose sort key begins with something."""
        table = self._table(params["TableName"])
        operands = expressions.key_condition(params["KeyConditionExpression"])
        if operands[::2] != (table.partition_key, table.sort_key)[: len(operands) // 2]:
            raise invalid(f"Query condition missed key schema element: {table.partition_key}")
        _, values = _placeholders(params, operands[1::2])
        texts = [str(values[each][1]) for each in operands[1::2] if values[each][0] == "S"]
        if len(texts) < len(operands) // 2 or not all(texts):
            raise invalid("One or more parameter values were invalid: a key is a text, and never empty")
        pk, prefix = texts[0], texts[1] if len(texts) > 1 else ""
        after = self._start(table, pk, params)
        forward, limit = params.get("ScanIndexForward", True), params.get("Limit", 0)
        found, last = table.partitions[pk].page(prefix, forward, limit, after)
        answer: Json = {"Items": [plain(each) for each in found], "Count": len(found), "ScannedCount": len(found)}
        if last is not None:
            answer["LastEvaluatedKey"] = {table.partition_key: {"S": pk}, table.sort_key: {"S": last}}
        return answer

    @staticmethod
    def _start(table: Table, pk: str, params: Json) -> str | None:
        if "ExclusiveStartKey" not in params:
            return None
        partition, after = table.key(_attributes(params["ExclusiveStartKey"]), alone=True)
        if partition != pk:
            raise invalid("The provided starting key is outside query boundaries based on provided conditions")
        return after

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            raise ApiError("ResourceNotFoundException", "Requested resource not found")
        return self._tables[name]


def _knowing(operation: str, parameters: set[str], do: Callable[[Json], Json]) -> Operation:
    """An operation that refuses what it would have to leave out."""

    def answer(params: Json) -> Json:
        if unknown := params.keys() - parameters:
            raise NotImplementedError(f"the twin's DynamoDB does not know {sorted(unknown)} of {operation}")
        return do(params)

    return answer


def _attributes(given: Json) -> Attributes:
    return {name: value(content) for name, content in given.items()}


def _wants_old(params: Json) -> bool:
    return bool(params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")


def _holds(params: Json, table: Table, old: Item | None) -> bool:
    if "ConditionExpression" not in params:
        _placeholders(params, ())
        return True
    condition = expressions.condition(params["ConditionExpression"])
    plain_names = {operand for operand in condition.operands if operand[0] not in "#:"}
    if strange := plain_names - {table.partition_key, table.sort_key}:
        raise NotImplementedError(f"write #{min(strange)}: the twin does not know which names AWS reserves")
    names, values = _placeholders(params, condition.operands - plain_names)
    return condition.holds(old.attributes if old else {}, names, values)


def _placeholders(params: Json, used: Iterable[str]) -> tuple[dict[str, str], dict[str, Value]]:
    """The names and values of an expression, each given and used. Raises ApiError, as AWS refuses both slips."""
    names: dict[str, str] = params.get(NAMES, {})
    values = _attributes(params.get(VALUES, {}))
    if empty := [part for part in (NAMES, VALUES) if part in params and not params[part]]:
        raise invalid(f"{empty[0]} must not be empty")
    wanted, given = set(used), names.keys() | values.keys()
    if missing := wanted - given:
        raise invalid(f"An expression attribute used in expression is not defined: {min(missing)}")
    if unused := given - wanted:
        raise invalid(f"Value provided in ExpressionAttribute unused in expressions: keys: {min(unused)}")
    return names, values
