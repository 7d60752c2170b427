"""The steps of the backup state machine, one after the other, on an RDS in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from firstbell import clock, published
from firstbell.acting import ActionsFailed
from firstbell.aws.table import Table
from firstbell.backup.steps import UnknownStepError
from firstbell.site import Backup, Fleet, Site
from functions.back_up.app import handler
from tests.unit.state_table import state_table

NIGHT = datetime(2026, 3, 2, 2, 5, tzinfo=UTC)
SITE = Site("campus", "Europe/Berlin", Fleet("web"), backup=Backup(database="moodle"))
BARE = Site("annex", "Europe/Berlin", Fleet("web-2"))


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    monkeypatch.setenv("TABLE_NAME", "state")
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    with state_table(monkeypatch) as found:
        monkeypatch.setenv("NOTIFICATIONS_TOPIC_ARN", boto3.client("sns").create_topic(Name="n")["TopicArn"])
        for site in (SITE, BARE):
            published.publish(found, site)
        boto3.client("rds").create_db_instance(
            DBInstanceIdentifier="moodle", Engine="mysql", DBInstanceClass="db.t4g.small", AllocatedStorage=20
        )
        at(NIGHT)
        yield found
    clock.use(None)


def at(moment: datetime) -> None:
    clock.use(lambda: moment)


def step(name: str, **state: Any) -> dict[str, Any]:
    """Call the handler as the state machine does: what it answers is merged into the state."""
    return {**state, **handler({"source": "firstbell.backup", "step": name, **state}, None)}


def snapshots() -> list[str]:
    """Those that were taken by hand; RDS makes automated ones, too."""
    found = boto3.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return [s["DBSnapshotIdentifier"] for s in found]


def test_a_night(table: Table) -> None:
    assert step("sites")["sites"] == ["annex", "campus"]
    state = step("start", site="campus", execution="e-1")
    assert (state["status"], snapshots()) == ("creating", ["firstbell-campus-202603020205"])
    state = step("check", **state)
    assert state["status"] == "available"
    step("record", **state)
    (record,) = table.query("SITE#campus", "BACKUP#")
    assert record.data["snapshot"] == "firstbell-campus-202603020205"
    assert record.data["holds"] == "database only: moodledata files are not copied yet"


def test_a_retry_minutes_later_makes_no_second_snapshot(table: Table) -> None:
    first = step("start", site="campus", execution="e-1")
    at(NIGHT + timedelta(minutes=5))
    assert step("start", site="campus", execution="e-1")["snapshot"] == first["snapshot"]
    assert len(snapshots()) == 1


def test_the_next_night_makes_another(table: Table) -> None:
    step("start", site="campus", execution="e-1")
    at(NIGHT + timedelta(days=1))
    step("start", site="campus", execution="e-2")
    assert len(snapshots()) == 2


def test_recording_twice_leaves_one_record(table: Table) -> None:
    state = step("start", site="campus", execution="e-1")
    step("record", **state)
    at(NIGHT + timedelta(minutes=9))
    step("record", **state)
    assert len(table.query("SITE#campus", "BACKUP#")) == 1


def test_a_site_without_a_database_has_nothing_to_do(table: Table) -> None:
    assert step("start", site="annex", execution="e-1")["status"] == "none"
    assert snapshots() == []


def test_a_snapshot_that_is_gone_is_a_failure(table: Table) -> None:
    assert step("check", site="campus", snapshot="firstbell-campus-190001010000")["status"] == "missing"


def test_a_refusal_is_raised_so_that_the_state_machine_retries_and_tells(table: Table) -> None:
    published.publish(table, Site("campus", "Europe/Berlin", Fleet("web"), backup=Backup(database="nowhere")))
    with pytest.raises(ActionsFailed, match="1 failures"):
        step("start", site="campus", execution="e-1")
    assert snapshots() == []


@pytest.mark.parametrize("state", [{"site": "campus"}, {"site": "elsewhere"}, {}])
def test_a_step_or_site_that_there_is_not_is_said(table: Table, state: dict[str, str]) -> None:
    with pytest.raises(UnknownStepError):
        step("restore", **state)
