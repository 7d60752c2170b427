"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

SiteFile = Annotated[Path, typer.Option("--site", help="The site file; its calendars lie beside it.", metavar="FILE")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")]
SITE = Path("site.yaml")
MOST_SAID = 20  # warnings of one kind


def counted(number: int, what: str) -> str:
    """Such as `1 peak` and `2,000 peaks`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def examples(*lines: str) -> str:
    """The end of a command's help: how it is used."""
    return "\n\n".join(["Examples:", *(f"  {line}" for line in lines)])
