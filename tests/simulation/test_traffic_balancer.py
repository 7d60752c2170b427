"""The balancer: whose request goes where, when a target is healthy, and what a client sees when nothing works."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine import Engine
from simulator.traffic import Balancer, Session, WebServer
from simulator.traffic.balancer import Algorithm

MORNING = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)


class Room:
    """A balancer with some servers of one CPU, all healthy unless `settle` is 0 seconds."""

    def __init__(self, servers: int = 2, settle: float = 20.0, algorithm: Algorithm = "round_robin", **options: float):
        self.engine = Engine(MORNING)
        self.balancer = Balancer(self.engine, algorithm=algorithm, **options)  # type: ignore[arg-type]
        self.servers = {f"web-{n}": WebServer(self.engine, f"web-{n}", 1.0) for n in range(servers)}
        for name, server in self.servers.items():
            self.balancer.register(name, server)
        self.run(settle)

    def run(self, seconds: float) -> None:
        self.engine.run_until(self.engine.now + seconds)

    def ask(self, session: Session, work: float = 0.1) -> str | None:
        """Send a request and return the name of the server that has taken it."""
        before = {name: server.active for name, server in self.servers.items()}
        self.balancer.send(session, work, lambda status: None)
        taken = [name for name, server in self.servers.items() if server.active > before[name]]
        return taken[0] if taken else None

    def status(self, session: Session, work: float = 0.1, within: float = 100.0) -> tuple[int, float]:
        """Send a request and return its status and how long it took."""
        seen: list[tuple[int, float]] = []
        begin = self.engine.now
        self.balancer.send(session, work, lambda status: seen.append((status, self.engine.now - begin)))
        self.run(within)
        assert len(seen) == 1
        return seen[0]


def test_a_session_sticks_to_its_server() -> None:
    room = Room(servers=3)
    sessions = [Session() for _ in range(9)]
    first = [room.ask(session) for session in sessions]
    assert Counter(first) == {"web-0": 3, "web-1": 3, "web-2": 3}
    for _ in range(4):
        room.run(30.0)
        assert [room.ask(session) for session in sessions] == first


@pytest.mark.parametrize(
    ("stickiness", "pause", "sticks"),
    [
        pytest.param(600.0, 500.0, True, id="a cookie is good for its duration"),
        pytest.param(600.0, 601.0, False, id="then the session is routed anew"),
        pytest.param(0.0, 1.0, False, id="without stickiness every request is routed anew"),
    ],
)
def test_stickiness_has_a_duration(stickiness: float, pause: float, sticks: bool) -> None:
    room = Room(servers=2, stickiness=stickiness)
    session = Session()
    seen = []
    for _ in range(3):
        seen.append(room.ask(session))
        room.run(pause)
    assert (seen[0] == seen[1] == seen[2]) is sticks


def test_every_request_renews_the_cookie() -> None:
    room = Room(servers=2, stickiness=600.0)
    session = Session()
    seen = set()
    for _ in range(5):
        seen.add(room.ask(session))
        room.run(400.0)
    assert len(seen) == 1


def test_new_sessions_go_where_least_is_outstanding() -> None:
    room = Room(servers=3, algorithm="least_outstanding_requests")
    for name in ("web-0", "web-0", "web-2"):
        room.servers[name].start(50.0, lambda ok: None)
    assert room.ask(Session()) == "web-1"


def test_idle_servers_take_turns() -> None:
    """In the quiet before an exam nothing is outstanding anywhere; the sessions must not all stick to one server."""
    room = Room(servers=4, algorithm="least_outstanding_requests")
    seen: Counter[str | None] = Counter()
    for _ in range(40):
        seen[room.ask(Session())] += 1
        room.run(5.0)
    assert set(seen.values()) == {10}


def test_draining_sends_sessions_elsewhere_and_lets_requests_finish() -> None:
    room = Room(servers=2, deregistration_delay=300.0)
    session = Session()
    done: list[int] = []
    room.balancer.send(session, 30.0, done.append)
    (home,) = (name for name, server in room.servers.items() if server.active)
    room.balancer.deregister(home)
    assert room.balancer.states()[home] == "draining"
    assert room.ask(session) not in (home, None)
    room.run(40.0)
    assert done == [200]
    room.run(250.0)
    assert room.balancer.states()[home] == "draining"
    room.run(20.0)
    assert room.balancer.states()[home] == "unused"
    room.balancer.remove(home)
    assert home not in room.balancer.states()


def test_a_draining_target_can_come_back() -> None:
    room = Room(servers=1)
    room.balancer.deregister("web-0")
    room.balancer.register("web-0", room.servers["web-0"])
    assert room.balancer.states() == {"web-0": "initial"}
    room.run(400.0)
    assert room.balancer.states() == {"web-0": "healthy"}


def test_registering_twice_changes_nothing() -> None:
    room = Room(servers=1)
    room.balancer.register("web-0", room.servers["web-0"])
    assert room.balancer.states() == {"web-0": "healthy"}


@pytest.mark.parametrize(
    ("boots_at", "dies_at", "look_at", "state"),
    [
        pytest.param(0.0, None, 14.0, "initial", id="before its first check a target is initial"),
        pytest.param(0.0, None, 16.0, "healthy", id="a new target needs to pass one check only"),
        pytest.param(100.0, None, 20.0, "initial", id="one failed check does not condemn a new target"),
        pytest.param(100.0, None, 40.0, "unhealthy", id="two do"),
        pytest.param(100.0, None, 110.0, "unhealthy", id="one passed check does not heal it"),
        pytest.param(100.0, None, 125.0, "healthy", id="two do"),
        pytest.param(0.0, 46.0, 65.0, "healthy", id="one failed check is forgiven"),
        pytest.param(0.0, 46.0, 80.0, "unhealthy", id="a dead server is found out by the second failed check"),
    ],
)
def test_health_follows_the_checks(boots_at: float, dies_at: float | None, look_at: float, state: str) -> None:
    room = Room(servers=1, settle=0.0)
    server = room.servers["web-0"]
    server.running = boots_at == 0.0
    if boots_at:
        room.engine.after(boots_at, setattr, server, "running", True)
    if dies_at is not None:
        room.engine.after(dies_at, server.stop)
    room.run(look_at)
    assert room.balancer.states() == {"web-0": state}


def test_health_checks_say_nothing_about_the_mount() -> None:
    room = Room(servers=1)
    room.servers["web-0"].mounted = False
    room.run(120.0)
    assert room.balancer.states() == {"web-0": "healthy"}
    assert room.status(Session()) == (500, 0.0)


def test_without_targets_it_is_unavailable_at_once() -> None:
    assert Room(servers=0).status(Session()) == (503, 0.0)


def test_with_only_draining_targets_it_is_unavailable_at_once() -> None:
    room = Room(servers=1)
    room.balancer.deregister("web-0")
    assert room.status(Session()) == (503, 0.0)


def test_it_fails_open_when_no_target_is_healthy() -> None:
    """The unhealthy ones get the requests then; as soon as one is healthy, only that one."""
    room = Room(servers=2, settle=0.0)
    room.servers["web-0"].running = room.servers["web-1"].running = False
    room.run(40.0)
    assert set(room.balancer.states().values()) == {"unhealthy"}
    room.servers["web-1"].running = True
    assert {room.ask(Session()) for _ in range(2)} == {"web-1", None}  # web-0 gets its share and does not answer
    room.run(40.0)
    assert {room.ask(Session()) for _ in range(6)} == {"web-1"}


def test_a_slow_request_times_out_for_the_client_while_the_server_goes_on() -> None:
    room = Room(servers=1)
    server = room.servers["web-0"]
    assert room.status(Session(), work=90.0, within=60.0) == (504, pytest.approx(60.0))
    assert server.active == 1
    assert room.balancer.in_flight == 0
    room.run(40.0)
    assert (server.active, server.busy) == (0, pytest.approx(90.0))
    assert room.balancer.errors == {504: 1}


def test_a_server_that_dies_breaks_what_runs_on_it() -> None:
    room = Room(servers=1)
    room.engine.after(5.0, room.servers["web-0"].stop)
    assert room.status(Session(), work=30.0) == (502, pytest.approx(5.0))


def test_a_dead_host_lets_its_sessions_wait_until_it_is_found_out() -> None:
    room = Room(servers=2)
    session = Session()
    home = room.ask(session)
    assert home is not None
    room.run(1.0)
    room.servers[home].stop()
    assert room.status(session, within=12.0) == (504, pytest.approx(10.0))
    room.run(30.0)
    assert room.status(session) == (200, pytest.approx(0.1))


def test_unknown_targets_are_errors() -> None:
    room = Room(servers=0)
    with pytest.raises(KeyError):
        room.balancer.deregister("web-9")
    with pytest.raises(KeyError):
        room.balancer.remove("web-9")


happenings = st.tuples(
    st.sampled_from(["send", "send", "send", "register", "deregister", "remove", "stop", "unmount"]),
    st.integers(0, 3),
    st.floats(0.0, 40.0),
    st.floats(0.01, 100.0),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(happenings, max_size=40))
def test_every_request_is_answered_exactly_once_whatever_happens(story: list[tuple[str, int, float, float]]) -> None:
    room = Room(servers=4, settle=0.0, deregistration_delay=50.0)
    sessions = [Session() for _ in range(4)]
    answers: list[list[int]] = []
    for what, number, pause, work in story:
        name = f"web-{number}"
        known = name in room.balancer.states()
        if what == "send":
            answers.append([])
            room.balancer.send(sessions[number], work, answers[-1].append)
        elif what == "register":
            room.balancer.register(name, room.servers[name])
        elif what == "deregister" and known:
            room.balancer.deregister(name)
        elif what == "remove" and known:
            room.balancer.remove(name)
        elif what == "stop":
            room.servers[name].stop()
        elif what == "unmount":
            room.servers[name].mounted = False
        room.run(pause)
    room.run(61.0)
    assert all(len(answer) == 1 for answer in answers)
    assert room.balancer.requests == len(answers)
    assert room.balancer.in_flight == 0
    assert sum(room.balancer.errors.values()) == sum(answer != [200] for answer in answers)
