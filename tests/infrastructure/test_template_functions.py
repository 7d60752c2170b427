"""Every function of the template has what DESIGN asks of each: own role, own log, retries, a dead-letter queue."""

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    *("plan_capacity", "check_readiness", "react_to_alarm", "admit_instances"),
    *("release_instances", "patrol_mounts", "back_up", "notify_on_call", "acknowledge"),
)
EVERYWHERE = {"TABLE_NAME", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
VARIABLES = {
    "plan_capacity": {"BUCKET_NAME", "NOTIFICATIONS_TOPIC_ARN"}
    | {"SCHEDULE_GROUP", "RETURNS_ROLE_ARN", "DEAD_LETTERS_ARN"},
    "check_readiness": {"NOTIFICATIONS_TOPIC_ARN"},
    "react_to_alarm": {"NOTIFICATIONS_TOPIC_ARN", "ALARM_NAME_PREFIX"}
    | {"SCHEDULE_GROUP", "RETURNS_ROLE_ARN", "DEAD_LETTERS_ARN"},
    "admit_instances": {"NOTIFICATIONS_TOPIC_ARN", "PROBE_DOCUMENT"},
    "release_instances": {"NOTIFICATIONS_TOPIC_ARN", "PROBE_DOCUMENT"},
    "patrol_mounts": {"NOTIFICATIONS_TOPIC_ARN", "PROBE_DOCUMENT"},
    "back_up": {"NOTIFICATIONS_TOPIC_ARN"},
    "notify_on_call": {"ON_CALL_TOPIC_ARN", "DEAD_LETTERS_URL", "RUNBOOK_BASE", "ACKNOWLEDGE_URL", "ACKNOWLEDGE_KEY"},
    "acknowledge": {"ACKNOWLEDGE_KEY"},
}


def test_the_nine_functions_are_there(functions: dict[str, Any]) -> None:
    assert set(functions) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_the_runtime_that_the_layers_are_built_for(functions: dict[str, Any], name: str) -> None:
    makefile = (ROOT / "layers/dependencies/Makefile").read_text(encoding="utf-8")
    assert functions[name]["Architectures"] == ["arm64"]
    assert "aarch64" in makefile
    assert f"LAYER_PYTHON_VERSION ?= {functions[name]['Runtime'].removeprefix('python')}\n" in makefile


@pytest.mark.parametrize("name", NAMES)
def test_its_environment_is_what_it_reads(functions: dict[str, Any], name: str) -> None:
    assert set(functions[name]["Environment"]) == EVERYWHERE | VARIABLES[name]
    assert functions[name]["Environment"]["POWERTOOLS_SERVICE_NAME"] == name


@pytest.mark.parametrize("name", NAMES)
def test_its_log_group_is_its_own_and_forgets(functions: dict[str, Any], template: dict[str, Any], name: str) -> None:
    group = template["Resources"][functions[name]["LoggingConfig"]["LogGroup"]["Ref"]]
    assert group["Properties"]["LogGroupName"] == {"Fn::Sub": f"/firstbell/${{AWS::StackName}}/{name}"}
    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert functions[name]["LoggingConfig"]["LogFormat"] == "JSON"


@pytest.mark.parametrize("name", NAMES)
def test_no_log_level_drops_metrics_or_logs_secrets(functions: dict[str, Any], name: str) -> None:
    assert functions[name]["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
    assert functions[name]["Environment"]["POWERTOOLS_LOG_LEVEL"] == {"Ref": "LogLevel"}


@pytest.mark.parametrize("name", NAMES)
def test_what_fails_for_good_goes_to_the_dead_letters(functions: dict[str, Any], name: str) -> None:
    config = functions[name]["EventInvokeConfig"]
    assert config["DestinationConfig"]["OnFailure"] == {
        "Type": "SQS",
        "Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]},
    }
    assert config["MaximumRetryAttempts"] == 2


@pytest.mark.parametrize("name", NAMES)
def test_its_role_is_its_own(functions: dict[str, Any], name: str) -> None:
    assert "Role" not in functions[name], "SAM makes one role per function where none is named"
    assert functions[name]["Policies"], "and fills it with these"


@pytest.mark.parametrize("name", NAMES)
def test_an_alarm_watches_its_errors(template: dict[str, Any], name: str) -> None:
    alarm = template["Resources"][f"{name.title().replace('_', '')}Errors"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": name.title().replace("_", "")}}]
    assert alarm["AlarmActions"] == [{"Ref": "OnCallTopic"}]
