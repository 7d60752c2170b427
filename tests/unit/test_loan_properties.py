"""Whatever the calendars do and whenever the controller is killed or dies, what was borrowed is returned."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.loans.settings import Tier, text
from firstbell.loans.values import Return, Wish
from tests.unit.loan_world import DAY, MINUTE, RESTING, START, World, wish

TIERS: list[Tier] = ["freeze", "balancer", "warm_pool", "efs", "aurora"]
LEVELS = {"freeze": 1.0, "balancer": 150.0, "warm_pool": 3.0, "efs": 40.0, "aurora": 4.0}
RUNS = settings(max_examples=300, deadline=None)


@st.composite
def calendars(draw: st.DrawFn, tier: Tier) -> list[tuple[Wish, timedelta, timedelta]]:
    """Wishes, each with the minutes (from the start) when it comes into the calendar and leaves it again.

    Windows are a tick apart at least, as the tiers make them; a larger wish for the same window may come and go.
    """
    found, begin = [], START + draw(st.integers(0, 60)) * MINUTE
    for _ in range(draw(st.integers(1, 6))):
        end = begin + draw(st.sampled_from([6, 30, 60, 90, 300])) * MINUTE
        for times in (1, 2)[: draw(st.integers(1, 2))]:
            comes = draw(st.sampled_from([0, 0, 60, 300]))
            goes = draw(st.one_of(st.just(99_999), st.integers(0, 600)))
            found.append((wish(tier, begin, end, LEVELS[tier] * times), comes * MINUTE, goes * MINUTE))
        begin = end + draw(st.sampled_from([16, 16, 20, 60, 400, 2000])) * MINUTE
    return found


RUN = st.tuples(st.integers(1, 25), st.one_of(st.none(), st.none(), st.none(), st.integers(0, 5)))
"""Minutes until a run, and after how many steps it is killed, if it is."""


@st.composite
def stories(draw: st.DrawFn) -> tuple[World, list[tuple[Wish, timedelta, timedelta]], list[tuple[int, int | None]]]:
    tier = draw(st.sampled_from(TIERS))
    world = World(tier, RESTING[tier], pending=draw(st.sampled_from([0, 0, 4, 12])) * MINUTE)
    return world, draw(calendars(tier)), draw(st.lists(RUN, min_size=5, max_size=80))


def known(calendar: list[tuple[Wish, timedelta, timedelta]], world: World) -> list[Wish]:
    since = world.now - START
    return [w for w, comes, goes in calendar if comes <= since < goes]


@given(stories(), st.sampled_from([0, 3]))
@RUNS
def test_a_controller_that_is_killed_and_then_dies_leaves_nothing_borrowed(story, lag):
    world, calendar, runs = story
    world.lag = lag * MINUTE
    before = world.value
    for minutes, steps in runs:
        world.later(minutes=minutes)
        world.tick(known(calendar, world), steps)
    world.until(max(world.now, START + 10 * DAY) + 3 * DAY)
    assert world.value == before
    assert world.wrong == []


@given(stories())
@RUNS
def test_a_controller_that_lives_on_forgets_and_unbooks_all_of_it(story):
    world, calendar, runs = story
    before = world.value
    for minutes, steps in runs:
        world.later(minutes=minutes)
        world.tick(known(calendar, world), steps)
    world.until(max(world.now, START + 10 * DAY))
    for _ in range(4 * 30):
        world.later(minutes=15)
        world.tick([])
    assert (world.value, world.record, world.booking) == (before, None, None)
    assert world.wrong == []


@given(stories())
@RUNS
def test_deciding_again_on_what_came_of_it_changes_nothing(story):
    world, calendar, runs = story
    for minutes, _ in runs:
        world.later(minutes=minutes)
        wishes = known(calendar, world)
        first = world.tick(wishes)
        value, booking = world.value, world.booking
        second = world.tick(wishes)
        assert (world.value, world.booking) == (value, booking) or world.record is None
        assert second is None or type(first) is type(second) is Return
        assert world.tick(wishes) is None


@given(stories(), st.integers(0, 59))
@RUNS
def test_what_somebody_sets_meanwhile_stays(story, when):
    world, calendar, runs = story
    theirs = {"balancer": text(777), "efs": text({"ThroughputMode": "elastic"})}.get(world.tier)
    for number, (minutes, steps) in enumerate(runs):
        world.later(minutes=minutes)
        world.tick(known(calendar, world), steps)
        if theirs and number == min(when, len(runs) - 1):
            world.value, changed_at = theirs, world.now
            world.later(minutes=15)
            if world.booking is not None or world.value == theirs:
                world.tick(known(calendar, world))
    if theirs is None or world.value != theirs:  # AWS's booking came first
        return
    assert changed_at <= world.now
    for _ in range(100):
        world.later(minutes=60)
        world.tick(known(calendar, world))
    assert world.value == theirs


@given(stories())
@RUNS
def test_a_process_that_somebody_else_suspended_is_never_resumed(story):
    world, calendar, runs = story
    if world.tier != "freeze":
        return
    world.value = text(True)
    for minutes, steps in runs:
        world.later(minutes=minutes)
        assert world.tick(known(calendar, world), steps) is None
    world.later(days=5)
    assert world.value == text(True)
