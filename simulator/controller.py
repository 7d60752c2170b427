"""The controller in a run: the real handlers, deployed as template.yaml says, with their bucket, table and topics."""

import json
import os
from pathlib import Path
from typing import Any

from firstbell import clock, journal, published
from firstbell.aws import clients, parameters
from firstbell.capacity import publishing
from firstbell.instances import waits
from firstbell.site import Site
from simulator.cloud.ground import Json, Operations
from simulator.delivery import Delivery, Weather
from simulator.engine import Engine
from simulator.ledger import Ledger
from simulator.network import Network
from simulator.stack import read
from simulator.world import ACCOUNT, AGENT_CAME, PROBE_DOCUMENT, RETURNS

TABLE, BUCKET = "firstbell-table", "firstbell-sites"
NOTIFICATIONS = ACCOUNT.arn("sns", "firstbell-notifications")
ON_CALL = ACCOUNT.arn("sns", "firstbell-on-call")
_environment: dict[str, str] = {}  # the process's own, while a run has its own
QUIET = {
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "AWS_DEFAULT_REGION": ACCOUNT.region,
}


def names(site: Site) -> dict[str, Any]:
    """What the template's parameters and resources are called in the twin."""
    return {
        "AutoScalingGroupNames": [site.fleet.auto_scaling_group],
        "Environment": "dev",
        "Table": TABLE,
        "SiteFiles": BUCKET,
        "NotificationsTopic": NOTIFICATIONS,
        "OnCallTopic": ON_CALL,
        "ProbeDocument": PROBE_DOCUMENT,
        "ReturnsGroup": RETURNS,
        "ReturnsRole.Arn": f"arn:aws:iam::{ACCOUNT.number}:role/firstbell-returns",
        "InstanceHints.Arn": ACCOUNT.arn("sqs", "firstbell-instance-hints"),
        "AgentCame.AssociationId": AGENT_CAME,
        "AWS::StackName": "firstbell",
        "AcknowledgeUrl.FunctionUrl": "",  # nobody follows links in the twin
        "DeadLetters": f"https://sqs.{ACCOUNT.region}.amazonaws.com/{ACCOUNT.number}/firstbell-dead-letters",
        "DeadLetters.Arn": ACCOUNT.arn("sqs", "firstbell-dead-letters"),
        "LogLevel": "CRITICAL",  # the twin shows the journal instead
    }


class Controller:
    """Firstbell, deployed in the twin. Use it inside an installed gateway."""

    def __init__(self, engine: Engine, site: Site, weather: Weather, ledger: Ledger) -> None:
        self.engine = engine
        self.site = site
        self.ledger = ledger
        self.delivery = Delivery(engine, read(names(site)), weather)
        self.network = Network(engine)
        self.mails: list[str] = []
        self._told: set[str] = set()

    def operations(self) -> Operations:
        """SNS in the twin: its own topics, delivered as the template subscribes."""
        return {("sns", "Publish"): self._publish}

    def deploy(self, folder: Path) -> None:
        """Create bucket and table, begin the schedules, and upload the site's files, which wakes the planner."""
        clients.dynamodb().create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        location: Any = {"LocationConstraint": ACCOUNT.region}
        clients.s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
        self.delivery.start_schedules()
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            self.upload(f"sites/{self.site.name}/{path.relative_to(folder).as_posix()}", path.read_bytes())

    def upload(self, key: str, body: bytes) -> None:
        """Put a file into the bucket, again and again where S3 is short of breath; S3 tells EventBridge."""
        while not self._put(key, body):
            pass
        detail: Json = {"version": "0", "bucket": {"name": BUCKET}, "object": {"key": key, "size": len(body)}}
        self.delivery.emit(
            {
                "version": "0",
                "id": "00000000-0000-0000-0000-000000000000",
                "detail-type": "Object Created",
                "source": "aws.s3",
                "account": ACCOUNT.number,
                "time": self.engine.utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": ACCOUNT.region,
                "resources": [f"arn:aws:s3:::{BUCKET}"],
                "detail": detail,
            }
        )

    def _put(self, key: str, body: bytes) -> bool:
        try:
            clients.s3().put_object(Bucket=BUCKET, Key=key, Body=body)
        except Exception as error:
            if clients.error_code(error) != "SlowDown":
                raise
            return False
        return True

    def _publish(self, params: Json) -> Json:
        topic, message, subject = params["TopicArn"], params["Message"], params.get("Subject", "")
        if topic == ON_CALL:
            self.mails.append(subject)
            self.ledger.note("call", f"on-call is told: {subject}", _first_line(message))
        else:
            self.delivery.publish(topic, message, subject)
        return {"MessageId": f"{len(self.mails):08}"}


def _first_line(message: str) -> str:
    """The sentence of a message that says what happened, its second line (else its first), and the first evidence."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    evidence = [line.removeprefix("- ") for line in lines if line.startswith("- ")][:1]
    return " ".join([*(lines[1:2] or lines[:1]), *evidence])


def begin(engine: Engine) -> None:
    """Start this process's product code afresh in virtual time: no clients, caches or clock of another run."""
    _environment.clear()
    _environment.update(os.environ)
    os.environ.update(QUIET)
    clock.use(lambda: engine.utc)
    _forget()


def end() -> None:
    """Give the product its wall clock back, and the process its environment."""
    clock.use(None)
    os.environ.clear()
    os.environ.update(_environment)
    _forget()


def _forget() -> None:
    for keeper in (clients, parameters, published, publishing, waits):
        keeper.forget()


def journal_lines(table: str, site: str) -> list[dict[str, Any]]:
    """The journal of a site, oldest first, as plain data."""
    query: Any = {
        "TableName": table,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
        "ExpressionAttributeValues": {":pk": {"S": journal.partition(site)}, ":sk": {"S": "JOURNAL#"}},
    }
    pages = clients.dynamodb().get_paginator("query").paginate(**query)
    return [json.loads(item["data"]["S"]) for page in pages for item in page["Items"]]
