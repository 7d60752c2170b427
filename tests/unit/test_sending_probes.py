"""Sending probes: by as few commands as AWS allows, and what fails for one instance stops no other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from firstbell.aws import commands
from firstbell.aws.table import Table
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record
from firstbell.instances.sending import probe_parameters, send_probes
from firstbell.site import Fleet, Moodledata, Site
from tests.unit.state_table import state_table

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SITE = Site("campus", "Europe/Berlin", Fleet("web"))


@dataclass
class RunCommand:
    """SSM as far as sending goes: which instances have which command; some are offline, or all is throttled."""

    offline: set[str] = field(default_factory=set)
    throttled: bool = False
    sent: list[tuple[str, ...]] = field(default_factory=list)

    def send(self, document: str, instances: Sequence[str], parameters: Mapping[str, str], time_out: int) -> str:
        if self.throttled:
            raise TimeoutError("Rate exceeded")
        if self.offline & set(instances):
            raise commands.UnreachableError(f"not in a valid state: {self.offline}")
        assert len(instances) <= 50
        self.sent.append(tuple(instances))
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

    def refused(self: Records, instance: str) -> bool:
        if instance == "i-001":
            raise TimeoutError("throughput exceeded")
        return claim(self, instance)

    monkeypatch.setattr(Records, "claim", refused)
    with pytest.raises(ExceptionGroup, match="1 failures"):
        send_probes(SITE, records, "probe", ids)
    assert sorted(running(table)) == ["i-000", "i-002"]


def test_the_probe_is_told_what_the_site_file_wants() -> None:
    bare = Site(
        "campus", "Europe/Berlin", Fleet("web"), moodledata=Moodledata(path="/d", source="h:/x", sentinel=False)
    )
    assert probe_parameters(bare) == {
        "path": "/d",
        "fstype": "nfs4",
        "source": "h:/x",
        "site": "",
        "slowMs": "2000",
        "timeoutSeconds": "20",
    }
    assert probe_parameters(SITE)["site"] == "campus"
