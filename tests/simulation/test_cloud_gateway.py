"""The gateway: real boto3 clients are answered in-process, checked against botocore, and never by a network."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ParamValidationError

from simulator.cloud import ApiError, Faults, Gateway, UnmodelledOperationError
from simulator.cloud.answers import WrongAnswerError
from simulator.engine import Engine

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
HOOKS = ("autoscaling", "DescribeLifecycleHooks")


def gateway(answer: Callable[[dict], dict], faults: Faults | None = None) -> Gateway:
    served = Gateway(Engine(START, seed=7), faults=faults)
    served.serve({HOOKS: answer})
    return served


def describe_hooks() -> dict:
    return boto3.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName="moodle")


def test_a_model_receives_the_parameters_of_the_call_and_its_answer_is_returned():
    received = []
    with gateway(lambda params: received.append(dict(params)) or {"LifecycleHooks": []}).installed() as served:
        answer = describe_hooks()
    assert received == [{"AutoScalingGroupName": "moodle"}]
    assert answer["LifecycleHooks"] == []
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert served.calls == {"autoscaling.DescribeLifecycleHooks": 1}


def test_client_side_parameter_validation_is_the_real_one():
    with gateway(lambda params: {}).installed(), pytest.raises(ParamValidationError):
        boto3.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=17)


def test_an_api_error_becomes_the_client_error_of_its_code():
    def refuse(params: dict) -> dict:
        raise ApiError("ScalingActivityInProgress", "Scaling activity x is in progress and blocks this action")

    with gateway(refuse).installed():
        client = boto3.client("autoscaling")
        with pytest.raises(client.exceptions.ScalingActivityInProgressFault, match="blocks this action") as raised:
            client.describe_lifecycle_hooks(AutoScalingGroupName="moodle")
    assert raised.value.response["Error"]["Code"] == "ScalingActivityInProgress"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


WRONG_ANSWERS = [
    ("a field that the API does not have", {"Hooks": []}),
    ("a number where the API has a string", {"LifecycleHooks": [{"LifecycleHookName": 1}]}),
    ("a mapping where the API has a list", {"LifecycleHooks": {}}),
]


@pytest.mark.parametrize(("why", "answer"), WRONG_ANSWERS, ids=[why for why, _ in WRONG_ANSWERS])
def test_a_wrong_answer_is_a_defect_of_the_twin(why: str, answer: dict):
    with gateway(lambda params: answer).installed(), pytest.raises(WrongAnswerError, match="DescribeLifecycleHooks"):
        describe_hooks()


def test_a_missing_required_field_and_a_naive_datetime_are_wrong_answers():
    served = Gateway(Engine(START))
    activity = {
        "ActivityId": "a",
        "AutoScalingGroupName": "moodle",
        "Cause": "At noon.",
        "StartTime": datetime(2026, 5, 4, tzinfo=UTC),
        "StatusCode": "Successful",
    }
    answers = iter(
        [
            {"Activities": [activity]},
            {"Activities": [{**activity, "StartTime": datetime(2026, 5, 4)}]},  # noqa: DTZ001 - the point of the case
            {"Activities": [{key: value for key, value in activity.items() if key != "Cause"}]},
        ]
    )
    served.serve({("autoscaling", "DescribeScalingActivities"): lambda params: next(answers)})
    with served.installed():
        client = boto3.client("autoscaling")
        assert client.describe_scaling_activities()["Activities"] == [activity]
        with pytest.raises(WrongAnswerError, match="StartTime"):
            client.describe_scaling_activities()
        with pytest.raises(WrongAnswerError, match="Cause"):
            client.describe_scaling_activities()


def test_an_operation_that_nobody_knows_is_refused_by_name():
    with (
        gateway(lambda params: {}).installed(),
        pytest.raises(UnmodelledOperationError, match=r"ec2\.DescribeInstances"),
    ):
        boto3.client("ec2").describe_instances()


def test_storage_like_services_are_answered_by_moto():
    with gateway(lambda params: {}).installed() as served:
        boto3.client("s3").create_bucket(
            Bucket="sites-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        boto3.client("s3").put_object(Bucket="sites-bucket", Key="a", Body=b"term")
        boto3.client("ssm").put_parameter(Name="/firstbell/webhook", Value="secret", Type="SecureString")
        topic = boto3.client("sns").create_topic(Name="notifications")["TopicArn"]
        assert boto3.client("s3").get_object(Bucket="sites-bucket", Key="a")["Body"].read() == b"term"
        assert boto3.client("ssm").get_parameter(Name="/firstbell/webhook")["Parameter"]["Name"] == "/firstbell/webhook"
        assert topic == "arn:aws:sns:eu-central-1:123456789012:notifications"
    assert served.calls["s3.GetObject"] == 1


def test_a_client_that_was_kept_from_an_earlier_run_is_answered_by_the_present_one():
    with gateway(lambda params: {"LifecycleHooks": []}).installed():
        kept = boto3.client("autoscaling")
    with gateway(lambda params: {"LifecycleHooks": [{"LifecycleHookName": "second"}]}).installed():
        hooks = kept.describe_lifecycle_hooks(AutoScalingGroupName="moodle")["LifecycleHooks"]
    assert hooks == [{"LifecycleHookName": "second"}]
    with pytest.raises(UnmodelledOperationError, match="twin that is gone"):
        kept.describe_lifecycle_hooks(AutoScalingGroupName="moodle")


def test_leaving_restores_the_default_session():
    before = boto3.DEFAULT_SESSION
    with gateway(lambda params: {}).installed():
        assert boto3.DEFAULT_SESSION is not before
    assert boto3.DEFAULT_SESSION is before


def failed_calls(faults: Faults) -> list[bool]:
    """For 200 calls in a row, whether each was throttled."""
    with gateway(lambda params: {"LifecycleHooks": []}, faults).installed():
        client = boto3.client("autoscaling")
        return [throttled(client) for _ in range(200)]


def throttled(client: Any) -> bool:
    try:
        client.describe_lifecycle_hooks(AutoScalingGroupName="moodle")
    except ClientError as error:
        return error.response["Error"]["Code"] == "Throttling"
    return False


def test_throttling_meets_the_share_of_calls_that_was_asked_for_and_the_same_ones_for_a_seed():
    faults = Faults(throttled={"autoscaling.DescribeLifecycleHooks": 0.3})
    outcomes = failed_calls(faults)
    assert 40 <= sum(outcomes) <= 80
    assert failed_calls(faults) == outcomes


FAULTS = [
    ("an operation's own probability comes before its service's", {"autoscaling.*": 1.0}, True),
    ("a probability for everything", {"*": 1.0}, True),
    ("the more special name wins", {"autoscaling.DescribeLifecycleHooks": 0.0, "*": 1.0}, False),
    ("another service's faults do not matter", {"ssm.*": 1.0}, False),
]


@pytest.mark.parametrize(("why", "throttled", "fails"), FAULTS, ids=[why for why, *_ in FAULTS])
def test_fault_names(why: str, throttled: dict[str, float], fails: bool):
    assert any(failed_calls(Faults(throttled=throttled))) is fails


def test_services_of_moto_can_fail_too_and_a_broken_service_says_500():
    with (
        gateway(lambda params: {}, Faults(broken={"s3.*": 1.0})).installed(),
        pytest.raises(ClientError) as raised,
    ):
        boto3.client("s3").list_buckets()
    assert raised.value.response["Error"]["Code"] == "InternalFailure"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
