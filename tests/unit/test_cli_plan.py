"""`firstbell plan` and `explain`: what they print for people and for programs, from real files."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from cli import picture
from cli.main import app
from firstbell import clock, journal, web
from firstbell.acting import Outcome
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.capacity.reconcile import SetMinSize
from firstbell.capacity.values import Plan, Step

EXAMPLE = Path(__file__).parents[2] / "examples" / "exam_morning" / "site.yaml"
NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def firstbell(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(autouse=True)
def _now():
    clock.use(lambda: NOW)
    yield
    clock.use(None)


def planned(*arguments: object) -> dict:
    result = firstbell("plan", "--site", EXAMPLE, "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_json_has_exactly_the_agreed_keys():
    plan = planned()
    assert list(plan)[:5] == ["site", "steps", "peaks", "warnings", "cost"]
    assert list(plan)[5:] == ["advice", "assumptions", "tiers"]
    assert all(set(step) == {"at", "instances", "reasons"} for step in plan["steps"])
    assert {frozenset(p) for p in plan["peaks"]} == {
        frozenset(("start", "end", "participants", "kind", "source", "title"))
    }
    assert set(plan["cost"]) == {"instance_hours", "usd", "hourly_usd"}


def test_the_steps_ascend_and_begin_now():
    moments = [step["at"] for step in planned()["steps"]]
    assert moments[0] == "2026-11-24T05:00:00Z"
    assert moments == sorted(set(moments))


def test_the_exam_of_the_example_is_planned_before_log_in():
    raised = next(step for step in planned()["steps"] if step["instances"] == 10)
    assert raised["at"] == "2026-11-24T08:28:00Z"
    assert "Midterm exam" in raised["reasons"][0]


def test_the_cost_is_that_of_the_steps():
    plan = planned("--days", 1)
    edges = [datetime.fromisoformat(s["at"]) for s in plan["steps"]] + [NOW + timedelta(days=1)]
    spans = [(b - a) / timedelta(hours=1) for a, b in pairwise(edges)]
    hours = sum(span * step["instances"] for span, step in zip(spans, plan["steps"], strict=True))
    assert plan["cost"]["instance_hours"] == pytest.approx(hours, abs=0.01)
    assert plan["cost"]["usd"] == pytest.approx(hours * plan["cost"]["hourly_usd"], abs=0.01)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2026-11-24", "2026-11-23T23:00:00Z"),  # a day is its midnight in the site's zone
        ("2026-11-24T09:00", "2026-11-24T08:00:00Z"),  # without a zone it is the site's
        ("2026-07-01T09:00", "2026-07-01T07:00:00Z"),  # with its summer time
        ("2026-11-24T09:00Z", "2026-11-24T09:00:00Z"),  # with a zone it is that
        ("2026-11-24T09:00+05:30", "2026-11-24T03:30:00Z"),  # any zone
    ],
)
def test_times_may_be_written_in_any_of_these_ways(text, first):
    assert planned("--from", text, "--days", 1)["steps"][0]["at"] == first


@pytest.mark.parametrize("text", ["tomorrow", "24.11.2026", "2026-13-01", "0001-01-01", "9999-12-31T23:59", ""])
def test_a_bad_time_is_one_sentence(text):
    result = firstbell("plan", "--site", EXAMPLE, "--from", text or " ")
    assert result.exit_code == 1
    assert result.stderr.startswith("firstbell: --from: ")
    assert len(result.stderr.splitlines()) == 1


def test_a_peak_just_after_the_plan_raises_its_end():
    plan = planned("--from", "2026-11-23T09:45", "--days", 1)  # the exam is at 10:00 of the next day
    assert plan["steps"][-1]["instances"] == 10
    assert [p["start"] for p in plan["peaks"] if p["kind"] == "exam"] == ["2026-11-24T09:00:00Z"], "it is named too"


@pytest.mark.parametrize("begin", ["2026-11-23T08:00", "2026-11-24T12:30"])
def test_a_peak_that_wants_nothing_within_the_plan_is_not_shown(begin):
    assert not [p for p in planned("--from", begin, "--days", 1)["peaks"] if p["title"].startswith("Midterm")]


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("2026-10-25T02:30", "2026-10-25T00:30:00Z"),  # exists twice: the earlier
        ("2027-03-28T02:30", "2027-03-28T00:30:00Z"),  # does not exist: the earlier reading
    ],
)
def test_a_doubtful_time_is_taken_as_a_beginning_and_said(text, begins):
    result = firstbell("plan", "--site", EXAMPLE, "--json", "--from", text)
    assert json.loads(result.stdout)["steps"][0]["at"] == begins
    assert result.stderr.startswith(f"firstbell: note: --from: {text.replace('T', ' ')} ")
    assert "taken as 00:30 UTC" in result.stderr
    assert "note" not in firstbell("plan", "--site", EXAMPLE, "--json", "--from", f"{text}+01:00").stderr


def test_people_see_times_costs_and_a_picture():
    out = firstbell("plan", "--site", EXAMPLE).stdout
    assert "Tue 24 Nov 2026 09:28" in out  # local
    assert "24 Nov 08:28" in out  # UTC
    assert "2 → 10" in out
    assert "20 instances all the time would be $225.79" in out
    assert "█" in out
    assert "\x1b" not in out  # no colours on a pipe


def test_a_shortfall_is_a_warning(tmp_path):
    shutil.copytree(EXAMPLE.parent, tmp_path / "site")
    site = tmp_path / "site" / "site.yaml"
    site.write_text(site.read_text().replace("max_instances: 20", "max_instances: 5"))
    plan = json.loads(firstbell("plan", "--site", site, "--json").stdout)
    assert any("5 is the most" in warning for warning in plan["warnings"])
    assert "Shortfall: " in firstbell("plan", "--site", site).stdout


def test_a_year_is_drawn_only_where_something_is_on():
    plan = Plan(
        "x",
        NOW,
        NOW + timedelta(days=400),
        (
            Step(NOW, 2, ()),
            Step(NOW + timedelta(days=200), 9, ()),
            Step(NOW + timedelta(days=200, hours=2), 2, ()),
        ),
    )
    rows, left = picture.rows(plan, ZoneInfo("UTC"), 2)
    assert [(row.day, row.most) for row in rows] == [((NOW + timedelta(days=200)).date(), 9)]
    assert left == 0


def test_a_window_that_ends_at_midnight_has_no_row_after_it():
    midnight = NOW.replace(hour=0)
    plan = Plan("x", midnight, midnight + timedelta(days=2), (Step(midnight, 2, ()),))
    assert [row.day.day for row in picture.rows(plan, ZoneInfo("UTC"), 2)[0]] == [24, 25]


def test_explain_tells_the_reason_the_peak_and_the_next_change():
    out = firstbell("explain", "--site", EXAMPLE, "--at", "2026-11-24T09:45").stdout
    assert "at least 10 instances" in out
    assert "because Midterm exam" in out
    assert "Next change: Tue 24 Nov 2026 12:02, 10 → 2" in out


def test_one_instance_is_one(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text("name: small\ntimezone: UTC\nfleet: {auto_scaling_group: w, min_instances: 1}\n")
    assert "at least 1 instance\n" in firstbell("explain", "--site", site).stdout


# ---------------------------------------------------------------- some calendars cannot be read


@pytest.fixture
def three(tmp_path):
    """A site with one good calendar, one that is missing and one whose host does not answer."""

    def nobody(url: str, form: object) -> bytes:
        raise web.WebError("no such host")

    shutil.copytree(EXAMPLE.parent, tmp_path / "site")
    site = tmp_path / "site" / "site.yaml"
    more = "  - {ical: away.ics, participants: 1}\n  - {ical: 'https://example.edu/a.ics', participants: 1}\n"
    site.write_text(site.read_text().replace("calendars:\n", f"calendars:\n{more}"))
    web.use(nobody)
    yield site
    web.use(None)


UNREAD = ["away.ics: not found beside the site file", "example.edu#b52db9: no such host"]


def test_the_other_calendars_are_planned_and_the_broken_ones_said(three):
    result = firstbell("plan", "--site", three, "--json")
    plan = json.loads(result.stdout)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [f"firstbell: {said}" for said in UNREAD]
    assert plan["warnings"][:2] == UNREAD
    assert (plan["steps"], plan["peaks"]) == (planned()["steps"], planned()["peaks"])


@pytest.mark.parametrize("command", ["plan", "explain"])
def test_people_are_told_of_broken_calendars_in_the_plan_and_beside_it(three, command):
    result = firstbell(command, "--site", three)
    assert "exit code is 1" in " ".join(firstbell(command, "--help").stdout.split())
    assert result.exit_code == 1
    assert all(f"Warning: {said}" in result.stdout for said in UNREAD)
    assert result.stderr.splitlines() == [f"firstbell: {said}" for said in UNREAD]


@pytest.mark.parametrize("command", ["plan", "explain"])
def test_without_any_calendar_there_is_no_plan(three, command):
    for file in [*three.parent.rglob("*.json"), *three.parent.glob("*.ics")]:
        file.unlink()
    result = firstbell(command, "--site", three)
    assert (result.exit_code, result.stdout) == (1, "")
    assert set(UNREAD) < {line.removeprefix("firstbell: ") for line in result.stderr.splitlines()}


def test_explain_says_that_nothing_is_planned():
    out = firstbell("explain", "--site", EXAMPLE, "--at", "2027-08-01").stdout
    assert "nothing is planned" in out
    assert "No peak within 12 hours" in out
    assert "Next change: none" in out


@pytest.fixture
def table(monkeypatch):
    """A deployed table with two entries of greenfield's journal."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    clients.forget()
    with mock_aws():
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        boto3.client("dynamodb").create_table(
            TableName="state",
            KeySchema=[{"AttributeName": n, "KeyType": k} for n, k in keys],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        for hour, size in ((1, 4), (2, 6)):
            done = [Outcome(SetMinSize("web", size, f"{size} are wanted"))]
            at = NOW.replace(hour=hour)
            journal.write(Table("state"), "greenfield", journal.entries("plan_capacity", done, at))
        yield "state"
    clients.forget()


@pytest.mark.parametrize("site", [str(EXAMPLE), "greenfield"])
def test_the_journal_is_shown_newest_first_by_file_or_by_name(table, site):
    result = firstbell("explain", "--table", table, "--site", site)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.index("6 are wanted") < result.stdout.index("4 are wanted")


def test_the_journal_can_be_asked_for_a_moment(table):
    out = firstbell("explain", "--table", table, "--site", "greenfield", "--at", "2026-11-24T01:30Z").stdout
    assert "4 are wanted" in out
    assert "6 are wanted" not in out


def test_a_table_that_is_not_there_is_aws_refusing(table):
    result = firstbell("explain", "--table", "nope", "--site", "greenfield")
    assert result.exit_code == 4
    assert "AWS refused" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("day", "hours"), [("2026-10-25", 25), ("2027-03-28", 23), ("2026-11-24", 24)])
