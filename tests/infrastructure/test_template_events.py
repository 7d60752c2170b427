"""What wakes each function: the rules' patterns against real payloads, and the schedules."""

import copy
import json
from typing import Any, cast

import pytest
from moto.events.models import EventPattern

PARAMETERS = {
    "AutoScalingGroupNames": ["moodle-web", "moodle-exams"],
    "AlarmNamePrefix": "firstbell-",
    "ProbeDocument": "firstbell-ProbeDocument-AbC123dEf456",
    "SiteFiles": "firstbell-sitefiles-1a2b3c4d5e6f",
    "AgentCame": "7b1f9d2c-3e58-4a6b-8c07-2d9e5f1a6b34",
}
WOKEN = {
    "autoscaling/launch": {"admit_instances"},
    "autoscaling/launch_from_warm_pool": {"admit_instances"},
    "autoscaling/terminate": {"release_instances"},
    "autoscaling/return_to_warm_pool": {"release_instances"},
    "ec2/spot-interruption": {"release_instances"},
    "ec2/rebalance-recommendation": set(),
    "ssm/association_success": {"admit_instances"},
    "ssm/command_success": {"admit_instances"},
    "ssm/command_failed": {"admit_instances"},
    "ssm/command_timed_out": {"admit_instances"},
    "s3/object_created": {"plan_capacity"},
    "s3/object_deleted": {"plan_capacity"},
    "cloudwatch/alarm": {"react_to_alarm"},
    "cloudwatch/ok": {"react_to_alarm"},
    "cloudwatch/insufficient_data": {"react_to_alarm"},
    "cloudwatch/muted_alarm": {"react_to_alarm"},
    "cloudwatch/composite_alarm": {"react_to_alarm"},
    "cloudwatch/composite_ok": {"react_to_alarm"},
    "cloudwatch/composite_insufficient_data": {"react_to_alarm"},
    "cloudwatch/anomaly_alarm": {"react_to_alarm"},
    "cloudwatch/anomaly_ok": {"react_to_alarm"},
    "cloudwatch/anomaly_insufficient_data": {"react_to_alarm"},
    "cloudwatch/math_alarm": {"react_to_alarm"},
    "cloudwatch/math_ok": {"react_to_alarm"},
    "cloudwatch/math_insufficient_data": {"react_to_alarm"},
    "cloudwatch/series_alarm": {"react_to_alarm"},
    "cloudwatch/series_contributor": set(),
    "cloudwatch/configuration_created": set(),
    "cloudwatch/configuration_updated": set(),
    "cloudwatch/configuration_deleted": set(),
    "autoscaling/test_notification": set(),
    "schedule/tick": set(),
    "sns/notification": set(),
}
NEIGHBOURS = {
    "the launch in another group": ("autoscaling/launch", ("detail", "AutoScalingGroupName"), "jenkins-agents"),
    "the termination in another group": ("autoscaling/terminate", ("detail", "AutoScalingGroupName"), "moodle-web-2"),
    "the agent of somebody else's association": (
        "ssm/association_success",
        ("detail", "association-id"),
        "00000000-0000-0000-0000-000000000000",
    ),
    "the answer to another command": ("ssm/command_success", ("detail", "document-name"), "AWS-RunShellScript"),
    "the upload to another bucket": ("s3/object_created", ("detail", "bucket", "name"), "firstbell-sitefiles-other"),
    "the upload of no site's file": ("s3/object_created", ("detail", "object", "key"), "backup/sites/x.sql"),
    "the alarm of another application": ("cloudwatch/alarm", ("detail", "alarmName"), "shop-cpu"),
    "the controller's own alarm": ("cloudwatch/alarm", ("detail", "alarmName"), "controller/firstbell/dead-letters"),
    "a lifecycle event of somebody else": ("autoscaling/launch", ("source",), "com.example"),
}
EVERY = {
    "plan_capacity": "rate(15 minutes)",
    "check_readiness": "rate(5 minutes)",
    "react_to_alarm": "rate(1 minute)",
    "admit_instances": "rate(1 minute)",
    "release_instances": "rate(1 minute)",
    "patrol_mounts": "rate(1 minute)",
    "notify_on_call": "rate(5 minutes)",
}


def resolved(value: Any) -> Any:
    """A pattern as it is once deployed; a list parameter stands where a list does."""
    match value:
        case {"Ref": name} | {"Fn::GetAtt": [name, _]}:
            return PARAMETERS[name]
        case dict():
            return {key: resolved(inner) for key, inner in value.items()}
        case list():
            return [resolved(inner) for inner in value]
    return value


