"""What Run Command runs on an instance: the script of the template's ProbeDocument with its parameters put in."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parents[1] / "template.yaml"
OUTPUT_LIMIT = 2500  # characters of a command's output that ListCommandInvocations shows


@cache
def document() -> dict[str, Any]:
    """The content of the template's ProbeDocument."""
    parsed = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    content: dict[str, Any] = parsed["Resources"]["ProbeDocument"]["Properties"]["Content"]
    return content


def script(values: Mapping[str, str], content: Mapping[str, Any] | None = None) -> str:
    """The script with `values` or defaults in place. Raises ValueError for what SSM would refuse."""
    content = content or document()
    declared = content["parameters"]
    if unknown := set(values) - set(declared):
        raise ValueError(f"the document declares no parameter {', '.join(sorted(unknown))}")
    defaults = {name: parameter["default"] for name, parameter in declared.items() if "default" in parameter}
    if absent := set(declared) - set(defaults) - set(values):
        raise ValueError(f"the document wants the parameter {', '.join(sorted(absent))}")
    chosen = defaults | dict(values)
    for name, value in chosen.items():
        if not re.search(declared[name].get("allowedPattern", ""), value):
            raise ValueError(f"the document's pattern for {name} refuses {value!r}")
    lines = "\n".join(content["mainSteps"][0]["inputs"]["runCommand"])
    # In one pass, as SSM does it: what a value holds is not looked at again.
    return re.sub(r"\{\{ *(\w+) *\}\}", lambda place: chosen[place[1]], lines)
