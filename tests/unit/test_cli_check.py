"""`firstbell check`, `schema`, the help, and how every command fails: one sentence, its place, its cure, its code."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import screen
from cli.commands import schema
from cli.main import app
from firstbell import clock, web
from firstbell.calendar.fetching import UnreachableError

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "exam_morning"
COMMANDS = (
    "simulate",
    "plan",
    "explain",
    "report",
    "replay",
    "probe",
    "check",
    "schema",
    "peak",
    "alerts",
    "silence",
    "backup",
)
GOOD = """name: small
timezone: Europe/Berlin
fleet: {auto_scaling_group: small-web}
"""
CALENDAR = "calendars: [{ical: %s, participants: 10, kind: exam}]\n"


def firstbell(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(autouse=True)
def _now():
    clock.use(lambda: datetime(2026, 11, 24, 5, tzinfo=UTC))
    yield
    clock.use(None)
    web.use(None)


def nobody(url: str, form: object) -> bytes:
    raise web.WebError("no such host")


def test_a_good_site_is_told_in_one_line():
    result = firstbell("check", EXAMPLE / "site.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("greenfield: 2 calendars, 14 peaks in the next 60 days, at most 10 of 20 instances")


def test_a_site_without_calendars_is_good(tmp_path):
    (tmp_path / "site.yaml").write_text(GOOD)
    assert firstbell("check", tmp_path / "site.yaml").stdout.startswith("small: 0 calendars, 0 peaks")


def test_a_rota_is_read_as_the_calendars_are(tmp_path):
    (tmp_path / "site.yaml").write_text(GOOD + "oncall: {rota: {ical: rota.ics}}\n")
    result = firstbell("check", tmp_path / "site.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "oncall.rota: rota.ics: not found beside the site file" in result.stderr
    (tmp_path / "rota.ics").write_bytes((EXAMPLE / "calendar.ics").read_bytes())
    assert firstbell("check", tmp_path / "site.yaml").exit_code == 0


def test_each_mistake_is_told_with_its_line(tmp_path):
    (tmp_path / "site.yaml").write_text("name: Small!\ntimezone: Mars\nfleet: {}\nnope: 1\n")
    result = firstbell("check", tmp_path / "site.yaml")
    assert result.exit_code == 1
    assert not result.stdout
    assert "line 1, name" in result.stderr
    assert "line 4, nope" in result.stderr
    assert all(line.startswith("firstbell: ") for line in result.stderr.splitlines())


def test_a_site_file_whose_calendars_are_all_missing_is_not_checked(tmp_path):
    (tmp_path / "site.yaml").write_text(GOOD + CALENDAR % "away.ics")
    result = firstbell("check", tmp_path / "site.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no calendar lies beside" in result.stderr
    assert "(away.ics); the site file itself is good" in result.stderr


@pytest.mark.parametrize(
    ("files", "name", "says"),
    [
        ({"a.ics": "<html>Please log in</html>"}, "a.ics", "not an iCalendar file"),  # an expired export token
        ({}, "../a.ics", "inside the site's folder"),  # a path that leaves the folder
        ({}, "https://example.edu/a.ics", "example.edu#b52db9: no such host"),  # a feed that does not answer
    ],
)
def test_a_calendar_that_is_none_fails_the_check(tmp_path, files, name, says):
    (tmp_path / "site.yaml").write_text(GOOD + CALENDAR % name)
    web.use(nobody)
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    result = firstbell("check", tmp_path / "site.yaml")
    assert result.exit_code == 1
    assert says in result.stderr


def test_every_bad_calendar_is_told(tmp_path):
    calendars = "calendars:\n  - {ical: a.ics, participants: 1}\n  - {ical: b.ics, participants: 1}\n"
    (tmp_path / "site.yaml").write_text(GOOD + calendars)
    (tmp_path / "a.ics").write_text("nothing")
    result = firstbell("check", tmp_path / "site.yaml")
    assert result.exit_code == 1
    assert "a.ics: not an iCalendar file" in result.stderr
    assert "b.ics: not found beside the site file" in result.stderr


def test_a_bad_calendar_among_good_ones_fails_the_check(tmp_path):
    calendars = "calendars:\n  - {ical: a.ics, participants: 1}\n  - {ical: b.ics, participants: 1}\n"
    (tmp_path / "site.yaml").write_text(GOOD + calendars)
    (tmp_path / "a.ics").write_text("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n")
    result = firstbell("check", tmp_path / "site.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "firstbell: b.ics: not found beside the site file\n"


def test_the_schema_is_json_schema():
    printed = json.loads(firstbell("schema").stdout)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"name", "timezone", "fleet"} == set(printed["required"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example(command):
    result = firstbell(command, "--help")
    assert result.exit_code == 0
    assert f"firstbell {command}" in result.stdout.partition("Examples:")[2]


def test_the_top_help_documents_the_exit_codes_and_the_commands():
    out = " ".join(firstbell("--help").stdout.split())
    assert "4 AWS refused" in out
    assert all(command in out for command in (*COMMANDS, "--install-completion", "--version"))


def test_the_version_is_printed():
    result = firstbell("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("firstbell ")


def test_help_imports_nothing_heavy():
    code = "import sys; from cli.main import app; from typer.testing import CliRunner; \
CliRunner().invoke(app, ['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"boto3", "botocore", "moto", "pydantic", "icalendar", "aws_lambda_powertools", "simulator.run"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("check", "missing.yaml"), 1, "missing.yaml: there is no such file"),  # a missing file
        (("check", "."), 1, "this is a directory"),  # a directory
        (("plan", "--site", "."), 1, "this is a directory"),  # for every command
        (("explain", "--site", "missing.yaml"), 1, "there is no such file"),  # and for the reason
        (("plan",), 1, "site.yaml: there is no such file"),  # the default file is named too
        (("check", "broken.yaml"), 1, "line 1, this is not YAML"),  # broken YAML, with its line
        (("check", "binary"), 1, "this is not YAML"),  # no text at all
        (("plan", "--days", "0"), 2, "--days"),  # a number out of range is wrong usage
        (("plan", "--days", "401"), 2, "--days"),  # on both sides
        (("nonsense",), 2, "nonsense"),  # an unknown command
        (("check",), 2, "SITE.YAML"),  # a missing argument
    ],
)
def test_bad_input_is_told_without_a_traceback(tmp_path, monkeypatch, arguments, code, says):
    monkeypatch.chdir(tmp_path)
    Path("broken.yaml").write_text("name: [")
    Path("binary").write_bytes(bytes(range(256)))
    result = firstbell(*arguments)
    assert result.exit_code == code
    assert says in result.stderr
    assert not result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_anywhere_shows_the_error_itself(monkeypatch, place):
    monkeypatch.setenv("FIRSTBELL_DEBUG", "0")
    arguments = ["check", "/missing.yaml"]
    arguments.insert(place, "--debug")
    assert isinstance(firstbell(*arguments).exception, FileNotFoundError)


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),  # Ctrl-C
        (RuntimeError("a bug"), 1, "unexpected RuntimeError: a bug"),  # our own mistake, still one sentence
        (UnreachableError("a.edu: no such host"), 1, "firstbell: a.edu: no such host"),  # a kind of CalendarError
        (PermissionError(13, "denied", "x"), 1, "x: may not be opened"),  # somebody else's file
        (RuntimeError("\x1b[31mred\x07"), 1, "RuntimeError: [31mred"),  # a terminal's control characters
    ],
)
def test_whatever_happens_is_one_sentence(monkeypatch, error, code, says):
    def fail(data: object) -> None:
        raise error

    monkeypatch.setattr(schema.screen, "print_json", fail)
    result = firstbell("schema")
    assert result.exit_code == code
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "\x1b" not in result.stderr


def test_a_reader_that_went_away_is_no_error():
    command = f"{sys.executable} -m cli.main schema | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 141)  # 0 when everything was written before the reader left
    assert not done.stderr


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_a_closed_standard_output_is_one_sentence(closed):
    command = f"{sys.executable} -m cli.main plan --site {EXAMPLE}/site.yaml {closed}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = "firstbell: standard output is closed, so nothing can be printed; to print nothing, send it to /dev/null\n"
    assert done.stderr == ("" if "2>" in closed else said)


def test_a_table_whose_reader_went_away_is_no_bad_input():
    command = f"{sys.executable} -m cli.main plan --site {EXAMPLE}/site.yaml | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 141)
    assert not done.stderr


def test_only_the_first_warnings_are_told(tmp_path):
    calendar = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x"]
    for number in range(30):
        day = clock.now() + timedelta(days=1 + number)
        times = [f"DTSTART:{day:%Y%m%d}T080000Z", f"DTEND:{day:%Y%m%d}T090000Z"]
        calendar += ["BEGIN:VEVENT", f"UID:{number}", f"SUMMARY:Exam {number}", *times, "END:VEVENT"]
    (tmp_path / "calendar.ics").write_text("\r\n".join([*calendar, "END:VCALENDAR", ""]))
    (tmp_path / "site.yaml").write_text(
        "name: small\ntimezone: Europe/Berlin\nfleet: {auto_scaling_group: web, max_instances: 1}\n"
        "calendars: [{ical: calendar.ics, participants: 5000, kind: exam}]\n"
    )
    lines = firstbell("check", tmp_path / "site.yaml").stderr.splitlines()
    assert len(lines) == 21
    assert lines[-1].startswith("firstbell: and 10 more warnings")


def test_a_narrow_terminal_cuts_nothing_off(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    assert screen.console().width == screen.LEAST
