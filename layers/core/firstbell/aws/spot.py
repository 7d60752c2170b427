"""EC2's spot requests: which instances EC2 is taking back."""

from collections.abc import Sequence

from firstbell.aws import clients

TAKEN_BACK = frozenset(
    {
        "marked-for-termination",
        "marked-for-stop",
        "instance-terminated-no-capacity",  # set two minutes early, while the instance still runs
        "instance-terminated-by-price",
        "instance-stopped-no-capacity",
        "instance-stopped-by-price",
    }
)
"""The status codes of a request whose instance EC2 takes; not those of what we or people ended ("Spot request status",
EC2 user guide)."""


def taken_back(instances: Sequence[str]) -> dict[str, str]:
    """The code, by instance, of those of `instances` (at most 200, a filter's limit) that EC2 is taking back."""
    pages = (
        clients.ec2()
        .get_paginator("describe_spot_instance_requests")
        .paginate(Filters=[{"Name": "instance-id", "Values": list(instances)}])
    )
    found = {
        r["InstanceId"]: r.get("Status", {}).get("Code", "")
        for page in pages
        for r in page["SpotInstanceRequests"]
        if "InstanceId" in r
    }
    return {instance: code for instance, code in found.items() if code in TAKEN_BACK}
