"""What the probe's stand-in says on a web server in each state, by the contract that the script itself keeps."""

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from firstbell.instances.verdicts import NEEDED_IN_A_ROW
from simulator.engine import Engine
from simulator.hosts import VERDICTS, Host, Mount, Probe
from simulator.traffic import WebServer

ADMITTING = {
    "path": "/var/moodledata",
    "purpose": "admitting",
    "repair": "2",
    "webHost": "moodle.example.edu",
    "page": "/login/index.php",
    "warm": "/login/index.php /",
    "warmSeconds": "45",
}


def host(mount: Mount = "fine", repairable: bool = False) -> Host:
    found = Host(WebServer(Engine(datetime(2026, 5, 4, tzinfo=UTC)), "i-1", 2.0), mount, repairable)
    found.settle(storage_down=False)
    return found


def run(on: Host, storage_down: bool = False, **wants: str) -> tuple[float, int, dict[str, Any]]:
    """How long it took, the exit code, and the answer."""
    seconds, code, line = Probe(on, ADMITTING | wants, storage_down, Random(1), 1000.0).run()
    assert len(line) <= 2400
    return seconds, code, json.loads(line)


@pytest.mark.parametrize(
    ("mount", "repairable", "code", "verdict", "repairs"),
    [
        ("fine", False, 0, "healthy", []),
        ("gone", False, 1, "not_mounted", [("not_mounted", "mount", False)] * 2),
        ("gone", True, 0, "healthy", [("not_mounted", "mount", True)]),
        ("stale", True, 0, "healthy", [("stale_handle", "umount -l, mount", True)]),
        ("stale", False, 1, "stale_handle", [("stale_handle", "umount -l, mount", False)] * 2),
        ("slow", True, 1, "slow", []),
    ],
)
def test_a_mount_is_repaired_where_that_helps(
    mount: Mount, repairable: bool, code: int, verdict: str, repairs: list
) -> None:
    on = host(mount, repairable)
    _, said_code, answer = run(on)
    assert (said_code, answer["verdict"]) == (code, verdict)
    assert [(r["was"], r["did"], r["ok"]) for r in answer["repairs"]] == repairs
    assert on.server.mounted is (verdict in ("healthy", "slow"))


def test_by_hand_nothing_is_repaired() -> None:
    on = host("stale", repairable=True)
    assert run(on, repair="0")[2]["verdict"] == "stale_handle"
    assert on.mount == "stale"


def test_the_verdicts_are_words_that_the_product_knows() -> None:
    words = {verdict for verdict, _, _ in VERDICTS.values()} | {"hung"}
    assert words - {"healthy"} <= NEEDED_IN_A_ROW.keys()


def test_a_dead_file_server_hangs_the_probe_and_nothing_is_mounted_anew() -> None:
    seconds, code, answer = run(host("gone", repairable=True), storage_down=True)
    assert (seconds, code, answer["verdict"], answer["repairs"]) == (22.0, 1, "hung", [])


def test_warming_takes_its_time_for_admission_only_and_never_more_than_its_limit() -> None:
    warmed, _, answer = run(host())
    assert warmed > 7
    assert answer["warm"]["done"]
    assert run(host(), purpose="patrolling")[0] == run(host(), warmSeconds="0")[0] == 1.5
    limited, code, cut = run(host(), warmSeconds="5")
    assert (limited, code, cut["warm"]["done"], cut["verdict"]) == (6.5, 0, False, "healthy")


def test_a_web_server_that_does_not_answer_is_unknown_and_one_that_nobody_asks_is_not_seen() -> None:
    on = host()
    on.server.answers = False
    _, code, answer = run(on)
    assert (code, answer["verdict"], answer["step"], answer["web"]["status"]) == (2, "unknown", "web", 502)
    assert run(on, webHost="")[2]["verdict"] == "healthy"


def test_a_leaving_one_says_what_it_works_on_even_while_the_file_server_is_dead() -> None:
    on = host()
    on.server.start(10.0, lambda ok: None)
    on.task_since = 905.0
    seconds, code, answer = run(on, storage_down=True, purpose="leaving", cron="moodle-cron.timer")
    assert (code, answer["verdict"]) == (0, None)
    assert seconds < 1
    assert answer["leaving"] == {"requests": 1, "tasks": ["admin/cli/cron.php, 95 s"], "timer": "stopped"}
