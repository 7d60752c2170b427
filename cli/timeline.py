"""Which lines of a long timeline a terminal shows: the gravest first, then in the order of time again."""

from collections.abc import Sequence

from simulator.results import Happening, Kind

MOST = 24
GRAVITY: Sequence[Kind] = ("broken", "fault", "call", "alarm", "plan", "mount", "students", "fleet")


def chosen(lines: Sequence[Happening], most: int = MOST) -> tuple[list[Happening], int]:
    """At most `most` lines in order of time, and how many were left out."""
    by_gravity = sorted(range(len(lines)), key=lambda n: (GRAVITY.index(lines[n].kind), n))
    kept = sorted(by_gravity[:most])
    return [lines[n] for n in kept], len(lines) - len(kept)
