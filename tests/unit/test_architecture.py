"""The rules of the tree, read from the source: decisions are pure; AWS, time and environment have one door each."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "layers" / "core"
APPS = sorted((ROOT / "functions").glob("*/app.py"))
DECISIONS = (
    "firstbell.acting",
    "firstbell.alarms.belonging",
    "firstbell.alarms.borrowing",
    "firstbell.alarms.credits",
    "firstbell.alarms.ends",
    "firstbell.alarms.judging",
    "firstbell.alarms.saturation",
    "firstbell.alarms.sayings",
    "firstbell.alarms.sizing",
    "firstbell.alarms.strays",
    "firstbell.alarms.telling",
    "firstbell.alarms.tiers",
    "firstbell.alarms.triage",
    "firstbell.backup.database",
    "firstbell.calendar.ical_budget",
    "firstbell.calendar.ical_event",
    "firstbell.calendar.ical_text",
    "firstbell.calendar.moodle",
    "firstbell.calendar.moodle_advice",
    "firstbell.calendar.moodle_answers",
    "firstbell.calendar.peaks",
    "firstbell.calendar.term",
    "firstbell.calendar.term_values",
    "firstbell.calendar.written",
    "firstbell.calendar.zones",
    "firstbell.readiness.attempts",
    "firstbell.capacity.complaints",
    "firstbell.capacity.demand",
    "firstbell.capacity.floors",
    "firstbell.readiness.freezing",
    "firstbell.readiness.launch_troubles",
    "firstbell.learning.estimates",
    "firstbell.loans.troubles",
    "firstbell.loans.values",
    "firstbell.learning.memory",
    "firstbell.learning.outcomes",
    "firstbell.capacity.planning",
    "firstbell.readiness.gate",
    "firstbell.capacity.reconcile",
    "firstbell.loans.returning",
    "firstbell.loans.settings",
    "firstbell.readiness.sight",
    "firstbell.loans.tiers",
    "firstbell.readiness.watching",
    "firstbell.readiness.zones",
    "firstbell.events",
    "firstbell.fleet",
    "firstbell.instances.admission",
    "firstbell.instances.holding",
    "firstbell.instances.interruption",
    "firstbell.instances.patrol",
    "firstbell.instances.probe",
    "firstbell.instances.release",
    "firstbell.instances.replacing",
    "firstbell.instances.sick_mounts",
    "firstbell.instances.storage",
    "firstbell.instances.verdicts",
    "firstbell.oncall.channels.escaping",
    "firstbell.oncall.acknowledging",
    "firstbell.oncall.calling",
    "firstbell.oncall.case",
    "firstbell.oncall.claiming",
    "firstbell.oncall.flapping",
    "firstbell.oncall.muting",
    "firstbell.oncall.rota",
    "firstbell.oncall.heartbeat",
    "firstbell.oncall.incident",
    "firstbell.oncall.pages",
    "firstbell.oncall.message",
    "firstbell.oncall.pipeline",
    "firstbell.oncall.routing",
    "firstbell.oncall.signal",
    "firstbell.oncall.summary",
    "firstbell.oncall.tokens",
    "firstbell.plain",
    "firstbell.site",
)
THIRD_PARTY = {  # the only modules that import a library, and which
    "firstbell.aws.clients": {"boto3", "botocore"},
    "firstbell.aws.idempotency": {"aws_lambda_powertools"},
    "firstbell.calendar.ical_series": {"icalendar", "recurring_ical_events"},
    "firstbell.calendar.ical_zones": {"dateutil", "icalendar", "x_wr_timezone"},
    "firstbell.calendar.term_file": {"pydantic", "yaml"},
    "firstbell.oncall.channels.apprise": {"apprise"},  # a layer of its own, loaded where it is configured
    "firstbell.running": {"aws_lambda_powertools"},
    "firstbell.site_file": {"pydantic"},
    "firstbell.yaml_file": {"pydantic", "yaml"},
}

PASSED_ON = {  # each reads calendars, whose libraries have rooms of their own
    "firstbell.calendar.fetching",
    "firstbell.calendar.folder",
    "firstbell.calendar.ical",
    "firstbell.calendar.peak_file",
    "firstbell.calendar.sources",
    "firstbell.capacity.drafting",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def sources(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py") if "__pycache__" not in p.parts)


@cache
def modules() -> dict[str, Path]:
    """The product's modules by name; a package goes by its `__init__`."""
    found = {p: p.relative_to(CORE).with_suffix("").parts for p in sources("layers/core/firstbell")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in found.items()}


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from executed(child)


