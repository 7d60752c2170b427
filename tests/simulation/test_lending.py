"""Loans in the twin: a peak comes, everything is raised, the controller dies or lives, and all is as it was before."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from firstbell.aws import clients
from firstbell.site import EfsTier, Tiers
from simulator.cloud import Faults
from tests.simulation.lending_world import (
    BALANCER,
    CLUSTER,
    EVERY,
    FILES,
    GROUP,
    POOL,
    RESTING,
    START,
    Campus,
    exam,
    living,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXAM = START + 3 * HOUR  # Monday 09:00 UTC
RAISED = {
    "freeze": {"AZRebalance", "InstanceRefresh"},
    "balancer": 100,
    "warm_pool": 2,
    "efs": ("provisioned", 12.0),
    "aurora": (2.5, 16.0),
    "reservation": {"eu-central-1a": 4, "eu-central-1b": 4},
}


@pytest.fixture
def campus() -> Iterator[Campus]:
    with living() as made:
        made.peaks = [exam(EXAM)]
        yield made


def test_everything_is_raised_in_time_and_returned_by_aws_itself(campus: Campus) -> None:
    campus.ticks(3)  # 09:00
    assert campus.settings == RAISED
    assert len(campus.records) == 8
    assert len(campus.bookings) == 6
    campus.ticks(2.5)  # 11:30
    assert campus.settings == RESTING | {"efs": ("provisioned", 12.0)}
    assert sorted(campus.fleet.schedules.made) == [
        "autoscaling.DeleteWarmPool",
        "autoscaling.ResumeProcesses",
        "autoscaling.ResumeProcesses",
        "elbv2.ModifyCapacityReservation",
        "rds.ModifyDBCluster",
    ]
    campus.ticks(24)
    assert campus.settings == RESTING
    assert (campus.records, campus.bookings, campus.fleet.schedules.dead_letters) == ([], [], [])


@pytest.mark.parametrize("hours", [0.5, 1.5, 2.75, 3.5, 4.5])
def test_a_controller_that_dies_at_any_time_leaves_nothing_borrowed(campus: Campus, hours: float) -> None:
    campus.ticks(hours)
    campus.later(days=3)
    assert campus.settings == RESTING
    assert (campus.bookings, campus.fleet.schedules.dead_letters) == ([], [])


@pytest.mark.parametrize("steps", range(0, 24, 3))
def test_a_controller_that_is_killed_while_it_lends_and_never_comes_back(campus: Campus, steps: int) -> None:
    campus.later(hours=2, minutes=30)
    campus.tick(kill_after=steps)
    campus.later(days=3)
    assert campus.settings == RESTING


@pytest.mark.parametrize("steps", range(0, 24, 3))
def test_the_run_after_one_that_was_killed_ends_right(campus: Campus, steps: int) -> None:
    campus.later(hours=2, minutes=30)
    campus.tick(kill_after=steps)
    campus.ticks(0.5)
    assert campus.settings == RAISED
    campus.peaks = []
    campus.tick(kill_after=steps)
    campus.ticks(25)
    assert campus.settings == RESTING
    assert (campus.records, campus.bookings) == ([], [])


def test_what_it_says_it_will_do_it_does(campus: Campus) -> None:
    assert campus.table() == [
        ("balancer", "04 06:35", "04 11:02", "100 capacity units"),
        ("reservation", "04 07:35", "04 11:02", "4 instances each in eu-central-1a and eu-central-1b"),
        ("aurora", "04 08:05", "04 11:02", "at least 2.5 ACU"),
        ("warm pool", "04 08:05", "04 11:02", "2 instances"),
        ("efs", "04 08:05", "05 08:05", "12 MiB/s"),
        ("freeze", "04 08:35", "04 11:02", "AZRebalance and InstanceRefresh suspended"),
    ]
    seen = []
    for _ in range(27 * 4):
        campus.tick()
        seen += [(campus.now, campus.settings)]
        campus.later(minutes=15)
    for wish in campus.wishes():
        resting = RESTING[wish.tier]
        raised = [at for at, settings in seen if settings[wish.tier] != resting]
        assert wish.start - timedelta(minutes=15) <= min(raised) <= wish.start
        assert wish.end - timedelta(minutes=15) <= max(raised) <= wish.end + timedelta(hours=1)


def test_deciding_again_changes_nothing(campus: Campus) -> None:
    campus.later(hours=2, minutes=30)
    assert campus.failures(campus.tick()) == []
    campus.later(minutes=2)
    changing = {k: v for k, v in campus.fleet.gateway.calls.items() if ".Describe" not in k and ".Get" not in k}
    for _ in range(3):
        assert campus.tick() == []
    assert changing | {"dynamodb.Query": 0} == {
        k: v for k, v in campus.fleet.gateway.calls.items() if ".Describe" not in k and ".Get" not in k
    } | {"dynamodb.Query": 0}


def test_a_site_without_wishes_costs_one_query_and_a_tier_that_is_not_there_no_call() -> None:
    with living(Tiers()) as campus:
        campus.peaks = [exam(EXAM)]
        before = campus.fleet.gateway.calls.copy()
        campus.tick()
        assert campus.fleet.gateway.calls - before == {"dynamodb.Query": 1}
        campus.ticks(6)
        services = {name.partition(".")[0] for name in campus.fleet.gateway.calls}
        assert services <= {"dynamodb", "autoscaling", "scheduler"}


def test_of_two_runs_that_overlap_the_slower_one_undoes_nothing(campus: Campus) -> None:
    campus.later(hours=2, minutes=30)
    older = campus.decided()
    campus.peaks = [exam(EXAM, participants=3000)]
    campus.tick()
    raised = campus.settings
    assert {type(o.error).__name__ for o in campus.carry_out(older)} == {"TakenError"}
    campus.later(minutes=15)
    peaks, campus.peaks = campus.peaks, []
    older = campus.decided()
    campus.peaks = [replace(peaks[0], end=peaks[0].end + HOUR)]
    campus.tick()
    assert {type(o.error).__name__ for o in campus.carry_out(older)} == {"TakenError"}
    assert campus.settings == raised
    campus.peaks = []
    campus.ticks(26)
    assert campus.settings == RESTING


# ---------------------------------------------------------------- the calendar changes


def test_a_peak_that_vanishes_ends_its_loans_at_once(campus: Campus) -> None:
    campus.ticks(3.5)
    campus.peaks = []
    campus.ticks(0.5)
    assert campus.settings == RESTING | {"efs": ("provisioned", 12.0)}
    assert [s.key for s in campus.signals] == ["loan-not-returned"]
    assert campus.bookings == ["campus.efs"]
    assert "LOAN#efs" in campus.records
    campus.later(days=1)  # nobody runs: AWS returns it, when EFS allows it
    assert campus.settings == RESTING


def test_a_peak_that_is_moved_takes_the_bookings_along(campus: Campus) -> None:
    campus.ticks(3.5)
    campus.peaks = [exam(EXAM, hours=4)]
    campus.tick()
    campus.later(hours=2)  # 12:30
    assert campus.settings == RAISED
    campus.later(hours=2)
    assert campus.settings == RESTING | {"efs": ("provisioned", 12.0)}


def test_a_larger_peak_raises_further_and_never_lowers_before_the_end(campus: Campus) -> None:
    campus.ticks(3)
    campus.peaks.append(exam(EXAM + HOUR, participants=3000, title="Law"))
    campus.ticks(0.5)
    assert campus.settings["balancer"] == 216
    assert campus.settings["aurora"] == (14.5, 16.0)
    campus.peaks.pop()
    campus.ticks(0.25)
    assert campus.settings["balancer"] == 216
    campus.ticks(26)
    assert campus.settings == RESTING


def test_exams_on_three_days_are_one_loan_of_efs_and_three_of_the_others(campus: Campus) -> None:
    campus.peaks = [exam(EXAM + n * DAY, title=f"Part {n}") for n in range(3)]
    modes = set()
    for _ in range(3):
        campus.ticks(24)
        modes.add(campus.settings["efs"])
    assert modes == {("provisioned", 12.0)}
    assert campus.fleet.schedules.made.count("elbv2.ModifyCapacityReservation") == 3
    campus.ticks(24)
    assert campus.settings == RESTING


def test_two_decreases_a_day_are_not_three(campus: Campus) -> None:
    for _ in range(3):
        campus.ticks(2)
        campus.peaks = []
        campus.ticks(1.5)
        campus.peaks = [exam(campus.now + 2 * HOUR)]
    campus.peaks = []
    campus.ticks(2)
    assert len(campus.fleet.units.decreases[BALANCER]) == 2
    assert campus.settings["balancer"] == 100
    assert any("balancer" in e for s in campus.signals for e in s.evidence)
    campus.later(days=2)  # and now nobody runs
    assert campus.settings["balancer"] == 0
    assert campus.fleet.schedules.dead_letters == []


# ---------------------------------------------------------------- other people


def test_a_process_that_somebody_suspended_stays_suspended(campus: Campus) -> None:
    clients.autoscaling().suspend_processes(AutoScalingGroupName=GROUP, ScalingProcesses=["AZRebalance", "Launch"])
    campus.ticks(3)
    assert campus.suspended == {"AZRebalance", "InstanceRefresh", "Launch"}
    campus.ticks(4)
    assert campus.suspended == {"AZRebalance", "Launch"}


def test_what_somebody_had_set_before_is_what_it_is_returned_to(campus: Campus) -> None:
    clients.efs().update_file_system(FileSystemId=FILES, ThroughputMode="provisioned", ProvisionedThroughputInMibps=5.0)
    sizes: Any = {"MinSize": 1, "MaxGroupPreparedCapacity": 3, "PoolState": "Running"}
    clients.autoscaling().put_warm_pool(AutoScalingGroupName=GROUP, **sizes)
    campus.ticks(3)
    assert campus.settings["efs"] == ("provisioned", 12.0)
    assert campus.settings["warm_pool"] == 2
    campus.ticks(26)
    assert campus.settings["efs"] == ("provisioned", 5.0)
    pool = dict(campus.fleet.scaling.warm_pools.pools[GROUP])
    assert pool.pop("InstanceReusePolicy") == {"ReuseOnScaleIn": False}
    assert pool == sizes


def test_what_somebody_changes_meanwhile_is_left_alone_and_told(campus: Campus) -> None:
    campus.ticks(3)
    theirs: Any = {"MinCapacity": 6.0, "MaxCapacity": 32.0}
    clients.rds().modify_db_cluster(DBClusterIdentifier=CLUSTER, ServerlessV2ScalingConfiguration=theirs)
    campus.ticks(0.5)
    assert [(s.key, s.severity) for s in campus.signals] == [("loan-changed", "ticket")]
    assert "campus.aurora" not in campus.bookings
    campus.ticks(28)
    assert campus.settings == RESTING | {"aurora": (6.0, 32.0)}
    assert (campus.records, campus.signals) == ([], [])


def test_a_deploy_that_resets_a_setting_during_the_exam_is_repaired(campus: Campus) -> None:
    campus.ticks(3.5)
    clients.autoscaling().resume_processes(AutoScalingGroupName=GROUP)
    clients.autoscaling().delete_warm_pool(AutoScalingGroupName=GROUP, ForceDelete=True)
    campus.ticks(0.5)
    assert campus.settings == RAISED


def test_an_elastic_file_system_is_left_as_it_is() -> None:
    with living(Tiers(efs=EfsTier(FILES), freeze=False)) as campus:
        clients.efs().update_file_system(FileSystemId=FILES, ThroughputMode="elastic")
        campus.peaks = [exam(EXAM)]
        campus.ticks(5)
        assert campus.fleet.efs.file_systems[FILES].mode == "elastic"
        assert campus.records == []


# ---------------------------------------------------------------- AWS says no


def test_what_cannot_be_booked_is_not_raised(campus: Campus) -> None:
    campus.fleet.gateway.faults = Faults(broken={"scheduler.CreateSchedule": 1.0})
    campus.later(hours=2, minutes=30)
    assert len(campus.failures(campus.tick())) == 6
    assert campus.settings == RESTING | {"reservation": RAISED["reservation"]}
    campus.fleet.gateway.faults = Faults()
    campus.ticks(0.5)
    assert campus.settings == RAISED


def test_one_tier_that_cannot_be_read_stops_no_other_and_is_a_failure(campus: Campus) -> None:
    campus.fleet.gateway.faults = Faults(broken={"efs.DescribeFileSystems": 1.0})
    campus.later(hours=2, minutes=30)
    failures = campus.failures(campus.tick())
    assert len(failures) == 1
    assert "DescribeFileSystems" in failures[0]
    campus.later(minutes=15)
    assert campus.settings == RAISED | {"efs": ("bursting", 0.0)}


def test_no_capacity_to_reserve_is_a_page_before_people_come(campus: Campus) -> None:
    campus.fleet.reservations.full = {"eu-central-1b"}
    campus.ticks(2.75)
    assert [(s.key, s.severity) for s in campus.signals] == [("loan-not-raised", "page")]
    assert campus.settings["reservation"] == {"eu-central-1a": 4}
    campus.fleet.reservations.full = set()
    campus.ticks(0.5)
    assert (campus.settings, campus.signals) == (RAISED, [])


def test_a_booking_that_fails_is_made_up_for_by_the_next_run(campus: Campus) -> None:
    campus.ticks(4.75)
    campus.fleet.gateway.faults = Faults(broken={"autoscaling.ResumeProcesses": 1.0, "rds.ModifyDBCluster": 1.0})
    campus.later(hours=1, minutes=45)
    assert len(campus.fleet.schedules.dead_letters) == 3
    campus.fleet.gateway.faults = Faults()
    campus.tick()
    assert campus.settings == RESTING | {"efs": ("provisioned", 12.0)}
    assert [(s.key, s.severity) for s in campus.signals] == [("loan-not-returned", "ticket")]


def test_a_reservation_that_launches_cannot_find_is_made_findable(campus: Campus) -> None:
    campus.fleet.gateway.faults = Faults(broken={"resource-groups.GroupResources": 1.0})
    campus.ticks(2.75)
    assert {s.key for s in campus.signals} == {"loan-not-raised"}
    campus.fleet.gateway.faults = Faults()
    campus.tick()
    assert [r.groups for r in campus.fleet.reservations.active] == [[POOL], [POOL]]


def test_the_tiers_of_the_test_are_all_there_are() -> None:
    assert all(getattr(EVERY, name) for name in ("balancer", "warm_pool", "efs", "aurora", "reservation", "freeze"))
