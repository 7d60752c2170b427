"""What is printed: tables and lines on a terminal by Rich, plain text on a pipe, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from firstbell.oncall.texts import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PIPED = 120  # columns when nobody's terminal says how many
LEAST = 72  # columns: on a narrower terminal its own wrapping keeps what a squeezed table would cut off
LONGEST = 400  # characters of one text


def console(err: bool = False) -> "Console":
    """A console on standard output (or error); colours only on a terminal, and texts never read as markup."""
    from rich.console import Console

    class Ours(Console):
        """Leaves a reader that went away to `errors.guarded`, instead of ending with the code of bad input."""

        def on_broken_pipe(self) -> None:
            """Say so."""
            raise BrokenPipeError

    on_terminal = (sys.stderr if err else sys.stdout).isatty()
    found = Ours(
        stderr=err, markup=False, highlight=False, emoji=False, soft_wrap=False, width=None if on_terminal else PIPED
    )
    if not err and found.width < LEAST:
        found.width = LEAST
    return found


def text(words: object, style: str = "", before: str = "") -> "Text":
    """A text from anywhere, after `before`: on one line, cut, without what could move a cursor or set a colour."""
    from rich.text import Text

    return Text(before + one_line(str(words), LONGEST), style)


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[int] = ()) -> "Table":
    """A quiet table; cells are strings or Texts. `right` are the columns of numbers."""
    from rich.table import Table

    found = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for n, head in enumerate(heads):
        found.add_column(head, justify="right" if n in right else "left", overflow="fold", no_wrap=n in right)
    for row in rows:
        found.add_row(*(text(cell) if isinstance(cell, str) else cell for cell in row))
    return found


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(data, indent=2, allow_nan=False))
