"""Sending probes: by as few commands as AWS allows, and what fails for one instance stops no other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from firstbell.aws import commands
from firstbell.aws.table import Table
from firstbell.instances import probe, sending
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record
from firstbell.instances.sending import (
    ADMITTING,
    LEAVING,
    PATROLLING,
    answer_within,
    look_at_leaving,
    probe_parameters,
    send_probes,
)
from firstbell.site import Fleet, Moodledata, Site, Web
from tests.unit.state_table import state_table

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
WEB = Web("moodle.example.edu", 8080, "/up", ("/", "/my"), 800, 45, "moodle-cron.timer")
SITE = Site("campus", "Europe/Berlin", Fleet("web"), web=WEB)


@dataclass
class RunCommand:
    """SSM as far as sending goes: who was sent what; some are offline, which it may not name, or all is throttled."""

    offline: set[str] = field(default_factory=set)
    names_them: bool = True
    throttled: bool = False
    refused: int = 0
    sent: list[tuple[str, ...]] = field(default_factory=list)
    parameters: list[Mapping[str, str]] = field(default_factory=list)

    def send(self, document: str, instances: Sequence[str], parameters: Mapping[str, str], time_out: int) -> str:
        if self.throttled:
            raise TimeoutError("Rate exceeded")
        if self.offline & set(instances):
            self.refused += 1
            named = sorted(self.offline & set(instances)) if self.names_them else "some"
            raise commands.UnreachableError(f"not in a valid state: {named}")
        assert len(instances) <= 50
        self.sent.append(tuple(instances))
        self.parameters.append(parameters)
        return f"c-{len(self.sent)}"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    with state_table(monkeypatch) as found:
        yield found


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    fake = RunCommand()
    monkeypatch.setattr(commands, "send", fake.send)
    return fake


def known(table: Table, count: int) -> tuple[Records, list[str]]:
    records = Records.of(table, "campus", NOW)
    ids = [f"i-{n:03}" for n in range(count)]
    for instance in ids:
        records.save(Record(instance, NOW))
    return records, ids


def running(table: Table) -> dict[str, str]:
    return {r.instance: r.command for r in Records.of(table, "campus", NOW).all if r.command}


def test_fifty_go_into_one_command(table: Table, ssm: RunCommand) -> None:
    records, ids = known(table, 60)
    send_probes(SITE, records, "probe", ids)
    assert [len(batch) for batch in ssm.sent] == [50, 10]
    assert running(table) == {i: "c-1" if n < 50 else "c-2" for n, i in enumerate(ids)}


def test_one_that_has_just_gone_offline_does_not_stop_the_others(table: Table, ssm: RunCommand) -> None:
    records, ids = known(table, 3)
    ssm.offline = {"i-001"}
    send_probes(SITE, records, "probe", ids)
    assert sorted(running(table)) == ["i-000", "i-002"]
    left = Records.of(table, "campus", NOW).get("i-001")
    assert left is not None
    assert "not in a valid state" in left.no_answer
    assert (left.attempts, left.reached) == (0, False), "it was no attempt: its agent was not there"
    assert (ssm.refused, len(ssm.sent)) == (1, 1), "the others go together"


def test_whom_aws_does_not_name_is_searched(table: Table, ssm: RunCommand) -> None:
    records, ids = known(table, 50)
    ssm.offline, ssm.names_them = {"i-031"}, False
    send_probes(SITE, records, "probe", ids)
    assert sorted(running(table)) == [i for i in ids if i != "i-031"]
    assert ssm.refused + len(ssm.sent) < 15


def test_when_sending_fails_that_is_raised_and_nothing_counts_as_running(table: Table, ssm: RunCommand) -> None:
    records, ids = known(table, 2)
    ssm.throttled = True
    with pytest.raises(ExceptionGroup, match="1 failures"):
        send_probes(SITE, records, "probe", ids)
    assert running(table) == {}


def test_what_another_look_has_claimed_is_left_to_it(table: Table, ssm: RunCommand) -> None:
    records, ids = known(table, 2)
    Records.of(table, "campus", NOW).claim("i-000")
    send_probes(SITE, records, "probe", ids)
    assert ssm.sent == [("i-001",)]


def test_an_instance_whose_record_fails_does_not_stop_the_others(
    table: Table, ssm: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    records, ids = known(table, 3)
    claim = Records.claim

    def refused(self: Records, instance: str, within: timedelta) -> bool:
        if instance == "i-001":
            raise TimeoutError("throughput exceeded")
        return claim(self, instance, within)

    monkeypatch.setattr(Records, "claim", refused)
    with pytest.raises(ExceptionGroup, match="1 failures"):
        send_probes(SITE, records, "probe", ids)
    assert sorted(running(table)) == ["i-000", "i-002"]


def test_each_is_asked_for_its_purpose(table: Table, ssm: RunCommand) -> None:
    records, ids = known(table, 4)
    records.change("i-001", lambda r: replace(r, phase="serving"))
    records.change("i-002", lambda r: replace(r, pooled=True))
    send_probes(SITE, records, "probe", ids)
    asked = {batch: (p["purpose"], p["warmSeconds"]) for batch, p in zip(ssm.sent, ssm.parameters, strict=True)}
    assert asked == {
        ("i-000", "i-003"): (ADMITTING, "45"),
        ("i-001",): (PATROLLING, "0"),
        ("i-002",): (ADMITTING, "0"),  # nobody lands there from the warm pool: it is warmed on its way out
    }


def test_leaving_ones_are_asked_by_the_same_document(table: Table, ssm: RunCommand) -> None:
    records, ids = known(table, 2)
    look_at_leaving(SITE, records, "probe", ids)
    assert ssm.sent == [("i-000", "i-001")]
    assert (ssm.parameters[0]["purpose"], ssm.parameters[0]["cron"]) == (LEAVING, "moodle-cron.timer")
    assert running(table) == {"i-000": "c-1", "i-001": "c-1"}


def test_the_probe_is_told_what_the_site_file_wants() -> None:
    assert probe_parameters(SITE, ADMITTING) == {
        "path": "/var/moodledata",
        "purpose": "admitting",
        "fstype": "nfs4",
        "site": "campus",
        "slowMs": "2000",
        "timeoutSeconds": "20",
        "repair": "2",
        "webHost": "moodle.example.edu",
        "webPort": "8080",
        "page": "/up",
        "warm": "/ /my",
        "warmMs": "800",
        "warmSeconds": "45",
        "cron": "moodle-cron.timer",
    }


def test_what_is_empty_is_left_to_the_documents_defaults() -> None:
    bare = Site("campus", "Europe/Berlin", Fleet("web"), moodledata=Moodledata(fstype="", sentinel=False))
    assert not {"fstype", "source", "site", "webHost", "cron"} & probe_parameters(bare, ADMITTING).keys()
    assert probe_parameters(bare, ADMITTING)["warmSeconds"] == "0", "without a host there is nothing to warm"


def test_an_answer_is_waited_for_as_long_as_the_document_may_take() -> None:
    run = (sending.REPAIRS + 1) * (sending.PROBE_SECONDS + 1) + 3 * sending.REPAIRS * probe.COMMAND_SECONDS
    run += probe.WEB_SECONDS + 5
    assert answer_within(SITE, PATROLLING) == timedelta(seconds=60 + run)
    assert answer_within(SITE, ADMITTING) == timedelta(seconds=60 + run + 45)
    assert answer_within(SITE, ADMITTING, warmed=False) == answer_within(SITE, PATROLLING)
    assert answer_within(SITE, PATROLLING, instances=60) == timedelta(seconds=60 + 2 * run), "25 at once"
    assert answer_within(SITE, LEAVING) == timedelta(seconds=60 + sending.PROBE_SECONDS + 1 + probe.COMMAND_SECONDS)


def test_how_long_is_noted_when_it_is_sent(table: Table, ssm: RunCommand) -> None:
    records, ids = known(table, 1)
    send_probes(SITE, records, "probe", ids)
    record = records.get("i-000")
    assert record is not None
    assert record.answer_by == NOW + answer_within(SITE, ADMITTING)
