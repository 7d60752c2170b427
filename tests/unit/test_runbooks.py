"""Runbooks: whatever name the product can send has its page, no page is about nothing, and each has the same order."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "runbooks"
HEADINGS = ["What it means", "What Firstbell did", "What to do now", "How to check", "When it is over"]
POSITION = {"Signal": 5, "Complaint": 0}
"""Where a call has the runbook's name when it is not said by keyword (a complaint's key is its runbook's name)."""

PASSING_ON = {"oncall/resolving.py", "oncall/texts.py", "oncall/pipeline.py", "capacity/complaints.py"}
"""Where a name is only passed on, from a call that names it."""


def named_in(source: str, place: str) -> Iterator[str]:
    """The runbooks' names in Python source. Fails where a name is neither a literal nor a constant of the module."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for said in runbooks_of(node):
                yield from literals(said, constants, place)


def runbooks_of(call: ast.Call) -> list[ast.expr]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    said = [keyword.value for keyword in call.keywords if keyword.arg == "runbook"]
    position = POSITION.get(name, len(call.args))
    return said + ([call.args[position]] if position < len(call.args) else [])


def literals(node: ast.expr, constants: dict[str, ast.expr], place: str) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield from [text] if text else []
        case ast.IfExp(body=one, orelse=other):
            yield from literals(one, constants, place)
            yield from literals(other, constants, place)
        case ast.Name(id=name) if name in constants:
            yield from literals(constants[name], constants, place)
        case _:
            assert place in PASSING_ON, f"{place}:{node.lineno}: say the runbook's name so that this test can read it"


def sent() -> dict[str, str]:
    """Every name that the product can send, with a place that sends it."""
    found = {}
    for folder in ("layers/core/firstbell", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = str(path.relative_to(ROOT / folder))
            found |= dict.fromkeys(named_in(path.read_text(), place), place)
    for path in sorted((ROOT / "statemachines").glob("*.json")):
        found |= dict.fromkeys(re.findall(r"'runbook': '([^']*)'", path.read_text()), path.name)
    template = (ROOT / "template.yaml").read_text()
    found |= dict.fromkeys(re.findall(r"AlarmDescription:.* Runbook ([a-z-]+)\.", template), "template.yaml")
    return found


def pages() -> list[Path]:
    return sorted(path for path in PAGES.glob("*.md") if path.name != "README.md")


def test_every_runbook_that_can_be_sent_has_a_page():
    found = sent()
    missing = {name: place for name, place in found.items() if not (PAGES / f"{name}.md").is_file()}
    assert len(found) > 10, "the search finds the names"
    assert missing == {}


def test_every_page_is_sent_by_something():
    assert {page.stem for page in pages()} - set(sent()) == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_a_page_says_everything_in_the_same_order_and_its_links_lead_somewhere(page: Path):
    text = page.read_text()
    assert text.startswith("# ")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    assert parts[1::2] == HEADINGS
    assert all(len(part.split()) >= 3 for part in parts[2::2]), "no part is empty"
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PAGES / link).is_file(), link


NAMED = [
    ("by keyword", "Signal(runbook='mount')", ["mount"]),
    ("by position", "Signal(a, b, c, d, e, 'mount')", ["mount"]),
    ("by a condition", "Signal(runbook='mount' if bad else 'storage')", ["mount", "storage"]),
    ("by a constant", "PAGE = 'mount'\nSignal(runbook=PAGE)", ["mount"]),
    ("by a complaint's key", "Complaint('site-file', 'a', 'b')", ["site-file"]),
    ("nothing", "print('mount')", []),
]


@pytest.mark.parametrize(("says", "source", "expected"), NAMED, ids=[c[0] for c in NAMED])
def test_names_are_found_however_they_are_said(says: str, source: str, expected: list[str]):
    assert list(named_in(source, "somewhere.py")) == expected


def test_a_name_that_cannot_be_read_fails():
    with pytest.raises(AssertionError, match=r"somewhere\.py:1: say the runbook's name"):
        list(named_in("Signal(runbook=made_up(x))", "somewhere.py"))
