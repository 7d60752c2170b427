"""The weekly digest: when, to whom, what it says, and what is said when it does not arrive."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firstbell.learning.outcomes import Outcome
from firstbell.oncall import summary
from firstbell.oncall.incident import Delivery, Incident
from firstbell.oncall.summary import Week
from firstbell.site import Channel, Fleet, OnCall, Site

MONDAY = datetime(2026, 5, 4, 5, 0, tzinfo=UTC)  # seven o'clock in Berlin
WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
CHANNELS = (
    Channel(pagerduty="ssm:/firstbell/pd", hears="page"),
    Channel(slack="ssm:/firstbell/slack", room="C0123456"),
    Channel(webhook="https://hooks.example.org/x", name="logs", hears="info"),
    Channel(apprise="ssm:/firstbell/urls", name="boss", hears="escalation"),
)
SITE = Site("campus", "Europe/Berlin", Fleet("moodle", instance_price=0.1), oncall=OnCall(CHANNELS))


def week(**known: Any) -> Week:
    return Week(MONDAY - WEEK, MONDAY, **known)


def digest(**known: Any) -> Incident:
    return summary.incident(SITE, "weekly/2026-05-04", week(**known))


def outcome(kind: Any, participants: int, forecast: float, actual: float) -> Outcome:
    return Outcome("key", kind, "Analysis", MONDAY, MONDAY, participants, forecast, actual, actual / forecast)


def opened(severity: Any, title: str = "x", state: Any = "resolved") -> Incident:
    return replace(digest(), key=title, severity=severity, title=title, state=state)


# ---------------------------------------------------------------- when and to whom


@pytest.mark.parametrize(
    ("sentence", "timezone", "now", "key"),
    [
        ("before seven o'clock", "Europe/Berlin", "2026-05-04T04:59:59+00:00", ""),
        ("at seven", "Europe/Berlin", "2026-05-04T05:00:00+00:00", "weekly/2026-05-04"),
        ("in winter an hour later by UTC", "Europe/Berlin", "2026-11-23T05:59:00+00:00", ""),
        ("at seven in winter", "Europe/Berlin", "2026-11-23T06:00:00+00:00", "weekly/2026-11-23"),
        ("late on Monday", "Europe/Berlin", "2026-05-04T21:59:00+00:00", "weekly/2026-05-04"),
        ("on Tuesday", "Europe/Berlin", "2026-05-04T22:00:00+00:00", ""),
        ("while it is still Sunday by UTC", "Pacific/Auckland", "2026-05-03T20:00:00+00:00", "weekly/2026-05-04"),
        ("when the clocks were changed on Sunday", "Europe/Berlin", "2026-03-30T05:00:00+00:00", "weekly/2026-03-30"),
    ],
)
def test_it_is_due_on_monday_from_seven_on_where_the_site_is(sentence: str, timezone: str, now: str, key: str):
    assert summary.due(replace(SITE, timezone=timezone), datetime.fromisoformat(now)) == key


def test_what_was_not_made_until_nine_is_left_out():
    assert not summary.is_too_late(SITE, MONDAY + 2 * HOUR - timedelta(seconds=1))
    assert summary.is_too_late(SITE, MONDAY + 2 * HOUR)


def test_every_channel_gets_it_whatever_it_hears_and_machines_hear_only_an_end():
    told = {d.channel: d.kind for d in digest().deliveries}
    assert told == {"people": "new", "pagerduty": "resolved", "slack": "new", "logs": "resolved", "boss": "new"}


def test_it_is_over_already_so_that_nothing_repeats_or_escalates_it():
    made = digest()
    assert (made.state, made.severity, made.live) == ("resolved", "info", True)
    assert (made.opened_at, made.resolved_at) == (MONDAY - WEEK, MONDAY)


# ---------------------------------------------------------------- what it says


@pytest.mark.parametrize(
    ("sentence", "known", "line"),
    [
        ("no peak", {}, "peaks: none that could be judged"),
        (
            "peaks, forecast against actual",
            {"outcomes": (outcome("exam", 1200, 10.0, 8.0), outcome("lecture", 40, 2.0, 1.0))},
            "peaks: 2, 1 of them exams or quizzes, 1,240 invited; "
            "all of these would have needed 12.0 vCPUs, 9.0 (75%) were used",
        ),
        ("no incident", {}, "incidents: 0 pages, 0 tickets, 0 for information; 0 of them still open"),
        (
            "incidents",
            {"incidents": (opened("page"), opened("ticket", state="open"), opened("ticket"), opened("info"))},
            "incidents: 1 page, 2 tickets, 1 for information; 1 of them still open",
        ),
        (
            "what the pages were about, each once",
            {"incidents": (opened("page", "no mount"), opened("page", "no mount"), opened("page", "slow"))},
            "pages: no mount; slow",
        ),
        (
            "slow requests",
            {"requests": 200_000.0, "slow": 50.0},
            "requests: 200,000, 50 of them (0.03%) took more than 2 s",
        ),
        ("no request at all", {"requests": 0.0}, "requests: 0, 0 of them took more than 2 s"),
        (
            "the cost against a fixed fleet of the busiest hour",
            {"instances": (2.0,) * 160 + (7.95,) * 8},
            "web servers: 384 instance-hours, $38.36; a fixed fleet of 8, as in the busiest hour: 1,344, $134.40",
        ),
        ("no backup", {}, "backups: 0"),
        (
            "backups, and what they lack",
            {"backups": (MONDAY - WEEK, MONDAY - HOUR), "backups_hold": "database only"},
            "backups: 2, the newest of 2026-05-04 04:00 UTC (database only)",
        ),
    ],
)
def test_a_figure_is_a_line(sentence: str, known: dict[str, Any], line: str):
    assert line in digest(**known).evidence


def test_what_is_not_known_is_not_said():
    assert [line.partition(":")[0] for line in digest().evidence] == ["peaks", "incidents", "backups"]


def test_what_firstbell_did_is_counted_in_words_and_what_failed_is_not_hidden():
    acted = {
        ("admit_instances", "Continue"): 1234,
        ("patrol_mounts", "SendProbe"): 9,
        ("react_to_alarm", "SaveFloor"): 2,
    }
    assert digest(acted=acted, failed=3).done == (
        "2 raises after an alarm",
        "1,234 instances let in",
        "3 actions failed: the journal has why",
    )


def test_what_was_not_counted_from_the_week_s_beginning_on_says_so():
    assert digest(acted_from=MONDAY - HOUR).done == ("counted from 2026-05-04 04:00 UTC on, so much was done",)
    assert digest(acted_from=MONDAY - WEEK).done == ()


def test_instances_of_another_type_cost_what_that_costs():
    from firstbell.site import InstanceType

    fleet = Fleet("moodle", instance_type="t4g.small", instance_types=(InstanceType("t4g.small", price=1.0),))
    made = summary.incident(replace(SITE, fleet=fleet), "weekly/x", week(instances=(1.0,)))
    assert any("1 instance-hours, $1.00;" in line for line in made.evidence)


# ---------------------------------------------------------------- whether it arrived


def sent(state: Any, attempts: int = 1, channel: str = "slack") -> Incident:
    return replace(digest(), deliveries=(Delivery(channel, 1, "new", MONDAY, MONDAY, attempts, state),))


@pytest.mark.parametrize(
    ("sentence", "made", "after", "keys"),
    [
        ("it arrived", sent("told"), 10 * HOUR, []),
        ("it is being tried", sent("pending"), 0.9 * HOUR, []),
        ("it does not arrive", sent("pending", 7), HOUR, ["channel/slack"]),
        ("it was refused", sent("given_up"), timedelta(minutes=5), ["channel/slack"]),
        ("people do not get it", sent("given_up", channel="people"), HOUR, ["channel/people"]),
        ("the channel has left the site file", sent("given_up", channel="gone"), HOUR, []),
    ],
)
def test_a_channel_that_it_does_not_reach_is_a_ticket(sentence: str, made: Incident, after: timedelta, keys: list[str]):
    found = summary.undelivered(made, SITE, MONDAY + after)
    assert list(found) == [ticket.key for ticket in found.values()] == keys
    assert all((ticket.severity, ticket.runbook) == ("ticket", "channel-fails") for ticket in found.values())
