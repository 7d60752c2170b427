"""The probe's answer: every output of a command has a verdict, and what cannot be understood is unknown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.instances.verdicts import NEEDED_IN_A_ROW, STORAGE_LIKE, parse


def answer(**fields: object) -> str:
    return json.dumps({"probe": 1, "verdict": "healthy", "detail": "fine", **fields})


CASES = [
    ("a healthy answer", answer(), "healthy"),
    ("a bad answer", answer(verdict="stale_handle"), "stale_handle"),
    ("other lines before and after it", f"+ set -e\n{answer(verdict='hung')}\nfailed to run commands: exit 1", "hung"),
    ("the last of two answers", f"{answer(verdict='hung')}\n{answer()}", "healthy"),
    ("nothing at all", "", "unknown"),
    ("a traceback", "Traceback (most recent call last):\n  File …", "unknown"),
    ("an answer that was cut off", answer()[:20], "unknown"),
    ("JSON that is no answer of the probe", '{"verdict": "healthy"}', "unknown"),
    ("an answer of a later probe's format", '{"probe": 2, "verdict": "healthy"}', "unknown"),
    ("a word that no probe says", answer(verdict="splendid"), "unknown"),
    ("a verdict that is no word", answer(verdict=["healthy"]), "unknown"),
    ("a list", "[1]", "unknown"),
    ("nesting without end", "{" * 100_000, "unknown"),
]


@pytest.mark.parametrize(("output", "word"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_output_means(output: str, word: str) -> None:
    assert parse(output).word == word


def test_what_cannot_be_understood_is_quoted() -> None:
    assert "No such file" in parse("python3: No such file").detail


def test_a_wrong_source_is_the_only_bad_verdict_that_storage_cannot_cause() -> None:
    assert set(NEEDED_IN_A_ROW) - STORAGE_LIKE == {"wrong_source"}


@given(st.text() | st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps))
def test_nothing_is_healthy_but_a_probe_that_says_so(output: str) -> None:
    assert parse(output).word != "healthy"