def patterns(function: dict[str, Any], template: dict[str, Any]) -> list[dict[str, Any]]:
    """The patterns of a function's own rules, and of the rules that feed its queue."""
    sources = function.get("Events", {}).values()
    queues = [s["Properties"]["Queue"] for s in sources if s["Type"] == "SQS"]
    rules = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::Events::Rule"]
    fed = [r["EventPattern"] for r in rules if any(target["Arn"] in queues for target in r["Targets"])]
    return fed + [s["Properties"]["Pattern"] for s in sources if s["Type"] == "EventBridgeRule"]


def woken(functions: dict[str, Any], template: dict[str, Any], event: dict[str, Any]) -> set[str]:
    return {
        name
        for name, function in functions.items()
        for pattern in patterns(function, template)
        if EventPattern.load(json.dumps(resolved(pattern))).matches_event(cast(Any, event))
    }


@pytest.mark.parametrize("name", WOKEN)
def test_a_payload_wakes_the_functions_it_is_for(
    functions: dict[str, Any], template: dict[str, Any], payload: Any, name: str
) -> None:
    assert woken(functions, template, payload(name)) == WOKEN[name]


@pytest.mark.parametrize("case", NEIGHBOURS)
def test_what_is_not_ours_wakes_nobody(
    functions: dict[str, Any], template: dict[str, Any], payload: Any, case: str
) -> None:
    name, path, value = NEIGHBOURS[case]
    event = copy.deepcopy(payload(name))
    place = event
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert woken(functions, template, event) == set()


def test_hints_are_handed_over_in_batches_within_seconds(functions: dict[str, Any], template: dict[str, Any]) -> None:
    [source] = [e["Properties"] for e in functions["admit_instances"]["Events"].values() if e["Type"] == "SQS"]
    assert 1 <= source["MaximumBatchingWindowInSeconds"] <= 3
    queue = template["Resources"]["InstanceHints"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * template["Globals"]["Function"]["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}


def test_the_rules_that_feed_the_queue_and_only_they_may_send_to_it(template: dict[str, Any]) -> None:
    queue = {"Fn::GetAtt": ["InstanceHints", "Arn"]}
    rules = {n: r["Properties"] for n, r in template["Resources"].items() if r["Type"] == "AWS::Events::Rule"}
    [allowed] = template["Resources"]["InstanceHintsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": [{"Fn::GetAtt": [n, "Arn"]} for n in rules]}}
    for rule in rules.values():
        [target] = rule["Targets"]
        assert target["Arn"] == queue
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}


def test_schedules_are_as_often_as_designed(functions: dict[str, Any]) -> None:
    found = {
        name: source["Properties"]["ScheduleExpression"]
        for name, function in functions.items()
        for source in function.get("Events", {}).values()
        if source["Type"] == "ScheduleV2"
    }
    assert found == EVERY


def test_a_schedules_input_is_the_payload_file(
    functions: dict[str, Any], template: dict[str, Any], payload: Any
) -> None:
    resources = [*functions.values(), template["Resources"]["BackUpStateMachine"]["Properties"]]
    schedules = [e for r in resources for e in r.get("Events", {}).values() if e["Type"] == "ScheduleV2"]
    assert len(schedules) == 8
    assert all(json.loads(s["Properties"]["Input"]) == payload("schedule/tick") for s in schedules)
    assert all(s["Properties"]["OmitName"] is True for s in schedules), "two stacks of one account would share its name"


def test_what_cannot_be_delivered_is_kept(functions: dict[str, Any], template: dict[str, Any]) -> None:
    resources = [*functions.values(), template["Resources"]["BackUpStateMachine"]["Properties"]]
    sources = [e for r in resources for e in r.get("Events", {}).values()]
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    for source in sources:
        if source["Type"] == "SQS":
            assert source["Properties"]["Queue"] == {
                "Fn::GetAtt": ["InstanceHints", "Arn"]
            }  # with a redrive of its own
        elif source["Type"] == "SNS":
            assert source["Properties"]["RedrivePolicy"] == {"deadLetterTargetArn": queue}
        else:
            assert source["Properties"]["DeadLetterConfig"] == {"Arn": queue}
            assert source["Properties"]["RetryPolicy"]["MaximumRetryAttempts"] > 0
            assert source["Properties"]["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 60
