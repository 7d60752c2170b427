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
}
WOKEN = {
    "autoscaling/launch": {"admit_instances"},
    "autoscaling/launch_from_warm_pool": {"admit_instances"},
    "autoscaling/terminate": {"release_instances"},
    "ssm/command_success": {"admit_instances"},
    "ssm/command_failed": {"admit_instances", "patrol_mounts"},
    "ssm/command_timed_out": {"admit_instances"},
    "s3/object_created": {"plan_capacity"},
    "s3/object_deleted": {"plan_capacity"},
    "cloudwatch/alarm": {"react_to_alarm"},
    "cloudwatch/ok": {"react_to_alarm"},
    "autoscaling/test_notification": set(),
    "schedule/tick": set(),
    "sns/notification": set(),
}
NEIGHBOURS = {
    "the launch in another group": ("autoscaling/launch", ("detail", "AutoScalingGroupName"), "jenkins-agents"),
    "the termination in another group": ("autoscaling/terminate", ("detail", "AutoScalingGroupName"), "moodle-web-2"),
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
    "patrol_mounts": "rate(5 minutes)",
    "notify_on_call": "rate(5 minutes)",
}


def resolved(value: Any) -> Any:
    """A pattern as it is once deployed; a list parameter stands where a list does."""
    match value:
        case {"Ref": name}:
            return PARAMETERS[name]
        case dict():
            return {key: resolved(inner) for key, inner in value.items()}
        case list():
            return [resolved(inner) for inner in value]
    return value


def woken(functions: dict[str, Any], event: dict[str, Any]) -> set[str]:
    found = set()
    for name, function in functions.items():
        for source in function.get("Events", {}).values():
            if source["Type"] == "EventBridgeRule":
                pattern = resolved(source["Properties"]["Pattern"])
                if EventPattern.load(json.dumps(pattern)).matches_event(cast(Any, event)):
                    found.add(name)
    return found


@pytest.mark.parametrize("name", WOKEN)
def test_a_payload_wakes_the_functions_it_is_for(functions: dict[str, Any], payload: Any, name: str) -> None:
    assert woken(functions, payload(name)) == WOKEN[name]


@pytest.mark.parametrize("case", NEIGHBOURS)
def test_what_is_not_ours_wakes_nobody(functions: dict[str, Any], payload: Any, case: str) -> None:
    name, path, value = NEIGHBOURS[case]
    event = copy.deepcopy(payload(name))
    place = event
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert woken(functions, event) == set()


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
        if source["Type"] == "SNS":
            assert source["Properties"]["RedrivePolicy"] == {"deadLetterTargetArn": queue}
        else:
            assert source["Properties"]["DeadLetterConfig"] == {"Arn": queue}
            assert source["Properties"]["RetryPolicy"]["MaximumRetryAttempts"] > 0
            assert source["Properties"]["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 60
