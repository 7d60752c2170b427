"""boto3 clients: made when first used, kept for the life of the process, with time-outs and retries said aloud."""

from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from mypy_boto3_autoscaling import AutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_efs import EFSClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient


@cache
def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 4})
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def forget() -> None:
    """Drop every kept client, so that the next one is made anew (the twin begins each run so)."""
    _client.cache_clear()


def autoscaling() -> "AutoScalingClient":
    """EC2 Auto Scaling."""
    return cast("AutoScalingClient", _client("autoscaling"))


def balancer() -> "ElasticLoadBalancingv2Client":
    """Elastic Load Balancing v2."""
    return cast("ElasticLoadBalancingv2Client", _client("elbv2"))


def cloudwatch() -> "CloudWatchClient":
    """CloudWatch."""
    return cast("CloudWatchClient", _client("cloudwatch"))


def dynamodb() -> "DynamoDBClient":
    """DynamoDB."""
    return cast("DynamoDBClient", _client("dynamodb"))


def ec2() -> "EC2Client":
    """EC2: capacity reservations."""
    return cast("EC2Client", _client("ec2"))


def efs() -> "EFSClient":
    """Elastic File System."""
    return cast("EFSClient", _client("efs"))


def rds() -> "RDSClient":
    """RDS."""
    return cast("RDSClient", _client("rds"))


def s3() -> "S3Client":
    """S3."""
    return cast("S3Client", _client("s3"))


def scheduler() -> "EventBridgeSchedulerClient":
    """EventBridge Scheduler."""
    return cast("EventBridgeSchedulerClient", _client("scheduler"))


def secretsmanager() -> "SecretsManagerClient":
    """Secrets Manager."""
    return cast("SecretsManagerClient", _client("secretsmanager"))


def sns() -> "SNSClient":
    """SNS."""
    return cast("SNSClient", _client("sns"))


def sqs() -> "SQSClient":
    """SQS."""
    return cast("SQSClient", _client("sqs"))


def ssm() -> "SSMClient":
    """Systems Manager: Run Command, inventory, parameters."""
    return cast("SSMClient", _client("ssm"))


def call(service: str, operation: str, parameters: dict[str, Any]) -> Any:
    """Make a call that is only known at run time: boto3's name of the service, the API's name of the operation."""
    client = _client(service)
    methods: dict[str, str] = client.meta.method_to_api_mapping
    return getattr(client, next(method for method, name in methods.items() if name == operation))(**parameters)


def error_code(error: Exception) -> str:
    """AWS's code of a client error, such as `ValidationError`; empty for any other exception."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""