def imported(path: Path) -> set[str]:
    """The full names that a file imports anywhere, inside functions too."""
    found: set[str] = set()
    for node in executed(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@cache
def direct(module: str) -> frozenset[str]:
    """What a module imports: modules of the product, packages on the way included, and top-level names of others."""
    found = set()
    for name in imported(modules()[module]):
        parts = name.split(".")
        ours = {".".join(parts[:n]) for n in range(1, len(parts) + 1)} & modules().keys()
        found |= ours or {parts[0]}
    return frozenset(found)


@cache
def reached(module: str) -> frozenset[str]:
    """Everything that importing a module may import, its own packages included."""
    found, waiting = set(), {module}
    while waiting:
        name = waiting.pop()
        found.add(name)
        if name in modules():
            parents = {name.rpartition(".")[0]} - {""}
            waiting |= (direct(name) | parents) - found
    return frozenset(found)


def libraries(names: frozenset[str]) -> set[str]:
    return {n for n in names if n not in modules() and n not in sys.stdlib_module_names}


def in_aws(module: str) -> bool:
    return module.startswith("firstbell.aws")


def test_the_reader_of_imports_sees_what_there_is():
    assert "firstbell.aws.clients" in reached("firstbell.journal")
    assert libraries(reached("firstbell.journal")) == {"boto3", "botocore"}
    assert "firstbell.calendar.ical_zones" in direct("firstbell.calendar.ical"), "an import inside a function counts"
    assert "firstbell.capacity" in reached("firstbell.capacity.floors"), "a package's own module runs too"


@pytest.mark.parametrize("module", DECISIONS)
def test_a_decision_needs_the_standard_library_and_other_pure_modules_only(module: str):
    assert libraries(reached(module)) == set()
    assert not [name for name in reached(module) if in_aws(name)]


def test_a_module_is_impure_by_its_own_imports_or_is_one_of_these():
    """Who talks to AWS or uses a library imports it; that an impure module is merely passed on is rare, and listed."""
    impure = {m for m in modules() if any(map(in_aws, reached(m))) or libraries(reached(m))}
    own = {m for m in modules() if in_aws(m) or m in THIRD_PARTY or any(map(in_aws, direct(m)))}
    assert impure - own <= PASSED_ON
    assert len(impure) < len(modules()) / 2, "most of the product is pure"


def test_libraries_are_imported_where_it_is_said_and_nowhere_else():
    found = {m: {n for n in direct(m) if n not in modules() and n not in sys.stdlib_module_names} for m in modules()}
    assert {m: names for m, names in found.items() if names} == THIRD_PARTY


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def test_boto3_has_one_door():
    doors = [p for p in sources("layers/core/firstbell", "functions") if {"boto3", "botocore"} & roots(p)]
    assert doors == [CORE / "firstbell" / "aws" / "clients.py"]


def test_the_product_imports_nothing_of_its_tools():
    outside = {"functions", "simulator", "cli", "tests", "tools", "local_aws", "nfs_lab"}
    assert [p for p in sources("layers/core/firstbell") if outside & roots(p)] == []


@pytest.mark.parametrize("path", APPS, ids=lambda p: p.parent.name)
def test_a_function_imports_the_product_only(path: Path):
    assert roots(path) - sys.stdlib_module_names == {"firstbell"}


# ---------------------------------------------------------------- time and environment


def dotted(node: ast.AST) -> str:
    """`datetime.now` for an attribute of a name, else nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def users(wanted: set[str], *folders: str) -> set[str]:
    """The files that name one of `wanted`, such as `time.time`, or import it from its module."""
    found = set()
    for path in sources(*folders):
        names = {
            ".".join(dotted(node).split(".")[-2:]) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)
        }
        if wanted & (names | imported(path)):
            found.add(path.relative_to(ROOT).as_posix())
    return found


ENGINE = "layers/core/firstbell/backup/engine/"  # a program of its own, packed without the rest
NOW = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}


def test_the_present_moment_is_read_in_one_place():
    found = users(NOW, "layers/core", "functions", "simulator", "cli")
    entry_points = {f for f in found if f.startswith("cli/")} | {"simulator/scenario.py", ENGINE + "clock.py"}
    assert found - entry_points == {"layers/core/firstbell/clock.py"}


def test_only_what_deals_with_others_waits_or_measures_time_on_its_own():
    assert users({"time.monotonic", "time.sleep", "time.perf_counter"}, "layers/core", "functions") == {
        ENGINE + "clock.py",
        "layers/core/firstbell/instances/probe.py",
        "layers/core/firstbell/oncall/pacing.py",  # one message a second is all that Slack takes
        "layers/core/firstbell/web.py",  # a deadline for other people's hosts
    }


def test_environment_variables_are_read_in_one_place():
    assert users({"os.environ", "os.getenv"}, "layers/core", "functions") == {
        ENGINE + "credentials.py",
        "layers/core/firstbell/environment.py",
    }


# ---------------------------------------------------------------- the functions


def functions_in(path: Path) -> list[ast.FunctionDef]:
    return [node for node in tree(path).body if isinstance(node, ast.FunctionDef)]


def test_there_are_nine_functions():
    assert len(APPS) == 9


@pytest.mark.parametrize("path", APPS, ids=lambda p: p.parent.name)
def test_a_function_does_nothing_at_import(path: Path):
    [docstring, *rest] = tree(path).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(docstring.value, ast.Constant)
    assert all(isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef) for node in rest)
    for function in functions_in(path):
        assert not function.decorator_list
        assert all(isinstance(default, ast.Constant) for default in function.args.defaults)


@pytest.mark.parametrize("path", APPS, ids=lambda p: p.parent.name)
def test_a_function_is_thin(path: Path):
    lengths = {f.name: (f.end_lineno or 0) - f.lineno + 1 for f in functions_in(path)}
    assert "handler" in lengths
    assert max(lengths.values()) <= 40


ALL = sources("layers/core/firstbell", "functions", "simulator", "cli")


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_says_what_lives_in_it_and_is_no_heap(path: Path):
    text = path.read_text("utf-8")
    assert ast.get_docstring(tree(path)), "no docstring"
    assert text.count("\n") <= 400
