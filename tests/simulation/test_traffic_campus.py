"""The campus: when students come, click and go, what they do when a page fails, and that a seed is a run."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from statistics import fmean

import pytest

from simulator.engine import Engine
from simulator.traffic import Background, Balancer, Campus, Exam, Meter, WebServer
from simulator.traffic.bench import play
from simulator.traffic.campus import Visitor
from simulator.traffic.costs import AUTOSAVE, COURSE, SAVE_NEXT, Step
from simulator.traffic.lives import sit, visit
from simulator.traffic.rates import constant, daily, spike, total

MORNING = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
OPENS = MORNING.timestamp() + 3600.0
EXAM = Exam("algebra", OPENS, OPENS + 5400.0, students=400, time_limit=5400.0)


class Campsite:
    """A campus in front of some servers of one core each, run for a while."""

    def __init__(self, servers: int = 4, seed: int = 0) -> None:
        self.engine = Engine(MORNING, seed)
        self.balancer = Balancer(self.engine)
        self.servers = [WebServer(self.engine, f"web-{n}", 1.0) for n in range(servers)]
        for server in self.servers:
            self.balancer.register(server.name, server)
        self.meter = Meter(self.engine)
        self.campus = Campus(self.engine, self.balancer, self.meter, vcpu_factor=1.0)

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    def let(self, *clicks: tuple[float, Step]) -> None:
        """Let one user make these clicks, in seconds from now."""
        Visitor(self.campus, iter([(self.engine.now + after, step) for after, step in clicks])).go_on()


def lives(exam: Exam) -> list[list[tuple[float, str]]]:
    """Return when (seconds from the opening) each student does what, where every page comes at once."""
    engine = Engine(MORNING, seed=2)
    seen: list[list[tuple[float, str]]] = []
    for student in range(exam.students):
        clock = [engine.now]
        seen.append([])
        for time, step in sit(exam, lambda clock=clock: clock[0], engine.random(f"s{student}")):  # type: ignore[misc]
            clock[0] = max(clock[0], time)
            seen[-1].append((clock[0] - exam.opens, step.name))
    return seen


@pytest.fixture(scope="module")
def students() -> list[list[tuple[float, str]]]:
    return lives(EXAM)


def first(life: list[tuple[float, str]], name: str) -> float:
    return next(time for time, step in life if step == name)


def test_everybody_goes_the_way_of_an_exam(students: list[list[tuple[float, str]]]) -> None:
    for life in students:
        assert [step for _, step in life[:5]] == ["login", "dashboard", "course", "quiz_view", "start"]
        assert life[-1][1] == "submit"
        assert {step for _, step in life[5:-1]} <= {"save_next", "autosave"}
        assert life == sorted(life)


def test_log_ins_come_late_but_not_all_at_once(students: list[list[tuple[float, str]]]) -> None:
    times = [first(life, "login") for life in students]
    assert min(times) >= -1500.0
    assert max(times) <= 0.0
    assert fmean(time >= -720.0 for time in times) == pytest.approx(0.87, abs=0.05)
    assert fmean(time >= -300.0 for time in times) == pytest.approx(0.35, abs=0.08)


def test_starts_follow_the_opening_as_a_half_normal(students: list[list[tuple[float, str]]]) -> None:
    times = [first(life, "start") for life in students]
    assert min(times) >= 0.0
    assert fmean(time <= 40.0 for time in times) == pytest.approx(0.68, abs=0.07)
    assert fmean(time <= 80.0 for time in times) == pytest.approx(0.95, abs=0.04)


def test_pages_and_autosaves_have_their_rhythm(students: list[list[tuple[float, str]]]) -> None:
    sat = sum(life[-1][0] - first(life, "start") for life in students)
    counts = Counter(step for life in students for _, step in life)
    assert sat / counts["save_next"] == pytest.approx(150.0, rel=0.1)
    assert 75.0 <= sat / counts["autosave"] <= 100.0  # every 60 s, less what each page's last part is too short for


def test_most_submit_near_the_end_and_nobody_after_it(students: list[list[tuple[float, str]]]) -> None:
    ends = [life[-1][0] for life in students]
    assert max(ends) <= 5400.0
    assert fmean(end >= 5340.0 for end in ends) == pytest.approx(0.10, abs=0.05)
    assert fmean(end >= 4800.0 for end in ends) >= 0.6
    assert fmean(end <= 4900.0 for end in ends) >= 0.2


def test_a_time_limit_ends_an_attempt_before_the_closing() -> None:
    for life in lives(replace(EXAM, time_limit=1800.0, students=50)):
        assert life[-1][0] - first(life, "start") <= 1800.0


def test_who_comes_after_the_closing_does_not_start() -> None:
    """A student for whom every page took an hour has seen the quiz, and no more."""
    late = [EXAM.opens]
    names = []
    for _, step in sit(EXAM, lambda: late[0], Engine(MORNING).random("late")):
        names.append(step.name)
        late[0] += 3600.0
    assert names == ["login", "dashboard", "course", "quiz_view"]


def test_an_exam_closes_after_it_opens() -> None:
    with pytest.raises(ValueError, match="algebra"):
        replace(EXAM, closes=EXAM.opens)


def test_a_calm_exam_hurts_nobody() -> None:
    """The whole of an exam of 400 on four cores: every student submits, no page is slow."""
    site = Campsite()
    site.campus.hold(EXAM)
    site.run(9200.0)
    figures = site.meter.figures()
    assert figures["requests"] > 400 * (5 + 60 + 1)
    assert (figures["failed"], figures["slow_share"], figures["gave_up"]) == (0, 0.0, 0)
    assert figures["start_p95"] < 1.0
    assert sum(server.busy for server in site.servers) == pytest.approx(site.meter.offered, rel=0.01)
    peak = max(site.meter.minutes(), key=lambda minute: minute.offered)
    assert peak.at == OPENS


def test_a_thousand_students_on_one_core_wait_for_the_start_only() -> None:
    """The start is the peak: it takes many seconds, while the pages after it are quick again."""
    site = Campsite(servers=1)
    site.campus.hold(replace(EXAM, students=1000))
    site.run(9200.0)
    assert site.meter.figures()["start_p95"] > 5.0
    p95 = {round((minute.at - OPENS) / 60): minute.p95 for minute in site.meter.minutes()}
    assert max(p95, key=lambda minute: p95[minute]) in (0, 1, 2)
    assert p95[20] < 1.0


def test_a_slow_page_makes_its_user_click_later() -> None:
    """The loop is closed: requests on a busy core are spread over a longer time, not piled up."""
    site = Campsite(servers=1)
    site.run(20.0)
    for _ in range(30):
        site.servers[0].start(1000.0, lambda ok: None)
    site.let((0.0, COURSE), (0.1, COURSE), (0.2, COURSE))
    site.run(2.0)
    assert (site.servers[0].active, site.meter.requests) == (31, 0)
    site.run(4.0)
    assert site.meter.requests in (1, 2)


def test_a_failed_page_is_reloaded_a_bounded_number_of_times() -> None:
    site = Campsite(servers=0)
    site.let((0.0, COURSE), (1.0, COURSE))
    site.run(600.0)
    assert (site.meter.requests, site.meter.failed, site.meter.gave_up) == (9, 9, 1)
    assert site.meter.sessions_lost == 0


@pytest.mark.parametrize(
    ("others", "requests"),
    [
        pytest.param(200, 1, id="a page after 18 s is slow, but it is there"),
        pytest.param(400, 2, id="a page after 35 s has been reloaded"),
    ],
)
def test_a_page_that_takes_too_long_is_reloaded(others: int, requests: int) -> None:
    site = Campsite(servers=1)
    site.run(20.0)
    for _ in range(others):
        site.servers[0].start(0.1, lambda ok: None)
    site.let((0.0, COURSE))
    site.run(300.0)
    assert site.meter.requests == requests
    assert site.meter.slow >= 1
    assert (site.meter.failed, site.meter.gave_up) == (0, 0)


def test_a_failed_autosave_is_not_reloaded_but_the_next_page_is() -> None:
    site = Campsite(servers=0)
    site.let((0.0, AUTOSAVE), (1.0, AUTOSAVE), (2.0, SAVE_NEXT))
    site.run(600.0)
    assert site.meter.requests == 2 + 9


def test_a_session_is_lost_once_when_its_server_dies_under_it() -> None:
    site = Campsite(servers=2)
    site.run(20.0)
    for _ in range(10):
        site.let((0.0, COURSE))
    site.run(0.01)
    assert site.servers[0].stop() == 5
    site.run(300.0)
    assert site.meter.sessions_lost == 5
    assert site.meter.gave_up == 0


def test_a_server_without_its_mount_loses_each_session_once() -> None:
    site = Campsite(servers=1)
    site.servers[0].mounted = False
    site.run(20.0)
    for _ in range(3):
        site.let((0.0, COURSE), (1.0, COURSE))
    site.run(20.0)
    site.servers[0].mounted = True
    site.run(100.0)
    assert site.meter.sessions_lost == 3
    assert site.meter.failed > 3
    assert site.meter.requests - site.meter.failed == 6


def test_a_background_has_the_rate_that_was_asked_for() -> None:
    site = Campsite()
    site.campus.welcome(Background("others", constant(5.0)))
    site.run(7200.0)
    assert site.meter.requests / 7200.0 == pytest.approx(5.0, rel=0.06)


def test_a_background_follows_its_rate_and_a_spike_comes_at_once() -> None:
    """20 requests per second that begin at 09:00 and last ten minutes, on the rhythm of the day."""
    site = Campsite()
    site.campus.welcome(Background("viral", total(daily(1.0), spike(OPENS, 20.0, 600.0)), think=5.0))
    site.run(7200.0)
    by_minute = {round((minute.at - OPENS) / 60): minute.requests for minute in site.meter.minutes()}
    assert max(by_minute[minute] for minute in range(-60, 0)) < 120
    assert fmean(by_minute[minute] for minute in range(2, 10)) == pytest.approx(1260, rel=0.15)
    assert max(by_minute[minute] for minute in range(15, 60)) < 130


def test_a_visit_opens_its_pages_and_then_some_more() -> None:
    background = Background("others", constant(1.0), mean_more=4.0)
    random = Engine(MORNING).random("visits")
    visits = [[step.name for _, step in visit(background, lambda: 0.0, random)] for _ in range(2000)]
    assert all(steps[:3] == ["login", "dashboard", "course"] for steps in visits)
    assert fmean(len(steps) for steps in visits) == pytest.approx(background.requests_per_session, rel=0.05)


def test_a_seed_is_a_run() -> None:
    """Two runs of one seed are equal to the last digit; another seed is another run."""
    one, two, other = (play(40, servers=1, seed=seed) for seed in (7, 7, 8))
    assert one.figures() == two.figures()
    assert one.minutes() == two.minutes()
    assert one.offered == two.offered
    assert one.minutes() != other.minutes()


def test_the_students_do_not_depend_on_who_else_is_there() -> None:
    """A crowd more makes pages slower, but the same students log in and click the start at the same moments."""
    clicks: list[dict[str, list[float]]] = []
    for others in (0.0, 10.0):
        site, seen = Campsite(servers=2), {"login": [], "start": [], "course": []}
        send = site.campus.send

        def watch(session: Visitor, work: float, done, site=site, seen=seen, send=send) -> None:
            seen.setdefault(session.step.name, []).append(site.engine.now)
            send(session, work, done)

        site.campus.send = watch
        site.campus.welcome(Background("others", constant(others), pages=(COURSE,), more=()))
        site.campus.hold(replace(EXAM, students=30))
        site.run(5000.0)
        clicks.append(seen)
    alone, crowded = clicks
    assert len(crowded["course"]) > len(alone["course"]) == 30
    assert crowded["login"] == alone["login"]
    assert crowded["start"] == pytest.approx(alone["start"], abs=1.0)
