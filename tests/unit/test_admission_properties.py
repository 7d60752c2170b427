"""What must hold in admission whatever the instances, their agents and the storage do, minute by minute."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.fleet import Hook
from firstbell.instances import storage
from firstbell.instances.actions import Abandon, Continue, Heartbeat, SendProbe, Wait
from firstbell.instances.admission import MOST_ABANDONED
from firstbell.instances.holding import LAUNCHING, last_moment
from firstbell.instances.storage import Report
from firstbell.instances.verdicts import NEEDED_IN_A_ROW
from tests.unit.admission_world import MINUTE, World

HOUR = timedelta(hours=1)
INSTANCES = tuple(f"i-{n}" for n in range(9))
WORDS = st.sampled_from(["healthy", "unknown", "", *NEEDED_IN_A_ROW])
BAD = st.sampled_from(["", *NEEDED_IN_A_ROW])
TROUBLE, BLIND = Report("the server is stopped"), Report("AccessDenied", failed=True)
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("launch"), st.sampled_from(INSTANCES), st.booleans()),
        st.tuples(st.just("online"), st.sampled_from(INSTANCES), st.booleans()),
        st.tuples(st.just("answer"), st.sampled_from(INSTANCES), WORDS),
        st.tuples(st.just("all"), st.none(), WORDS),
        st.tuples(st.just("pool"), st.sampled_from(INSTANCES), st.booleans()),
        st.tuples(st.just("web"), st.sampled_from(INSTANCES), st.sampled_from(["web", "warm"])),
        st.tuples(st.just("reports"), st.none(), st.sampled_from([(), (TROUBLE,), (BLIND,)])),
        st.tuples(st.just("quiet"), st.none(), st.integers(1, 20)),
    ),
    min_size=5,
    max_size=60,
)
WORLDS = st.builds(
    lambda seconds, deadline, default: World(
        hook=Hook("firstbell-launch", LAUNCHING, timedelta(seconds=seconds), default), deadline=deadline
    ),
    st.sampled_from([150, 300, 900, 3600]),
    st.sampled_from([120, 900, 7200]),
    st.sampled_from(["ABANDON", "CONTINUE"]),
)


def happen(world: World, what: str, whom: str | None, how: object) -> int:
    """One happening; returns the minutes that pass after it."""
    if what == "launch" and whom and whom not in world.records:  # AWS never uses an id again
        world.launch(whom, online=bool(how))
    elif what == "pool" and whom and (whom not in world.records or leaves_pool(world, whom)):
        world.launch(whom, online=bool(how), pooled=whom not in world.records)
    elif what == "online" and whom:
        (world.online.add if how else world.online.discard)(whom)
    elif what == "reports":
        world.reports = how  # type: ignore[assignment]
    elif what == "web" and whom in world.times_out and world.records[whom].command:
        world.said(whom, "unknown", step=how, warnings=["writable"])
    elif what in ("answer", "all"):
        for instance in [whom] if whom else list(world.times_out):
            if instance in world.times_out and world.records[instance].command:
                world.said(instance, str(how))
    return int(str(how)) if what == "quiet" else 1


def leaves_pool(world: World, instance: str) -> bool:
    """It has been let into the warm pool: next it comes through the hook once more."""
    return world.records[instance].pooled and instance not in world.times_out and instance in world.continued


def look(world: World) -> None:
    """One look, with everything that must hold for it."""
    suspected = bool(storage.suspicion(world.records.values(), world.now, world.reports))
    before, known = world.scene(), dict(world.records)
    waits = {c.id: c.waiting for c in before.candidates}
    for action in world.look():
        if isinstance(action, Continue):
            record = known[action.subject]
            assert record.healthy_at is not None, "an unproven instance was let in"
            assert record.healthy_at >= record.since, "the proof is of an earlier life"
            assert not record.no_answer, "its web server was silent last time"
        elif isinstance(action, Abandon):
            assert not known[action.subject].healthy
            forced = world.now >= last_moment(waits[action.subject])
            assert forced or not suspected, "given up though the storage is under suspicion"
            assert forced or world.abandoned_within(HOUR) <= MOST_ABANDONED
    again = world.look()
    assert not any(isinstance(a, Abandon | Continue | SendProbe | Heartbeat) for a in again), "a second side effect"
    assert not [a for a in world.look() if not isinstance(a, Wait)], "it never comes to rest"


@settings(max_examples=150, deadline=None)
@given(WORLDS, HAPPENINGS)
def test_whatever_happens(world: World, happenings: list[tuple[str, str | None, object]]) -> None:
    for happening in happenings:
        for _ in range(happen(world, *happening)):
            look(world)
            world.pass_time()
    assert world.timed_out == [], "AWS ended an admission by the hook's time-out"


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([150, 300]), st.lists(BAD, min_size=1, max_size=8))
def test_an_admission_always_ends_before_its_hook_does(seconds: int, words: list[str]) -> None:
    world = World(hook=Hook("firstbell-launch", LAUNCHING, timedelta(seconds=seconds), "ABANDON"))
    world.launch(*INSTANCES)
    minutes = round(world.hook.longest / MINUTE) + 2
    for minute in range(minutes):
        happen(world, "all", None, words[minute % len(words)])
        world.look()
        world.pass_time()
    assert world.timed_out == []
    assert world.times_out == {}
