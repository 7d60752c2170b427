"""`firstbell replay`: which function an event is for, and what is shown of its run."""

import json
from collections import Counter
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from cli.main import app
from firstbell import published
from firstbell.aws import clients

EVENTS = Path(__file__).parents[2] / "events"


def firstbell(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


class Backend:
    """A stand-in for the simulated AWS: keeps what it was given, answers what it is told to."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.answer = {
            "result": {"actions": 1},
            "error": None,
            "calls": Counter({"sns.Publish": 2}),
            "journal": [{"action": "SetMinSize", "subject": "web", "reason": "an exam", "error": ""}],
            "pages": ["A mount was lost"],
        }

    def replay(self, function: str, event: dict) -> dict:
        self.ran.append(function)
        return self.answer


@pytest.fixture
def backend(monkeypatch) -> Backend:
    found = Backend()
    monkeypatch.setattr("simulator.run.replay", found.replay)
    return found


@pytest.mark.parametrize(
    ("file", "function"),
    [
        ("autoscaling/launch.json", "admit_instances"),
        ("autoscaling/terminate.json", "release_instances"),
        ("cloudwatch/alarm.json", "react_to_alarm"),
        ("s3/object_created.json", "plan_capacity"),
        ("ssm/command_failed.json", "admit_instances"),
        ("sns/notification.json", "notify_on_call"),
    ],
)
def test_an_event_chooses_its_function(backend, file, function):
    result = firstbell("replay", EVENTS / file)
    assert result.exit_code == 0, result.stderr
    assert backend.ran == [function]


def test_everything_that_came_of_it_is_shown(backend):
    out = firstbell("replay", EVENTS / "cloudwatch" / "alarm.json").stdout
    assert "hint: alarm" in out
    assert 'result: {"actions": 1}' in out
    assert "sns.Publish × 2" in out
    assert "did: SetMinSize web, because an exam" in out
    assert "paged: A mount was lost" in out


def test_a_handler_that_fails_is_told(backend):
    backend.answer |= {"result": None, "error": "ActionsFailed: throttled"}
    result = firstbell("replay", EVENTS / "cloudwatch" / "alarm.json")
    assert result.exit_code == 1
    assert "react_to_alarm failed: ActionsFailed: throttled" in result.stderr


def test_a_schedule_wants_to_know_which_function(backend):
    assert "--function" in firstbell("replay", EVENTS / "schedule" / "tick.json").stderr
    assert firstbell("replay", EVENTS / "schedule" / "tick.json", "--function", "patrol_mounts").exit_code == 0
    assert backend.ran == ["patrol_mounts"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),  # cut off
        ("[" * 100_000, "not JSON"),  # nested beyond reason
        ("[]", "an event is an object"),  # JSON, but no event
        ("{}", "no function listens to what has no 'source'"),  # an event of nobody
        ('{"source": "aws.ec2"}', "no function listens to source 'aws.ec2'"),  # an event that no rule matches
    ],
)
def test_what_is_no_event_is_one_sentence(tmp_path, backend, text, says):
    (tmp_path / "event.json").write_text(text)
    result = firstbell("replay", tmp_path / "event.json")
    assert result.exit_code == 1
    assert says in result.stderr
    assert backend.ran == []


@pytest.mark.parametrize("name", ["nope", "../cli", "patrol_mounts/app"])
def test_an_unknown_function_is_refused_with_the_known_ones(backend, name):
    result = firstbell("replay", EVENTS / "schedule" / "tick.json", "--function", name)
    assert result.exit_code == 1
    assert "plan_capacity" in result.stderr


@pytest.fixture
def account(monkeypatch):
    """An AWS account with the deployed table, empty."""
    names = {"TABLE_NAME": "state", "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "testing"}
    for name, value in (names | {"AWS_SECRET_ACCESS_KEY": "testing"}).items():
        monkeypatch.setenv(name, value)
    clients.forget()
    published.forget()
    with mock_aws():
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        boto3.client("dynamodb").create_table(
            TableName="state",
            KeySchema=[{"AttributeName": n, "KeyType": k} for n, k in keys],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        yield
    clients.forget()
    published.forget()


def test_live_runs_the_handler_on_the_account_and_counts_its_calls(account):
    result = firstbell("replay", EVENTS / "schedule" / "tick.json", "--function", "react_to_alarm", "--live")
    assert result.exit_code == 0, result.stderr
    assert "the real AWS account" in result.stdout
    assert json.dumps({"function": "react_to_alarm", "actions": 0}) in result.stdout
    assert "dynamodb.Query × 1" in result.stdout


def test_live_without_its_environment_says_what_is_missing(account, monkeypatch):
    monkeypatch.delenv("TABLE_NAME")
    result = firstbell("replay", EVENTS / "schedule" / "tick.json", "--function", "react_to_alarm", "--live")
    assert result.exit_code == 1
    assert "TABLE_NAME is not set" in result.stderr


def test_the_simulated_aws_answers_a_real_handler():
    result = firstbell("replay", EVENTS / "schedule" / "tick.json", "--function", "patrol_mounts")
    assert result.exit_code == 0, result.stderr
    assert "ssm.ListCommandInvocations × 1" in result.stdout  # what the round of a minute ago has found
