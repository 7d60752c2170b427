"""The backup's states: nothing is tried only once, no site's failure is silent or stops the others."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from firstbell.oncall.signal import Signal

FILE = Path(__file__).resolve().parents[2] / "statemachines" / "back_up.asl.json"


@pytest.fixture(scope="module")
def machine() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def site_states(machine: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = machine["States"]["EverySite"]["ItemProcessor"]["States"]
    return found


def targets(state: dict[str, Any]) -> set[str]:
    choices = [*state.get("Choices", []), *state.get("Catch", [])]
    return {s["Next"] for s in [state, *choices] if "Next" in s} | ({state["Default"]} if "Default" in state else set())


@pytest.mark.parametrize("level", ["machine", "site"])
def test_every_state_is_reached_and_leads_somewhere(
    machine: dict[str, Any], site_states: dict[str, Any], level: str
) -> None:
    states, start = (machine["States"], "ListSites") if level == "machine" else (site_states, "StartSnapshot")
    assert {t for s in states.values() for t in targets(s)} | {start} == set(states)
    ends = {"Succeed", "Fail"}
    assert all(targets(s) or s.get("End") or s["Type"] in ends for s in states.values())


def test_every_task_is_tried_again(machine: dict[str, Any], site_states: dict[str, Any]) -> None:
    tasks = [s for s in [*machine["States"].values(), *site_states.values()] if s["Type"] == "Task"]
    assert len(tasks) == 5
    assert all(task["Retry"][0]["MaxAttempts"] >= 3 for task in tasks)


def test_a_database_that_is_being_backed_up_or_modified_is_waited_for(site_states: dict[str, Any]) -> None:
    [retry] = site_states["StartSnapshot"]["Retry"]
    waits = [retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(retry["MaxAttempts"])]
    assert sum(waits) >= 30 * 60


def test_what_fails_for_a_site_is_told(site_states: dict[str, Any]) -> None:
    asking = {n: s for n, s in site_states.items() if s["Type"] == "Task" and n != "TellFailure"}
    assert {n: [c["Next"] for c in s["Catch"]] for n, s in asking.items()} == {n: ["TellFailure"] for n in asking}
    assert site_states["TellFailure"]["Arguments"]["TopicArn"] == "${NotificationsTopicArn}"


def test_the_message_has_exactly_the_fields_of_a_signal(site_states: dict[str, Any]) -> None:
    message = site_states["TellFailure"]["Arguments"]["Message"]
    assert set(re.findall(r"'(\w+)':", message)) == {field.name for field in fields(Signal)}


def test_the_template_fills_every_place_in_it(template: dict[str, Any]) -> None:
    substitutions = template["Resources"]["BackUpStateMachine"]["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", FILE.read_text(encoding="utf-8"))) == set(substitutions)
