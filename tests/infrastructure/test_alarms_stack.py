"""The stack of a site's alarms: which site has which, what they cost, and that the product looks at what they see."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from firstbell.alarms import saturation
from firstbell.alarms.tiers import questions
from firstbell.site import Reaction
from firstbell.site_file import read_site
from simulator import alarms, cloudformation
from simulator.cloud.cloudwatch import Alarm, Formula, Metric
from simulator.measures import metric
from tests.infrastructure.conftest import ROOT

TEXT = alarms.TEMPLATE.read_text(encoding="utf-8")
TEMPLATE = cloudformation.load(alarms.TEMPLATE)
OF_BALANCER = {"LoadBalancer": "app/moodle/0123456789abcdef", "TargetGroup": "targetgroup/moodle/0123456789abcdef"}
SITE = {"Site": "campus", "AutoScalingGroupName": "campus-web", **OF_BALANCER}
SMALL = {**SITE, "Database": "campus-db", "NfsServer": "i-0a1b2c3d4e5f60718"}
LARGE = {
    **SITE,
    "BurstableWeb": "no",
    "Database": "campus-cluster",
    "DatabaseKind": "aurora",
    "DatabaseConnections": "2000",
    "FileSystem": "fs-0123456789abcdef0",
}


def named(parameters: Mapping[str, Any]) -> list[str]:
    """The alarms of a stack, less what all their names begin with."""
    found = [alarm.name for alarm in alarms.deployed(parameters)]
    assert all(name.startswith("firstbell-campus-") for name in found)
    return [name.removeprefix("firstbell-campus-") for name in found]


def watched(alarm: Alarm) -> list[Metric]:
    return [m for _, m in alarm.metric.metrics] if isinstance(alarm.metric, Formula) else [alarm.metric]


STACKS: list[tuple[str, Mapping[str, Any], list[str]]] = [
    ("a group alone", {"Site": "campus", "AutoScalingGroupName": "campus-web"}, ["cpu", "web-credits"]),
    (
        "the $50 site",
        SMALL,
        ["cpu", "web-credits", "slow", "failing", "rejected", "database-cpu", "database-space", "nfs"],
    ),
    (
        "a large one",
        LARGE,
        [
            *("cpu", "slow", "failing", "rejected", "database-cpu", "database-connections", "database-capacity"),
            *("efs-limit", "efs-credits"),
        ],
    ),
    (
        "a database in credit",
        {**SITE, "BurstableWeb": "no", "Database": "campus-db", "BurstableDatabase": "yes"},
        ["cpu", "slow", "failing", "rejected", "database-cpu", "database-space", "database-credits"],
    ),
]


@pytest.mark.parametrize(("parameters", "expected"), [s[1:] for s in STACKS], ids=[s[0] for s in STACKS])
def test_each_site_has_the_alarms_of_its_tiers(parameters: Mapping[str, Any], expected: list[str]) -> None:
    assert named(parameters) == expected


def test_the_small_site_watches_ten_metrics_which_is_what_cloudwatch_gives_for_nothing() -> None:
    assert sum(len(watched(alarm)) for alarm in alarms.deployed(SMALL)) == 10


def test_what_each_alarm_costs_is_said_beside_it() -> None:
    told = {name: int(number) for name, number in re.findall(r"^  (\w+): # (\d)", TEXT, re.M)}
    for name, resource in TEMPLATE["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            metrics = resource["Properties"].get("Metrics", [{"MetricStat": {}}])
            assert told[name] == sum("MetricStat" in query for query in metrics), name


@pytest.mark.parametrize("parameters", [SMALL, LARGE], ids=["small", "large"])
def test_a_look_asks_for_everything_that_an_alarm_is_about(parameters: Mapping[str, Any]) -> None:
    of = "database: campus-db" if parameters is SMALL else "cluster: campus-cluster"
    on = "server: i-0a1b2c3d4e5f60718" if parameters is SMALL else "file_system: fs-0123456789abcdef0"
    site = read_site(
        "name: campus\ntimezone: Europe/Berlin\nfleet: {auto_scaling_group: campus-web}\n"
        f"reaction: {{{of}}}\nmoodledata: {{{on}}}\n"
    )
    asked = {(m.namespace, m.name, m.dimensions) for m in map(metric, questions(site, OF_BALANCER).values())}
    seen = {(m.namespace, m.name, m.dimensions) for alarm in alarms.deployed(parameters) for m in watched(alarm)}
    assert seen <= asked


def test_the_thresholds_are_those_that_a_look_judges_by() -> None:
    at = {alarm.name.removeprefix("firstbell-campus-"): alarm.threshold for alarm in alarms.deployed(LARGE)}
    assert at["slow"] == Reaction().p95_ms / 1000
    assert at["database-cpu"] == saturation.BUSY
    assert at["database-capacity"] == at["efs-limit"] == saturation.FULL
    assert at["database-connections"] == 100 * saturation.CROWDED
    assert at["failing"] / 100 * 3 / 5 >= saturation.FAILING, "three such minutes are enough for the five of a look"


def test_the_controller_reacts_to_their_names_unless_somebody_changes_one_of_the_two(template: dict[str, Any]) -> None:
    assert TEMPLATE["Parameters"]["Prefix"]["Default"] == template["Parameters"]["AlarmNamePrefix"]["Default"]


def test_every_alarm_says_how_it_takes_missing_data_and_which_runbook_helps() -> None:
    for name, resource in TEMPLATE["Resources"].items():
        properties = resource["Properties"]
        [runbook] = re.findall(r"Runbook ([a-z-]+)\.$", properties["AlarmDescription"])
        assert (ROOT / "docs" / "runbooks" / f"{runbook}.md").exists(), name
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            assert "TreatMissingData" in properties, name


def composites(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The rules of the composite alarms, by name."""
    names = {
        logical: cloudformation.resolve(r["Properties"]["AlarmName"], cloudformation.known(TEMPLATE, parameters))
        for logical, r in TEMPLATE["Resources"].items()
    }
    known = cloudformation.known(TEMPLATE, {**parameters, **names})
    return {
        names[logical]: cloudformation.resolve(r["Properties"]["AlarmRule"], known)
        for logical, r in TEMPLATE["Resources"].items()
        if r["Type"] == "AWS::CloudWatch::CompositeAlarm" and known[r["Condition"]]
    }


def test_cloudwatch_itself_tells_nobody_unless_a_topic_is_named() -> None:
    assert composites(SMALL) == {}
    for name, resource in TEMPLATE["Resources"].items():
        composite = resource["Type"] == "AWS::CloudWatch::CompositeAlarm"
        assert ("AlarmActions" in resource["Properties"]) == composite, name


def test_with_a_topic_there_is_one_message_per_tier_and_none_of_what_another_tier_explains() -> None:
    found = composites({**SMALL, "OnCallTopicArn": "arn:aws:sns:eu-central-1:123456789012:people"})
    begin = "firstbell-campus-"
    assert found == {
        f"people/{begin}web": f'(ALARM("{begin}cpu") OR ALARM("{begin}web-credits") OR ALARM("{begin}slow") OR '
        f'ALARM("{begin}failing") OR ALARM("{begin}rejected")) AND NOT ALARM("people/{begin}database") AND NOT '
        f'ALARM("people/{begin}storage")',
        f"people/{begin}database": f'ALARM("{begin}database-cpu") OR ALARM("{begin}database-space")',
        f"people/{begin}storage": f'ALARM("{begin}nfs")',
    }
