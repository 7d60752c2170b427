"""The second process of a comparison: it never outlives the first, and an interrupt is answered once."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from simulator.run import compare
from simulator.scenario import ScenarioError, load

ROOT = Path(__file__).parents[2]
COMPARE = """
import multiprocessing, signal, sys, threading, time
from simulator.run import compare
from simulator.scenario import load

def tell():
    while not (found := multiprocessing.active_children()):
        time.sleep(0.01)
    print(found[0].pid, flush=True)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=tell, daemon=True).start()
    compare(load("exam-morning"))
"""


@pytest.fixture
def begun(tmp_path: Path):
    """A comparison that has begun its second process, and that process's id."""
    (tmp_path / "compare.py").write_text(COMPARE)
    path = os.pathsep.join(str(p) for p in (ROOT, ROOT / "layers" / "core"))
    with subprocess.Popen(
        [sys.executable, tmp_path / "compare.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
    ) as first:
        assert first.stdout
        yield first, int(first.stdout.readline())
        if first.poll() is None:
            first.kill()


def gone(pid: int) -> bool:
    """Whether the process ends within ten seconds."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # ended, and nobody has asked for its code
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_it_ends_when_the_first_is_killed(begun) -> None:
    first, second = begun
    time.sleep(1.5)
    first.kill()
    assert gone(second)


def test_an_interrupt_ends_both_and_only_the_first_speaks(begun) -> None:
    first, second = begun
    time.sleep(0.3)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does
    _, said = first.communicate(timeout=20)
    assert gone(second)
    assert said.count("KeyboardInterrupt") == 1


def test_both_answer_and_what_fails_there_is_told() -> None:
    short = replace(load("exam-morning"), hours=0.1, rushes=(), faults=())
    assert [r.policy for r in compare(short, 3)] == ["firstbell", "fixed", "target-tracking"]
    with pytest.raises(ScenarioError, match="there is no policy 'nonsense'"):
        compare(short, 3, ["fixed", "nonsense"])
