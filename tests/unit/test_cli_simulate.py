"""`firstbell simulate`: what is printed about results, whoever made them."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.errors import CommandError
from cli.main import app
from cli.timeline import chosen
from firstbell import web
from simulator.results import Happening, Minute
from simulator.results import Result as Run

EXAMPLE = Path(__file__).parents[2] / "examples" / "exam_morning"
START = datetime(2026, 11, 24, 8, 28, tzinfo=UTC)
FIGURES = {"slow_share": 0.001, "p95": 0.4, "start_p95": 0.5, "instance_hours": 30.0, "cost_usd": 1.0}
BAD = {"slow_share": 0.2, "p95": 20.0, "start_p95": float("inf"), "instance_hours": 20.0, "cost_usd": 0.67}
COUNTS = {"sessions_lost": 0.0, "pages": 1.0, "violations": 0.0}


def firstbell(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def run(policy: str, figures: dict[str, float], violations: float = 0) -> Run:
    minutes = tuple(Minute(START + timedelta(minutes=n), 1.0, 4.0, 2, 60, 0.2) for n in range(10))
    timeline = (Happening(START, "plan", "MinSize goes from 2 to 10", "the midterm exam begins at 10:00"),)
    counts = COUNTS | {"violations": violations}
    return Run("exam-morning", policy, 7, figures | counts, minutes, timeline, "Europe/Berlin")


class Simulator:
    """A stand-in for the runs: keeps the seed, tells progress, answers with fixed results."""

    def __init__(self) -> None:
        self.seed = -1
        self.results = [run("firstbell", FIGURES), run("fixed", BAD), run("target-tracking", BAD)]

    def compare(self, scenario, seed, policies, progress):
        self.seed = seed
        for policy in policies:
            for share in (0.5, 1.0):
                progress(policy, share)
        return self.results


@pytest.fixture
def simulator(monkeypatch) -> Simulator:
    found = Simulator()
    monkeypatch.setattr("simulator.run.compare", found.compare)
    return found


def test_json_alone_is_on_standard_output(simulator):
    result = firstbell("simulate", "--seed", 7, "--json")
    printed = json.loads(result.stdout)
    assert result.exit_code == 0
    assert simulator.seed == 7
    assert list(printed) == ["scenario", "seed", "policies", "timeline"]
    assert list(printed["policies"]) == ["firstbell", "fixed", "target-tracking"]
    assert printed["policies"]["firstbell"] == FIGURES | COUNTS
    assert printed["policies"]["fixed"]["start_p95"] is None  # JSON has no infinity
    assert printed["timeline"] == [
        {
            "at": "2026-11-24T08:28:00Z",
            "kind": "plan",
            "what": "MinSize goes from 2 to 10",
            "why": "the midterm exam begins at 10:00",
        }
    ]


def test_progress_off_a_terminal_is_a_line_each_quarter(simulator):
    assert firstbell("simulate").stderr.splitlines() == [f"simulated {n} %" for n in (25, 50, 75, 100)]


def test_people_read_what_happened_the_figures_and_a_conclusion(simulator):
    out = firstbell("simulate").stdout
    assert "24 Nov 09:28" in out  # local time
    assert "the midterm exam begins at 10:00" in out  # why
    assert "* 0.10 %" in out  # the best of a row is marked without colours too
    assert "Firstbell had the fewest slow requests: 0.10 %" in " ".join(out.split())


def test_a_broken_invariant_is_exit_code_3(simulator):
    simulator.results[0] = run("firstbell", FIGURES, violations=2)
    assert firstbell("simulate").exit_code == 3
    assert firstbell("simulate", "--json").exit_code == 3


def test_the_report_is_written_and_named(simulator, tmp_path: Path):
    result = firstbell("simulate", "--report", tmp_path / "report.html")
    assert str(tmp_path / "report.html") in "".join(result.stdout.splitlines())
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("no-such-scenario",), "exam-morning"),  # the ones that there are
        (("--report", "/no/such/folder/x.html"), "/no/such/folder/x.html"),  # before the work, not after it
        (("--site", "missing/site.yaml"), "there is no such file"),  # a missing site
        (("--site", "other.yaml"), "give the file that name"),  # the simulator wants a folder's site.yaml
        (("x", "--site", "site.yaml"), "not both"),  # two things at once
        (("--from", "2026-11-24"), "--from needs --site"),  # a scenario has its own time
    ],
)
def test_bad_input_is_one_sentence_before_any_work(simulator, arguments, says):
    result = firstbell("simulate", *arguments)
    assert result.exit_code == 1
    assert says in result.stderr
    assert simulator.seed == -1


def test_a_long_timeline_keeps_the_gravest_lines_in_order():
    lines = [Happening(START + timedelta(minutes=n), "fleet", str(n)) for n in range(10)]
    lines[7] = Happening(lines[7].at, "broken", "7")
    kept, left = chosen(lines, 3)
    assert [line.what for line in kept] == ["0", "1", "7"]
    assert left == 7


def test_a_run_that_is_broken_off_leaves_no_empty_report(simulator, monkeypatch, tmp_path: Path):
    def fail(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("simulator.run.compare", fail)
    assert firstbell("simulate", "--report", tmp_path / "report.html").exit_code == 130
    assert list(tmp_path.iterdir()) == []


def test_a_day_of_a_site_begins_at_six_where_it_is(monkeypatch, tmp_path: Path):
    shutil.copytree(EXAMPLE, tmp_path / "site")
    monkeypatch.setattr("firstbell.clock._source", lambda: START)
    monkeypatch.setattr("simulator.run.compare", lambda scenario, *_: begins.append(scenario.start) or [])
    begins: list[datetime] = []
    firstbell("simulate", "--site", tmp_path / "site" / "site.yaml")
    assert begins == [datetime(2026, 11, 24, 5, tzinfo=UTC)]  # 06:00 in Berlin


def test_a_site_s_feed_is_fetched_once_before_the_run(tmp_path, monkeypatch):
    asked = []

    def answer(url: str, form: object) -> bytes:
        asked.append(url)
        return b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"

    def compare(chosen, *rest):
        [(url, copy)] = chosen.feeds.items()
        assert (url, Path(copy).read_bytes()[:15]) == ("https://example.edu/a.ics", b"BEGIN:VCALENDAR")
        raise CommandError("that was all")

    (tmp_path / "site.yaml").write_text(
        "name: small\ntimezone: UTC\nfleet: {auto_scaling_group: w}\n"
        "calendars: [{ical: 'https://example.edu/a.ics', participants: 9, kind: exam}]\n"
    )
    monkeypatch.setattr("simulator.run.compare", compare)
    web.use(answer)
    result = CliRunner().invoke(app, ["simulate", "--site", str(tmp_path / "site.yaml")])
    web.use(None)
    assert "that was all" in result.stderr
    assert asked == ["https://example.edu/a.ics"]


def test_a_live_moodle_is_not_asked_by_the_simulator(tmp_path):
    (tmp_path / "site.yaml").write_text(
        "name: small\ntimezone: UTC\nfleet: {auto_scaling_group: w}\n"
        "calendars: [{moodle: 'https://example.edu', token: 'ssm:/firstbell/x'}]\n"
    )
    result = CliRunner().invoke(app, ["simulate", "--site", str(tmp_path / "site.yaml")])
    assert (result.exit_code, "recorded answers" in result.stderr) == (1, True)
