"""The deployed controller's table: the site in it that an operator names."""

from pathlib import Path
from typing import TYPE_CHECKING

from cli.commands.explain import NAME
from cli.errors import CommandError
from firstbell import clock

if TYPE_CHECKING:
    from firstbell.aws.table import Table
    from firstbell.site import Site


def published_site(table: "Table", text: str) -> "Site":
    """The site as the planner has published it, by its name or by a file that has its name. Raises CommandError."""
    from firstbell import published

    name = text
    if Path(text).exists() or not NAME.fullmatch(text):
        from cli.folder import open_site

        name = open_site(Path(text)).site.name
    sites = published.sites(table, clock.now())
    site = next((s for s in sites if s.name == name), None)
    if site is None:
        known = ", ".join(s.name for s in sites) or "none yet"
        raise CommandError(f"table {table.name} has no site {name} (there is: {known}); check --site and --table")
    return site.of_its_type
