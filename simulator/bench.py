"""Measures the twin: a day of virtual time with the real handlers woken every minute. `python -m simulator.bench`."""

import sys
import time
from dataclasses import replace

from simulator.run import simulate
from simulator.scenario import load

DAY = 24.0


def main() -> None:
    """Run a whole day of the exam morning's site and say how much faster than real time it was."""
    scenario = replace(load("exam-morning"), hours=DAY)
    begin, cpu = time.perf_counter(), time.process_time()
    result = simulate(scenario, "firstbell")
    took, used = time.perf_counter() - begin, time.process_time() - cpu
    figures = result.figures
    sys.stdout.write(
        f"a day of virtual time: {took:.1f} s ({DAY * 3600 / took:,.0f} x real time), {used:.1f} s of CPU;"
        f" {figures['invocations']:,.0f} invocations of the real handlers, {figures['api_calls']:,.0f} API calls,"
        f" {figures['requests']:,.0f} requests of students\n"
    )


if __name__ == "__main__":
    main()
