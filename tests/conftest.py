"""What every test stands on: no real AWS account, a fixed region, and a product without memory of another test."""

import os
from collections.abc import Iterator

import moto  # noqa: F401 - before any client is made: a client made earlier would talk to the real AWS
import pytest

from firstbell import clock, published
from firstbell.aws import clients, parameters
from firstbell.capacity import publishing
from firstbell.instances import waits

os.environ.update(
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_LOG_LEVEL="CRITICAL",
)
os.environ.pop("AWS_PROFILE", None)


def _forget() -> None:
    clock.use(None)
    clients.forget()
    published.forget()
    parameters.forget()
    publishing.forget()
    waits.forget()


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    _forget()
    yield
    _forget()
