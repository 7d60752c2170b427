"""Scenario files: what is wrong with one is told in words; what could change nothing is refused."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from simulator.run import simulate
from simulator.scenario import Fault, ScenarioError, load

EXAMPLE = Path(__file__).parents[2] / "examples" / "exam_morning"


def written(folder: Path, **keys: str) -> str:
    """The path of a scenario file with these keys."""
    values = {"title": "T", "site": str(EXAMPLE), "start": "2026-11-24T05:00:00Z", "hours": "1"} | keys
    (folder / "mine.yaml").write_text("".join(f"{key}: {value}\n" for key, value in values.items() if value))
    return str(folder / "mine.yaml")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"start": "9999-12-31T23:00:00Z"}, "mine.yaml: the year 9999 is not between 1990 and 2100"),
        ({"start": "0001-01-01T00:00:00Z"}, "mine.yaml: the year 1 is not between 1990 and 2100"),
        ({"start": "2026-11-24T05:00:00"}, "mine.yaml: times need a zone"),
        ({"title": ""}, "mine.yaml: title: is missing"),
        ({"colour": "red"}, "mine.yaml: colour: is not a key of a scenario"),
        ({"hours": "0"}, "mine.yaml: hours: 0 is wrong: input should be greater than or equal to 0.1"),
        ({"faults": "[{kind: mount_lost}]"}, "mine.yaml: faults.0: mount_lost needs 'at'"),
        ({"faults": "[{kind: no_capacity, zone: b}]"}, "mine.yaml: faults.0: no_capacity needs 'at'"),
        ({"faults": "[{kind: scale_in, count: 2}]"}, "mine.yaml: faults.0: scale_in needs 'at'"),
        ({"faults": "[{kind: commands_late, seconds: -1}]"}, "mine.yaml: faults.0.seconds: -1 is wrong"),
        ({"faults": "[{kind: earthquake}]"}, "mine.yaml: faults.0.kind: 'earthquake' is wrong"),
        ({"faults": "[{kind: no_capacity, zone: c}]"}, "mine.yaml: faults.0.zone: 'c' is wrong"),
        ({"rushes": "[{at: 2026-11-24T06:00:00Z, rate: 5}]"}, "rushes.0: 2026-11-24 06:00 UTC is outside"),
        ({"rushes": "[{at: 2026-11-24T04:40:00Z, rate: 5}]"}, "rushes.0: 2026-11-24 04:40 UTC is outside"),
        ({"faults": "[{kind: mount_lost, at: 2026-11-26T06:00:00Z}]"}, "faults.0: 2026-11-26 06:00 UTC is outside"),
    ],
)
def test_a_bad_scenario_is_told_in_words(tmp_path: Path, keys: dict[str, str], says: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(written(tmp_path, **keys))
    assert says in str(caught.value)
    assert "Value error" not in str(caught.value)


def test_every_mistake_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(written(tmp_path, hours="0", colour="red"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_fault_that_reaches_into_the_scenario_is_allowed(tmp_path: Path) -> None:
    faults = "[{kind: controller_down, at: 2026-11-24T04:55:00Z, minutes: 10}]"
    assert load(written(tmp_path, faults=faults)).faults


def test_every_fault_is_described() -> None:
    kinds = get_args(get_type_hints(Fault)["kind"])
    assert [kind for kind in kinds if f"`{kind}`" not in (Fault.__doc__ or "")] == []


def test_an_exam_that_is_on_already_is_said_to_be_left_out() -> None:
    late = replace(load("exam-morning"), start=datetime(2026, 11, 24, 9, tzinfo=UTC), hours=0.2, rushes=(), faults=())
    told = [h.what for h in simulate(late, "fixed").timeline]
    assert any("Midterm exam is on already" in line for line in told)
