"""`firstbell report`: what a deployed controller has learned, for people and for programs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from cli import week
from cli.main import app
from cli.picture import BLOCKS
from firstbell import clock, published
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.learning import remembering
from firstbell.learning.memory import Memory, SaveMemory, SaveOutcome
from firstbell.learning.outcomes import Outcome
from firstbell.site_file import read_site
from tests.unit.state_table import state_table

NOW = datetime(2026, 11, 24, 5, tzinfo=UTC)
TEXT = "name: greenfield\ntimezone: Europe/Berlin\nfleet: {auto_scaling_group: web, max_instances: 20%s}\n"
BASELINE = tuple(2.0 if 8 <= n % 24 < 18 and n < 120 else 0.25 for n in range(168))


def firstbell(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["report", *(str(a) for a in arguments)])


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    clock.use(lambda: NOW)
    with state_table(monkeypatch) as found:
        published.publish(found, read_site((TEXT % "").encode(), "site.yaml"))
        yield found
    clock.use(None)


def outcome(days_ago: int, share: float, title: str = "Mathe I") -> Outcome:
    start = NOW - timedelta(days=days_ago)
    return Outcome(f"k{days_ago}", "exam", title, start, start + timedelta(hours=2), 1412, 10.0, 10 * share, share)


def remember(table: Table, *outcomes: Outcome, lead_time: int | None = 231) -> None:
    apply = remembering.applier(table, "greenfield")
    for each in outcomes:
        apply(SaveOutcome(each, "because"))
    apply(SaveMemory(Memory(NOW, BASELINE, lead_time, 14, newest=outcomes), 0, "because"))


def shown(*arguments: object) -> str:
    result = firstbell("--site", "greenfield", "--table", "state", *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_past_peaks_are_shown_with_forecast_actual_and_what_comes_next(table: Table):
    remember(table, outcome(7, 0.81), outcome(14, 0.9))
    lines = shown().splitlines()
    assert lines[0] == "greenfield: 2 past peaks judged; learned Tue 24 Nov 2026 06:00"
    newest, older = (" ".join(line.split()) for line in lines if "Mathe I" in line)
    assert newest == "Tue 17 Nov 2026 06:00 Mathe I exam 1,412 10.00 8.10 81% 98%"
    assert older.startswith("Tue 10 Nov 2026 06:00")


def test_the_ordinary_week_is_a_picture_of_seven_days(table: Table):
    remember(table)
    days = [line for line in shown().splitlines() if "▁" in line]
    assert [line[:3] for line in days] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert days[0] == f"Mon  {'▁' * 16}{'█' * 20}{'▁' * 12}  2.0"
    assert days[6] == f"Sun  {'▁' * 48}  0.2"


@pytest.mark.parametrize(
    ("says", "site", "measured", "line"),
    [
        ("as measured", "", 231, "Lead time: 231 s; 95 % of 14 launches took no longer than 231 s."),
        ("the default", "", None, "Lead time: 300 s; it was not measured yet: too few launches."),
        (
            "the site file wins",
            ", lead_time: 400",
            231,
            "Lead time: 400 s, as the site file says; 95 % of 14 launches took no longer than 231 s.",
        ),
    ],
)
def test_the_lead_time(table: Table, says: str, site: str, measured: int | None, line: str):
    published.publish(table, read_site((TEXT % site).encode(), "site.yaml"))
    remember(table, lead_time=measured)
    assert line in shown().splitlines(), says


def test_on_day_one_it_says_that_nothing_is_known(table: Table):
    text = shown()
    assert text.startswith("greenfield: 0 past peaks judged; nothing was learned yet")
    assert "No peak was judged yet" in text
    assert "until it is, the site file's 0.5 vCPUs hold" in text
    assert "Lead time: 300 s" in text


def test_the_json_is_for_programs(table: Table):
    remember(table, outcome(7, 0.81))
    found = json.loads(shown("--json"))
    assert list(found) == ["site", "learned_at", "outcomes", "next", "baseline", "lead_time"]
    assert (found["site"], found["learned_at"]) == ("greenfield", "2026-11-24T05:00:00Z")
    [shared] = found["outcomes"]
    assert shared == {
        "key": "k7",
        "kind": "exam",
        "title": "Mathe I",
        "start": "2026-11-17T05:00:00Z",
        "end": "2026-11-17T07:00:00Z",
        "participants": 1412,
        "forecast_vcpus": 10.0,
        "actual_vcpus": pytest.approx(8.1),
        "share": 0.81,
    }
    assert set(found["next"]) == {"exam", "quiz", "deadline", "lecture", "term_start"}
    assert found["next"]["quiz"] == pytest.approx(0.85 + 1.645 * 0.08, abs=1e-3)
    assert len(found["baseline"]) == 168
    assert found["lead_time"] == {"site_file": None, "measured": 231, "launches": 14}


def test_on_day_one_the_json_is_empty_and_whole(table: Table):
    found = json.loads(shown("--json"))
    assert (found["learned_at"], found["outcomes"], found["baseline"]) == (None, [], [])


def test_a_site_file_names_the_site_too(table: Table, tmp_path: Path):
    path = tmp_path / "site.yaml"
    path.write_text(TEXT % "")
    assert firstbell("--site", path, "--table", "state").stdout.startswith("greenfield: ")


def test_a_hostile_title_moves_no_cursor(table: Table):
    remember(table, outcome(7, 0.81, title="\x1b[2Jgone\nand [red]more"))
    text = shown()
    assert "\x1b" not in text
    assert "gone and [red]more" in text


@pytest.mark.parametrize(
    ("says", "arguments", "code", "sentence"),
    [
        ("no table", ("--site", "greenfield"), 1, "give --table (the stack's output TableName)"),
        (
            "a site that is not there",
            ("--site", "away", "--table", "state"),
            1,
            "has no site away (there is: greenfield)",
        ),
        ("no such file", ("--site", "away.yaml", "--table", "state"), 1, "away.yaml: there is no such file"),
        ("no such table", ("--site", "greenfield", "--table", "gone"), 4, "AWS refused: "),
    ],
)
def test_what_goes_wrong_is_one_sentence(table: Table, says: str, arguments, code: int, sentence: str):
    result = firstbell(*arguments)
    assert (result.exit_code, len(result.stderr.splitlines())) == (code, 1), says
    assert sentence in result.stderr
    assert not result.stdout


def test_without_credentials_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    clients.forget()  # a client or a session that another test has made has its credentials
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    result = firstbell("--site", "greenfield", "--table", "state")
    assert result.exit_code == 4
    assert "log in (`aws sso login`) or set AWS_PROFILE" in result.stderr


@given(st.lists(st.floats(0, 1e6), min_size=168, max_size=168))
def test_any_week_can_be_drawn(baseline: list[float]):
    rows = week.rows(baseline)
    assert [len(row.blocks) for row in rows] == [48] * 7
    blocks = "".join(row.blocks for row in rows)[::2]
    heights = [BLOCKS.index(block) for block in blocks]
    assert all((height > 0) == (value > 0) for height, value in zip(heights, baseline, strict=True))
    assert max(heights) == (len(BLOCKS) - 1 if any(baseline) else 0)
