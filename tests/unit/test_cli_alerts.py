"""`firstbell alerts route`: who would hear what, when and why; the same as on-call itself decides."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from firstbell import clock

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
SITE = """name: riverside
timezone: Europe/Berlin
fleet: {auto_scaling_group: web}
oncall:
  channels:
    - {pagerduty: "ssm:/firstbell/pager", name: pager, hears: page}
    - {slack: "ssm:/firstbell/slack", room: C0123456, name: boss, hears: escalation}
  quiet: {ticket: "22:00-07:00"}
  maintenance: [{start: 2026-12-24T00:00, end: 2026-12-27T00:00, reason: yearly update}]
"""
SIGNAL = {"site": "riverside", "key": "mount/i-0abc", "severity": "page", "title": "not mounted", "what": "No mount."}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock.use(lambda: datetime(2026, 11, 3, 8, tzinfo=UTC))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.yaml").write_text(SITE)


def routed(found: Any, *arguments: str) -> Result:
    path = Path("event.json")
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return CliRunner().invoke(app, ["alerts", "route", str(path), *arguments])


def told(found: Any, *arguments: str) -> list[tuple[str, str, str]]:
    """When (UTC), who, what."""
    result = routed(found, *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    (one,) = json.loads(result.stdout)
    return [(step["at"], each["channel"], each["kind"]) for step in one["steps"] for each in step["told"]]


def test_a_page_is_told_escalated_and_repeated():
    assert told(SIGNAL) == [
        ("2026-11-03T08:00:00Z", "people", "new"),
        ("2026-11-03T08:00:00Z", "pager", "new"),
        ("2026-11-03T08:15:00Z", "boss", "escalated"),
        ("2026-11-03T12:00:00Z", "people", "repeat"),
        ("2026-11-03T12:00:00Z", "pager", "repeat"),
    ]


def test_a_ticket_at_night_is_told_in_the_morning():
    assert told(SIGNAL | {"severity": "ticket"}, "--at", "2026-11-03T23:00")[0] == (
        "2026-11-04T06:00:00Z",
        "people",
        "new",
    )


def test_in_maintenance_nobody_hears_and_it_says_why():
    result = routed(SIGNAL, "--at", "2026-12-25T12:00")
    assert "nobody hears of it until Sun 27 Dec 2026 00:00" in result.stdout
    assert "nobody is told: silenced by maintenance: yearly update, until 2026-12-26 23:00 UTC" in result.stdout


def test_an_open_incident_mutes_what_it_explains_for_as_long_as_it_is_open():
    assert told(SIGNAL, "--open", "storage") == []
    assert "explained by storage" in routed(SIGNAL, "--open", "storage").stdout


def test_the_end_of_an_open_incident_is_told_to_those_who_know_of_it():
    assert told(SIGNAL | {"resolved": True}) == []
    heard = told(SIGNAL | {"resolved": True}, "--open", "mount/i-0abc")
    assert [each[1:] for each in heard] == [("people", "resolved"), ("pager", "resolved")]


def test_an_event_of_sns_is_read_with_its_own_time():
    found = told((EVENTS / "sns/notification.json").read_text())
    assert found[0] == ("2026-10-12T05:55:00Z", "people", "new")


@pytest.mark.parametrize(("name", "expected"), [("alarm", [("people", "new"), ("pager", "new")]), ("ok", [])])
def test_an_alarm_s_event_is_told_as_if_no_tier_explained_it(name: str, expected: list[tuple[str, str]]):
    found = told((EVENTS / f"cloudwatch/{name}.json").read_text(), "--at", "2026-10-12T09:00")
    assert [each[1:] for each in found][:2] == expected


def test_who_the_rota_names_is_called_first():
    calendar = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20261101T000000Z\nDTEND:20261130T000000Z\nSUMMARY:pager\n"
    Path("rota.ics").write_text(calendar + "END:VEVENT\nEND:VCALENDAR\n")
    Path("site.yaml").write_text(SITE.replace("  quiet", "  rota: {ical: rota.ics}\n  quiet"))
    assert [each[1:] for each in told(SIGNAL)][:3] == [
        ("pager", "new"),
        ("people", "escalated"),
        ("boss", "escalated"),
    ]


def test_without_a_site_file_on_call_s_defaults_hold():
    Path("site.yaml").unlink()
    result = routed(SIGNAL)
    assert result.exit_code == 0
    assert "people hears 'new'" in result.stdout
    assert "note: no site.yaml here" in result.stderr


def test_another_site_s_signal_is_told_by_this_site_s_rules_and_that_is_said():
    other = routed(SIGNAL | {"site": "hill-top"})
    assert "note: the signal is of hill-top, and told by the rules of riverside" in other.stderr
    assert "note:" not in routed(SIGNAL).stderr


REFUSED = [
    ("it is not JSON", "<xml/>", "event.json: not JSON"),
    ("it is a list", [], "a JSON list, where a signal or an event is an object"),
    (
        "it is another event",
        {"source": "aws.s3"},
        "neither an SNS or alarm event nor a signal (Signal.site is missing)",
    ),
    ("a signal without a key", SIGNAL | {"key": " "}, "a signal without site or key"),
    ("an unknown severity", SIGNAL | {"severity": "loud"}, "Signal.severity: 'loud' is not"),
    (
        "an alarm without data",
        (EVENTS / "cloudwatch/insufficient_data.json").read_text(),
        "says neither ALARM nor OK: on-call hears nothing of it",
    ),
]


@pytest.mark.parametrize(("says", "found", "expected"), REFUSED, ids=[c[0] for c in REFUSED])
def test_what_cannot_be_routed_is_said(says: str, found: Any, expected: str):
    result = routed(found)
    assert result.exit_code == 1
    assert expected in " ".join(result.stderr.split())


def test_a_wrong_time_and_a_missing_file_are_said():
    assert "--at: 'noon' is not a time" in routed(SIGNAL, "--at", "noon").stderr
    missing = CliRunner().invoke(app, ["alerts", "route", "nothing.json"])
    assert (missing.exit_code, "nothing.json: there is no such file" in missing.stderr) == (1, True)
