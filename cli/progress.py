"""How far a long command is, on standard error: a bar on a terminal, a plain line each quarter elsewhere."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import typer

from cli import screen


@contextmanager
def watched(policies: Sequence[str]) -> Iterator[Callable[[str, float], None]]:
    """Yields what wants to hear each policy's share, 0 to 1."""
    if not sys.stderr.isatty():
        yield quarters(policies)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:16}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=screen.console(err=True), transient=True) as bar:
        tasks = {policy: bar.add_task(policy, total=1.0) for policy in policies}
        yield lambda policy, share: bar.update(tasks[policy], completed=share)


def quarters(policies: Sequence[str]) -> Callable[[str, float], None]:
    """A line at each quarter of the whole."""
    shares = dict.fromkeys(policies, 0.0)
    said = [0]

    def progress(policy: str, share: float) -> None:
        shares[policy] = share
        reached = int(sum(shares.values()) / len(shares) * 4 + 1e-9)
        while said[0] < reached:
            said[0] += 1
            typer.echo(f"simulated {said[0] * 25} %", err=True)

    return progress
