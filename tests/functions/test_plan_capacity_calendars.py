"""The planner and its calendars: each stands for itself, and one that fails is its last good copy, told once."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from firstbell import web
from firstbell.aws import clients
from firstbell.aws.bucket import Bucket
from firstbell.calendar import fetching, moodle_site
from simulator.controller import BUCKET
from simulator.network import Feeds
from tests.functions.planning_world import SITE, World, living, term
from tests.unit.moodle_world import TOKEN, URL, Moodle

FEED = "https://calendars.example.edu/private-0123/exams.ics"
BOTH = SITE + f"  - {{ical: '{FEED}', participants: 1500, kind: exam}}\n"
EXAM, FEED_EXAM = [("05T0828", 4), ("05T1102", 1)], [("06T0828", 8), ("06T1102", 1)]


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    found = Feeds({FEED: term("06T09").encode()})
    with found.installed():
        yield found


@pytest.fixture
def world(feeds: Feeds) -> Iterator[World]:
    """A site with an exam in a file and a larger one in a feed, planned, and everything heard."""
    with living() as made:
        made.put(site=BOTH, term=term("05T09"))
        made.plan()
        assert made.told() == []
        assert made.steps() == [*EXAM, *FEED_EXAM]
        yield made


def warnings(world: World) -> tuple[str, ...]:
    plan = world.plan_in_force()
    assert plan is not None
    return plan.warnings


def keys(world: World) -> list[tuple[str, str]]:
    return [(key.partition("/")[0], how) for key, how in world.told()]


def test_a_feed_that_does_not_answer_keeps_its_peaks_and_a_person_is_called_after_an_hour(world: World, feeds: Feeds):
    feeds.down = True
    for _ in range(4):
        world.later(minutes=15)
        world.plan()
        assert world.told() == [], "it may well pass"
    assert world.steps() == [*EXAM, *FEED_EXAM]
    [said] = warnings(world)
    assert said.startswith("calendars.example.edu#")
    assert "is stale since 2026-05-04 06:15 UTC, its copy of 2026-05-04 06:00 UTC is used: no answer" in said
    assert "private" not in said
    world.later(minutes=15)
    world.plan()
    assert keys(world) == [("calendar-source", "page")]
    assert world.steps() == [*EXAM, *FEED_EXAM]


def test_a_feed_that_answers_again_is_believed_and_its_page_ends(world: World, feeds: Feeds):
    feeds.down = True
    world.plan()
    world.later(minutes=61)
    world.plan()
    [(key, how)] = world.told()
    world.incident(key)
    feeds.down, feeds.files = False, {FEED: term("07T09").encode()}
    world.plan()
    assert (how, world.told()) == ("page", [(key, "resolved")])
    assert warnings(world) == ()
    assert world.steps() == [*EXAM, ("07T0828", 8), ("07T1102", 1)]


def test_while_one_calendar_is_stale_the_others_change_what_they_like(world: World, feeds: Feeds):
    feeds.down = True
    world.put(term=term("08T09"))
    world.plan()
    assert world.steps() == [*FEED_EXAM, ("08T0828", 4), ("08T1102", 1)]


def test_a_log_in_page_in_the_place_of_a_feed_is_told_at_once(world: World, feeds: Feeds):
    feeds.files = {FEED: b"<html>Please log in</html>"}
    world.plan()
    assert keys(world) == [("calendar-source", "page")]
    assert world.steps() == [*EXAM, *FEED_EXAM]


MANY = [f"{day:02}T{hour:02}" for day in (11, 12, 13) for hour in (7, 12)]


def test_a_calendar_that_has_lost_all_its_events_is_not_believed(world: World, feeds: Feeds):
    feeds.files = {FEED: term(*MANY).encode()}
    world.plan()
    before = world.steps()
    feeds.files = {FEED: term().encode()}
    world.later(minutes=15)
    world.plan()
    [said] = warnings(world)
    assert "6 of its 6 coming peaks are gone at once" in said
    assert keys(world) == [("calendar-source", "page")]
    assert world.steps() == before


def test_a_calendar_that_may_shrink_is_believed(world: World, feeds: Feeds):
    world.put(site=BOTH.replace("kind: exam}\n  - {ical: 'h", "kind: exam}\n  - {may_shrink: true, ical: 'h"))
    feeds.files = {FEED: term(*MANY).encode()}
    world.plan()
    feeds.files = {FEED: term().encode()}
    world.plan()
    assert world.told() == []
    assert world.steps() == EXAM


def test_the_loss_of_a_host_s_only_event_is_not_believed(world: World, feeds: Feeds):
    feeds.files = {FEED: term().encode()}
    world.plan()
    [said] = warnings(world)
    assert "1 of its 1 coming peaks are gone at once" in said
    assert keys(world) == [("calendar-source", "page")]
    assert world.steps() == [*EXAM, *FEED_EXAM]


def test_the_loss_of_a_host_s_only_event_is_believed_when_it_is_over(world: World, feeds: Feeds):
    world.later(days=3)
    feeds.files = {FEED: term().encode()}
    world.plan()
    assert (world.told(), warnings(world)) == ([], ())


def test_the_loss_of_a_few_events_of_an_uploaded_file_is_believed(world: World):
    world.put(term=term())
    world.plan()
    assert (world.told(), world.steps()) == ([], FEED_EXAM)


def test_a_weekly_lecture_of_a_stale_calendar_goes_on_being_planned(world: World, feeds: Feeds):
    weekly = term("06T09").replace("DURATION:PT2H", "DURATION:PT2H\r\nRRULE:FREQ=WEEKLY")
    feeds.files = {FEED: weekly.encode()}
    world.plan()
    feeds.down = True
    world.later(days=15)
    world.plan()
    assert {at for at, size in world.steps() if size == 8} == {"20T0828", "27T0828"}


def test_without_its_copy_a_stale_calendar_is_nothing_and_says_so(world: World, feeds: Feeds):
    feeds.down = True
    for found in clients.s3().list_objects_v2(Bucket=BUCKET, Prefix="kept/")["Contents"]:
        clients.s3().delete_object(Bucket=BUCKET, Key=found["Key"])
    world.plan()
    assert any("its kept copy cannot be used" in said for said in warnings(world))
    assert world.steps() == EXAM


def test_a_calendar_under_a_new_name_that_cannot_be_read_yet_loses_nothing(world: World):
    world.put(site=BOTH.replace("term.ics", "terms.ics"))
    world.plan()
    assert world.steps() == [*EXAM, *FEED_EXAM]
    assert any("is kept until all calendars were read once" in said for said in warnings(world))
    world.put_as("terms.ics", term("08T09").encode())
    world.plan()
    assert world.steps() == [*FEED_EXAM, ("08T0828", 4), ("08T1102", 1)]


def test_a_calendar_whose_copy_cannot_be_written_is_planned_and_its_copy_is_tried_again(
    world: World, feeds: Feeds, monkeypatch: pytest.MonkeyPatch
):
    def refused(bucket: Bucket, key: str, body: bytes) -> None:
        raise RuntimeError("SlowDown")

    feeds.files = {FEED: term("07T09").encode()}
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "put", refused)
        world.plan()
    later = [("07T0828", 8), ("07T1102", 1)]
    [said] = warnings(world)
    assert "it is used as it is now, but no copy of it could be kept" in said
    assert (world.told(), world.steps()) == ([], [*EXAM, *later])
    world.plan()
    assert warnings(world) == ()
    feeds.down = True
    world.plan()
    assert world.steps() == [*EXAM, *later]


def test_an_unchanged_calendar_is_not_kept_again(world: World):
    before = world.fleet.gateway.calls.copy()
    for _ in range(3):
        world.later(minutes=15)
        world.plan()
    written = [name for name in world.fleet.gateway.calls - before if name in ("s3.PutObject", "dynamodb.DeleteItem")]
    assert written == []


def test_peaks_of_the_command_line_are_planned_without_being_named_in_the_site_file(world: World):
    peaks = (
        "peaks:\n- {title: Entrance exam, start: 2026-05-07T09:00, minutes: 60, participants: 900, kind: exam,"
        " expires: 2026-05-09}\n"
    )
    world.put_as("peaks.yaml", peaks.encode())
    world.plan()
    assert ("07T0628", 5) in world.steps()  # nine o'clock in Berlin


def test_a_calendar_of_which_nothing_counts_is_named(world: World):
    world.put(site=BOTH.replace("1500, kind: exam", "1500"))
    world.plan()
    assert any("has 1 events, and none counts" in said for said in warnings(world))


def test_a_token_that_cannot_be_read_is_told_and_stops_nothing(world: World):
    moodle = "  - {moodle: 'https://moodle.example.edu', token: 'ssm:/firstbell/none'}\n"
    world.put(site=BOTH + moodle)
    world.plan()
    [signal] = world.signals
    assert "moodle.example.edu" in signal["evidence"][0]
    assert world.steps() == [*EXAM, *FEED_EXAM]


# ---------------------------------------------------------------- hosts that do not answer


def test_a_feed_that_never_answered_is_told_at_once(world: World, feeds: Feeds):
    world.put(site=BOTH + "  - {ical: 'https://new.example.edu/x.ics', participants: 5, kind: exam}\n")
    world.plan()
    assert keys(world) == [("calendar-source", "page")]
    assert world.steps() == [*EXAM, *FEED_EXAM]


def test_hosts_that_hang_hold_up_neither_the_others_nor_the_planner(world: World, monkeypatch: pytest.MonkeyPatch):
    """Each of six would hang for as long as the test runs; all together are waited for once, and not for long."""
    monkeypatch.setattr(fetching, "BUDGET", 0.5)
    hanging = threading.Event()

    def host(url: str, form: object) -> bytes:
        if url == FEED:
            return term("07T09").encode()
        hanging.wait(30)
        return b""

    many = "".join(f"  - {{ical: 'https://c{n}.example.org/x', participants: 5, kind: exam}}\n" for n in range(6))
    world.put(site=BOTH + many)
    web.use(host)
    began = time.monotonic()
    try:
        world.plan()
        took = time.monotonic() - began
    finally:
        hanging.set()
    assert took < 5
    assert [said for said in warnings(world) if "did not answer in time" not in said] == []
    assert len(warnings(world)) == 6
    assert world.steps() == [*EXAM, ("07T0828", 8), ("07T1102", 1)]


def test_more_hosts_than_are_asked_at_once_are_all_read(world: World, feeds: Feeds):
    names = [f"https://c{n}.example.org/x" for n in range(2 * fetching.AT_ONCE)]
    feeds.files = {name: term("05T09").encode() for name in [FEED, *names]}
    world.put(site=BOTH + "".join(f"  - {{ical: '{name}', participants: 5, kind: exam}}\n" for name in names))
    world.plan()
    assert warnings(world) == ()


# ---------------------------------------------------------------- a live Moodle


MOODLE = SITE.partition("calendars")[0] + f"calendars:\n  - {{moodle: '{URL}', token: 'ssm:/firstbell/moodle'}}\n"


@pytest.mark.parametrize("function", [moodle_site.MINE, moodle_site.COURSES, moodle_site.QUIZZES, *moodle_site.WITHOUT])
def test_a_moodle_that_answers_but_one_question_keeps_its_last_good_copy(
    function: str, world: World, monkeypatch: pytest.MonkeyPatch
):
    moodle = Moodle()
    opens = int((world.now + timedelta(days=2)).timestamp())
    moodle.quizzes = [{"id": 12, "course": 18, "name": "Final", "timeopen": opens, "timeclose": opens + 7200}]
    moodle.people[18, 0] = [{"id": n} for n in range(800)]
    monkeypatch.setattr("firstbell.aws.secrets.value", lambda name, now: TOKEN)
    web.use(lambda url, form: moodle(url, private_hosts=(), largest=0, form=form or {}, seconds=0.0))
    world.put(site=MOODLE)
    world.plan()
    assert (world.told(), warnings(world)) == ([], ())
    planned = world.steps()
    assert planned[0] == ("06T0528", 5)
    moodle.refuses[function] = web.WebError("moodle.example.edu did not answer in time")
    world.later(minutes=15)
    world.plan()
    assert (world.told(), world.steps()) == ([], planned)
    [said] = warnings(world)
    assert "is stale since" in said
    assert function in said
