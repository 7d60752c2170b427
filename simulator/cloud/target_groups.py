"""Which load balancer is before which target group: what CloudWatch's metrics of requests are named by."""

from collections.abc import Mapping

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Json, Operations


def operations(balancers: Mapping[str, str]) -> Operations:
    """DescribeTargetGroups over `balancers`, the ARN of each target group's load balancer, for `Gateway.serve`."""
    return {("elbv2", "DescribeTargetGroups"): lambda params: _describe(balancers, params)}


def _describe(balancers: Mapping[str, str], params: Json) -> Json:
    arns = params.get("TargetGroupArns") or list(balancers)
    if unknown := [arn for arn in arns if arn not in balancers]:
        raise ApiError("TargetGroupNotFound", f"Target groups '{', '.join(unknown)}' not found")
    return {
        "TargetGroups": [
            {
                "TargetGroupArn": arn,
                "TargetGroupName": arn.split("/")[1],
                "TargetType": "instance",
                "LoadBalancerArns": [balancers[arn]],
            }
            for arn in arns
        ]
    }
