"""Any event that wakes a function, read as a hint where to look; pure, and forgiving, for events are only hints.

The shapes are AWS's EventBridge envelopes; real ones lie in `events/`. A field that is missing makes an event `Bad`,
fields that we do not know are ignored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEDULE = "firstbell.schedule"  # the input that template.yaml gives every schedule as its `source`
AGENT_CAME = "EC2 State Manager Instance Association State Change"  # it runs as soon as an agent is online
INTERRUPTED = "EC2 Spot Instance Interruption Warning"
REBALANCE = "EC2 Instance Rebalance Recommendation"
STATE_CHANGED = "CloudWatch Alarm State Change"
TEST = "autoscaling:TEST_NOTIFICATION"  # sent once when a hook is made, without an envelope to topics and queues


@dataclass(frozen=True, slots=True)
class Hint:
    """Look now: at one group or instance or alarm, or, where these are empty, at everything.

    `key` identifies the fact behind the event (not its delivery), for functions that do something once per fact.
    """

    why: str
    group: str = ""
    instance: str = ""
    alarm: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """An event that is rightly of no interest."""

    reason: str


@dataclass(frozen=True, slots=True)
class Bad:
    """An event that is not what its source should send; the next tick looks anyway."""

    reason: str


def read_all(event: object) -> tuple[Hint | Skip | Bad, ...]:
    """What an invocation says: a batch of a queue is one event for each message, anything else is one event."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list) or not records:
        return (read(event),)
    if not all(isinstance(r, Mapping) and r.get("eventSource") == "aws:sqs" for r in records):
        return (read(event),)
    return tuple(read(_body(record.get("body"))) for record in records)


def _body(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def read(event: object) -> Hint | Skip | Bad:
    """What an event says; never raises."""
    if not isinstance(event, Mapping):
        return Bad(f"expected an event object, got {type(event).__name__}")
    if event.get("Event") == TEST:
        return Skip("a test notification of Auto Scaling")
    detail = event.get("detail", {})
    if not isinstance(detail, Mapping):
        return Bad("'detail' is not an object")
    match event.get("source"):
        case "firstbell.schedule":
            return Hint("schedule")
        case "aws.autoscaling":
            return _lifecycle(detail)
        case "aws.cloudwatch" if event.get("detail-type", STATE_CHANGED) != STATE_CHANGED:
            return Skip(
                "no change of an alarm's state: what was made, changed or deleted is seen when alarms are looked at"
            )
        case "aws.cloudwatch":
            return _alarm(event, detail)
        case "aws.ssm" if event.get("detail-type") == AGENT_CAME:
            return _agent(detail)
        case "aws.ssm":
            return _command(detail)
        case "aws.ec2" if event.get("detail-type") == INTERRUPTED:
            return _instance("interruption", detail)
        case "aws.ec2" if event.get("detail-type") == REBALANCE:
            return Skip("a rebalance recommendation: a group with capacity rebalancing follows it by itself")
        case "aws.s3":
            return _object(detail)
        case None:
            return Bad("the event has no 'source'")
        case str() as other:
            return Skip(f"events of source {other!r} are not for this function")
        case _:
            return Bad("the event's 'source' is not a text")


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""


def _lifecycle(detail: Mapping[str, Any]) -> Hint | Skip | Bad:
    if detail.get("Event") == TEST:
        return Skip("a test notification of Auto Scaling")
    group, instance = _text(detail.get("AutoScalingGroupName")), _text(detail.get("EC2InstanceId"))
    if not group or not instance:
        return Bad("a lifecycle event without AutoScalingGroupName or EC2InstanceId")
    token = _text(detail.get("LifecycleActionToken"))
    return Hint("lifecycle", group=group, instance=instance, key=token)


def _alarm(event: Mapping[str, Any], detail: Mapping[str, Any]) -> Hint | Bad:
    state = detail.get("state", {})
    name, since = _text(detail.get("alarmName")), _text(state.get("timestamp")) if isinstance(state, Mapping) else ""
    if not name or not since:
        return Bad("an alarm event without alarmName or state.timestamp")
    resources = event.get("resources")
    arn = _text(resources[0]) if isinstance(resources, list) and resources else name
    return Hint("alarm", alarm=name, key=f"{arn}@{since}")


def _instance(why: str, detail: Mapping[str, Any]) -> Hint | Bad:
    instance = _text(detail.get("instance-id"))
    return Hint(why, instance=instance, key=instance) if instance else Bad(f"an {why} event without instance-id")


def _agent(detail: Mapping[str, Any]) -> Hint | Skip | Bad:
    if detail.get("status") == "Pending":
        return Skip("an association that has not begun to run: no agent has answered yet")
    return _instance("agent", detail)


def _command(detail: Mapping[str, Any]) -> Hint | Bad:
    command = _text(detail.get("command-id"))
    if not command:
        return Bad("a Run Command event without command-id")
    return Hint("command", instance=_text(detail.get("instance-id")), key=command)


def _object(detail: Mapping[str, Any]) -> Hint | Bad:
    found = detail.get("object", {})
    key = _text(found.get("key")) if isinstance(found, Mapping) else ""
    return Hint("bucket", key=key) if key else Bad("an S3 event without object.key")
