"""`python -m nfs_lab`: run every case, print the table, remove everything. Exit code 1: a row failed; 2: cannot run."""

import argparse
import json
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from nfs_lab import needs
from nfs_lab.cases import CASES, Case
from nfs_lab.guest import Guest, GuestLostError
from nfs_lab.judging import Result, judge
from nfs_lab.needs import CannotRunError
from nfs_lab.rooms import Rooms
from nfs_lab.server import Server
from nfs_lab.world import World

GRACE = 15.0  # seconds beyond a row's limit until the guest is given up
GREEN, RED, PLAIN = ("\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


@contextmanager
def laid_out() -> Iterator[World]:
    """Make the world, and remove it again, whatever happens. Raises CannotRunError."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firstbell-nfs-")))
        rooms = Rooms()
        stack.callback(rooms.close)
        server = Server(rooms, work)
        stack.callback(server.kill)
        server.start()
        guest = Guest(rooms, work)
        stack.callback(guest.stop)
        guest.boot()
        yield World(rooms, server, guest)


def run(case: Case, world: World) -> Result:
    """Run one case in a fresh world."""
    try:
        world.fresh()
        for step in case.prepare:
            step(world)
        return judge(case, world.probe(case.parameters, case.user, case.times, case.seconds + GRACE))
    except (CannotRunError, GuestLostError, RuntimeError, ValueError) as error:  # here, the world ran before
        return Result(case, "no answer", 0.0, (str(error),), {})


def row(result: Result) -> str:
    """The result as lines of the table."""
    mark = f"{RED}FAILED{PLAIN}" if result.complaints else f"{GREEN}ok{PLAIN}"
    lines = [f"  {result.case.name:46} {result.verdict or '-':14} {result.seconds:5.1f} s  {mark}"]
    if result.complaints:
        lines += [f"      {complaint}" for complaint in result.complaints]
        lines.append(f"      {json.dumps(result.answer)}")
    return "\n".join(lines)


def as_json(results: Sequence[Result], seconds: float) -> str:
    """All results as one JSON document."""
    rows = [
        {
            "name": result.case.name,
            "wanted": result.case.verdict,
            "verdict": result.verdict,
            "seconds": round(result.seconds, 2),
            "complaints": result.complaints,
            "answer": result.answer,
        }
        for result in results
    ]
    return json.dumps({"seconds": round(seconds, 1), "cases": rows}, indent=1)


def run_all(cases: Sequence[Case], in_json: bool) -> int:
    """Run the cases, telling each as it ends; returns the exit code."""
    began, results = time.monotonic(), []
    with laid_out() as world:
        booted = time.monotonic() - began
        for case in cases:
            results.append(run(case, world))
            if not in_json:
                print(row(results[-1]), flush=True)
    failed, seconds = sum(bool(result.complaints) for result in results), time.monotonic() - began
    if in_json:
        print(as_json(results, seconds))
    else:
        verdict = (
            f"{RED}{failed} of {len(results)} FAILED{PLAIN}" if failed else f"all {len(results)} as they should be"
        )
        print(f"  {verdict}; {booted:.1f} s to boot, {seconds:.0f} s in all")
    return 1 if failed else 0


def main() -> int:
    """Read the command line and run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nfs_lab", description=__doc__)
    parser.add_argument("--only", metavar="PATTERN", default="", help="only cases whose name matches this expression")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
    wanted = parser.parse_args()
    try:
        cases = [case for case in CASES if re.search(wanted.only, case.name, re.IGNORECASE)]
    except re.error as error:
        parser.error(f"{wanted.only!r} is no regular expression: {error}")
    if not cases:
        parser.error(f"no case matches {wanted.only!r}. There are: {'; '.join(case.name for case in CASES)}")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        needs.check()
        return run_all(cases, wanted.json)
    except CannotRunError as error:
        print(f"The NFS lab cannot run here.\n{error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("  stopped", file=sys.stderr)
        return 130


def _interrupt(_number: int, _frame: object) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):  # what is removed now is not left half done by a second one
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
