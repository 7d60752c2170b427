"""Any event becomes a hint, a skip or a complaint: real envelopes from disk, broken ones, and arbitrary JSON."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.events import SCHEDULE, Bad, Hint, Skip, read, read_all
from firstbell.oncall.inbox import read as read_inbox

EVENTS = Path(__file__).parents[2] / "events"
FILES = sorted(p.relative_to(EVENTS).as_posix() for p in EVENTS.rglob("*.json"))
TO_TOPIC = "sns/"  # messages of the notifications topic: notify_on_call reads these, with its inbox


def load(name: str) -> Any:
    return json.loads((EVENTS / name).read_text("utf-8"))


def test_there_are_real_events_of_every_source():
    assert {name.split("/")[0] for name in FILES} >= {"autoscaling", "cloudwatch", "s3", "schedule", "sns", "ssm"}


@pytest.mark.parametrize("name", [f for f in FILES if not f.startswith(TO_TOPIC)])
def test_a_real_event_is_understood(name: str):
    assert isinstance(read(load(name)), Bad) == ("bad/" in name)


@pytest.mark.parametrize("name", [f for f in FILES if f.startswith(TO_TOPIC)])
def test_a_real_notification_is_understood_by_the_inbox(name: str):
    assert isinstance(read(load(name)), Bad), "it is no EventBridge event"
    assert [letter.readable for letter in read_inbox(load(name), datetime(2026, 10, 12, 6, tzinfo=UTC))] == [True]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("schedule/tick.json", Hint("schedule")),
        ("s3/object_created.json", Hint("bucket", key="sites/riverside/calendar.ics")),
        ("s3/object_deleted.json", Hint("bucket", key=load("s3/object_deleted.json")["detail"]["object"]["key"])),
        (
            "cloudwatch/alarm.json",
            Hint(
                "alarm",
                alarm="firstbell-riverside-cpu",
                key="arn:aws:cloudwatch:eu-central-1:123456789012:alarm:firstbell-riverside-cpu"
                "@2026-10-12T05:55:12.089+0000",
            ),
        ),
        (
            "ssm/command_success.json",
            Hint("command", instance="i-0a1b2c3d4e5f60001", key="e8d3c0e4-71f7-4491-898f-c9b35bee5f3b"),
        ),
        ("autoscaling/test_notification.json", Skip("a test notification of Auto Scaling")),
    ],
)
def test_what_a_real_event_says(name: str, expected: Hint | Skip):
    assert read(load(name)) == expected


def test_a_launch_names_its_group_its_instance_and_the_token_of_the_fact():
    detail = load("autoscaling/launch.json")["detail"]
    expected = (detail["AutoScalingGroupName"], detail["EC2InstanceId"], detail["LifecycleActionToken"])
    found = read(load("autoscaling/launch.json"))
    assert isinstance(found, Hint)
    assert (found.group, found.instance, found.key) == expected


def test_each_state_of_an_alarm_of_any_kind_is_a_fact_of_its_own():
    states = ("alarm", "ok", "insufficient_data")
    names = [f"{kind}{state}" for kind in ("", "composite_", "anomaly_", "math_") for state in states]
    found = [read(load(f"cloudwatch/{name}.json")) for name in [*names, "series_alarm"]]
    assert {getattr(hint, "why", "") for hint in found} == {"alarm"}
    assert len({getattr(hint, "key", "") for hint in found}) == len(found)


def test_an_alarm_whose_actions_are_muted_is_the_same_fact():
    assert read(load("cloudwatch/muted_alarm.json")) == read(load(ALARM))


@pytest.mark.parametrize(
    "name", ["configuration_created", "configuration_updated", "configuration_deleted", "series_contributor"]
)
def test_what_is_no_change_of_an_alarm_s_state_is_skipped(name: str):
    assert isinstance(read(load(f"cloudwatch/{name}.json")), Skip)


def without(name: str, *path: str) -> Any:
    """A real event without one of its fields."""
    event = load(name)
    inner = event
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return event


LAUNCH, ALARM, COMMAND, OBJECT = (
    "autoscaling/launch.json",
    "cloudwatch/alarm.json",
    "ssm/command_success.json",
    "s3/object_created.json",
)


@pytest.mark.parametrize(
    ("says", "event", "reason"),
    [
        ("a list is no event", [], "expected an event object, got list"),
        ("nothing is no event", None, "expected an event object, got NoneType"),
        ("a text is no event", "{}", "expected an event object, got str"),
        ("an event without source", {}, "the event has no 'source'"),
        ("a source that is no text", {"source": {"a": 1}}, "the event's 'source' is not a text"),
        ("a detail that is no object", {"source": "aws.ssm", "detail": "x"}, "'detail' is not an object"),
        ("a detail of null", {"source": "aws.ssm", "detail": None}, "'detail' is not an object"),
        ("a launch without its group", without(LAUNCH, "detail", "AutoScalingGroupName"), "without AutoScalingGroup"),
        ("a launch without its instance", without(LAUNCH, "detail", "EC2InstanceId"), "or EC2InstanceId"),
        ("an alarm without its name", without(ALARM, "detail", "alarmName"), "without alarmName"),
        ("an alarm without its state", without(ALARM, "detail", "state"), "or state.timestamp"),
        ("an alarm without the state's time", without(ALARM, "detail", "state", "timestamp"), "or state.timestamp"),
        ("a command without its id", without(COMMAND, "detail", "command-id"), "without command-id"),
        ("an object without its key", without(OBJECT, "detail", "object", "key"), "without object.key"),
        ("an object that is a text", {"source": "aws.s3", "detail": {"object": "x"}}, "without object.key"),
        ("a lifecycle event without detail", without(LAUNCH, "detail"), "without AutoScalingGroupName"),
    ],
)
def test_a_broken_event_is_bad_and_says_what_is_missing(says: str, event: object, reason: str):
    found = read(event)
    assert isinstance(found, Bad), says
    assert reason in found.reason


def test_fields_that_are_not_known_are_ignored():
    event = load(LAUNCH)
    more = {**event, "new": 1, "detail": {**event["detail"], "Newer": {"x": []}}}
    assert read(more) == read(event)


def test_a_launch_without_token_still_is_a_hint():
    found = read(without(LAUNCH, "detail", "LifecycleActionToken"))
    assert isinstance(found, Hint)
    assert found.key == ""


def test_an_alarm_without_resources_is_identified_by_its_name():
    found = read(without(ALARM, "resources"))
    assert isinstance(found, Hint)
    assert found.key == "firstbell-riverside-cpu@2026-10-12T05:55:12.089+0000"


def test_a_test_notification_in_an_envelope_is_skipped_too():
    event = {"source": "aws.autoscaling", "detail": {"Event": "autoscaling:TEST_NOTIFICATION"}}
    assert isinstance(read(event), Skip)


def test_another_source_is_skipped_by_name():
    assert read({"source": "aws.ec2"}) == Skip("events of source 'aws.ec2' are not for this function")


def test_the_schedule_is_what_the_template_gives():
    assert load("schedule/tick.json")["source"] == SCHEDULE


WORDS = st.sampled_from(
    ["source", "detail", "state", "object", "key", "resources", "Event", "alarmName", "timestamp", "EC2InstanceId"]
)
SOURCES = st.sampled_from(["aws.autoscaling", "aws.cloudwatch", "aws.ssm", "aws.s3", SCHEDULE, "aws.ec2"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | SOURCES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(JSON | st.builds(lambda source, detail: {"source": source, "detail": detail}, SOURCES, JSON))
def test_nothing_makes_it_raise(event: object):
    assert isinstance(read(event), Hint | Skip | Bad)


# ---------------------------------------------------------------- instances: agents that come, spot that goes

INTERRUPTION, AGENT = "ec2/spot-interruption.json", "ssm/association_success.json"


def test_ec2s_notice_names_the_instance_that_it_takes_back():
    assert read(load(INTERRUPTION)) == Hint("interruption", instance="i-0a1b2c3d4e5f60001", key="i-0a1b2c3d4e5f60001")


def test_an_association_that_has_run_says_that_the_agent_is_there():
    assert read(load(AGENT)) == Hint("agent", instance="i-0a1b2c3d4e5f60001", key="i-0a1b2c3d4e5f60001")


def with_detail(name: str, **detail: str) -> Any:
    event = load(name)
    return {**event, "detail": {**event["detail"], **detail}}


@pytest.mark.parametrize(
    ("says", "event", "reason"),
    [
        ("the group follows it itself", load("ec2/rebalance-recommendation.json"), "a rebalance recommendation"),
        ("no agent has run it yet", with_detail(AGENT, status="Pending"), "has not begun to run"),
        ("another event of EC2", {**load(INTERRUPTION), "detail-type": "EC2 Fleet Error"}, "not for this function"),
    ],
)
def test_what_is_rightly_of_no_interest_is_skipped_and_says_why(says: str, event: Any, reason: str):
    found = read(event)
    assert isinstance(found, Skip), says
    assert reason in found.reason


def test_an_association_that_failed_ran_all_the_same():
    assert read(with_detail(AGENT, status="Failed")) == read(load(AGENT))


@pytest.mark.parametrize("name", [INTERRUPTION, AGENT])
def test_without_its_instance_it_is_bad(name: str):
    found = read(without(name, "detail", "instance-id"))
    assert isinstance(found, Bad)
    assert "without instance-id" in found.reason


def test_a_return_to_the_warm_pool_is_a_lifecycle_event_like_any_other():
    found = read(load("autoscaling/return_to_warm_pool.json"))
    assert isinstance(found, Hint)
    assert (found.why, found.group) == ("lifecycle", "moodle-web")


# ---------------------------------------------------------------- a queue's batches


def queued(*bodies: Any) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body} for body in bodies]}


BATCHES: list[tuple[str, Any, list[type]]] = [
    ("each message is an event", queued(*(json.dumps(load(name)) for name in (LAUNCH, AGENT, COMMAND))), [Hint] * 3),
    ("a bad one stops no other", queued("{", json.dumps(load(LAUNCH)), None, "[]"), [Bad, Hint, Bad, Bad]),
    ("a message that is nested without end", queued("[" * 100_000), [Bad]),
    ("an event that comes alone", load(LAUNCH), [Hint]),
    ("an empty batch", {"Records": []}, [Bad]),
    ("a batch of another source", {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]}, [Bad]),
    ("records that are no objects", {"Records": ["x"]}, [Bad]),
]


@pytest.mark.parametrize(("event", "kinds"), [c[1:] for c in BATCHES], ids=[c[0] for c in BATCHES])
def test_an_invocation_says(event: Any, kinds: list[type]):
    assert [type(found) for found in read_all(event)] == kinds


@given(st.lists(JSON.map(json.dumps) | st.text(max_size=9) | JSON, min_size=1, max_size=4))
def test_a_batch_is_as_many_words_as_it_has_messages(bodies: list[Any]):
    assert len(read_all(queued(*bodies))) == len(bodies)
