"""The role with which AWS returns loans may make exactly the calls that can be booked, and only where it is allowed."""

import json
from typing import Any

import boto3
import pytest

from firstbell.aws import scheduler
from firstbell.loans.settings import Call, call, pool, text

PREFIX = {"elbv2": "elasticloadbalancing", "efs": "elasticfilesystem"}  # of IAM, where it is not boto3's name
BOOKED = [
    call("freeze", "AZRebalance", "moodle-web", text(False)),
    call("balancer", "", "arn:aws:elasticloadbalancing:::loadbalancer/app/x/0", text(0)),
    call("balancer", "", "arn:aws:elasticloadbalancing:::loadbalancer/app/x/0", text(120)),
    call("warm_pool", "", "moodle-web", text(None)),
    call("warm_pool", "", "moodle-web", text(pool(2, 9, "Running", True))),
    call("efs", "", "fs-0123456789abcdef0", text({"ThroughputMode": "bursting"})),
    call(
        "efs", "", "fs-0123456789abcdef0", text({"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 9.0})
    ),
    call("aurora", "", "moodle", text({"MinCapacity": 0.0, "MaxCapacity": 8.0, "SecondsUntilAutoPause": 300})),
]
"""Every call that a loan's end can be, one for each form of the setting before it."""


def returns(template: dict[str, Any]) -> list[dict[str, Any]]:
    [policy] = template["Resources"]["ReturnsRole"]["Properties"]["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def actions(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def named(functions: dict[str, dict[str, Any]], sid: str) -> dict[str, Any]:
    [found] = [s for p in functions["plan_capacity"]["Policies"] for s in p["Statement"] if s["Sid"] == sid]
    return dict(found)


def test_the_role_may_make_what_can_be_booked_and_nothing_else(template: dict[str, Any]) -> None:
    wanted = {f"{PREFIX.get(c.service, c.service)}:{c.operation}" for c in BOOKED}
    assert {a for s in returns(template) for a in actions(s)} == wanted | {"sqs:SendMessage"}


def test_only_scheduler_in_this_account_takes_the_role(template: dict[str, Any]) -> None:
    [trust] = template["Resources"]["ReturnsRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_groups_are_returned_by_name_and_other_tiers_by_their_owners_tag(
    template: dict[str, Any], functions: dict[str, Any]
) -> None:
    groups, tiers, letters = returns(template)
    assert '"Ref": "AutoScalingGroupNames"' in json.dumps(groups["Resource"])
    assert letters["Resource"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    planners = named(functions, "ChangeOtherTiers")
    assert tiers["Condition"] == planners["Condition"] == {"StringEquals": {"aws:ResourceTag/firstbell": "lend"}}
    assert (tiers["Action"], tiers["Resource"]) == (planners["Action"], planners["Resource"])


def test_the_planner_books_in_its_own_group_and_passes_this_role_only(functions: dict[str, Any]) -> None:
    assert named(functions, "BookReturns")["Resource"]["Fn::Sub"].endswith(":schedule/${ReturnsGroup}/*")
    passing = named(functions, "LetReturnsBeMade")
    assert passing["Resource"] == {"Fn::GetAtt": ["ReturnsRole", "Arn"]}
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_reservations_are_made_with_an_end_and_only_those_are_changed(functions: dict[str, Any]) -> None:
    assert named(functions, "ReserveCapacity")["Condition"]["StringEquals"] == {"ec2:EndDateType": "limited"}
    assert named(functions, "ReserveCapacity")["Condition"]["Null"] == {"aws:RequestTag/firstbell-site": "false"}
    assert named(functions, "ChangeReservedCapacity")["Condition"]["Null"] == {
        "aws:ResourceTag/firstbell-site": "false"
    }


@pytest.mark.parametrize("booked", BOOKED, ids=lambda c: c.operation)
def test_what_is_booked_fits_the_api(booked: Call) -> None:
    client: Any = boto3.client(booked.service)  # type: ignore[call-overload]
    model = client.meta.service_model
    members = model.operation_model(booked.operation).input_shape.members
    assert json.loads(booked.parameters).keys() <= members.keys()
    sdk = model.service_id.lower().replace(" ", "")
    assert scheduler.SERVICES.get(booked.service, booked.service) == sdk, "the SDK's identifier is the service id"
