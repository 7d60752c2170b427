"""Why launches fail, in AWS's own words: which trouble it is, where, since when, and when it is over."""

from datetime import UTC, datetime, timedelta

import pytest

from firstbell.fleet import Activity
from firstbell.readiness.launch_troubles import Trouble, launch_troubles

NOW = datetime(2026, 5, 5, 8, 50, tzinfo=UTC)
FAILED = "Launching EC2 instance failed."
NO_CAPACITY = (
    "We currently do not have sufficient c7g.large capacity in the Availability Zone you requested (eu-central-1a)."
    f" Our system will be working on provisioning additional capacity. {FAILED}"
)
NO_QUOTA = (
    "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the instance bucket that the"
    f" specified instance type belongs to. {FAILED}"
)


def launch(
    minutes: float, message: str = "", zone: str = "eu-central-1a", status: str = "Failed", instance: str = ""
) -> Activity:
    """A launch so many minutes ago; a failed one unless it has another status."""
    description = f"Launching a new EC2 instance: {instance}" if instance else "Launching a new EC2 instance.  Status …"
    return Activity(NOW - timedelta(minutes=minutes), status, description, message, instance, zone=zone)


def served(minutes: float, zone: str = "eu-central-1a", status: str = "Successful") -> Activity:
    return launch(minutes, "", zone, status, f"i-{int(minutes * 60):08x}")


SAYINGS = [
    ("one type without capacity", NO_CAPACITY, "capacity", "eu-central-1a", "c7g.large"),
    (
        "several types without capacity",
        "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient"
        f" t4g.medium capacity in the Availability Zone you requested (eu-central-1a). {FAILED}",
        "capacity",
        "eu-central-1a",
        "t4g.medium",
    ),
    (
        "no spot capacity",
        "Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity due to your request"
        f" configuration. Please adjust your request and try again. {FAILED}",
        "capacity",
        "eu-central-1a",
        "",
    ),
    ("the vCPU quota", NO_QUOTA, "quota", "", ""),
    (
        "the vCPU quota, with its code",
        f"Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more … {FAILED}",
        "quota",
        "",
        "",
    ),
    ("the spot quota", f"Could not launch Spot Instances. MaxSpotInstanceCountExceeded. {FAILED}", "quota", "", ""),
    (
        "the old quota of instances",
        f"You have requested more instances (7) than your current instance limit of 6 allows. {FAILED}",
        "quota",
        "",
        "",
    ),
    (
        "a full subnet",
        f"There are not enough free addresses in subnet 'subnet-1' to satisfy the requested number. {FAILED}",
        "addresses",
        "eu-central-1a",
        "",
    ),
    ("a missing permission", f"You are not authorized to use launch template: lt-1. {FAILED}", "permission", "", ""),
    ("a role that is too new", f"Authentication Failure. {FAILED}", "permission", "", ""),
    ("a deleted image", f"The image id '[ami-02c7e84c65fcfecee]' does not exist. {FAILED}", "template", "", ""),
    (
        "an unsupported combination",
        f"The requested configuration is currently not supported. Please check the documentation. {FAILED}",
        "template",
        "",
        "",
    ),
    ("too many API calls", f"RequestLimitExceeded. {FAILED}", "other", "", ""),
    ("words that nobody knows", f"The moon is in the wrong phase. {FAILED}", "other", "", ""),
]


@pytest.mark.parametrize(("text", "kind", "zone", "type_"), [c[1:] for c in SAYINGS], ids=[c[0] for c in SAYINGS])
def test_aws_s_words_tell_the_kind_and_where_it_matters_the_zone(text: str, kind: str, zone: str, type_: str) -> None:
    (trouble,) = launch_troubles([launch(3, text)], NOW)
    assert (trouble.kind, trouble.zone, trouble.instance_type) == (kind, zone, type_)
    assert FAILED not in trouble.text, "it says nothing"


ABANDONED = "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token 1 was abandoned: …"
KEY_LOST = "Instance became unhealthy while waiting for instance to be in InService state. Client.InternalError: …"
ENDS = [
    ("it goes on", [launch(9, NO_CAPACITY), launch(4, NO_CAPACITY), launch(1, NO_CAPACITY)], [("capacity", 9)]),
    ("the zone has capacity again", [launch(9, NO_CAPACITY), served(4)], []),
    ("it came, and does not serve yet", [launch(9, NO_CAPACITY), served(4, status="MidLifecycleAction")], []),
    ("it has none once more", [launch(9, NO_CAPACITY), served(5), launch(2, NO_CAPACITY)], [("capacity", 2)]),
    ("another zone has capacity", [launch(9, NO_CAPACITY), served(4, "eu-central-1b")], [("capacity", 9)]),
    ("the quota is one of all zones", [launch(9, NO_QUOTA), served(4, "eu-central-1b")], []),
    ("the quota lets one more in", [served(9), launch(4, NO_QUOTA)], [("quota", 4)]),
    ("an hour ago", [launch(61, NO_CAPACITY)], []),
    ("two at once", [launch(2, NO_CAPACITY), launch(1, NO_QUOTA)], [("quota", 1), ("capacity", 2)]),
    (
        "one was given up, the next waits",
        [launch(9, ABANDONED, status="Cancelled", instance="i-1"), served(4, status="MidLifecycleAction")],
        [("admission", 9)],
    ),
    ("the next was let in", [launch(9, ABANDONED, status="Cancelled", instance="i-1"), served(4)], []),
    ("it dies of its key", [launch(9, KEY_LOST, status="Cancelled", instance="i-1")], [("permission", 9)]),
    ("the group shrank while it launched", [launch(9, "", status="Cancelled", instance="i-1")], []),
    (
        "a termination that failed is no launch",
        [Activity(NOW, "Failed", "Terminating EC2 instance: i-1", NO_CAPACITY)],
        [],
    ),
    ("nothing happened", [], []),
]


@pytest.mark.parametrize(("activities", "expected"), [c[1:] for c in ENDS], ids=[c[0] for c in ENDS])
def test_a_trouble_lasts_until_a_launch_proves_otherwise(
    activities: list[Activity], expected: list[tuple[str, int]]
) -> None:
    for order in (activities, activities[::-1]):
        found = launch_troubles(order, NOW)
        assert [(t.kind, round((NOW - t.since).total_seconds() / 60)) for t in found] == expected


def test_a_trouble_says_everything_in_a_sentence() -> None:
    (trouble,) = launch_troubles([launch(9, NO_CAPACITY)], NOW)
    assert trouble.said.startswith(
        "AWS lacks capacity for c7g.large in eu-central-1a, since 08:41 UTC: We currently do not have"
    )
    assert Trouble("other", "", "", "odd", NOW).said == "launches fail, since 08:50 UTC: odd"


def test_words_without_end_are_cut() -> None:
    (trouble,) = launch_troubles([launch(1, "x" * 10_000)], NOW)
    assert len(trouble.text) == 300
