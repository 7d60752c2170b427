"""Secrets by their references: where they are, for how long they are believed, and that they are never told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from firstbell.aws import clients, parameters, secrets

NOW = datetime(2026, 5, 4, tzinfo=UTC)
VALUE = "0123456789abcdef"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        clients.forget()
        parameters.forget()
        yield
    clients.forget()
    parameters.forget()


def parameter(text: str) -> str:
    boto3.client("ssm").put_parameter(Name="/firstbell/m", Value=text, Type="SecureString", Overwrite=True)
    return "ssm:/firstbell/m"


def stored(text: str) -> str:
    client = boto3.client("secretsmanager")
    if client.list_secrets()["SecretList"]:
        client.put_secret_value(SecretId="firstbell/m", SecretString=text)
    else:
        client.create_secret(Name="firstbell/m", SecretString=text)
    return "secretsmanager:firstbell/m"


@pytest.mark.parametrize(
    ("says", "text", "expected"),
    [
        ("plain text", VALUE, VALUE),
        ("with a line's end", VALUE + "\n", VALUE),
        ("a number is a text", "12345", "12345"),
        ("the console makes a key and a value of it", f'{{"token": "{VALUE}"}}', VALUE),
        ("not quite JSON", '{"token": ', '{"token":'),
    ],
)
def test_a_secret_of_the_secrets_manager(says: str, text: str, expected: str):
    assert secrets.value(stored(text), NOW) == expected, says


def test_a_secure_string():
    assert secrets.value(parameter(f" {VALUE}\n"), NOW) == VALUE


@pytest.mark.parametrize("store", [parameter, stored])
def test_a_new_value_is_used_after_five_minutes(store):
    reference = store("old")
    assert secrets.value(reference, NOW) == "old"
    store("new")
    assert secrets.value(reference, NOW + timedelta(minutes=5, seconds=-1)) == "old"
    assert secrets.value(reference, NOW + timedelta(minutes=5)) == "new"


@pytest.mark.parametrize(
    ("says", "text", "told"),
    [
        ("white space", "  ", "secret firstbell/m is empty"),
        ("two values", f'{{"user": "a", "token": "{VALUE}"}}', "secret firstbell/m: expected one value, or plain text"),
        ("no text", f'{{"token": ["{VALUE}"]}}', "expected one value"),
        ("no value", "{}", "expected one value"),
    ],
)
def test_an_unusable_secret_is_refused_and_not_told(says: str, text: str, told: str):
    with pytest.raises(ValueError, match=told) as caught:
        secrets.value(stored(text), NOW)
    assert VALUE not in str(caught.value), says


def test_what_is_not_there_is_what_aws_says():
    for reference in ("ssm:/firstbell/none", "secretsmanager:firstbell/none"):
        with pytest.raises(Exception, match="NotFound") as caught:
            secrets.value(reference, NOW)
        assert clients.error_code(caught.value).endswith(("ParameterNotFound", "ResourceNotFoundException"))


def test_an_unknown_store_is_refused_without_telling_what_stands_behind_the_colon():
    with pytest.raises(ValueError, match="secrets are kept in 'ssm' or 'secretsmanager'") as caught:
        secrets.value(f"file:{VALUE}", NOW)
    assert VALUE not in str(caught.value)
