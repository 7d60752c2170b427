"""Measures the planner: 1,000 sites with 1,000 peaks each, and how time grows. `python -m simulator.planning_bench`.

Each site is planned for its 14 days with everything that the planner knows (peaks of all kinds, many at once, a learned
week), and the changes of its group are decided. At most two processes work; memory is that of all of them together.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

from firstbell.capacity.planning import make_plan
from firstbell.capacity.reconcile import AHEAD, Seen, follow
from firstbell.capacity.values import Factor, Learned, Peak
from firstbell.fleet import Group, Instance
from firstbell.site import Fleet, Kind, Site

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
KINDS: tuple[Kind, ...] = ("exam", "quiz", "lecture", "lecture", "deadline")
SITES, PEAKS = (250, 500, 1000), (250, 500, 1000, 2000)
FEW = 100  # sites for the growth with the peaks
SECONDS, MEGABYTES = 60, 500  # that are aimed at


def peaks_of(random: Random, count: int) -> list[Peak]:
    """So many peaks in the time that is planned, on quarters of an hour."""
    found = []
    for number in range(count):
        start = NOW + timedelta(minutes=15 * random.randrange(int(AHEAD / timedelta(minutes=15))))
        end = start + timedelta(minutes=random.choice((0, 30, 60, 90, 120)))
        kind, people = random.choice(KINDS), random.randrange(20, 800)
        found.append(Peak(start, end, people, kind, "calendar.ics", f"{kind} {number}", f"{number}/{start}"))
    return found


def plan_site(task: tuple[int, int]) -> tuple[int, float, int]:
    """Plan a site, by its number and how many peaks it has: steps, CPU seconds, the process's peak memory in bytes."""
    number, count = task
    random = Random(f"{number}/{count}")
    site = Site(f"site-{number}", "Europe/Berlin", Fleet("moodle-web", max_instances=400))
    learned = Learned(tuple(random.uniform(0.1, 3.0) for _ in range(168)), 240, (Factor("exam", 0.97, 12),))
    peaks, begin = peaks_of(random, count), time.process_time()
    plan = make_plan(site, peaks, NOW, NOW + AHEAD, learned=learned)
    group = Group("moodle-web", 1, 400, 1, (Instance("i-0", "InService"),))
    if not follow(site, Seen(group, (), None, ()), plan, NOW):
        raise AssertionError(f"{site.name}: {count} peaks changed nothing")
    return len(plan.steps), time.process_time() - begin, _peak_memory()


def _peak_memory() -> int:
    """The most memory of this process in bytes; on Linux not by getrusage, which begins with that of the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        [peak] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(peak.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(sites: int, peaks: int, workers: int) -> dict[str, Any]:
    """Plan so many sites: seconds of the clock and of CPUs, steps of all plans, peak memory of all processes in MB."""
    with get_context("spawn").Pool(workers) as pool:
        pool.map(plan_site, [(0, 1)] * workers)  # whatever starting costs
        begin, steps, cpu, memory = time.perf_counter(), 0, 0.0, 0
        for done, found in enumerate(pool.imap_unordered(plan_site, ((n, peaks) for n in range(sites))), 1):
            steps, cpu, memory = steps + found[0], cpu + found[1], max(memory, found[2])
            if sys.stderr.isatty():
                sys.stderr.write(f"\r\x1b[K{done:,} of {sites:,} sites with {peaks:,} peaks planned\r")
        seconds = time.perf_counter() - begin
    return {
        "sites": sites,
        "peaks": peaks,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "steps": steps,
        "megabytes": round((workers * memory + _peak_memory()) / 1e6),
    }


def lines(runs: Sequence[dict[str, Any]], varied: str) -> list[str]:
    """A line for each run, with the ratio of its CPU time to that of the run before, which had half as much."""
    found = []
    for n, run in enumerate(runs):
        each = 1000 * run["cpu_seconds"] / run["sites"]
        grown = f", {run['cpu_seconds'] / runs[n - 1]['cpu_seconds']:.2f} x that of half the {varied}" if n else ""
        work = f"{run['cpu_seconds']:6.2f} s of CPU, {each:5.1f} ms a site"
        found.append(f"{run['sites']:5,} sites x {run['peaks']:5,} peaks: {work}{grown}")
    return found


def main() -> int:
    """Measure, and print; exit code 1 when an aim is missed."""
    parser = argparse.ArgumentParser("python -m simulator.planning_bench", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, choices=(1, 2), help="processes (default 2)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    by_sites = [measure(sites, 1000, options.workers) for sites in SITES]
    by_peaks = [measure(FEW, peaks, options.workers) for peaks in PEAKS]
    whole = by_sites[-1]
    met = whole["seconds"] < SECONDS and whole["megabytes"] < MEGABYTES
    if options.json:
        answer = {"by_sites": by_sites, "by_peaks": by_peaks, "workers": options.workers, "met": met}
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    else:
        said = (
            f"{'met' if met else 'MISSED'}: 1,000 sites x 1,000 peaks in {whole['seconds']:.1f} s (aim: {SECONDS}) and"
            f" {whole['megabytes']} MB (aim: {MEGABYTES}); {options.workers} processes, {whole['steps']:,} steps"
        )
        sys.stdout.write("\n".join([said, *lines(by_sites, "sites"), *lines(by_peaks, "peaks")]) + "\n")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
