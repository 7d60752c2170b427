"""The twin's DynamoDB: what it answers is what moto answers, and what it does not know it refuses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.aws import clients
from firstbell.aws.idempotency import once
from firstbell.aws.table import READABLE, Stored, Table
from simulator.cloud import Gateway, Ground, UnmodelledOperationError
from simulator.cloud.dynamodb import DynamoDb
from simulator.delivery import Context
from simulator.engine import Engine

KEYS = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
}
START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
Call = tuple[str, dict[str, Any]]
"""A method of the client and its parameters."""


@dataclass
class Both:
    """A client of the model and one of moto; `table` makes an empty table in both."""

    model: Any
    moto: Any
    tables: Iterator[int]

    def table(self) -> str:
        name = f"table-{next(self.tables)}"
        for client in (self.model, self.moto):
            client.create_table(TableName=name, **KEYS)
        return name


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    engine = Engine(START)
    gateway = Gateway(engine)
    gateway.serve(DynamoDb(Ground(engine, lambda event: None)).operations())
    with gateway.installed():
        clients.forget()
        other = boto3.Session("test", "test", region_name="eu-central-1")  # has no twin in its way to moto
        yield Both(boto3.client("dynamodb"), other.client("dynamodb"), count())
    clients.forget()


def answer(client: Any, call: Call) -> Any:
    """What a call answers, or the code of its refusal with the item that is shown."""
    method, params = call
    try:
        found = getattr(client, method)(**params)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response.get("Item")
    ours = ("Item", "Items", "Count", "ScannedCount", "UnprocessedItems")
    return {name: part for name, part in found.items() if name in ours}


def pages(client: Any, query: dict[str, Any]) -> list[Any]:
    """The items of each page; that nothing follows a full last page moto knows, AWS and the model find out."""
    found = [page["Items"] for page in client.get_paginator("query").paginate(**query)]
    return found[:-1] if found[1:] and not found[-1] else found


# ---------------------------------------------------------------- the same as moto


def key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


SORTED_BY = [
    "INCIDENT#",
    "INCIDENT#a",
    "INCIDENT#b",
    "INSTANCE#i-1",
    "Z",
    "ä",
    "z",
    "\uffff",
    "\U0001f514",
    "z\U0010ffff",
]
texts = st.sampled_from(["", "INPROGRESS", "COMPLETED", "ö"])
numbers = st.one_of(st.integers(-20, 120), st.just(10**20)).map(str)
many = st.builds(key, st.sampled_from(["SITES", "SITE#a"]), st.sampled_from(SORTED_BY))
keys = st.sampled_from([key("SITES", "a"), key("SITES", "b")]) | many  # few, so that calls meet
shown = st.sampled_from([{}, {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}])
KINDS = {"status": ("S", texts), "version": ("N", numbers), "expires_at": ("N", numbers), "data": ("B", st.binary())}
values = {name: content.map(lambda content, kind=kind: {kind: content}) for name, (kind, content) in KINDS.items()}
attributes = st.fixed_dictionaries({}, optional=values)
items = st.builds(dict.__or__, keys, attributes)


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    """A condition with its placeholders."""
    names: dict[str, str] = {}
    contents: dict[str, Any] = {}

    def single() -> str:
        name = draw(st.sampled_from(sorted(KINDS)))
        names[f"#{name}"] = name
        if sign := draw(st.sampled_from(["", "=", "<", ">"])):
            placeholder = f":v{len(contents)}"
            contents[placeholder] = draw(values[name])
            return " ".join(draw(st.permutations([f"#{name}", placeholder]))).replace(" ", f" {sign} ")
        return f"{draw(st.sampled_from(['attribute_exists', 'attribute_not_exists']))}(#{name})"

    def tree(depth: int) -> str:
        match draw(st.sampled_from(["", "", "AND", "OR", "NOT", "()"] if depth else [""])):
            case "AND" | "OR" as word:
                return f"{tree(depth - 1)} {word} {tree(depth - 1)}"
            case "NOT":
                return f"NOT ({tree(depth - 1)})"
            case "()":
                return f"({tree(depth - 1)})"
        return single()

    text = tree(3)
    found = {"ConditionExpression": text, "ExpressionAttributeNames": names, "ExpressionAttributeValues": contents}
    return {name: part for name, part in found.items() if part}


@st.composite
def updates(draw: st.DrawFn) -> dict[str, Any]:
    changed = draw(attributes.filter(bool))
    return {
        "Key": draw(keys),
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changed),
        "ExpressionAttributeNames": {f"#{name}": name for name in changed},
        "ExpressionAttributeValues": {f":{name}": content for name, content in changed.items()},
    }


def puts(table: str, several: list[dict[str, Any]]) -> dict[str, Any]:
    return {"RequestItems": {table: [{"PutRequest": {"Item": each}} for each in several]}}


def calls(table: str) -> st.SearchStrategy[Call]:
    of = {"TableName": table}
    distinct = st.lists(items, min_size=1, max_size=6, unique_by=lambda each: (each["pk"]["S"], each["sk"]["S"]))
    return st.one_of(
        st.builds(lambda it: ("put_item", of | {"Item": it}), items),
        st.builds(
            lambda it, condition, old: ("put_item", of | {"Item": it} | condition | old), items, conditions(), shown
        ),
        st.builds(lambda update: ("update_item", of | update), updates()),
        st.builds(lambda it: ("delete_item", of | {"Key": it}), keys),
        st.builds(lambda it: ("get_item", of | {"Key": it, "ConsistentRead": True}), keys),
        st.builds(lambda several: ("batch_write_item", puts(table, several)), distinct),
    )


def queries(table: str) -> st.SearchStrategy[dict[str, Any]]:
    def query(pk: str, prefix: str, forward: bool, limit: int) -> dict[str, Any]:
        return {
            "TableName": table,
            "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :sk)" if prefix else ""),
            "ExpressionAttributeValues": {":pk": {"S": pk}} | ({":sk": {"S": prefix}} if prefix else {}),
            "ScanIndexForward": forward,
        } | ({"Limit": limit} if limit else {})

    prefixes = st.sampled_from(["", "I", "INCIDENT#", "z", "nothing"])
    return st.builds(query, st.sampled_from(["SITES", "SITE#a"]), prefixes, st.booleans(), st.integers(0, 4))


@settings(deadline=None)
@given(st.data())
def test_whatever_is_called_the_model_answers_as_moto_does(both: Both, data: st.DataObject):
    table = both.table()
    for call in data.draw(st.lists(calls(table), max_size=12)):
        assert answer(both.model, call) == answer(both.moto, call), call
    for query in data.draw(st.lists(queries(table), min_size=1, max_size=4)):
        assert pages(both.model, query) == pages(both.moto, query), query


@settings(deadline=None)
@given(conditions(), st.none() | attributes, shown)
def test_every_condition_holds_in_the_model_where_it_holds_in_moto(
    both: Both, condition: dict[str, Any], before: Any, old: dict[str, Any]
):
    table = both.table()
    it = key("SITES", "a")
    for client in (both.model, both.moto):
        if before is not None:
            client.put_item(TableName=table, Item=it | before)
    write = ("put_item", {"TableName": table, "Item": it} | condition | old)
    assert answer(both.model, write) == answer(both.moto, write)


REFUSED = [
    ("a table that is not there", "get_item", {"TableName": "nowhere", "Key": key("a", "b")}),
    ("a table that is there", "create_table", KEYS),
    ("an item without its sort key", "put_item", {"Item": {"pk": {"S": "a"}}}),
    ("a key that is no text", "put_item", {"Item": {"pk": {"N": "1"}, "sk": {"S": "b"}}}),
    ("an empty key", "put_item", {"Item": key("a", "")}),
    ("a key with more to it", "get_item", {"Key": key("a", "b") | {"version": {"N": "1"}}}),
    ("a partition key that is too long", "put_item", {"Item": key("a" * 2049, "b")}),
    ("a sort key that is too long", "put_item", {"Item": key("a", "ä" * 513)}),
    ("an item that is too large", "put_item", {"Item": key("a", "b") | {"data": {"S": "ä" * 205_000}}}),
    (
        "a name that is given and not used",
        "put_item",
        {
            "Item": key("a", "b"),
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {"#n": "version"},
        },
    ),
    (
        "a change of the key",
        "update_item",
        {
            "Key": key("a", "b"),
            "UpdateExpression": "SET #k = :k",
            "ExpressionAttributeNames": {"#k": "pk"},
            "ExpressionAttributeValues": {":k": {"S": "c"}},
        },
    ),
    ("the same item twice in a batch", "batch_write_item", puts("{table}", [key("a", "b"), key("a", "b")])),
]


@pytest.mark.parametrize(("why", "method", "params"), REFUSED, ids=[why for why, *_ in REFUSED])
def test_moto_and_the_model_refuse(both: Both, why: str, method: str, params: dict[str, Any]):
    table = both.table()
    if "RequestItems" in params:
        params = {"RequestItems": {table: params["RequestItems"]["{table}"]}}
    call = (method, params if "RequestItems" in params else {"TableName": table} | params)
    refusal = answer(both.model, call)
    assert isinstance(refusal, tuple), refusal
    assert refusal == answer(both.moto, call)


# ---------------------------------------------------------------- where AWS says more than moto


VALUES = "ExpressionAttributeValues"
QUERY = {"KeyConditionExpression": "pk = :pk", VALUES: {":pk": {"S": "a"}}}
PUT = {"Item": key("a", "b")}
STRICTER = [
    (
        "a value that is given and not used",
        "put_item",
        PUT | {"ConditionExpression": "attribute_not_exists(pk)", VALUES: {":v": {"N": "1"}}},
    ),
    ("a value that is used and not given", "put_item", PUT | {"ConditionExpression": "pk = :v"}),
    ("values without an expression", "put_item", PUT | {VALUES: {":v": {"N": "1"}}}),
    ("no values, said aloud", "put_item", PUT | {"ConditionExpression": "attribute_not_exists(pk)", VALUES: {}}),
    ("a query without its partition key", "query", {"KeyConditionExpression": "sk = :pk", VALUES: {":pk": {"S": "a"}}}),
    ("an empty partition key in a query", "query", QUERY | {VALUES: {":pk": {"S": ""}}}),
    ("a start in another partition", "query", QUERY | {"ExclusiveStartKey": key("other", "b")}),
]


@pytest.mark.parametrize(("why", "method", "params"), STRICTER, ids=[why for why, *_ in STRICTER])
def test_the_model_refuses_what_aws_refuses(both: Both, why: str, method: str, params: dict[str, Any]):
    assert answer(both.model, (method, {"TableName": both.table()} | params)) == ("ValidationException", None)


def test_a_batch_has_25_items_at_most(both: Both):
    table = both.table()
    several = [key("a", str(n)) for n in range(26)]
    assert answer(both.model, ("batch_write_item", puts(table, several)))[0] == "ValidationException"
    assert answer(both.model, ("batch_write_item", puts(table, several[:25]))) == {"UnprocessedItems": {}}
    assert answer(both.model, ("query", {"TableName": table} | QUERY))["Count"] == 25


def test_a_page_ends_at_its_limit_or_at_one_megabyte_and_says_where(both: Both):
    table = both.table()
    for n in range(5):
        both.model.put_item(TableName=table, Item=key("a", str(n)) | {"data": {"S": "x" * 300_000}})
    page = both.model.query(TableName=table, **QUERY)
    assert [item["sk"]["S"] for item in page["Items"]] == ["0", "1", "2"]
    assert page["LastEvaluatedKey"] == key("a", "2")
    rest = both.model.query(TableName=table, **QUERY, ExclusiveStartKey=page["LastEvaluatedKey"], Limit=2)
    assert [item["sk"]["S"] for item in rest["Items"]] == ["3", "4"]
    assert rest["LastEvaluatedKey"] == key("a", "4"), "AWS does not look beyond the limit"
    assert both.model.query(TableName=table, **QUERY, ExclusiveStartKey=key("a", "4"))["Items"] == []


def test_two_attributes_that_are_not_there_are_not_equal(both: Both):
    names = {"#a": "status", "#b": "version"}
    write = {"Item": key("a", "b"), "ConditionExpression": "#a = #b", "ExpressionAttributeNames": names}
    refusal = answer(both.model, ("put_item", {"TableName": both.table()} | write))
    assert refusal == ("ConditionalCheckFailedException", None)


# ---------------------------------------------------------------- what the model does not know


def on(expression: str, *given: str) -> dict[str, Any]:
    """A put on a condition with these placeholders."""
    names = {name: name[1:] for name in given if name.startswith("#")}
    contents = {name: {"N": "1"} for name in given if name.startswith(":")}
    found = {"ConditionExpression": expression, "ExpressionAttributeNames": names, VALUES: contents}
    return PUT | {name: part for name, part in found.items() if part}


def setting(expression: str, *given: str) -> dict[str, Any]:
    return {"Key": key("a", "b"), "UpdateExpression": expression} | {
        name: part for name, part in on("", *given).items() if name.startswith("Expression")
    }


UNKNOWN = [
    ("not equal", "put_item", on("#v <> :v", "#v", ":v")),
    ("at most", "put_item", on("#v <= :v", "#v", ":v")),
    ("a list", "put_item", on("#v IN (:v)", "#v", ":v")),
    ("a range", "put_item", on("#v BETWEEN :v AND :w", "#v", ":v", ":w")),
    ("another function", "put_item", on("size(#v) = :v", "#v", ":v")),
    ("a document path", "put_item", on("#v.#w = :v", "#v", "#w", ":v")),
    ("a name that AWS may have reserved", "put_item", on("version = :v", ":v")),
    ("an open bracket", "put_item", on("(#v = :v", "#v", ":v")),
    ("a function of a value", "put_item", on("attribute_exists(:v)", ":v")),
    ("a condition that goes on", "put_item", on("#v = :v #v = :v", "#v", ":v")),
    ("a sum", "update_item", setting("SET #v = #v + :v", "#v", ":v")),
    ("a removal", "update_item", setting("REMOVE #v", "#v")),
    ("an update with a condition", "update_item", setting("SET #v = :v", "#v", ":v") | {"ConditionExpression": "a"}),
    ("a deletion on a condition", "delete_item", {"Key": key("a", "b"), "ConditionExpression": "attribute_exists(pk)"}),
    ("the values before", "put_item", PUT | {"ReturnValues": "ALL_OLD"}),
    ("a part of an item", "get_item", {"Key": key("a", "b"), "ProjectionExpression": "pk"}),
    ("a filter", "query", QUERY | {"FilterExpression": "attribute_exists(pk)"}),
    ("an index", "query", QUERY | {"IndexName": "other"}),
    ("a range of keys", "query", QUERY | {"KeyConditionExpression": "pk = :pk AND sk > :pk"}),
    ("a fraction", "put_item", {"Item": key("a", "b") | {"price": {"N": "0.5"}}}),
    ("a number in another spelling", "put_item", {"Item": key("a", "b") | {"price": {"N": "05"}}}),
    ("a list of values", "put_item", {"Item": key("a", "b") | {"all": {"L": [{"S": "x"}]}}}),
    ("a truth", "put_item", {"Item": key("a", "b") | {"open": {"BOOL": True}}}),
    ("a table with numbers as keys", "create_table", KEYS | {"AttributeDefinitions": []}),
]


@pytest.mark.parametrize(("why", "method", "params"), UNKNOWN, ids=[why for why, *_ in UNKNOWN])
def test_what_the_model_does_not_know_it_refuses_aloud(both: Both, why: str, method: str, params: dict[str, Any]):
    with pytest.raises(NotImplementedError, match="twin"):
        answer(both.model, (method, {"TableName": both.table()} | params))


def test_a_deletion_in_a_batch_and_another_operation_are_unknown(both: Both):
    table = both.table()
    with pytest.raises(NotImplementedError, match="only puts"):
        both.model.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": key("a", "b")}}]})
    with pytest.raises(UnmodelledOperationError, match=r"dynamodb\.Scan"):
        both.model.scan(TableName=table)


# ---------------------------------------------------------------- as the product uses it


def test_what_a_caller_does_to_its_items_afterwards_does_not_reach_the_table(both: Both):
    table = both.table()
    given_item = key("a", "b") | {"version": {"N": "1"}}
    both.model.put_item(TableName=table, Item=given_item)
    given_item["version"]["N"] = "2"
    read = both.model.get_item(TableName=table, Key=key("a", "b"))["Item"]
    read["version"]["N"] = "3"
    assert both.model.get_item(TableName=table, Key=key("a", "b"))["Item"]["version"] == {"N": "1"}


def test_documents_are_replaced_under_their_version_also_large_ones(both: Both):
    table = Table(both.table())
    large = {"steps": "step " * READABLE}
    assert table.replace("SITE#a", "PLAN", {"n": 1}, 0)
    assert not table.replace("SITE#a", "PLAN", {"n": 2}, 0)
    assert table.replace("SITE#a", "PLAN", large, 1, expires=START)
    assert not table.replace("SITE#a", "PLAN", {"n": 3}, 1)
    assert table.get("SITE#a", "PLAN") == Stored("PLAN", large, 2)
    table.delete("SITE#a", "PLAN")
    assert table.query("SITE#a") == []


def test_the_idempotency_of_powertools_does_work_once_and_again_after_a_failure(both: Both):
    table, done = both.table(), []

    def work(outcome: Callable[[], object]) -> Callable[[], dict[str, Any]]:
        return lambda: {"done": done.append(outcome()) or len(done)}

    with pytest.raises(ZeroDivisionError):
        once(table, "alarm", Context("react_to_alarm", "1"), work(lambda: 1 / 0))
    assert once(table, "alarm", Context("react_to_alarm", "1"), work(lambda: "first")) == {"done": 1}
    assert once(table, "alarm", Context("react_to_alarm", "1"), work(lambda: "second")) == {"done": 1}
    assert done == ["first"]
