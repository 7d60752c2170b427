"""Learning in the simulated AWS: from its CloudWatch, its activities and the journal into the table, and back."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firstbell import journal
from firstbell.acting import Outcome as Acted
from firstbell.acting import carry_out
from firstbell.aws import autoscaling, metrics
from firstbell.aws.table import Table
from firstbell.capacity.values import Learned, Peak, Plan, Step
from firstbell.instances.actions import Continue
from firstbell.learning import remembering
from firstbell.learning.memory import Action, SaveMemory, SaveOutcome
from firstbell.learning.outcomes import Outcome, spans
from firstbell.site_file import read_site
from simulator.cloud import ApiError, target_groups
from simulator.cloud.cloudwatch import Metric
from simulator.controller import TABLE
from simulator.world import ACCOUNT, TARGET_GROUP
from tests.functions.planning_world import SITE, START, World, living

FIVE, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
CAMPUS = read_site(SITE)
GROUP = {"AutoScalingGroupName": "campus-web"}
COUNT = Metric.of("AWS/EC2", "CPUUtilization", "SampleCount", GROUP)
AVERAGE = Metric.of("AWS/EC2", "CPUUtilization", "Average", GROUP)
BALANCER = ACCOUNT.arn("elasticloadbalancing", "loadbalancer/app/moodle/0123456789abcdef")
BEHIND = {"LoadBalancer": "app/moodle/0123456789abcdef", "TargetGroup": "targetgroup/moodle/0123456789abcdef"}
REQUESTS = Metric.of("AWS/ApplicationELB", "RequestCount", "Sum", BEHIND)
EXAM = Peak(START + 3 * HOUR, START + 5 * HOUR, 3000, "exam", "term.ics", "Physics", "PHY/1")


@pytest.fixture
def world() -> Iterator[World]:
    with living() as made:
        in_service = lambda: float(sum(i.in_service for i in made.fleet.instances))  # noqa: E731
        made.fleet.watch.watch(COUNT, in_service)
        made.fleet.gateway.serve(target_groups.operations({TARGET_GROUP: BALANCER}))
        yield made


def history(world: World, metric: Metric, weeks: int, value: Callable[[int], float]) -> None:
    """Points of the weeks before, by the local hour of the week."""
    begins = [START - n * FIVE for n in range(1, weeks * 168 * 12 + 1)]
    local = [b.astimezone(CAMPUS.zone) for b in begins]  # the clocks change within eight weeks
    points = [(b.timestamp(), value(m.weekday() * 24 + m.hour)) for b, m in zip(begins, local, strict=True)]
    world.fleet.watch.seed(metric, points)


def busy(hour_of_week: int) -> float:
    """Percent of CPU: 40 in working hours, 5 at other times."""
    return 40.0 if hour_of_week < 5 * 24 and 8 <= hour_of_week % 24 < 18 else 5.0


def ordinary(world: World, weeks: int = 8) -> None:
    """Two instances that were busy in the day."""
    history(world, AVERAGE, weeks, busy)
    history(world, COUNT, weeks, lambda _: 10.0)


def plan(*peaks: Peak) -> Plan:
    return Plan("campus", START - DAY, START + 14 * DAY, (Step(START - DAY, 1, ()),), peaks)


def look(world: World, *peaks: Peak, **more: Any) -> list[Action]:
    """What the planner's run learns, and keeps."""
    group = autoscaling.group("campus-web")
    actions = remembering.learn(CAMPUS, Table(TABLE), group, plan(*peaks), world.now, **more)
    assert all(o.error is None for o in carry_out(actions, remembering.applier(Table(TABLE), "campus")))
    return actions


def recalled() -> Learned:
    return remembering.recall(Table(TABLE), CAMPUS)


def outcomes() -> list[Outcome]:
    return remembering.outcomes_of(Table(TABLE), "campus", 10)


# ---------------------------------------------------------------- the ordinary week


def test_on_day_one_nothing_is_known_and_that_is_no_failure(world: World):
    assert recalled() == Learned()
    [saved] = look(world)
    assert saved.reason.startswith("the ordinary week: unknown before 3 weeks")
    assert recalled() == Learned()


def test_the_week_is_learned_from_cpu_by_the_local_hour(world: World):
    ordinary(world)
    look(world)
    expected = [busy(n) / 100 * 2 * 2 for n in range(168)]  # two instances of two vCPUs
    assert recalled().baseline == pytest.approx(expected, abs=1e-3)


