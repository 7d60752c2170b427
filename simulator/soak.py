"""Runs many seeds with faults drawn by the seed, and tells the invariants that broke: `python -m simulator.soak 200`.

The invariants: those of `witness`; an outage of the storage costs no instance; when the exam opens the planned
instances serve; no session is lost unless a mount or a web server was; no handler's failure loses an event for good.
"""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from random import Random

from simulator.results import Result
from simulator.run import simulate
from simulator.scenario import Fault, Scenario, load

OPENS = datetime(2026, 11, 24, 9, tzinfo=UTC)
PLANNED = 10
UNPROVABLE = {"dead_mount", "agent_absent", "commands_lost", "commands_late"}
LOST = {"scale_in", "spot_interruption", "zone_lost"}
TAKE_AWAY = UNPROVABLE - {"dead_mount"} | LOST | {"mount_lost", "mount_stale", "hook_race"}
HURT = {"storage_down", "zone_lost", "mount_lost", "mount_stale", "web_silent"}


def scenario_of(seed: int) -> Scenario:
    """The exam with few students (they are not what is tested) and up to three faults, drawn by the seed."""
    random = Random(f"soak/{seed}")
    begin = OPENS - timedelta(minutes=70)

    def at(first: int, last: int) -> datetime:
        return begin + timedelta(minutes=random.randint(first, last))

    possible = [
        Fault("dead_mount", nth=random.randint(1, 8)),
        Fault("storage_down", at=at(5, 50), minutes=random.randint(2, 8), reported=random.random() < 0.5),
        Fault("controller_down", at=at(0, 30), minutes=random.randint(2, 9)),
        Fault("events_lost", share=random.choice([0.1, 0.5, 1.0])),
        Fault("throttled", share=random.choice([0.01, 0.03])),
        Fault("calendars_broken", at=at(1, 60)),
        Fault("no_capacity", at=at(5, 40), minutes=60, zone="b"),
        Fault("agent_absent", nth=random.randint(1, 8)),
        Fault("mount_lost", at=at(30, 80), repairable=random.random() < 0.3),
        Fault("mount_stale", at=at(30, 80), repairable=random.random() < 0.7),
        Fault("slow_mount", at=at(30, 80), minutes=random.randint(3, 30)),
        Fault("web_silent", at=at(30, 80), minutes=random.randint(3, 30)),
        Fault("scale_in", at=at(30, 80), count=random.randint(1, 4)),
        Fault("spot_interruption", at=at(30, 80), count=random.randint(1, 4)),
        Fault("cron_task", at=at(30, 80), minutes=random.randint(1, 30)),
        Fault("commands_lost", share=random.choice([0.1, 0.3])),
        Fault("commands_late", share=random.choice([0.1, 0.3]), seconds=random.choice([20, 100, 300])),
        Fault("commands_doubled", share=0.5),
        Fault("early_answers", share=random.choice([0.3, 1.0])),
        Fault("hook_race", share=random.choice([0.05, 0.2])),
        Fault("zone_lost", at=at(5, 80), minutes=random.randint(5, 60), zone="a"),
        Fault("database_slow", at=at(5, 70), minutes=20, factor=600),
        Fault("alarm_flaps", at=at(5, 50), minutes=40),
    ]
    faults = tuple(random.sample(possible, random.randint(1, 3)))
    return replace(load("exam-morning"), start=begin, hours=1.5, attendance=0.03, campus=0.5, rushes=(), faults=faults)


def broken(scenario: Scenario, result: Result) -> list[str]:
    """The invariants that a run broke, each in a sentence; empty when all hold."""
    kinds = {fault.kind for fault in scenario.faults}
    found = [h.what for h in result.timeline if h.kind == "broken"]
    if not kinds & UNPROVABLE:
        found += [f"{h.what} though nothing was wrong with it" for h in result.timeline if "abandoned" in h.what]
    at_opening = [m.instances for m in result.minutes if m.at <= OPENS][-1]
    if at_opening < PLANNED and not kinds & TAKE_AWAY:
        found.append(f"{at_opening} instances serve when the exam opens, {PLANNED} were planned")
    unheard = "spot_interruption" in kinds and kinds & {"events_lost", "controller_down", "throttled"}
    if result.figures["sessions_lost"] and not kinds & HURT and not unheard:
        found.append(f"{result.figures['sessions_lost']:g} sessions were lost")
    if result.figures["dead_letters"] and not kinds & {"throttled", "controller_down"}:
        found.append(f"{result.figures['dead_letters']:g} events ended as dead letters")
    return found


def look(seed: int) -> list[str]:
    """Run one seed; the invariants that it broke, each with its seed and faults. What it raises is one of them."""
    scenario = scenario_of(seed)
    faults = ", ".join(f.kind for f in scenario.faults)
    try:
        problems = broken(scenario, simulate(scenario, "firstbell", seed))
    except Exception as error:  # noqa: BLE001 - the other seeds shall run, and this one be told
        problems = [f"{type(error).__name__}: {error}"]
    return [f"seed {seed} ({faults}): {problem}" for problem in problems]


def main(arguments: Sequence[str]) -> int:
    """Soak `[seeds [first]]` on all cores; returns the process's exit code."""
    count, first = (int(arguments[0]) if arguments else 50), (int(arguments[1]) if len(arguments) > 1 else 0)
    begin, bad = time.monotonic(), 0
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for problems in pool.map(look, range(first, first + count), chunksize=5):
            bad += bool(problems)
            sys.stdout.writelines(f"{problem}\n" for problem in problems)
            sys.stdout.flush()
    sys.stdout.write(f"{count} seeds, {bad} broke an invariant, {time.monotonic() - begin:.0f} s\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
