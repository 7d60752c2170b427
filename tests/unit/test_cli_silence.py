"""`firstbell silence`: added with an owner, a reason and an end, listed, removed, or refused in one clear sentence."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from firstbell import clock, published
from firstbell.aws.table import Table
from firstbell.oncall import silences
from firstbell.oncall.desk import Desk, Item
from firstbell.oncall.inbox import Letter
from firstbell.site import Fleet, Site
from tests.unit.on_call_case import signal
from tests.unit.state_table import state_table

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
SITE = Site("campus", "Europe/Berlin", Fleet("web"))
WHERE = ("--site", "campus", "--table", "state")
BY = ("--owner", "ann", "--reason", "new server")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    clock.use(lambda: NOW)
    with state_table(monkeypatch) as found:
        published.publish(found, SITE)
        yield found


def firstbell(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["silence", *arguments])


def listed() -> list[dict[str, str]]:
    found = firstbell("list", *WHERE, "--json")
    assert found.exit_code == 0, found.stderr
    return json.loads(found.stdout)


def test_a_silence_is_added_listed_and_removed(table: Table):
    added = firstbell("add", "mount/*", *WHERE, *BY, "--for", "2h")
    assert added.exit_code == 0, added.stderr
    assert added.stdout.startswith(
        "Silenced: mount/* of campus until Mon 04 May 2026 12:00 (Europe/Berlin), by ann: new server."
    )
    (one,) = listed()
    assert one["id"] in added.stdout
    assert one == {
        "id": one["id"],
        "keys": "mount/*",
        "start": "2026-05-04T08:00:00Z",
        "end": "2026-05-04T10:00:00Z",
        "owner": "ann",
        "reason": "new server",
    }
    shown = firstbell("list", *WHERE).stdout
    assert all(text in shown for text in (one["id"], "mount/*", "Mon 04 May 2026 12:00", "ann", "new server"))
    removed = firstbell("remove", one["id"], *WHERE)
    assert (removed.exit_code, listed()) == (0, [])
    assert firstbell("list", *WHERE).stdout == "campus: no silences\n"


def test_it_says_how_many_open_incidents_it_silences(table: Table):
    for key in ("mount/i-1", "mount/i-2", "storage"):
        Desk(table, NOW).settle(SITE, Item(key, Letter(signal(key=key))))
    added = firstbell("add", "mount/", *WHERE, *BY, "--for", "1d12h")
    assert "Open now and silenced by it: 2 incidents." in added.stdout


def test_the_same_silence_twice_is_one_and_an_ended_one_is_not_listed(table: Table):
    for _ in range(2):
        assert firstbell("add", "storage", *WHERE, *BY, "--until", "2026-05-04T12:00").exit_code == 0
    assert [each["end"] for each in listed()] == ["2026-05-04T10:00:00Z"]
    clock.use(lambda: NOW + timedelta(hours=2))
    assert listed() == []


def test_a_silence_may_begin_later(table: Table):
    added = firstbell("add", "*", *WHERE, *BY, "--start", "2026-05-05T06:00", "--for", "90m")
    assert "from Tue 05 May 2026 06:00 until Tue 05 May 2026 07:30" in added.stdout
    (kept,) = silences.those_of(table, "campus", NOW)
    assert (kept.start, kept.end) == (NOW + timedelta(hours=20), NOW + timedelta(hours=21, minutes=30))


REFUSED = [
    ("without an end", ["*", *WHERE, *BY], 2, "a silence without an end is none"),
    ("with two ends", ["*", *WHERE, *BY, "--for", "1h", "--until", "2026-05-05"], 2, "one of --for and --until"),
    ("for no span", ["*", *WHERE, *BY, "--for", "soon"], 2, "'soon' is not a span; write 90m, 2h or 1d12h"),
    ("for nothing", ["*", *WHERE, *BY, "--for", ""], 2, "one of --for and --until"),
    ("for 31 days", ["*", *WHERE, *BY, "--for", "31d"], 1, "a silence lasts 30 days at most"),
    ("until the past", ["*", *WHERE, *BY, "--until", "2026-05-04T09:00"], 1, "an end that is still to come"),
    ("until no time", ["*", *WHERE, *BY, "--until", "noon"], 1, "--until: 'noon' is not a time"),
    ("of nobody", ["*", *WHERE, "--owner", " ", "--reason", "x", "--for", "1h"], 1, "needs an owner and a reason"),
    ("without a reason", ["*", *WHERE, "--owner", "ann", "--for", "1h"], 2, "--reason"),
    ("of no key", ["", *WHERE, *BY, "--for", "1h"], 1, "1 to 200 characters"),
    (
        "of an unknown site",
        ["*", "--site", "x", "--table", "state", *BY, "--for", "1h"],
        1,
        "no site x (there is: campus)",
    ),
    ("of no table", ["*", "--site", "campus", *BY, "--for", "1h"], 1, "give --table"),
    ("of a table that is not there", ["*", "--site", "campus", "--table", "x", *BY, "--for", "1h"], 4, "AWS refused"),
]


@pytest.mark.parametrize(("says", "arguments", "code", "expected"), REFUSED, ids=[c[0] for c in REFUSED])
def test_what_is_no_silence_is_refused(table: Table, says: str, arguments: list[str], code: int, expected: str):
    found = firstbell("add", *arguments)
    assert found.exit_code == code
    assert expected in " ".join(found.stderr.split())
    assert silences.those_of(table, "campus", NOW) == ()


def test_a_silence_that_is_not_there_cannot_be_removed(table: Table):
    found = firstbell("remove", "3f0c9a1e", *WHERE)
    assert found.exit_code == 1
    assert "campus has no silence '3f0c9a1e' (there is: none)" in found.stderr