def test_a_day_is_one_of_the_wall_clock(monkeypatch, day, hours):
    asked = []

    def remember(self, start, end, seen, learned):
        asked.append((end - start) / timedelta(hours=1))
        return Plan("greenfield", start, end, (Step(start, 2, ("nothing is planned",)),)), ()

    monkeypatch.setattr("cli.folder.Folder.plan", remember)
    out = firstbell("plan", "--site", EXAMPLE, "--from", day, "--days", 1).stdout
    assert asked == [hours]
    assert "1 day from" in out


# ---------------------------------------------------------------- compared with a group


def group_file(tmp_path: Path, *scheduled: dict, **sizes: int) -> Path:
    """What the AWS CLI prints of the example's group, in one object with its scheduled actions."""
    group = {
        "AutoScalingGroupName": "greenfield-web",
        "MinSize": 2,
        "MaxSize": 20,
        "DesiredCapacity": 2,
        "AvailabilityZones": ["eu-central-1a"],
        **sizes,
    }
    actions = [{"AutoScalingGroupName": "greenfield-web", **action} for action in scheduled]
    path = tmp_path / "group.json"
    path.write_text(json.dumps({"AutoScalingGroups": [group], "ScheduledUpdateGroupActions": actions}))
    return path


OURS = {"ScheduledActionName": "firstbell-20261124T082800Z", "StartTime": "2026-11-24T08:28:00+00:00", "MinSize": 10}
STALE = {"ScheduledActionName": "firstbell-20261125T080000Z", "StartTime": "2026-11-25T08:00:00+00:00", "MinSize": 9}
FOREIGN = {
    "ScheduledActionName": "lunch",
    "Time": "2026-11-24T12:00:00+00:00",
    "MinSize": 3,
    "Recurrence": "0 12 * * *",
}


