"""The SSM document holds the probe as it is, its patterns let nothing into the shell, and its script runs."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from firstbell.instances.sending import probe_parameters
from firstbell.site import Fleet, Moodledata, Site
from tools import embed_probe

QUOTES = ("it's", '"', "$(id)", "`id`", "a b", "a;b", "a\nb", "{{ site }}", "\\")


@pytest.fixture(scope="module")
def content(template: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]["ProbeDocument"]["Properties"]["Content"]
    return found


def script(content: dict[str, Any], **values: str) -> str:
    """The script as the SSM agent runs it: each parameter's place taken by its value or default."""
    [text] = content["mainSteps"][0]["inputs"]["runCommand"]
    for name, parameter in content["parameters"].items():
        text = text.replace("{{ " + name + " }}", values.get(name, parameter.get("default")))
    return str(text)


def test_the_template_has_the_probe_as_it_is() -> None:
    assert embed_probe.main(["--check"]) == 0, "run `python -m tools.embed_probe`"


def test_a_changed_probe_is_noticed(text: str) -> None:
    probe = embed_probe.PROBE.read_text(encoding="utf-8")
    fresh = embed_probe.embedded(text, probe)
    changed = embed_probe.embedded(text, probe + "# changed\n")
    assert changed != fresh
    assert embed_probe.embedded(changed, probe) == fresh


@pytest.mark.parametrize("bad", ["print('{{ x }}')\n", "print('é')\n", "x = 1\nFIRSTBELL_PROBE\n"])
def test_a_probe_that_ssm_or_the_shell_would_change_is_refused(text: str, bad: str) -> None:
    with pytest.raises(embed_probe.CannotEmbedError):
        embed_probe.embedded(text, bad)


def test_markers_are_wanted_once_and_in_order(text: str) -> None:
    with pytest.raises(embed_probe.CannotEmbedError, match="marker"):
        embed_probe.embedded(text.replace(embed_probe.END, "# gone"), "print(1)\n")


def test_no_pattern_lets_shell_syntax_through(content: dict[str, Any]) -> None:
    let_through = [
        (name, bad)
        for name, parameter in content["parameters"].items()
        for bad in QUOTES
        if re.search(parameter["allowedPattern"], bad)
    ]
    assert let_through == []


def test_defaults_satisfy_their_patterns(content: dict[str, Any]) -> None:
    for name, parameter in content["parameters"].items():
        if "default" in parameter:
            assert re.search(parameter["allowedPattern"], parameter["default"]), name


def test_what_the_functions_send_is_accepted(content: dict[str, Any]) -> None:
    sites = [
        Site("riverside", "UTC", Fleet("moodle-web")),
        Site("hill-top", "UTC", Fleet("moodle-web"), moodledata=Moodledata("/srv/m", "", "[fd00::1]:/export", False)),
    ]
    for sent in map(probe_parameters, sites):
        assert set(sent) == set(content["parameters"])
        assert all(re.search(content["parameters"][name]["allowedPattern"], value) for name, value in sent.items()), (
            sent
        )


def test_the_step_outlives_the_longest_probe(content: dict[str, Any]) -> None:
    longest = max(
        n for n in range(1000) if re.search(content["parameters"]["timeoutSeconds"]["allowedPattern"], str(n))
    )
    assert longest < int(content["mainSteps"][0]["inputs"]["timeoutSeconds"])


def test_the_script_answers_when_run_by_a_shell(content: dict[str, Any], tmp_path: Path) -> None:
    ran = subprocess.run(
        ["/bin/sh"],
        input=script(content, path=str(tmp_path), site="riverside"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    answer = json.loads(ran.stdout)
    assert (answer["verdict"], ran.returncode, ran.stderr) == ("not_mounted", 1, "")
    assert answer["path"] == str(tmp_path)
