"""The things that hold data or carry messages, and the alarms on the controller itself."""

import re
from typing import Any

import pytest


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def alarms(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {n: r["Properties"] for n, r in template["Resources"].items() if r["Type"] == "AWS::CloudWatch::Alarm"}


@pytest.mark.parametrize("name", ["Table", "SiteFiles"])
def test_data_outlives_the_stack(template: dict[str, Any], name: str) -> None:
    assert template["Resources"][name]["DeletionPolicy"] == "Retain"
    assert template["Resources"][name]["UpdateReplacePolicy"] == "Retain"


def test_the_table_is_keyed_protected_and_forgets(template: dict[str, Any]) -> None:
    table = properties(template, "Table")
    assert [(k["AttributeName"], k["KeyType"]) for k in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["SSESpecification"]["SSEEnabled"] is True


def test_the_bucket_is_closed_versioned_and_tells_of_changes(template: dict[str, Any]) -> None:
    bucket = properties(template, "SiteFiles")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"] is True
    [deny] = properties(template, "SiteFilesPolicy")["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_dead_letters_are_encrypted_and_kept_for_two_weeks(template: dict[str, Any]) -> None:
    queue = properties(template, "DeadLetters")
    assert queue == {"MessageRetentionPeriod": 14 * 24 * 3600, "SqsManagedSseEnabled": True}


def test_every_rule_may_send_its_dead_letters_however_its_name_is_cut(template: dict[str, Any]) -> None:
    statements = properties(template, "DeadLettersPolicy")["PolicyDocument"]["Statement"]
    [rules] = [s for s in statements if s["Principal"] == {"Service": "events.amazonaws.com"}]
    source = rules["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    assert source.endswith(":${AWS::AccountId}:rule/*")


def test_every_alarm_of_the_controller_goes_to_people_directly(template: dict[str, Any]) -> None:
    assert len(alarms(template)) == 9 + 4
    assert all(alarm["AlarmActions"] == [{"Ref": "OnCallTopic"}] for alarm in alarms(template).values())


def test_the_controller_does_not_triage_its_own_alarms(template: dict[str, Any]) -> None:
    prefix = template["Parameters"]["AlarmNamePrefix"]
    names = [alarm["AlarmName"]["Fn::Sub"] for alarm in alarms(template).values()]
    assert all(name.startswith("controller/${AWS::StackName}/") for name in names)
    assert re.fullmatch(prefix["AllowedPattern"], prefix["Default"])
    assert not re.fullmatch(prefix["AllowedPattern"], "controller/firstbell")


def test_a_planner_that_is_silent_for_an_hour_raises_an_alarm(template: dict[str, Any]) -> None:
    alarm = properties(template, "PlannerSilent")
    assert (alarm["MetricName"], alarm["Statistic"]) == ("Invocations", "Sum")
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 3600
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "LessThanThreshold")
    assert alarm["TreatMissingData"] == "breaching"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("AutoScalingGroupNames", "moodle-web", True),
        ("AutoScalingGroupNames", "moodle web", False),
        ("AutoScalingGroupNames", "*", False),
        ("AlarmNamePrefix", "firstbell-", True),
        ("AlarmNamePrefix", "", False),
        ("OnCallEmail", "", True),
        ("OnCallEmail", "oncall@example.org", True),
        ("OnCallEmail", "oncall", False),
        ("BackupSchedule", "cron(15 3 * * ? *)", True),
        ("BackupSchedule", "03:15", False),
        ("BackupTimeZone", "America/Argentina/Buenos_Aires", True),
        ("BackupTimeZone", "Europe Berlin", False),
        ("RunbookBase", "https://example.org/runbooks", True),
        ("RunbookBase", "http://example.org", False),
    ],
)
def test_parameters_refuse_what_cannot_work(template: dict[str, Any], name: str, value: str, allowed: bool) -> None:
    assert bool(re.fullmatch(template["Parameters"][name]["AllowedPattern"], value)) is allowed


def test_every_parameter_says_what_it_is_and_is_grouped(template: dict[str, Any]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(p for g in groups for p in g["Parameters"]) == sorted(template["Parameters"])
    assert all(p["Description"] for p in template["Parameters"].values())
