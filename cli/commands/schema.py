"""`firstbell schema`: the JSON Schema of the site file, or of the term file, for editors."""

from typing import Annotated, Literal

import typer

from cli import screen
from cli.options import examples

EXAMPLES = examples("firstbell schema > docs/site.schema.json", "firstbell schema term > docs/term.schema.json")


def command(
    file: Annotated[Literal["site", "term"], typer.Argument(help="Of the site file or of the term file.")] = "site",
) -> None:
    """Print the JSON Schema (draft 2020-12) of the site file or of the term file, for editors."""
    if file == "term":
        from firstbell.calendar.term_file import json_schema
    else:
        from firstbell.site_file import json_schema
    screen.print_json(json_schema())
