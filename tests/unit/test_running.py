"""A run begins only the sites that it can end in time; what is left is counted."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from firstbell import published
from firstbell.acting import ActionsFailed
from firstbell.aws.table import Table
from firstbell.calendar import fetching, moodle_talk, trust
from firstbell.running import ENOUGH, Run
from firstbell.site import Fleet, Site
from simulator import stack
from tests.unit.state_table import state_table

SITES = [Site(name, "UTC", Fleet(name)) for name in "abcd"]


@dataclass
class Context:
    """What Lambda tells; each site takes so many seconds."""

    left: float

    def get_remaining_time_in_millis(self) -> float:
        return self.left * 1000


@pytest.mark.parametrize(
    ("says", "left", "expected"),
    [
        ("all", ENOUGH + 300, 4),
        ("all that are begun can take the whole of their time", ENOUGH + 2 * 40, 3),
        ("there is just enough for one", ENOUGH, 1),
        ("there is not enough for one", ENOUGH - 1, 0),
    ],
)
def test_a_site_is_begun_when_there_is_enough_time_to_end_it(says: str, left: float, expected: int):
    context = Context(left)
    run = Run.start("plan_capacity", {"source": "firstbell.schedule"}, context)
    begun = []
    for site in run.in_time(SITES):
        begun.append(site.name)
        context.left -= 40
    assert len(begun) == expected, says
    assert run._counts["SitesLeft"] == len(SITES) - expected


def test_what_takes_time_fits_into_what_it_is_part_of():
    """An answer into a Moodle's conversation, that into what a site's hosts have, that into a site, that into a run."""

    timeout = stack._template()["Resources"]["PlanCapacity"]["Properties"]["Timeout"]
    conversation = (moodle_talk.TIME + moodle_talk.GRACE).total_seconds()
    assert trust.HURRIED <= moodle_talk.GRACE.total_seconds() < trust.SECONDS < conversation < fetching.BUDGET
    assert fetching.BUDGET + 25 < ENOUGH < timeout / 2


def launch(group: str) -> dict[str, Any]:
    return {"source": "aws.autoscaling", "detail": {"AutoScalingGroupName": group, "EC2InstanceId": "i-1"}}


AGENT = {
    "source": "aws.ssm",
    "detail-type": "EC2 State Manager Instance Association State Change",
    "detail": {"instance-id": "i-1", "status": "Success"},
}


@pytest.mark.parametrize(
    ("says", "events", "names", "counts"),
    [
        ("the sites of all groups that it names, each once", [launch("b"), launch("d"), launch("b")], "bd", {}),
        ("all, when one event names no group", [launch("b"), AGENT], "abcd", {}),
        ("a bad event beside a good one is counted", [launch("b"), "{"], "b", {"BadEvents": 1}),
        ("a group that is nobody's is counted", [launch("b"), launch("x")], "b", {"UnknownGroups": 1}),
        ("none, when nothing can be read", ["{", {"source": "aws.iam"}], "", {"BadEvents": 1}),
    ],
)
def test_a_batch_is_about(
    monkeypatch: pytest.MonkeyPatch, says: str, events: list[Any], names: str, counts: dict[str, int]
):
    monkeypatch.setenv("TABLE_NAME", "state")
    with state_table(monkeypatch):
        for site in SITES:
            published.publish(Table("state"), site)
        records = [{"eventSource": "aws:sqs", "body": json.dumps(e) if isinstance(e, dict) else e} for e in events]
        run = Run.start("admit_instances", {"Records": records})
        assert [site.name for site in run.sites()] == list(names), says
        assert {name: value for name, value in run._counts.items() if value} == counts


def test_a_site_that_cannot_be_read_is_told_and_stops_no_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TABLE_NAME", "state")
    with state_table(monkeypatch):
        published.publish(Table("state"), SITES[0])
        Table("state").put("SITES", "of-another-version", {"name": 7})
        published.forget()
        run = Run.start("admit_instances", {"source": "firstbell.schedule"})
        assert [site.name for site in run.sites()] == ["a"]
        with pytest.raises(ActionsFailed) as failed:
            run.finish()
    [error] = failed.value.exceptions
    assert str(error) == "of-another-version: the published site cannot be read: upload its site file again"
