"""The probe's answer: every output of a command has a verdict, and what cannot be understood is unknown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.instances.verdicts import NEEDED_IN_A_ROW, STORAGE_LIKE, Busy, parse, parse_leaving, printable


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


REPAIR = {"was": "stale_handle", "did": "umount -l, mount", "ok": True, "ms": 210.4, "said": ""}
HELPED = "stale_handle: umount -l, mount in 0.2 s, which helped"
BESIDE = [
    ("a repair that helped", {"repairs": [REPAIR]}, "repairs", (HELPED,)),
    (
        "a repair that did not",
        {"repairs": [REPAIR | {"ok": False, "said": "mount.nfs: timed out"}]},
        "repairs",
        ("stale_handle: umount -l, mount in 0.2 s, which did not help: mount.nfs: timed out",),
    ),
    ("repairs that are no list", {"repairs": "mount"}, "repairs", ()),
    ("a warning", {"warnings": ["writable", 7]}, "warnings", ("writable",)),
    ("more warnings than anybody reads", {"warnings": ["w" * 900] * 90}, "warnings", ("w" * 300,) * 8),
    ("it is warm", {"warm": {"done": True, "rounds": 2, "pages": 9, "ms": 3200}}, "warmth", "warm in 3.2 s, 9 pages"),
    (
        "it is not warm",
        {"warm": {"done": False, "ms": 45_000, "slowest": "/course took 1800 ms"}},
        "warmth",
        "not warm after 45.0 s: /course took 1800 ms",
    ),
    ("it was only asked", {"web": {"page": "/up", "status": 303, "ms": 12}}, "warmth", "/up answers 303 in 0.0 s"),
    ("it was not asked", {"web": None, "warm": None}, "warmth", ""),
    (
        "a time that is none",
        {"warm": {"done": True, "ms": "x", "pages": 1}},
        "warmth",
        "warm in an unknown time, 1 pages",
    ),
    ("a log in colours", {"tail": "\x1b[31mmount failed\x1b[0m\x07\nend"}, "tail", "mount failed\nend"),
]


@pytest.mark.parametrize(("fields", "name", "expected"), [c[1:] for c in BESIDE], ids=[c[0] for c in BESIDE])
def test_beside_its_verdict_it_says(fields: dict[str, object], name: str, expected: object) -> None:
    assert getattr(parse(answer(**fields)), name) == expected


MOUNTED = [
    ("healthy", answer(), True),
    ("a web server that does not answer", answer(verdict="unknown", step="web"), True),
    ("pages that fail in warming", answer(verdict="unknown", step="warm"), True),
    ("no verdict in a step of the mount", answer(verdict="unknown", step="write"), False),
    ("a step that is no word", answer(verdict="unknown", step=["web"]), False),
    ("a bad mount", answer(verdict="hung", step="web"), False),
]


@pytest.mark.parametrize(("output", "mounted"), [c[1:] for c in MOUNTED], ids=[c[0] for c in MOUNTED])
def test_the_mount_is_proven_by(output: str, mounted: bool) -> None:
    assert parse(output).mounted == mounted


def leaving(**work: object) -> str:
    return answer(verdict=None, leaving={"requests": 0, "tasks": [], "timer": "none", **work})


LEAVING = [
    ("nothing", leaving(), Busy(0, (), "none")),
    ("requests and a task", leaving(requests=2, tasks=["cron, 9 s"]), Busy(2, ("cron, 9 s",), "none")),
    ("an answer of another purpose", answer(), None),
    ("requests that are no number", leaving(requests="2"), None),
    ("requests that are a truth", leaving(requests=True), None),
    ("tasks that are no list", leaving(tasks="cron"), None),
    ("nothing at all", "", None),
]


@pytest.mark.parametrize(("output", "busy"), [c[1:] for c in LEAVING], ids=[c[0] for c in LEAVING])
def test_a_leaving_one_works_on(output: str, busy: Busy | None) -> None:
    assert parse_leaving(output) == busy


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=9), lambda x: st.lists(x, max_size=3)
)
KEYS = ("verdict", "step", "detail", "repairs", "warnings", "web", "warm", "tail", "leaving")
INSIDE = st.dictionaries(st.sampled_from(["was", "did", "ok", "ms", "done", "pages", "requests", "tasks"]), ANYTHING)


@given(st.dictionaries(st.sampled_from(KEYS), ANYTHING | INSIDE | st.lists(INSIDE, max_size=3)))
def test_no_answer_makes_it_raise_or_grow(fields: dict[str, object]) -> None:
    output = json.dumps({"probe": 1, **fields})
    found = parse(output)
    parse_leaving(output)
    assert found.word in {"healthy", "unknown", *NEEDED_IN_A_ROW}
    assert len(str(found)) < 8000


@given(st.text())
def test_a_quoted_log_can_be_shown(text: str) -> None:
    shown = printable(text)
    assert len(shown) <= 600
    assert all(c.isprintable() or c == "\n" for c in shown)


@given(st.text() | st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps))
def test_nothing_is_healthy_but_a_probe_that_says_so(output: str) -> None:
    assert parse(output).word != "healthy"
