"""`python -m simulator.contest [--traces FOLDER] [--seeds N] [--json]`: the table of all policies on drawn campuses."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firstbell.site import Fleet as FleetFile
from firstbell.site import Site
from simulator.contest.campus import draw
from simulator.contest.fleet import Fleet, Outcome
from simulator.contest.policies import entries
from simulator.contest.shapes import Trace, TraceError, traces
from simulator.contest.timetable import Term

SITE = Site("campus", "UTC", FleetFile("moodle-web", max_instances=100))  # what a site file does not say is as given
TERM = Term(datetime(2026, 10, 5, tzinfo=UTC))
NOTHING = 1e-9  # a share that is as good as none
BEST, USUAL, OURS = "clairvoyant", "target tracking at 50 %", ("Firstbell", "Firstbell over tracking at 50 %")


def play(students: int, seeds: int, found: Sequence[Trace] = (), term: Term = TERM) -> dict[str, Outcome]:
    """Each policy's outcome over as many campuses as there are seeds, the clairvoyant's first."""
    results: dict[str, Outcome] = {}
    for seed in range(1, seeds + 1):
        campus = draw(SITE, term, students, seed, found)
        for entry in entries(campus, seed):
            _progress(f"campus {seed} of {seeds}: {entry.name}")
            results.setdefault(entry.name, Outcome()).add(Fleet(campus, entry.floors, entry.reaction).play())
    _progress("")
    return results


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def figures(results: dict[str, Outcome], seeds: int) -> list[dict[str, Any]]:
    """A row for each policy: hours and dollars for each campus, and the ratios to the clairvoyant and to tracking."""
    best, usual = results[BEST], results[USUAL]
    return [
        {
            "policy": name,
            "slow_share": outcome.slow_share,
            "slow_ratio": outcome.slow_share / max(best.slow_share, NOTHING),
            "p95_seconds": round(outcome.p95, 2),
            "p95_ratio": outcome.p95 / best.p95,
            "instance_hours": round(outcome.instance_hours / seeds, 1),
            "cost_usd": round(outcome.instance_hours / seeds * SITE.fleet.instance_price, 2),
            "cost_ratio": outcome.instance_hours / best.instance_hours,
            "most_instances": outcome.most,
            "slow_to_tracking": outcome.slow_share / max(usual.slow_share, NOTHING),
            "cost_to_tracking": outcome.instance_hours / usual.instance_hours,
        }
        for name, outcome in results.items()
    ]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table; × is the ratio to the clairvoyant."""
    lines = ["| policy | slow (over 2 s) | × | p95 | × | instance-hours | dollars | × |", "| --- " * 8 + "|"]
    for row in rows:
        slow = f"{row['slow_share']:.3%} | {row['slow_ratio']:,.1f}"
        p95 = f"{row['p95_seconds']:.2f} s | {row['p95_ratio']:.1f}"
        cost = f"{row['instance_hours']:,.0f} | {row['cost_usd']:.2f} | {row['cost_ratio']:.2f}"
        lines.append(f"| {row['policy']} | {slow} | {p95} | {cost} |")
    return "\n".join(lines)


def aims(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What was aimed at, and whether it is so."""
    found = []
    for row in rows:
        cost, slow, dollars = row["cost_ratio"], row["slow_to_tracking"], row["cost_to_tracking"]
        said = (
            (cost <= 1.15, f"{cost:.2f} x the clairvoyant's instance-hours (aim: at most 1.15)"),
            (slow <= 1 / 20, f"1/{1 / max(slow, NOTHING):.0f} of the slow requests of {USUAL} (aim: at most 1/20)"),
            (dollars <= 1.0, f"{dollars:.2f} x the cost of {USUAL} (aim: at most 1)"),
        )
        if row["policy"] in OURS:
            found += [f"{'met' if met else 'MISSED'}: {row['policy']} has {what}" for met, what in said]
    return found


def main() -> int:
    """Play, and print."""
    parser = argparse.ArgumentParser("python -m simulator.contest", description=__doc__)
    parser.add_argument(
        "--traces", type=Path, metavar="FOLDER", help="request traces …_1min.csv[.gz] for the campus's hum"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="campuses that are drawn (default 3)")
    parser.add_argument("--students", type=int, default=4000, metavar="N", help="of a campus (default 4,000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    if options.seeds < 1 or options.students < 500:
        parser.error("it takes at least one seed, and 500 students")
    try:
        found = traces(options.traces) if options.traces else ()
    except TraceError as error:
        parser.error(str(error))
    rows = figures(play(options.students, options.seeds, found), options.seeds)
    hum = f"{len(found)} request traces of {options.traces}" if found else "a synthetic hum (no --traces given)"
    drawn = f"{options.seeds} campus{'es' if options.seeds > 1 else ''} of {options.students:,} students"
    weeks = f"{TERM.weeks} weeks each after {TERM.history} weeks of history"
    about = f"{drawn}, {weeks}, with nine measured class onsets and {hum}"
    if options.json:
        sys.stdout.write(json.dumps({"about": about, "policies": rows, "aims": aims(rows)}, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join([f"{about}:", "", table(rows), "", *aims(rows)]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
