"""The SSM document holds the probe as it is, its patterns let nothing into the shell, and its script runs."""

import json
import re
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from firstbell.instances import probe, sending
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
    for site, purpose in product(sites, (sending.ADMITTING, sending.PATROLLING, sending.LEAVING)):
        sent = probe_parameters(site, purpose)
        assert set(sent) <= set(content["parameters"])
        assert all(re.search(content["parameters"][name]["allowedPattern"], value) for name, value in sent.items()), (
            sent
        )


def test_a_document_s_parameter_is_an_option_of_the_probe_and_has_its_default(content: dict[str, Any]) -> None:
    """But for the path, and the free space that is the same for all."""
    named = {"timeoutSeconds": "timeout"}
    options = {
        named.get(name, re.sub("[A-Z]", lambda letter: f"-{letter[0].lower()}", name)): parameter.get("default")
        for name, parameter in content["parameters"].items()
    }
    assert options.pop("path") is None
    assert options.pop("purpose") == "patrolling"
    defaults = {name: f"{d:g}" if isinstance(d, float | int) else d for name, d in probe.OPTIONS.items()}
    assert defaults.pop("min-free-mb")
    assert options == defaults


def most(content: dict[str, Any], name: str) -> int:
    """The greatest number that a parameter may have."""
    return max(n for n in range(1000) if re.search(content["parameters"][name]["allowedPattern"], str(n)))


def test_the_step_outlives_the_longest_probe(content: dict[str, Any]) -> None:
    repairs = most(content, "repair")
    longest = (repairs + 1) * (most(content, "timeoutSeconds") + 1) + repairs * 3 * probe.COMMAND_SECONDS
    longest += probe.WEB_SECONDS + probe.LEAST_SECONDS + most(content, "warmSeconds")
    assert longest < int(content["mainSteps"][0]["inputs"]["timeoutSeconds"])


def test_the_document_is_small_enough_for_ssm(content: dict[str, Any]) -> None:
    assert len(json.dumps(content).encode()) < 64 * 1024


def test_all_of_a_line_of_the_script_reaches_the_probe(content: dict[str, Any], tmp_path: Path) -> None:
    values = {name: parameter.get("default", "") for name, parameter in content["parameters"].items()}
    values |= {
        "path": str(tmp_path),
        "warm": "/login/index.php /course/view.php?id=2&x=1",
        "webHost": "moodle.example.edu",
    }
    python = tmp_path / "python3"
    python.write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
    python.chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    ran = subprocess.run(
        ["/bin/sh"], input=script(content, **values), capture_output=True, text=True, timeout=60, env=path
    )
    words = ran.stdout.splitlines()
    assert (words[0], words[-1], ran.stderr) == ("-", str(tmp_path), "")
    wanted = probe.read_arguments(words[1:])
    assert (wanted.warm, wanted.web_host) == (values["warm"], values["webHost"])
    assert (wanted.cron, wanted.repair, wanted.purpose) == ("", 0, "patrolling")


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
