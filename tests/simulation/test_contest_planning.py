"""The planning benchmark plans what it says it plans, and shows how time grows."""

import json
import os
import subprocess
import sys
from pathlib import Path

from simulator import planning_bench

ROOT = Path(__file__).parents[2]
PATHS = {**os.environ, "PYTHONPATH": f"{ROOT / 'layers' / 'core'}{os.pathsep}{ROOT}"}


def test_the_benchmark_plans_every_site_once():
    program = "import json; from simulator.planning_bench import measure; print(json.dumps(measure(3, 40, 1)))"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=PATHS, capture_output=True, check=True)
    run = json.loads(answer.stdout)  # of a process of its own: this one has the memory of all tests before
    assert (run["sites"], run["peaks"]) == (3, 40)
    assert run["steps"] == sum(planning_bench.plan_site((number, 40))[0] for number in range(3))
    assert 0 < run["cpu_seconds"] <= run["seconds"]
    assert 20 < run["megabytes"] < planning_bench.MEGABYTES


def test_growth_is_said_as_a_ratio():
    runs = [{"sites": 10, "peaks": peaks, "cpu_seconds": cpu} for peaks, cpu in ((500, 1.0), (1000, 2.5))]
    assert planning_bench.lines(runs, "peaks") == [
        "   10 sites x   500 peaks:   1.00 s of CPU, 100.0 ms a site",
        "   10 sites x 1,000 peaks:   2.50 s of CPU, 250.0 ms a site, 2.50 x that of half the peaks",
    ]