def test_against_a_group_the_plan_says_what_would_change(tmp_path):
    changes = planned("--days", 1, "--group-state", group_file(tmp_path, OURS, STALE, FOREIGN))["changes"]
    assert {"action": "add", "at": "2026-11-24T11:02:00Z", "min_size": 2} in changes
    assert {"action": "delete", "at": "2026-11-25T08:00:00Z", "min_size": 9} in changes
    assert not [c for c in changes if c["at"] == "2026-11-24T08:28:00Z"], "it is there already"
    assert not [c for c in changes if c["at"] == "2026-11-24T12:00:00Z"], "it is somebody else's"


def test_a_changed_step_and_a_reset_group_are_shown_to_people(tmp_path):
    changed = {**OURS, "MinSize": 7}
    state = group_file(tmp_path, changed, FOREIGN, MinSize=0)
    out = firstbell("plan", "--site", EXAMPLE, "--days", 1, "--group-state", state).stdout
    assert "greenfield-web now: MinSize 0, desired 2, MaxSize 20, 1 scheduled action of somebody else" in out
    assert "~ Tue 24 Nov 2026 09:28: MinSize 10" in out
    assert "! now: MinSize 2" in out
    assert "1 to change" in out


def test_an_action_with_our_prefix_and_a_name_that_is_no_time_has_its_own_start(tmp_path):
    strange = [{**STALE, "ScheduledActionName": f"firstbell-{name}"} for name in ("weekend", "20261125T0728Z")]
    changes = planned("--days", 1, "--group-state", group_file(tmp_path, *strange))["changes"]
    assert [c for c in changes if c["action"] == "delete"] == [
        {"action": "delete", "at": "2026-11-25T08:00:00Z", "min_size": 9}
    ] * 2


