"""A site's folder on disk: the site file and the calendars beside it, read as the controller reads its bucket."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from firstbell import clock
from firstbell.capacity.values import Learned, Plan
from firstbell.site import Site

if TYPE_CHECKING:
    from firstbell.capacity.reconcile import Seen

TOKEN = "FIRSTBELL_MOODLE_TOKEN"
_AROUND = timedelta(days=1)  # a peak just outside the plan's time can reach into it


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder at `root`, and the site that its file describes."""

    site: Site
    root: Path

    def plan(self, start: datetime, end: datetime, seen: "Seen | None" = None, learned: Learned | None = None) -> Plan:
        """The plan from `start` to `end` (UTC): from the calendars, and the group where it is known.

        Raises CalendarError.
        """
        from firstbell.calendar.fetching import read_all
        from firstbell.calendar.folder import reader
        from firstbell.capacity.planning import make_plan
        from firstbell.capacity.reconcile import resting

        found = read_all(self.site, reader(self.root), _secret, start - _AROUND, end + _AROUND, start)
        return make_plan(
            self.site,
            found.peaks,
            start,
            end,
            seen.group.max_size if seen else None,
            found.warnings,
            learned or Learned(),
            resting(self.site, seen) if seen else None,
            found.advice,
        )


def open_site(path: Path) -> Folder:
    """The folder of a site file. Raises OSError when it cannot be opened and SiteFileError when it is none."""
    from firstbell.calendar.folder import contents
    from firstbell.site_file import read_site

    return Folder(read_site(contents(path), str(path)), path.parent)


def _secret(reference: str) -> str:
    """A secret: from the environment, for people without AWS, or from where the site file says."""
    from firstbell.aws import secrets

    return os.environ.get(TOKEN) or secrets.value(reference, clock.now())
