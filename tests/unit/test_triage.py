"""What an alarm leads to: web servers in proportion, a person, the end of an incident, or nothing."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.alarms import triage
from firstbell.alarms.triage import LEASE, RENEW, SETTLE, Load, belongs, decide, wanted
from firstbell.alarms.values import Alarm
from firstbell.capacity.reconcile import SaveFloor
from firstbell.capacity.values import Floor
from firstbell.fleet import Group
from firstbell.oncall.signal import Signal
from tests.unit.campus_values import HOUR, MINUTE, at, floor, group, site

NOW = at(9)


def alarm(state: str = "ALARM", threshold: float = 50, metric: str = triage.CPU, minutes: float = 5) -> Alarm:
    since = NOW - timedelta(minutes=minutes)
    return Alarm("firstbell-campus-cpu", state, since, metric, (("AutoScalingGroupName", "web"),), threshold)


def lease(instances: int, began: float = 10, lasts: float = 60) -> Floor:
    start = NOW - began * MINUTE
    return floor(start, start + lasts * MINUTE, instances, "an alarm", triage.OWNER)


def answers(found: Group | None, cpu: float | None, *leases: Floor, one: Alarm | None = None, **fleet: int):
    return decide(site(**fleet), Load((one or alarm(),), found, cpu, leases), NOW)


def levels(actions: list[SaveFloor | Signal]) -> list[int]:
    return [a.floor.instances for a in actions if isinstance(a, SaveFloor)]


def severities(actions: list[SaveFloor | Signal]) -> list[str]:
    return ["resolved" if a.resolved else a.severity for a in actions if isinstance(a, Signal)]


@pytest.mark.parametrize(
    ("says", "serving", "coming", "min_size", "max_size", "cpu", "expected", "told"),
    [
        ("twice the load wants twice the servers", 4, 0, 1, 20, 100, [8], ["ticket"]),
        ("a part of a server is a whole one", 4, 0, 1, 20, 51, [5], ["ticket"]),
        ("at the threshold what serves is protected", 4, 0, 1, 20, 50, [4], ["ticket"]),
        ("what is on its way is not asked for again", 4, 4, 8, 20, 100, [], []),
        ("what is on its way counts towards what is needed", 4, 2, 6, 20, 100, [8], ["ticket"]),
        ("with nobody in service one is reckoned", 0, 1, 1, 20, 100, [2], ["ticket"]),
        ("one alarm adds max_step at most, to what serves and comes", 9, 2, 1, 20, 100, [15], ["ticket"]),
        ("MaxSize is the most, and more is a page", 9, 0, 1, 10, 100, [10], ["ticket", "page"]),
        ("at MaxSize nothing is raised, and a person is called", 10, 0, 10, 10, 100, [], ["page"]),
        ("a MinSize that is enough already stays", 4, 0, 8, 20, 100, [], []),
    ],
)
def test_the_rule_of_proportion(
    says: str, serving: int, coming: int, min_size: int, max_size: int, cpu: float, expected: list[int], told: list[str]
):
    actions = answers(group(min_size, max_size, serving, coming), cpu, max_step=4)
    assert (levels(actions), severities(actions)) == (expected, told), says


def test_a_raise_is_leased_for_an_hour_and_says_what_was_seen_and_what_to_expect():
    save, told = answers(group(serving=2, coming=1), 90, lead_time=300)
    why = "CPU 90 % on 2 serving instances, 50 % wanted: at least 4 for the next hour (1 are on their way)"
    assert save == SaveFloor(Floor("alarm", NOW, NOW + LEASE, 4, why), why)
    assert isinstance(told, Signal)
    assert told.key == "alarm/firstbell-campus-cpu"
    assert told.what.endswith("new instances serve in about 5 min, and take new sessions only.")
    assert told.done == ("MinSize raised to 4 for an hour",)


@pytest.mark.parametrize(
    ("says", "min_size", "leases", "expected"),
    [
        ("a raise of two minutes ago is left to work", 6, [lease(6, began=2)], []),
        ("after it had time to work, more is added", 6, [lease(6, began=4)], [8]),
        ("a lease that a deploy reset is renewed", 1, [lease(8, began=20, lasts=70)], [8]),
        ("a lease with much time left is not renewed", 8, [lease(8, began=4)], []),
        ("a lease with little time left is renewed while the alarm lasts", 8, [lease(8, began=30)], [8]),
        ("a renewal never lowers what was leased", 12, [lease(12, began=30)], [12]),
        ("a lease that has run out counts no more", 8, [lease(12, began=90)], []),
        ("a lease of another owner is not the alarm's", 8, [floor(at(8), at(9, 5), 12, "x", "somebody")], []),
        ("a lease above what is allowed by now is not kept above", 10, [lease(25, began=30)], [20]),
        ("a lease above what is allowed is no reason to raise for ever", 20, [lease(25, began=5)], []),
    ],
)
def test_leases(says: str, min_size: int, leases: list[Floor], expected: list[int]):
    assert levels(answers(group(min_size, 20, 4), 100, *leases)) == expected, says


def test_without_cpu_data_nothing_is_added_and_a_person_is_called():
    actions = answers(group(serving=4), None)
    assert (levels(actions), severities(actions)) == ([], ["page"])
    assert "no recent value" in actions[0].reason


def test_without_a_group_nothing_is_added_and_a_person_is_called():
    actions = answers(None, 90)
    assert (levels(actions), severities(actions)) == ([], ["page"])


def test_another_metric_s_alarm_calls_a_person_and_adds_no_server():
    [told] = answers(group(serving=4), 100, one=alarm(metric="AWS/RDS/CPUUtilization", threshold=80))
    assert isinstance(told, Signal)
    assert (told.severity, told.runbook) == ("page", "other-alarm")
    assert told.evidence == ("AWS/RDS/CPUUtilization against 80, since 08:55 UTC",)


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_an_alarm_that_is_not_on_asks_for_nothing(state: str):
    assert answers(None, None, one=alarm(state, minutes=1)) == []


def test_each_alarm_of_a_site_is_answered():
    both = (alarm("OK", minutes=1), alarm(metric="AWS/EFS/PercentIOLimit"))
    assert severities(decide(site(), Load(both, group(), 10, ()), NOW)) == ["page"]


@pytest.mark.parametrize(
    ("says", "name", "dimensions", "expected"),
    [
        ("its group's dimension makes it the site's", "anything", {"AutoScalingGroupName": "web"}, True),
        ("another group's dimension makes it another's", "firstbell-campus-cpu", {"AutoScalingGroupName": "b"}, False),
        ("without a group its name tells", "firstbell-campus-database", {"DBInstanceIdentifier": "db"}, True),
        ("a site whose name begins alike is another", "firstbell-campus2-database", {}, False),
        ("another prefix is not ours", "controller-campus-errors", {}, False),
    ],
)
def test_whose_an_alarm_is(says: str, name: str, dimensions: dict[str, str], expected: bool):
    found = Alarm(name, "OK", NOW, "m", tuple(dimensions.items()), 1)
    assert belongs(found, site(), "firstbell-") is expected, says


def test_a_threshold_of_nothing_asks_for_what_there_is():
    assert wanted(group(serving=3), 90, 0) == 3


GROUPS = st.builds(
    lambda low, more, serving, coming: group(low, low + more, serving, coming),
    st.integers(0, 20),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 10),
)
LEASES = st.lists(st.builds(lease, st.integers(0, 60), st.integers(0, 70), st.just(60)), max_size=2)


@given(GROUPS, st.floats(0, 100), LEASES, st.integers(1, 40), st.integers(1, 10), st.floats(1, 100))
def test_a_floor_is_within_the_most_and_the_step_and_lowers_nothing(
    found: Group, cpu: float, leases: list[Floor], maximum: int, step: int, threshold: float
):
    fleet = {"min_instances": 0, "max_instances": maximum, "max_step": step}
    most = min(maximum, found.max_size)
    have = len(found.in_service) + len(found.coming)
    running = [f.instances for f in leases if f.end > NOW]
    for level in levels(answers(found, cpu, *leases, one=alarm(threshold=threshold), **fleet)):
        assert level <= most
        assert level <= max([have + step, *running])
        assert level >= min([max(running, default=0), most])
        assert level >= min(wanted(found, cpu, threshold), have, most)  # what serves and is needed is not undercut


@given(GROUPS, st.floats(50, 100), st.integers(1, 40))
def test_once_raised_the_same_observation_raises_nothing_until_it_settled(found: Group, cpu: float, maximum: int):
    fleet = {"min_instances": 0, "max_instances": maximum}
    saved = [a.floor for a in answers(found, cpu, **fleet) if isinstance(a, SaveFloor)]
    after = decide(site(**fleet), Load((alarm(),), found, cpu, tuple(saved)), NOW + SETTLE - MINUTE)
    assert not (saved and levels(after))


def test_the_renewal_comes_while_the_lease_still_runs():
    assert timedelta(0) < SETTLE < RENEW < LEASE <= HOUR