@pytest.mark.parametrize(
    ("least", "reason"),
    [(8, "nothing is planned; 8 is the group's own MinSize (the site's is 2)"), (2, "nothing is planned")],
)
def test_a_group_that_rests_higher_than_the_site_says_so(tmp_path, least, reason):
    plan = planned("--days", 1, "--group-state", group_file(tmp_path, MinSize=least))
    assert (plan["steps"][0]["instances"], plan["steps"][0]["reasons"]) == (least, [reason])


def test_the_group_s_own_maximum_limits_the_plan(tmp_path):
    plan = planned("--days", 1, "--group-state", group_file(tmp_path, MaxSize=6))
    assert max(s["instances"] for s in plan["steps"]) == 6
    assert any("6 is the most: 4 missing" in said for said in plan["warnings"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not a description of a group"),
        ('{"Groups": []}', "not a description of a group (KeyError"),
        ("[1]", "describe-auto-scaling-groups"),
        ('{"AutoScalingGroups": [{"AutoScalingGroupName": "other"}]}', "has no group 'greenfield-web', only other"),
        ('{"AutoScalingGroups": [{"AutoScalingGroupName": "greenfield-web"}]}', "KeyError: 'MinSize'"),
    ],
)
def test_a_file_that_describes_no_group_is_refused(tmp_path, text, says):
    path = tmp_path / "group.json"
    path.write_text(text)
    result = firstbell("plan", "--site", EXAMPLE, "--group-state", path)
    assert result.exit_code == 1
    assert says in result.stderr


def test_a_group_is_given_once(tmp_path):
    result = firstbell("plan", "--site", EXAMPLE, "--group-state", group_file(tmp_path), "--live")
    assert (result.exit_code, "not both" in result.stderr) == (2, True)
    assert firstbell("plan", "--site", EXAMPLE, "--table", "t").exit_code == 2


# ---------------------------------------------------------------- what else a plan says


def test_the_page_of_a_plan_shows_it_and_lets_nothing_in(tmp_path):
    page = tmp_path / "plan.html"
    result = firstbell("plan", "--site", EXAMPLE, "--days", 3, "--report", page)
    assert result.exit_code == 0, result.stderr
    html = page.read_text("utf-8")
    assert "greenfield needs at most 10 instances" in html
    assert "Midterm exam" in html
    assert html.count("<svg") >= 1
    assert "default-src 'none'" in html
    assert 'class="words">Midterm exam' in html, "a long word may break"
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_a_title_from_a_calendar_cannot_become_markup(tmp_path):
    ics = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:<script>alert(1)</script>\r\n"
        "DTSTART:20261125T090000Z\r\nDTEND:20261125T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    (tmp_path / "a.ics").write_text(ics)
    (tmp_path / "site.yaml").write_text(
        "name: small\ntimezone: UTC\nfleet: {auto_scaling_group: w}\n"
        "calendars: [{ical: a.ics, participants: 900, kind: exam}]\n"
    )
    page = tmp_path / "plan.html"
    assert firstbell("plan", "--site", tmp_path / "site.yaml", "--report", page).exit_code == 0
    assert "&lt;script&gt;alert(1)" in page.read_text("utf-8")
    assert "<script>alert(1)" not in page.read_text("utf-8")


def test_a_plan_says_what_it_had_to_assume():
    said = planned()["assumptions"]
    assert any("launches are taken to need 300 s" in one for one in said)
    assert any("exam 100 % (none was seen yet)" in one for one in said)


def test_a_plan_shows_what_else_is_borrowed_for_an_exam():
    [loan] = planned("--days", 1)["tiers"]
    assert (loan["tier"], loan["from"], loan["until"]) == ("freeze", "2026-11-24T08:35:00Z", "2026-11-24T11:02:00Z")
    assert loan["parts"] == ["AZRebalance", "InstanceRefresh"]


def test_explain_says_what_asks_for_vcpus():
    out = firstbell("explain", "--site", EXAMPLE, "--at", "2026-11-24T09:45").stdout
    assert "Midterm exam: logging in takes" in out
    assert "of which an instance takes 1.2" in out
