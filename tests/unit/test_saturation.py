"""Which tier is saturated: each by its own values against limits with a source, never for want of data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.alarms import saturation
from firstbell.alarms.tiers import MEASURES, Tiers, named, questions
from firstbell.site import AuroraTier, Backup, BalancerTier, Fleet, Moodledata, Reaction, Site
from firstbell.site import Tiers as Lent
from tests.unit.campus_values import MINUTE, site
from tests.unit.reaction_world import FILES, GIBI, MEBI, NOW, campus, course, series, tiers

HOURS = [0.001] * 120  # two quiet hours
STORAGE = [
    ("a file server that fails its status checks", tiers(server_failed=1), False, ["fails its status checks"]),
    ("one that is up is well", tiers(server_failed=0, server_cpu=30), False, []),
    ("a busy file server", tiers(server_cpu=92), False, ["CPU is at 92 %"]),
    ("EFS at its I/O limit", tiers(io_limit=97), False, ["97 % of the file system's I/O limit"]),
    ("EFS near it is not slow yet", tiers(io_limit=94), False, []),
    ("all throughput that is permitted", tiers(metered=600 * MEBI, permitted=10 * MEBI), False, ["100 % of the file"]),
    ("half of it", tiers(metered=300 * MEBI, permitted=10 * MEBI), False, []),
    ("with nothing permitted no share is known", tiers(metered=300 * MEBI, permitted=0), False, []),
    ("burst credits nearly gone", tiers(burst_credits=5 * GIBI), False, ["burst credits are nearly gone (5 GiB left)"]),
    ("many, but gone in twenty minutes", tiers(burst_credits=course(700 * GIBI, 100 * GIBI)), False, ["100 GiB left"]),
    ("gone in some hours is a forecast, not slow", tiers(burst_credits=course(900 * GIBI, 700 * GIBI)), False, []),
    ("with throughput lent they do not matter", tiers(burst_credits=5 * GIBI), True, []),
    ("nothing known is nothing found", Tiers(), False, []),
]


@pytest.mark.parametrize(("says", "seen", "lent", "expected"), STORAGE, ids=[case[0] for case in STORAGE])
def test_storage(says: str, seen: Tiers, lent: bool, expected: list[str]) -> None:
    found = saturation.storage(seen, lent)
    assert len(found) == len(expected), says
    assert all(part in sentence for part, sentence in zip(expected, found, strict=True)), found


DATABASE = [
    ("CPU at 80 % is saturated", tiers(database_cpu=80), ["CPU is at 80 %"]),
    ("below it is not", tiers(database_cpu=79.9), []),
    ("nine of ten connections are taken", tiers(connections=270), ["270 of its 300 connections"]),
    ("fewer are not near the most", tiers(connections=269), []),
    ("reads five times as slow as usual", tiers(read_latency=[*HOURS, *[0.03] * 5]), ["reads take 30 ms, 1.0 ms are"]),
    ("writes likewise", tiers(write_latency=[*HOURS, *[0.2] * 5]), ["writes take 200 ms"]),
    ("many times as slow, but nobody notices", tiers(read_latency=[*HOURS, *[0.015] * 5]), []),
    ("one slow minute is no slow database", tiers(read_latency=[*HOURS, *[0.001] * 4, 0.08]), []),
    ("without a past nobody knows what is usual", tiers(read_latency=[0.03] * 5), []),
    ("a disk that was always slow is usual", tiers(read_latency=[0.03] * 120), []),
    ("Aurora at its maximum", tiers(acu_share=96), ["96 % of the capacity that Aurora may give"]),
    ("Aurora below it grows by itself", tiers(acu_share=90), []),
    ("a full disk", tiers(free_space=200 * MEBI), ["its disk is full (200 MiB free)"]),
    ("several at once", tiers(database_cpu=95, connections=299), ["95 %", "299"]),
    ("nothing known is nothing found", Tiers(), []),
]


@pytest.mark.parametrize(("says", "seen", "expected"), DATABASE, ids=[case[0] for case in DATABASE])
def test_database(says: str, seen: Tiers, expected: list[str]) -> None:
    found = saturation.database(campus(), seen)
    assert len(found) == len(expected), says
    assert all(part in sentence for part, sentence in zip(expected, found, strict=True)), found


def test_connections_are_not_judged_where_nobody_said_how_many_there_may_be() -> None:
    assert saturation.database(campus(Reaction(database="db")), tiers(connections=5000)) == []


ERRORS = [
    ("one in fifty fails", tiers(requests=[100] * 5, target_errors=[2] * 5), ["10 of 500 requests failed"]),
    ("fewer do not count", tiers(requests=[100] * 5, target_errors=[1] * 5), []),
    ("a handful is chance, whatever the share", tiers(requests=[4] * 5, target_errors=[1] * 5), []),
    ("the balancer's own count too", tiers(requests=[10] * 5, balancer_errors=[3] * 5), ["15 of 65 requests"]),
    ("without any server there are only errors", tiers(balancer_errors=[30] * 5), ["150 of 150 requests"]),
    ("connections that the balancer rejects", tiers(requests=100, rejected=7), ["7 connections a minute are rejected"]),
    ("errors of an hour ago are over", tiers(requests=[100] * 60, target_errors=[90] + [0] * 59), []),
    ("errors under a surge are not without load", tiers(requests=[100] * 60 + [400], balancer_errors=[90] * 5), []),
    ("no point of errors is no error", tiers(requests=[100] * 5), []),
    ("nothing known is nothing found", Tiers(), []),
]


@pytest.mark.parametrize(("says", "seen", "expected"), ERRORS, ids=[case[0] for case in ERRORS])
def test_errors(says: str, seen: Tiers, expected: list[str]) -> None:
    found = saturation.errors(seen)
    assert len(found) == len(expected), says
    assert all(part in sentence for part, sentence in zip(expected, found, strict=True)), found


@given(st.dictionaries(st.sampled_from(sorted(MEASURES)), st.lists(st.floats(0, 1e15), min_size=1, max_size=40)))
def test_whatever_is_measured_is_judged_without_a_fault(values: dict[str, list[float]]) -> None:
    seen = tiers(**values)
    found = [*saturation.storage(seen), *saturation.database(campus(), seen), *saturation.errors(seen)]
    assert all(found), "each with a reason"


def test_an_old_point_is_no_present_value() -> None:
    assert series(95, last=NOW - 16 * MINUTE).now is None
    assert series(95, last=NOW - 15 * MINUTE).now == 95


BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/moodle/0123456789abcdef"
OF_REQUESTS = {"LoadBalancer": "app/moodle/0123456789abcdef", "TargetGroup": "targetgroup/moodle/0123456789abcdef"}


def subjects(of: Site, balancer: dict[str, str]) -> dict[str, dict[str, str]]:
    return {measure.subject: dict(dimensions) for measure, dimensions in questions(of, balancer).values()}


def test_of_what_nobody_named_nothing_is_asked() -> None:
    assert subjects(site(), {}) == {"group": {"AutoScalingGroupName": "web"}}


def test_each_tier_is_asked_by_its_own_name() -> None:
    whole = Site(
        "campus",
        "UTC",
        Fleet("web"),
        moodledata=Moodledata(server="i-0a1b2c3d4e5f60718", file_system=FILES),
        reaction=Reaction(database="db"),
    )
    assert subjects(whole, OF_REQUESTS) == {
        "group": {"AutoScalingGroupName": "web"},
        "balancer": {"LoadBalancer": "app/moodle/0123456789abcdef"},
        "targets": OF_REQUESTS,
        "database": {"DBInstanceIdentifier": "db"},
        "file_system": {"FileSystemId": FILES},
        "server": {"InstanceId": "i-0a1b2c3d4e5f60718"},
    }
    assert set(questions(whole, OF_REQUESTS)) == set(MEASURES)


@pytest.mark.parametrize(
    ("says", "of", "expected"),
    [
        ("its own name counts", Site("c", "UTC", Fleet("w"), reaction=Reaction("db"), backup=Backup("old")), "db"),
        ("else the cluster's", Site("c", "UTC", Fleet("w"), reaction=Reaction(cluster="moodle")), "moodle"),
        (
            "that of the tiers",
            Site("c", "UTC", Fleet("w"), tiers=Lent(aurora=AuroraTier("au")), backup=Backup("b")),
            "au",
        ),
        ("else what is backed up", Site("c", "UTC", Fleet("w"), backup=Backup("db")), "db"),
    ],
)
def test_which_database_is_looked_at(says: str, of: Site, expected: str) -> None:
    assert list(subjects(of, {})["database"].values()) == [expected], says


def test_a_load_balancer_that_is_named_is_known_without_asking() -> None:
    of = Site("campus", "UTC", Fleet("web"), tiers=Lent(balancer=BalancerTier(BALANCER)))
    assert named(of) == (("LoadBalancer", "app/moodle/0123456789abcdef"),)
    assert subjects(of, {})["targets"] == {"LoadBalancer": "app/moodle/0123456789abcdef"}


def test_a_fields_name_is_an_id_that_cloudwatch_takes() -> None:
    assert all(name.islower() and name.isidentifier() for name in MEASURES)
    assert set(MEASURES) == set(Tiers.__dataclass_fields__)


def test_a_reaction_looks_at_one_database() -> None:
    with pytest.raises(ValueError, match="one of 'database' and 'cluster'"):
        Reaction(database="db", cluster="moodle")


def test_a_minimum_can_only_be_raised_where_it_is_lent() -> None:
    with pytest.raises(ValueError, match=r"reaction\.aurora_minimum needs tiers\.aurora"):
        Site("campus", "UTC", Fleet("web"), reaction=Reaction(aurora_minimum=True))
