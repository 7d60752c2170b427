"""Each role may do exactly what its function calls, on what it is about; where AWS cannot limit that, it says why."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATE = {f"dynamodb:{n}" for n in ("GetItem", "Query", "PutItem", "DeleteItem", "BatchWriteItem")}
SEE_GROUPS = {"autoscaling:DescribeAutoScalingGroups"}
CHANGE_SIZE = {
    "autoscaling:BatchPutScheduledUpdateGroupAction",
    "autoscaling:BatchDeleteScheduledAction",
    "autoscaling:UpdateAutoScalingGroup",
}
LIFECYCLE = {
    *("autoscaling:DescribeLifecycleHooks", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeWarmPool"),
    *("autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"),
}
SEE_SCHEDULED = {"autoscaling:DescribeScheduledActions"}
SEE_TARGETS = {"elasticloadbalancing:DescribeTargetHealth"}
PROBE = {"ssm:DescribeInstanceInformation", "ssm:SendCommand", "ssm:ListCommandInvocations"}
SEE_STORAGE = {
    *("ec2:DescribeInstanceStatus", "elasticfilesystem:DescribeFileSystems"),
    *("elasticfilesystem:DescribeMountTargets", "cloudwatch:GetMetricData"),
}
TERMINATE = {"autoscaling:TerminateInstanceInAutoScalingGroup"}
NOTIFY = {"sns:Publish"}
RETURN = {
    *("autoscaling:ResumeProcesses", "autoscaling:PutWarmPool", "autoscaling:DeleteWarmPool"),
    *("elasticloadbalancing:ModifyCapacityReservation", "elasticfilesystem:UpdateFileSystem", "rds:ModifyDBCluster"),
}
LEND = RETURN | {
    *("autoscaling:SuspendProcesses", "autoscaling:DescribeWarmPool"),
    *("elasticloadbalancing:DescribeCapacityReservation", "elasticfilesystem:DescribeFileSystems"),
    *("rds:DescribeDBClusters", "resource-groups:GroupResources", "iam:PassRole"),
    *(f"ec2:{n}CapacityReservation" for n in ("Create", "Modify", "Cancel", "GetGroupsFor")),
    *("ec2:DescribeCapacityReservations", "ec2:CreateTags"),
    *(f"scheduler:{n}Schedule" for n in ("Create", "Update", "Get", "Delete")),
}
ACTIONS = {
    "plan_capacity": STATE
    | {"s3:ListBucket", "s3:GetObject", "s3:PutObject", "ssm:GetParameter", "secretsmanager:GetSecretValue"}
    | {"cloudwatch:GetMetricData", "elasticloadbalancing:DescribeTargetGroups"}
    | {"autoscaling:DescribeScalingActivities", "autoscaling:DescribePolicies", "autoscaling:SetDesiredCapacity"}
    | (SEE_GROUPS | SEE_SCHEDULED | CHANGE_SIZE | LEND | NOTIFY),
    "check_readiness": STATE
    | {"autoscaling:DescribeScalingActivities", "autoscaling:DescribeInstanceRefreshes"}
    | {"autoscaling:SetDesiredCapacity"}
    | (SEE_GROUPS | SEE_SCHEDULED | CHANGE_SIZE | SEE_TARGETS | NOTIFY),
    "react_to_alarm": STATE
    | {"dynamodb:UpdateItem", "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"}
    | {"elasticloadbalancing:DescribeTargetGroups", "iam:PassRole"}
    | {"elasticfilesystem:DescribeFileSystems", "elasticfilesystem:UpdateFileSystem"}
    | {"rds:DescribeDBClusters", "rds:ModifyDBCluster"}
    | {f"scheduler:{n}Schedule" for n in ("Create", "Update", "Get", "Delete")}
    | (SEE_GROUPS | SEE_SCHEDULED | CHANGE_SIZE | NOTIFY),
    "admit_instances": STATE | SEE_GROUPS | LIFECYCLE | PROBE | SEE_STORAGE | {"ec2:GetConsoleOutput"} | NOTIFY,
    "release_instances": STATE
    | {"ec2:DescribeSpotInstanceRequests", "elasticloadbalancing:DeregisterTargets"}
    | (SEE_GROUPS | LIFECYCLE | SEE_TARGETS | TERMINATE | NOTIFY | PROBE - {"ssm:DescribeInstanceInformation"}),
    "patrol_mounts": STATE
    | {"autoscaling:DescribeScalingActivities", "autoscaling:EnterStandby"}
    | (SEE_GROUPS | PROBE | SEE_STORAGE | SEE_TARGETS | TERMINATE | NOTIFY),
    "back_up": STATE | {"rds:CreateDBSnapshot", "rds:DescribeDBSnapshots", "rds:AddTagsToResource"} | NOTIFY,
    "notify_on_call": STATE
    | {"sqs:SendMessage", "secretsmanager:GetSecretValue"}
    | NOTIFY
    | {"ssm:GetParameter", "ssm:PutParameter", "cloudwatch:GetMetricData"},
    "acknowledge": STATE - {"dynamodb:Query", "dynamodb:DeleteItem"} | {"ssm:GetParameter"},
}


def statements(function: dict[str, Any]) -> list[dict[str, Any]]:
    return [statement for policy in function["Policies"] for statement in policy["Statement"]]


def actions(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


@pytest.mark.parametrize("name", ACTIONS)
def test_a_role_allows_exactly_what_its_function_calls(functions: dict[str, Any], name: str) -> None:
    assert {action for s in statements(functions[name]) for action in actions(s)} == ACTIONS[name]


def test_no_action_is_a_wildcard(functions: dict[str, Any]) -> None:
    assert not [a for f in functions.values() for s in statements(f) for a in actions(s) if "*" in a]


def test_the_functions_that_use_idempotency_and_only_they_may_update_items(functions: dict[str, Any]) -> None:
    using = {
        name
        for name in functions
        if (code := ROOT / "functions" / name / "app.py").exists() and "idempotency" in code.read_text(encoding="utf-8")
    }
    assert {
        n for n, f in functions.items() if "dynamodb:UpdateItem" in {a for s in statements(f) for a in actions(s)}
    } == (using)


def test_only_the_planner_may_write_what_is_no_sites_own(functions: dict[str, Any]) -> None:
    links = {"notify_on_call": ["SITE#*", "IDEMPOTENCY", "ACK#*"], "acknowledge": ["SITE#*", "ACK#*"]}
    for name, function in functions.items():
        keys = {"dynamodb:LeadingKeys": links.get(name, ["SITE#*", "IDEMPOTENCY"])}
        [write] = [s for s in statements(function) if s["Sid"] == "WriteState"]
        assert write.get("Condition") == (None if name == "plan_capacity" else {"ForAllValues:StringLike": keys})


def test_what_the_world_may_call_reads_no_more_than_single_items_and_one_key(functions: dict[str, Any]) -> None:
    """Nobody else is reachable from outside, and what is cannot query, scan, delete, publish or read other secrets."""
    assert [name for name, f in functions.items() if f.get("FunctionUrlConfig")] == ["acknowledge"]
    assert functions["acknowledge"]["FunctionUrlConfig"] == {"AuthType": "NONE"}
    own = {s["Sid"]: s for s in statements(functions["acknowledge"])}
    assert own["ReadState"]["Condition"] == own["WriteState"]["Condition"]
    assert own["ReadAcknowledgeKey"]["Resource"]["Fn::Sub"].endswith(":parameter/firstbell/${AWS::StackName}/ack-key")


def test_the_key_of_the_links_is_one_parameter_for_who_makes_it_and_who_reads_it(functions: dict[str, Any]) -> None:
    [made] = [s["Resource"] for s in statements(functions["notify_on_call"]) if s["Sid"] == "MakeAcknowledgeKey"]
    [read] = [s["Resource"] for s in statements(functions["acknowledge"]) if s["Sid"] == "ReadAcknowledgeKey"]
    names = {json.dumps(functions[n]["Environment"]["ACKNOWLEDGE_KEY"]) for n in ("notify_on_call", "acknowledge")}
    assert made == read
    assert names == {json.dumps({"Fn::Sub": "/firstbell/${AWS::StackName}/ack-key"})}


def test_groups_are_changed_by_name_only(functions: dict[str, Any]) -> None:
    changing = [s for f in functions.values() for s in statements(f) if s["Sid"] == "ChangeGroups"]
    assert len(changing) == 6
    assert all('"Ref": "AutoScalingGroupNames"' in json.dumps(s["Resource"]) for s in changing)
    reading = ("autoscaling:Describe",)
    others = [s for f in functions.values() for s in statements(f) if s not in changing]
    assert not [a for s in others for a in actions(s) if a.startswith("autoscaling:") and not a.startswith(reading)]


def test_every_star_has_its_reason_beside_it(text: str) -> None:
    stars = [line for line in text.splitlines() if line.strip().startswith(('Resource: "*"', 'Principal: "*"'))]
    assert len(stars) >= 5
    assert not [line for line in stars if len(line.partition('"*" # ')[2]) < 20], "a star without a written reason"


def test_run_command_is_limited_to_the_probe(functions: dict[str, Any]) -> None:
    sending = [s for f in functions.values() for s in statements(f) if "ssm:SendCommand" in actions(s)]
    assert len(sending) == 3
    for statement in sending:
        documents = [r["Fn::Sub"] for r in statement["Resource"] if ":document/" in r["Fn::Sub"]]
        assert [d.rpartition("/")[2] for d in documents] == ["${ProbeDocument}"]
