"""`firstbell peak`: what a person without YAML says becomes peaks.yaml, in a folder or in the deployed bucket."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from cli.main import app
from firstbell import clock
from firstbell.aws import clients
from firstbell.aws.bucket import Bucket
from firstbell.calendar.peak_file import HEADER
from firstbell.calendar.term_file import read_term

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SITE = "name: campus\ntimezone: Europe/Berlin\nfleet: {auto_scaling_group: web, max_instances: 12}\n"
ENTRANCE = ("--start", "2026-12-01T09:00", "--end", "2026-12-01T11:00", "--participants", 900, "--title", "Entrance")


def firstbell(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["peak", *(str(a) for a in arguments)])


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("site.yaml").write_text(SITE)
    clock.use(lambda: NOW)


def ok(*arguments: object) -> str:
    result = firstbell(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(*arguments: object, code: int = 1) -> str:
    before = sorted((p.name, p.read_bytes()) for p in Path().iterdir() if p.is_file())
    result = firstbell(*arguments)
    assert result.exit_code == code, result.output
    assert not result.stdout
    assert "Traceback" not in result.stderr
    assert sorted((p.name, p.read_bytes()) for p in Path().iterdir() if p.is_file()) == before
    return result.stderr.removeprefix("firstbell: ").rstrip("\n")


def listed(*arguments: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ok("list", "--json", *arguments))
    return found


def test_an_exam_is_written_and_what_comes_of_it_is_said():
    out = ok("add", *ENTRANCE).splitlines()
    assert out == [
        "Servers will be planned for 900 participants of the exam 'Entrance', Tue 01 Dec 2026 09:00 to 11:00"
        " (Europe/Berlin), that is Tue 01 Dec 2026 08:00 to 10:00 UTC; it is forgotten on Wed 02 Dec 2026 11:00.",
        out[1],
        "Written to peaks.yaml. See `firstbell plan --site site.yaml`, then upload it as sites/campus/peaks.yaml: the"
        " planner follows.",
    ]
    assert out[1].startswith("On its own it asks for ")
    assert out[1].endswith("; the site may have 12.")
    assert Path("peaks.yaml").read_text() == HEADER + (
        "peaks:\n- title: Entrance\n  start: 2026-12-01T09:00\n  end: 2026-12-01T11:00\n  participants: 900\n"
        "  kind: exam\n  expires: 2026-12-02T11:00\n"
    )
    assert sorted(os.listdir()) == ["peaks.yaml", "site.yaml"], "nothing is left behind"


def test_the_planner_plans_it():
    ok("add", *ENTRANCE)
    plan = json.loads(CliRunner().invoke(app, ["plan", "--json"]).stdout)
    assert [(p["start"], p["participants"], p["kind"], p["title"]) for p in plan["peaks"]] == [
        ("2026-12-01T08:00:00Z", 900, "exam", "Entrance")
    ]


def test_more_than_the_site_may_have_is_said_at_once():
    out = ok("add", "--start", "2026-12-01T09:00", "--minutes", 120, "--participants", 90_000)
    assert "instances wanted from 2026-12-01 07:" in out
    assert "12 is the most" in out


def test_what_has_begun_is_still_planned():
    assert "It has begun already." in ok("add", "--start", "2026-11-24T12:30", "--minutes", 120, "--participants", 9)


def test_adding_the_same_again_changes_nothing():
    ok("add", *ENTRANCE)
    before = Path("peaks.yaml").stat().st_mtime_ns
    again = ("--start", "2026-12-01T08:00Z", "--minutes", 120, "--participants", 900, "--title", "Entrance")
    for arguments in (ENTRANCE, again, (*ENTRANCE, "--expires", "2026-12-02T11:00")):
        assert ok("add", *arguments) == "peaks.yaml: it is so already; nothing was changed.\n"
    assert Path("peaks.yaml").stat().st_mtime_ns == before


def test_another_one_of_that_title_and_time_is_no_correction():
    ok("add", *ENTRANCE)
    for difference in (("--participants", 800), ("--kind", "quiz"), ("--expires", "2026-12-09")):
        assert "'Entrance' is there at that time already, and it differs" in refused("add", *ENTRANCE, *difference)
    ok("add", *ENTRANCE, "--participants", 300, "--title", "Entrance B")
    assert [p["participants"] for p in listed()] == [900, 300]


@pytest.mark.parametrize(
    ("says", "arguments", "expected"),
    [
        (
            "over before it was told",
            ("--start", "2026-11-24T09:00", "--end", "2026-11-24T12:59"),
            "this peak: it ended already, Tue 24 Nov 2026 12:59 (Europe/Berlin); is the date right?",
        ),
        (
            "an end before the start",
            ("--end", "2026-12-01T08:00"),
            "this peak: it ends at 2026-12-01 08:00, but begins at 2026-12-01 09:00",
        ),
        (
            "an end before the start, by its offset",
            ("--end", "2026-12-01T07:30Z"),
            "this peak: it ends before it begins",
        ),
        (
            "nobody",
            ("--participants", 0),
            "--participants: 0 is wrong: input should be greater than or equal to 1",
        ),
        (
            "a kind that there is not",
            ("--kind", "party"),
            "--kind: 'party' is wrong: input should be 'exam', 'quiz', 'deadline', 'lecture' or 'term_start'",
        ),
        ("a day alone", ("--start", "2026-12-01"), "--start: '2026-12-01' is not a time such as 2026-12-01T09:00"),
        ("words", ("--start", "soon"), "--start: 'soon' is not a time such as 2026-12-01T09:00"),
        ("no such day", ("--end", "2026-12-41T09:00"), "--end: '2026-12-41T09:00' is wrong: day is out of range"),
        (
            "forgotten before it ends",
            ("--expires", "2026-12-01T10:00"),
            "this peak: it expires at 2026-12-01 10:00, before it ends",
        ),
        (
            "forgotten before it ends, by its offset",
            ("--expires", "2026-12-01T09:30Z"),
            "--expires: that is before the peak ends, Tue 01 Dec 2026 11:00 (Europe/Berlin)",
        ),
        ("a title on two lines", ("--title", "a\nb"), "--title: 'a\\nb' is wrong: expected 1 to 200 characters on one"),
        ("a title that is no text", ("--title", "\udcff"), "--title: '\\udcff' is wrong: expected 1 to 200"),
        ("no such site file", ("--site", "nope.yaml"), "nope.yaml: there is no such file; check the path"),
    ],
)
def test_what_cannot_be_is_one_sentence(says: str, arguments: tuple[object, ...], expected: str):
    said = refused("add", *ENTRANCE, *arguments)
    assert said.startswith(expected), says
    assert len(said.splitlines()) == 1, says


@pytest.mark.parametrize(
    ("says", "arguments", "expected"),
    [
        ("no end", ("add", *ENTRANCE[:2], *ENTRANCE[4:]), "say with one of --end and --minutes when it ends"),
        ("two ends", ("add", *ENTRANCE, "--minutes", 5), "say with one of --end and --minutes when it ends"),
        ("no start", ("add", *ENTRANCE[2:]), "Missing option '--start'"),
        ("a number that is none", ("add", *ENTRANCE, "--participants", "many"), "Invalid value for '--participants'"),
        ("a bucket's site by its file", ("list", "--bucket", "b"), "with --bucket, --site is the site's name in it"),
        ("nothing to remove", ("remove",), "Missing argument 'NUMBER|TITLE'"),
    ],
)
def test_wrong_usage_has_its_own_code(says: str, arguments: tuple[object, ...], expected: str):
    assert expected in refused(*arguments, code=2), says


def test_a_time_that_the_clocks_skip_is_said_and_kept_as_it_was_written():
    out = ok("add", "--start", "2027-03-28T02:30", "--minutes", 60, "--participants", 9)
    assert "Warning: 2027-03-28 02:30 does not exist in Europe/Berlin" in out
    assert [(p["start"], p["end"]) for p in listed()] == [("2027-03-28T00:30:00Z", "2027-03-28T02:30:00Z")]


def test_a_default_expiry_in_a_doubtful_hour_has_its_offset():
    ok("add", "--start", "2027-10-30T00:30Z", "--minutes", 60, "--participants", 9)
    assert "expires: 2027-10-31T02:30+01:00" in Path("peaks.yaml").read_text()
    assert listed()[0]["expires"] == "2027-10-31T01:30:00Z"


def test_a_dry_run_shows_the_file_and_writes_nothing():
    result = firstbell("add", *ENTRANCE, "--dry-run")
    assert result.exit_code == 0
    assert [p.title for p in read_term(result.stdout, "x").peaks] == ["Entrance"]
    assert result.stderr == "peaks.yaml: not written\n"
    assert not Path("peaks.yaml").exists()
    ok("add", *ENTRANCE)
    assert firstbell("add", *ENTRANCE, "--dry-run").stderr == "peaks.yaml: no change\n"
    assert read_term(ok("remove", "Entrance", "--dry-run"), "x").peaks == ()
    assert len(listed()) == 1


def test_what_has_expired_is_listed_so_and_left_out_of_the_next_file():
    ok("add", *ENTRANCE)
    clock.use(lambda: NOW + timedelta(days=10))
    assert listed()[0]["expired"] is True
    assert "since Wed 02 Dec 2026 11:00" in ok("list")
    ok("add", "--start", "2026-12-08T09:00", "--minutes", 60, "--participants", 5)
    assert [p["title"] for p in listed()] == ["exam"]


def test_the_list_is_by_time_for_people_and_for_programs():
    ok("add", "--start", "2026-12-08T09:00", "--minutes", 60, "--participants", 5, "--kind", "term_start")
    ok("add", *ENTRANCE)
    assert listed() == [
        {
            "number": 1,
            "start": "2026-12-01T08:00:00Z",
            "end": "2026-12-01T10:00:00Z",
            "participants": 900,
            "kind": "exam",
            "title": "Entrance",
            "course": "",
            "expires": "2026-12-02T10:00:00Z",
            "expired": False,
        },
        {
            "number": 2,
            "start": "2026-12-08T08:00:00Z",
            "end": "2026-12-08T09:00:00Z",
            "participants": 5,
            "kind": "term_start",
            "title": "term_start",
            "course": "",
            "expires": "2026-12-09T09:00:00Z",
            "expired": False,
        },
    ]
    lines = ok("list").splitlines()
    cells = "1 Tue 01 Dec 2026 09:00 to 11:00 01 Dec 08:00 900 exam Entrance Wed 02 Dec 2026 11:00"
    assert " ".join(lines[1].split()) == cells
    assert len(lines) == 3


def moodle_exam(uid: str = "5@moodle.example.edu") -> None:
    """An export of Moodle beside the site file, with the exam at the time of ENTRANCE."""
    lines = (
        *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", f"UID:{uid}", "SUMMARY:Klausur"),
        *("CATEGORIES:MA1", "DTSTART:20261201T080000Z", "DTEND:20261201T100000Z", "END:VEVENT", "END:VCALENDAR", ""),
    )
    Path("moodle.ics").write_text("\r\n".join(lines))
    Path("site.yaml").write_text(SITE + "calendars: [{ical: moodle.ics, participants: 800, kind: exam}]\n")


def planned() -> list[int]:
    plan = json.loads(CliRunner().invoke(app, ["plan", "--json"]).stdout)
    return [p["participants"] for p in plan["peaks"]]


def test_a_peak_that_a_calendar_has_at_the_same_time_is_said_and_with_its_course_counts_once():
    moodle_exam()
    out = " ".join(ok("add", *ENTRANCE).split())
    assert "it looks like 'Klausur' of moodle.ics, at the same time: both are planned" in out
    assert "remove this one and add it again with --course 'MA1'" in out
    assert planned() == [800, 900]
    assert "it differs; remove it first" in refused("add", *ENTRANCE, "--course", "MA1")
    ok("remove", "1")
    for participants, counted in ((900, 900), (700, 800)):  # the higher number of the two counts
        said = ok("add", *ENTRANCE, "--course", "MA1", "--participants", participants)
        assert "looks like" not in said
        assert (planned(), listed()[0]["course"]) == ([counted], "MA1")
        ok("remove", "1")


def test_a_peak_of_no_course_can_only_be_removed():
    moodle_exam("no number of Moodle's")
    out = " ".join(ok("add", *ENTRANCE).split())
    assert out.endswith("if it is the same, remove this one")


def test_another_time_is_another_peak():
    moodle_exam()
    assert "looks like" not in ok("add", *ENTRANCE, "--start", "2026-12-01T09:30")


def test_a_calendar_that_cannot_be_read_is_not_compared():
    moodle_exam()
    Path("moodle.ics").unlink()
    out = " ".join(ok("add", *ENTRANCE).split())
    assert "not compared with a calendar that cannot be read: moodle.ics: not found" in out


def test_no_peaks_are_no_error():
    assert ok("list") == "peaks.yaml: no peaks\n"
    assert listed() == []


@pytest.mark.parametrize("which", ["1", "Entrance"])
def test_a_peak_is_removed_by_number_or_title(which):
    ok("add", *ENTRANCE)
    ok("add", *ENTRANCE, "--title", "Other")
    assert ok("remove", which).startswith("Removed: 900 participants of the exam 'Entrance', Tue 01 Dec 2026 09:00 to")
    assert [p["title"] for p in listed()] == ["Other"]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("3", "peaks.yaml: there is no peak '3'; `firstbell peak list` shows which there are"),
        ("0", "peaks.yaml: there is no peak '0'"),
        ("9" * 5000, "peaks.yaml: there is no peak '999"),
        ("Nothing", "peaks.yaml: there is no peak 'Nothing'"),
        ("Entrance", "peaks.yaml: 2 peaks are called 'Entrance'; say the number, as `peak list` shows it"),
    ],
)
def test_which_peak_is_meant_must_be_plain(which, expected):
    ok("add", *ENTRANCE)
    ok("add", *ENTRANCE, "--start", "2026-12-01T08:00")
    assert refused("remove", which).startswith(expected)


# ---------------------------------------------------------------- other people's lines


@pytest.mark.parametrize(
    ("says", "change"),
    [
        ("a comment at the end", lambda text: text + "# ask the registrar\n"),
        ("a comment in a line", lambda text: text.replace("900\n", "900  # at least\n")),
        (
            "another key",
            lambda text: text + "holidays: []\nlectures: []\nterms: [{name: W, start: 2026-10-12, end: 2027-02-05}]\n",
        ),
        ("no mark of ours", lambda text: text.replace(HEADER, "")),
    ],
)
def test_what_was_written_by_hand_is_never_lost(says, change):
    ok("add", *ENTRANCE)
    Path("peaks.yaml").write_text(change(Path("peaks.yaml").read_text()))
    for arguments in (("add", *ENTRANCE, "--title", "B"), ("remove", "1")):
        assert "it has lines that `firstbell peak` did not write and would lose" in refused(*arguments), says
    assert len(listed()) == 1, "it is still shown"


def test_a_number_that_was_changed_by_hand_is_kept():
    ok("add", *ENTRANCE, "--title", "Exam #2")
    Path("peaks.yaml").write_text(Path("peaks.yaml").read_text().replace("900", "1000"))
    ok("add", *ENTRANCE, "--title", "B")
    assert [p["participants"] for p in listed()] == [900, 1000]


def test_a_broken_file_is_told_with_its_line_and_left_alone():
    Path("peaks.yaml").write_text(HEADER + "peaks: [\n")
    assert refused("add", *ENTRANCE).startswith("peaks.yaml: line 3, this is not YAML")
    assert refused("list").startswith("peaks.yaml: line 3, this is not YAML")


def test_two_at_a_time_do_not_lose_each_others_peak():
    Path(".peaks.yaml.new").touch()
    assert "somebody else is changing the peaks; if nobody is, delete this file" in refused("add", *ENTRANCE)


def test_a_link_and_its_permissions_stay():
    Path("shared").mkdir()
    Path("shared/peaks.yaml").touch(mode=0o640)
    Path("peaks.yaml").symlink_to("shared/peaks.yaml")
    ok("add", *ENTRANCE)
    assert Path("peaks.yaml").is_symlink()
    assert Path("shared/peaks.yaml").stat().st_mode & 0o777 == 0o640
    assert len(listed()) == 1


# ---------------------------------------------------------------- the bucket


IN_BUCKET = ("--bucket", "files", "--site", "campus")
KEY = "sites/campus/peaks.yaml"


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        clients.forget()
        client = boto3.client("s3", region_name="eu-central-1")
        client.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        client.put_object(Bucket="files", Key="sites/campus/site.yaml", Body=SITE.replace("Berlin", "London").encode())
        yield client
        clients.forget()


def stored(s3: Any) -> str:
    return str(s3.get_object(Bucket="files", Key=KEY)["Body"].read().decode())


def test_a_peak_goes_straight_into_the_bucket_in_the_zone_of_its_site(s3: Any):
    out = ok("add", *ENTRANCE, *IN_BUCKET)
    assert "09:00 to 11:00 (Europe/London), that is Tue 01 Dec 2026 09:00 to 11:00 UTC" in out
    assert out.endswith("Written to s3://files/sites/campus/peaks.yaml. The planner follows within minutes.\n")
    assert [p.title for p in read_term(stored(s3), "x").peaks] == ["Entrance"]
    assert not Path("peaks.yaml").exists()
    assert [p["start"] for p in listed(*IN_BUCKET)] == ["2026-12-01T09:00:00Z"]
    assert "nothing was changed" in ok("add", *ENTRANCE, *IN_BUCKET)
    ok("remove", "1", *IN_BUCKET)
    assert listed(*IN_BUCKET) == []


def test_a_calendar_in_the_bucket_is_compared_too(s3: Any):
    moodle_exam()
    site = Path("site.yaml").read_text()
    for name, text in (("site.yaml", site), ("moodle.ics", Path("moodle.ics").read_text())):
        s3.put_object(Bucket="files", Key=f"sites/campus/{name}", Body=text.encode())
    assert "it looks like 'Klausur' of moodle.ics" in ok("add", *ENTRANCE, *IN_BUCKET)


def between(monkeypatch: pytest.MonkeyPatch, change: Any, times: int = 1) -> None:
    """Let somebody else `change` the bucket after the file was read and before it is written."""
    write, left = Bucket.replace, [times]

    def late(self: Bucket, key: str, text: bytes, etag: str | None) -> bool:
        if left[0]:
            left[0] -= 1
            change()
        return write(self, key, text, etag)

    monkeypatch.setattr(Bucket, "replace", late)


@pytest.mark.parametrize("there", [False, True])
def test_two_people_do_not_lose_each_others_peak(s3: Any, monkeypatch: pytest.MonkeyPatch, there: bool):
    if there:
        ok("add", *ENTRANCE, "--title", "Old", *IN_BUCKET)
    old = stored(s3) if there else HEADER + "peaks:\n"
    theirs = "- {title: Theirs, start: 2026-12-01T12:00, minutes: 60}\n"
    between(monkeypatch, lambda: s3.put_object(Bucket="files", Key=KEY, Body=(old + theirs).encode()))
    ok("add", *ENTRANCE, *IN_BUCKET)
    assert {p["title"] for p in listed(*IN_BUCKET)} == {"Entrance", "Theirs"} | ({"Old"} if there else set())


def test_a_file_that_is_deleted_meanwhile_is_written_anew(s3: Any, monkeypatch: pytest.MonkeyPatch):
    ok("add", *ENTRANCE, "--title", "Old", *IN_BUCKET)
    between(monkeypatch, lambda: s3.delete_object(Bucket="files", Key=KEY))
    ok("add", *ENTRANCE, *IN_BUCKET)
    assert [p["title"] for p in listed(*IN_BUCKET)] == ["Entrance"]


def test_the_peak_that_was_chosen_is_removed_even_when_its_number_changes(s3: Any, monkeypatch: pytest.MonkeyPatch):
    ok("add", *ENTRANCE, *IN_BUCKET)
    earlier = "- {title: Earlier, start: 2026-11-30T12:00, minutes: 60, participants: 5}\n"
    old = stored(s3)
    between(monkeypatch, lambda: s3.put_object(Bucket="files", Key=KEY, Body=(old + earlier).encode()))
    assert "'Entrance'" in ok("remove", "1", *IN_BUCKET)
    assert [p["title"] for p in listed(*IN_BUCKET)] == ["Earlier"]


def test_a_peak_that_somebody_else_removed_meanwhile_is_no_error(s3: Any, monkeypatch: pytest.MonkeyPatch):
    ok("add", *ENTRANCE, *IN_BUCKET)
    between(monkeypatch, lambda: s3.put_object(Bucket="files", Key=KEY, Body=f"{HEADER}peaks: []\n".encode()))
    assert "nothing was changed" in ok("remove", "1", *IN_BUCKET)


def test_a_file_that_never_holds_still_is_given_up(s3: Any, monkeypatch: pytest.MonkeyPatch):
    numbers = iter(range(100))

    def change() -> None:
        s3.put_object(Bucket="files", Key=KEY, Body=f"{HEADER}peaks: []\n{' ' * next(numbers)}\n".encode())

    between(monkeypatch, change, times=100)
    said = refused("add", *ENTRANCE, *IN_BUCKET)
    assert said == "s3://files/sites/campus/peaks.yaml: somebody else keeps changing it; try again"
    assert stored(s3).startswith(f"{HEADER}peaks: []")


@pytest.mark.parametrize(
    ("says", "arguments", "code", "expected"),
    [
        (
            "no such site",
            ("--bucket", "files", "--site", "other"),
            1,
            "s3://files/sites/other/site.yaml: there is no such file; are these the bucket's and the site's names?",
        ),
        ("no such bucket", ("--bucket", "nope", "--site", "campus"), 4, "AWS refused: "),
        ("a broken site file", ("--bucket", "files", "--site", "bad"), 1, "s3://files/sites/bad/site.yaml: line 1"),
        (
            "a file of a megabyte",
            ("--bucket", "files", "--site", "big"),
            1,
            "s3://files/sites/big/peaks.yaml has 1,000,000 bytes; at most 262,144 are read",
        ),
    ],
)
def test_what_is_wrong_in_the_bucket_is_one_sentence(s3: Any, says: str, arguments: Any, code: int, expected: str):
    s3.put_object(Bucket="files", Key="sites/bad/site.yaml", Body=b"name: bad")
    s3.put_object(Bucket="files", Key="sites/big/site.yaml", Body=SITE.encode())
    s3.put_object(Bucket="files", Key="sites/big/peaks.yaml", Body=b"#" * 1_000_000)
    for command in (("list",), ("add", *ENTRANCE), ("remove", "1")):
        assert refused(*command, *arguments, code=code).startswith(expected), says


# ---------------------------------------------------------------- the schema


def test_the_term_file_has_a_schema_too():
    printed = json.loads(CliRunner().invoke(app, ["schema", "term"]).stdout)
    assert printed["title"] == "Firstbell term file"
    assert set(printed["properties"]) == {
        "terms", "teaching_weeks", "exam_periods", "holidays", "lectures", "peaks"
    }  # fmt: skip


@pytest.mark.parametrize("command", ["", "add", "list", "remove"])
def test_every_command_shows_an_example(command: str):
    out = ok(*filter(None, (command, "--help")))
    assert "firstbell peak add" in out.partition("Examples:")[2]
