"""The deployed things as tests read them: the template's YAML with its intrinsics as plain `{"Ref": …}` values."""

import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def text() -> str:
    """template.yaml as it is written."""
    return (ROOT / "template.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def template(text: str) -> dict[str, Any]:
    """template.yaml, parsed."""
    parsed: dict[str, Any] = yaml_parse(text)
    return parsed


@pytest.fixture(scope="session")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The properties of each function by its directory's name, the globals filled in as SAM does."""
    common = template["Globals"]["Function"]
    found = {}
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        own = resource["Properties"]
        merged = {**common, **own}
        for name in ("LoggingConfig", "EventInvokeConfig"):
            merged[name] = {**common[name], **own.get(name, {})}
        merged["Environment"] = {**common["Environment"]["Variables"], **own["Environment"]["Variables"]}
        found[own["CodeUri"].strip("/").rpartition("/")[2]] = merged
    return found


@pytest.fixture(scope="session")
def payload() -> Any:
    """Reads a payload file of events/ by its name, such as `s3/object_created`."""
    return lambda name: json.loads((ROOT / "events" / f"{name}.json").read_text(encoding="utf-8"))
