"""A handler run in this process against the real AWS account: what it called is counted, its log goes to stderr."""

import sys
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str
    aws_request_id: str = "firstbell-replay"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = ""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left: here always a minute."""
        return 60_000


def replay(function: str, event: dict[str, Any]) -> dict[str, Any]:
    """Run `function` on `event`; the same keys as the simulator's replay. Raises botocore's errors: AWS refused.

    What it journalled and whom it paged is in the deployed table and on the topic, not in the answer.
    """
    import boto3

    from firstbell.aws import clients

    calls: Counter[str] = Counter()
    clients.forget()
    boto3.setup_default_session()
    session: Any = boto3.DEFAULT_SESSION
    session.events.register("before-call.*.*", lambda model, **_: calls.update([_name(model)]))
    result, error = None, None
    with redirect_stdout(sys.stderr):
        handler = import_module(f"functions.{function}.app").handler
        try:
            result = handler(event, Context(function))
        except ExceptionGroup as failed:
            error = "; ".join(str(each) for each in failed.exceptions) or str(failed)
    return {"result": result, "error": error, "calls": calls, "journal": [], "pages": []}


def _name(model: Any) -> str:
    """Such as `autoscaling.DescribeAutoScalingGroups`."""
    return f"{model.service_model.service_name}.{model.name}"
