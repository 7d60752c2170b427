"""The heartbeat: when Firstbell says that it lives, and what is said when nobody takes it."""

from datetime import UTC, datetime, timedelta

import pytest

from firstbell.oncall import heartbeat

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("sentence", "planned_at", "alive"),
    [
        ("the planner never ran", None, False),
        ("it ran just now", NOW, True),
        ("it missed three runs", NOW - 59 * MINUTE, True),
        ("it missed the fourth", NOW - 60 * MINUTE, False),
        ("it ran yesterday", NOW - timedelta(days=1), False),
    ],
)
def test_firstbell_lives_when_the_planner_ran_within_the_hour(sentence: str, planned_at: datetime | None, alive: bool):
    assert heartbeat.is_alive(planned_at, NOW) is alive


@pytest.mark.parametrize(
    ("sentence", "why", "failing", "raised", "said"),
    [
        ("it works", "", 0, False, []),
        ("it works again before anybody was told", "", 59, False, []),
        ("it works again", "", 200, True, [("info", True)]),
        ("it has failed for a while", "answered 500", 59, False, []),
        ("it has failed for an hour", "answered 500", 60, False, [("info", False)]),
        ("it goes on failing, as was said", "answered 500", 65, True, []),
    ],
)
def test_failing_for_an_hour_is_said_once_and_so_is_its_end(
    sentence: str, why: str, failing: int, raised: bool, said: list[tuple[str, bool]]
):
    found = heartbeat.decide("campus", why, NOW - failing * MINUTE, raised, NOW)
    assert [(s.severity, s.resolved) for s in found] == said
    assert all((s.site, s.key, s.at) == ("campus", "ping", NOW) for s in found)
    assert all(any(why in line for line in s.evidence) for s in found if not s.resolved)
