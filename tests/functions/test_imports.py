"""Cold starts: what importing a function costs beside boto3 and its clients, in fresh interpreters."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = sorted(p.parent.name for p in (ROOT / "functions").glob("*/app.py"))
MOST = 1.5
RUNS = 5
ACCESSORS = {  # firstbell.aws.clients: accessor to boto3's name of the service
    "autoscaling": "autoscaling",
    "balancer": "elbv2",
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "rds": "rds",
    "s3": "s3",
    "sns": "sns",
    "ssm": "ssm",
}
TIMED = """
import sys, time
sys.path[:0] = [{core!r}, {root!r}]
began = time.perf_counter()
{code}
print(time.perf_counter() - began)
"""
CLIENTS = """
import boto3
from botocore.config import Config
for service in {services!r}:
    boto3.client(service, config=Config(connect_timeout=3))
"""


def seconds(code: str) -> float:
    """How long `code` takes in an interpreter of its own."""
    script = TIMED.format(core=str(ROOT / "layers" / "core"), root=str(ROOT), code=code)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout)


def after_import(name: str) -> set[str]:
    """The modules that importing a function loads."""
    code = f"import functions.{name}.app\nprint(*sys.modules)\nbegan = 0"
    script = TIMED.format(core=str(ROOT / "layers" / "core"), root=str(ROOT), code=code)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[0].split())


def services(loaded: set[str]) -> list[str]:
    """The services whose clients the loaded adapters can make."""
    found = {"dynamodb"}  # the table, which every function reads
    for module in (m for m in loaded if m.startswith("firstbell.aws.")):
        path = ROOT / "layers" / "core" / Path(*module.split(".")).with_suffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "clients":
                found |= {ACCESSORS[node.attr]} if node.attr in ACCESSORS else set()
    return sorted(found)


def test_there_is_something_to_measure():
    assert len(NAMES) == 9


@pytest.mark.parametrize("name", NAMES)
def test_a_function_s_import_stays_within_its_budget(name: str):
    """Best of five, in turns: what else the machine does hits both, and a ratio is no promise about a machine."""
    needed = services(after_import(name))
    pairs = [(seconds(f"import functions.{name}.app"), seconds(CLIENTS.format(services=needed))) for _ in range(RUNS)]
    own, clients = (min(times) for times in zip(*pairs, strict=True))
    print(
        f"\n{name}: import {own * 1000:.0f} ms, boto3 and {needed}: {clients * 1000:.0f} ms, ratio {own / clients:.2f}"
    )
    assert own / clients <= MOST


@pytest.mark.parametrize("name", NAMES)
def test_importing_a_function_makes_no_client_and_loads_no_library_that_it_may_not_need(name: str):
    loaded = after_import(name)
    assert f"functions.{name}.app" in loaded
    heavy = {"icalendar", "recurring_ical_events", "moto", "aws_xray_sdk", "boto3.session"}
    validating = set() if name == "plan_capacity" else {"pydantic", "yaml"}
    assert not loaded & (heavy | validating)
