"""`firstbell schema`: the JSON Schema of the site file, for editors."""

from cli import screen
from cli.options import examples

EXAMPLES = examples("firstbell schema > docs/site.schema.json")


def command() -> None:
    """Print the JSON Schema (draft 2020-12) of the site file, for editors."""
    from firstbell.site_file import json_schema

    screen.print_json(json_schema())