def test_where_there_is_no_cpu_it_is_learned_from_requests(world: World):
    history(world, REQUESTS, 8, lambda n: 3000 * busy(n))  # ten a second for each percent, of 60 vCPU milliseconds
    history(world, AVERAGE, 1, busy)  # a new group
    history(world, COUNT, 1, lambda _: 5.0)
    look(world)
    assert recalled().baseline[9] == pytest.approx(0.6 * 40, abs=1e-3)


def test_nothing_is_learned_of_a_group_without_a_load_balancer_that_has_not_run(world: World):
    assert metrics.request_dimensions(()) == {}
    world.fleet.gateway.serve(target_groups.operations({TARGET_GROUP: BALANCER.replace("/app/", "/net/")}))
    assert metrics.request_dimensions([TARGET_GROUP]) == {}


def test_a_day_is_looked_at_once(world: World):
    look(world)
    asked = world.fleet.gateway.calls.copy()
    for _ in range(4):
        world.later(minutes=15)
        assert look(world) == []
    assert world.fleet.gateway.calls["cloudwatch.GetMetricData"] == asked["cloudwatch.GetMetricData"]
    world.later(hours=23)
    assert len(look(world)) == 1


def test_only_whole_hours_are_looked_at(world: World):
    asked: list[tuple[datetime, datetime]] = []
    answer = world.fleet.watch.operations()["cloudwatch", "GetMetricData"]

    def hear(params: dict[str, Any]) -> Any:
        if params["MetricDataQueries"][0]["Id"] == "cpu":
            asked.append((params["StartTime"], params["EndTime"]))
        return answer(params)

    world.fleet.gateway.serve({("cloudwatch", "GetMetricData"): hear})
    world.later(minutes=25)
    look(world)
    assert asked == [(START - 56 * DAY, START)]


