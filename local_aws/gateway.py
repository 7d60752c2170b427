"""MiniStack with what the template needs beyond it; run by .venv-local's interpreter as `python -m local_aws.gateway`.

Six changes to the pinned version. Auto Scaling, load balancers and Run Command are answered by a moto server behind
the same port, so that the functions' IAM roles are still enforced in front. `AWS::SSM::Document` can be deployed, and
an `AWS::SSM::Association` gets its id, though nobody runs it here. An alarm on an expression deploys, though nobody
evaluates it here. PutEvents takes events of `aws.*` sources, which only AWS itself can send, from the caller who plays
AWS. Loopback counts as TLS, without which the bucket refuses everybody.
MOTO_URL is where the moto server listens.
"""

import asyncio
import http.client
import importlib
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import NAMESPACE_URL, uuid5

FORWARDED = ("autoscaling", "elasticloadbalancing")
FORWARDED_SSM = ("SendCommand", "ListCommands", "ListCommandInvocations", "GetCommandInvocation", "DescribeDocument")
HOP_BY_HOP = {"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "date", "server"}
Answer = tuple[int, dict[str, str], bytes]


def ask(moto: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Hand one request on to the moto server and return its answer."""
    connection = http.client.HTTPConnection(urlsplit(moto).netloc, timeout=30)
    try:
        passed = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(method, target, body=body, headers=passed)
        answer = connection.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        return answer.status, kept, answer.read()
    finally:
        connection.close()


def forwarder(moto: str, otherwise: Any = None) -> Any:
    """A MiniStack handler that asks moto; of SSM only what is Run Command's, the rest goes on to `otherwise`."""

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Mapping[str, Any]
    ) -> Any:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if otherwise is not None and operation not in FORWARDED_SSM:
            return await otherwise(method, path, headers, body, query_params)
        query = urlencode(query_params, doseq=True)
        target = f"{path}?{query}" if query else path
        return await asyncio.to_thread(ask, moto, method, target, headers, body)

    return handle


def document_handlers(moto: str) -> dict[str, Any]:
    """How CloudFormation makes and removes an `AWS::SSM::Document`: in moto, where Run Command is."""
    ssm = importlib.import_module("boto3").client("ssm", endpoint_url=moto, region_name=os.environ["MINISTACK_REGION"])

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = properties.get("Name") or f"{stack}-{logical_id}"
        content = properties["Content"]
        ssm.create_document(
            Name=name,
            Content=content if isinstance(content, str) else json.dumps(content),
            DocumentType=properties.get("DocumentType", "Command"),
            DocumentFormat="JSON",
        )
        return name, {}

    def delete(physical_id: str, _properties: dict[str, Any]) -> None:
        ssm.delete_document(Name=physical_id)

    return {"create": create, "delete": delete}


def association_handlers() -> dict[str, Any]:
    """An `AWS::SSM::Association` only gets an id, for a rule to refer to."""

    def create(logical_id: str, _properties: dict[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        association = str(uuid5(NAMESPACE_URL, f"{stack}/{logical_id}"))
        return association, {"AssociationId": association}

    return {"create": create, "delete": lambda _physical_id, _properties: None}


def alarm_handlers(original: dict[str, Any]) -> dict[str, Any]:
    """MiniStack's own handlers of alarms; but one on an expression only gets its name and never changes state."""

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        if "Metrics" not in properties:
            return original["create"](logical_id, properties, stack)
        name = properties.get("AlarmName") or f"{stack}-{logical_id}"
        region, account = os.environ["MINISTACK_REGION"], os.environ["MINISTACK_ACCOUNT_ID"]
        return name, {"Arn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"}

    return {**original, "create": create}


def main() -> None:
    """Change MiniStack and serve it on BIND_HOST:GATEWAY_PORT until a signal comes."""
    moto = os.environ["MOTO_URL"]
    app: Any = importlib.import_module("ministack.app")
    for service in FORWARDED:
        app.SERVICE_HANDLERS[service] = forwarder(moto)
    app.SERVICE_HANDLERS["ssm"] = forwarder(moto, otherwise=app.SERVICE_HANDLERS["ssm"])
    provisioners = importlib.import_module("ministack.services.cloudformation.provisioners")
    resources = provisioners._RESOURCE_HANDLERS
    resources["AWS::SSM::Document"] = document_handlers(moto)
    resources["AWS::SSM::Association"] = association_handlers()
    resources["AWS::CloudWatch::Alarm"] = alarm_handlers(resources["AWS::CloudWatch::Alarm"])
    importlib.import_module("ministack.services.eventbridge")._put_events.__defaults__ = (True,)
    pin = app.pin_request_origin
    app.pin_request_origin = lambda address, _secure: pin(address, True)
    app.main()


if __name__ == "__main__":
    main()
