"""The deployed stack as its tests see it: clients with the credentials of the account's owner, outputs, and waiting."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from local_aws import places
from local_aws.deploying import STACK

Found = TypeVar("Found")
TICK = {"source": "firstbell.schedule"}


class NotProvenError(AssertionError):
    """Something did not happen; the message says what was waited for."""


def wait_for(what: str, look: Callable[[], Found | None], seconds: float = 30) -> Found:
    """The first thing that `look` finds (anything but None and emptiness). Raises NotProvenError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    raise NotProvenError(f"{what}: not within {seconds:.0f} s")


@dataclass(frozen=True)
class Cloud:
    """The local AWS at `endpoint`, with the stack deployed."""

    endpoint: str

    def client(self, service: str) -> Any:
        """A boto3 client of the account's owner, whom no policy limits."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint,
            region_name=places.REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=90),
        )

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        found = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {o["OutputKey"]: o["OutputValue"] for o in found["Outputs"]}

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical names by logical ones."""
        found = self.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        return {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in found}

    def invoke(self, function: str, event: dict[str, Any]) -> tuple[Any, str]:
        """Run a function, named by its logical id; returns its answer, and its error as text (empty for none)."""
        done = self.client("lambda").invoke(FunctionName=self.resources[function], Payload=json.dumps(event).encode())
        answer = done["Payload"].read().decode()
        return json.loads(answer or "null"), answer if "FunctionError" in done else ""

    def documents(self, pk: str, prefix: str = "") -> list[dict[str, Any]]:
        """The table's documents under a partition key, by sort key."""
        found = self.client("dynamodb").query(
            TableName=self.outputs["TableName"],
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)" if prefix else "pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}} | ({":sk": {"S": prefix}} if prefix else {}),
        )
        return [json.loads(item["data"]["S"]) if "data" in item else item for item in found["Items"]]

    def log(self, function: str) -> str:
        """What a function, named as its directory is, has logged so far."""
        found = self.client("logs").filter_log_events(logGroupName=f"/firstbell/{STACK}/{function}")
        return "\n".join(event["message"] for event in found["events"])
