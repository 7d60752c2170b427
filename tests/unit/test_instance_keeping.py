"""The records of instances in a real (in-memory) table: two looks at once agree on who does what."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from firstbell.aws.table import Table
from firstbell.instances.keeping import ContendedError, Records, open_incidents
from firstbell.instances.records import CLAIMED, Record
from tests.unit.state_table import state_table

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
A = Record("i-a", NOW)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    with state_table(monkeypatch) as found:
        yield found


def records(table: Table) -> Records:
    return Records.of(table, "campus", NOW)


def test_what_is_saved_is_read_by_the_next_look(table: Table) -> None:
    assert records(table).save(A)
    assert records(table).all == (A,)


def test_of_two_looks_at_once_one_may_send_the_probe(table: Table) -> None:
    records(table).save(A)
    one, other = records(table), records(table)
    assert (one.claim("i-a"), other.claim("i-a")) == (True, False)
    kept = records(table).get("i-a")
    assert kept is not None
    assert (kept.command, kept.attempts, kept.sent_at) == (CLAIMED, 1, NOW)


def test_of_two_looks_that_open_a_record_one_does(table: Table) -> None:
    one, other = records(table), records(table)
    assert (one.save(A), other.save(replace(A, since=NOW + timedelta(minutes=1)))) == (True, False)
    assert records(table).all == (A,)


def test_saving_what_is_there_already_is_done_and_costs_nothing(table: Table) -> None:
    one = records(table)
    one.save(A)
    assert one.save(A)
    stored = table.get("SITE#campus", "INSTANCE#i-a")
    assert stored is not None
    assert stored.version == 1


def test_a_change_is_made_to_what_others_have_made_of_it(table: Table) -> None:
    records(table).save(A)
    one, other = records(table), records(table)
    other.change("i-a", lambda r: replace(r, heartbeat_at=NOW))
    one.change("i-a", lambda r: replace(r, waits_for="x"))
    assert records(table).all == (replace(A, heartbeat_at=NOW, waits_for="x"),)


def test_a_change_survives_that_the_record_expired_meanwhile(table: Table) -> None:
    one = records(table)
    one.save(A)
    table.delete("SITE#campus", "INSTANCE#i-a")
    one.change("i-a", lambda r: replace(r, waits_for="x"))
    assert records(table).all == (replace(A, waits_for="x"),)


def test_who_is_never_let_in_says_so(table: Table) -> None:
    records(table).save(A)
    one, n = records(table), iter(range(9))

    def overtaken(record: Record) -> Record:
        records(table).change("i-a", lambda r: replace(r, attempts=r.attempts + 1 + next(n)))
        return replace(record, waits_for="x")

    with pytest.raises(ContendedError, match="i-a"):
        one.change("i-a", overtaken)


def test_open_incidents_are_those_that_on_call_holds_open(table: Table) -> None:
    for key, state in [("storage", "open"), ("mount/i-a", "resolved")]:
        table.put("SITE#campus", f"INCIDENT#{key}", {"key": key, "state": state})
    assert open_incidents(table, "campus") == {"storage"}