def test_a_known_peak_and_a_holiday_are_no_ordinary_time(world: World):
    """Every Monday morning of the last weeks was an exam, which was remembered; the last Friday was free."""
    history(world, AVERAGE, 8, lambda n: 100.0 if n == 11 else 90.0 if n // 24 == 4 else busy(n))
    history(world, COUNT, 8, lambda _: 10.0)
    monday = START.astimezone(CAMPUS.zone).replace(hour=0)
    for week in range(1, 9):
        begins = (monday - week * 7 * DAY).replace(hour=11)  # of the wall clock
        exam = Peak(begins.astimezone(UTC), begins.astimezone(UTC) + HOUR, 3000, "exam", "", "", f"{week}")
        friday = monday - week * 7 * DAY + 4 * DAY
        with_them = look(world, exam, holidays=[(friday.astimezone(UTC), (friday + DAY).astimezone(UTC))])
        assert isinstance(with_them[-1], SaveMemory)
        world.later(days=1)
    found = recalled().baseline
    assert found[11] == pytest.approx(40 / 100 * 4, abs=1e-3), "as in the hours beside it"
    assert max(found) < 90 / 100 * 4


@pytest.mark.parametrize(
    ("says", "counts", "per_hour"),
    [
        ("one sample a minute, with detailed monitoring", [5.0] * 12, 60.0),
        ("five samples in each point, with basic monitoring", [5.0] * 11 + [2.0], 60.0),
        ("one sample in each point", [1.0] * 12, 12.0),
        ("an instance that has just come", [3.0], 60.0),
        ("one that has come this very minute does not tell", [1.0], None),
        ("nor does one without data", [], None),
    ],
)
def test_samples_are_counted(world: World, says: str, counts: list[float], per_hour: float | None):
    of_instance = Metric.of("AWS/EC2", "CPUUtilization", "SampleCount", {"InstanceId": "i-1"})
    points = [((START - HOUR).timestamp() + 300 * n, count) for n, count in enumerate(counts)]
    if points:
        world.fleet.watch.seed(of_instance, points)
    assert metrics.samples_per_hour("i-1", START) == per_hour, says


def test_with_a_sample_every_five_minutes_the_week_is_the_same(world: World):
    [instance] = [i.instance_id for i in world.fleet.instances]
    of_instance = Metric.of("AWS/EC2", "CPUUtilization", "SampleCount", {"InstanceId": instance})
    world.fleet.watch.seed(of_instance, [((START - HOUR).timestamp() + 300 * n, 1.0) for n in range(12)])
    history(world, AVERAGE, 8, busy)
    history(world, COUNT, 8, lambda _: 2.0)
    look(world)
    assert recalled().baseline[9] == pytest.approx(40 / 100 * 4, abs=1e-3)


# ---------------------------------------------------------------- the lead time


def test_the_lead_time_is_measured_from_the_group_s_own_launches(world: World):
    world.later(hours=1)
    world.set_sizes(MinSize=9)
    world.later(hours=1)
    look(world)
    took = [i.in_service_at - i.launched for i in world.fleet.instances if i.launched > START.timestamp()]
    warmup = 300  # the twin's groups have one, and an activity ends with it
    assert 60 < min(took) + warmup < (recalled().lead_time or 0) <= max(took) + warmup + 1


def test_the_journal_knows_better_when_an_instance_was_let_in(world: World):
    world.later(hours=1)
    world.set_sizes(MinSize=9)
    world.later(hours=1)
    for instance in world.fleet.instances:
        let_in = datetime.fromtimestamp(instance.launched + 100, UTC)
        ended = Acted(Continue(instance.instance_id, "firstbell-admit", "it is well"))
        journal.write(Table(TABLE), "campus", journal.entries("admit_instances", [ended], let_in))
    look(world)
    assert recalled().lead_time == pytest.approx(100, abs=1)


def test_the_end_of_a_release_is_no_admission(world: World):
    world.later(hours=1)
    world.set_sizes(MinSize=9)
    world.later(hours=1)
    for instance in world.fleet.instances:
        ended = Acted(Continue(instance.instance_id, "firstbell-release", "it is drained"))
        at = datetime.fromtimestamp(instance.launched + 100, UTC)
        journal.write(Table(TABLE), "campus", journal.entries("release_instances", [ended], at))
    look(world)
    assert (recalled().lead_time or 0) > 300


# ---------------------------------------------------------------- outcomes


def live_through(world: World, percent: float) -> None:
    """The exam is written, and the servers show so much more than the 5 percent of any other time."""
    [exam] = spans(EXAM, CAMPUS)
    world.cpu = 5.0
    world.engine.run_until(exam.start.timestamp())
    world.cpu = 5.0 + percent
    world.engine.run_until(exam.end.timestamp())
    world.cpu = 5.0


def test_forecast_against_actual_is_kept_half_an_hour_after_the_end(world: World):
    world.set_sizes(MinSize=10, DesiredCapacity=10)
    live_through(world, percent=20.0)
    world.later(minutes=20)
    look(world, EXAM)
    assert outcomes() == []
    world.later(minutes=15)
    saved, memory = look(world, EXAM)
    assert isinstance(saved, SaveOutcome)
    assert isinstance(memory, SaveMemory)
    [found] = outcomes()
    assert (found, found.key, found.participants) == (saved.outcome, "PHY/1", 3000)
    beyond = 20 * (0.05 + 0.2) - CAMPUS.fleet.baseline_vcpus  # ten instances of two vCPUs
    assert found.actual_vcpus == pytest.approx(beyond, abs=0.35)
    assert found.share == pytest.approx(found.actual_vcpus / found.forecast_vcpus, abs=1e-2)
    [factor] = recalled().factors
    assert (factor.kind, factor.outcomes) == ("exam", 1)
    world.later(minutes=15)
    assert look(world, EXAM) == []


def test_without_points_it_waits_for_them(world: World):
    live_through(world, percent=20.0)
    series = world.fleet.watch._series
    hidden = {metric: series.pop(metric) for metric in (AVERAGE, COUNT)}
    world.later(minutes=31)
    look(world, EXAM)
    assert outcomes() == []
    series.update(hidden)
    world.later(minutes=15)
    look(world, EXAM)
    assert len(outcomes()) == 1


def test_two_runs_at_once_keep_one_memory(world: World):
    group = autoscaling.group("campus-web")
    first, second = (remembering.learn(CAMPUS, Table(TABLE), group, plan(), world.now) for _ in range(2))
    apply = remembering.applier(Table(TABLE), "campus")
    for action in (*first, *second):
        apply(action)
    assert remembering.memory_of(Table(TABLE), "campus").learned_at == START
    stored = Table(TABLE).get("SITE#campus", "LEARNED")
    assert stored is not None
    assert stored.version == 1


def test_a_target_group_that_is_gone_is_said_and_not_swallowed(world: World):
    def gone(params: dict[str, Any]) -> dict[str, Any]:
        raise ApiError("TargetGroupNotFound", "One or more target groups not found")

    world.fleet.gateway.serve({("elbv2", "DescribeTargetGroups"): gone})
    with pytest.raises(Exception, match="TargetGroupNotFound"):
        look(world)
    assert recalled() == Learned()
