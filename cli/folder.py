"""A site's folder on disk: the site file and the calendars beside it, read as the controller reads its bucket."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from firstbell.capacity.values import Plan
from firstbell.site import Site

_AROUND = timedelta(days=1)  # a peak just outside the plan's time can reach into it


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder at `root`, and the site that its file describes."""

    site: Site
    root: Path

    def plan(self, start: datetime, end: datetime) -> Plan:
        """The plan from `start` to `end` (UTC), from the files alone. Raises CalendarError."""
        from firstbell.calendar.folder import reader
        from firstbell.calendar.sources import read_all
        from firstbell.capacity.planning import make_plan

        found = read_all(self.site, reader(self.root), start - _AROUND, end + _AROUND)
        return make_plan(self.site, found.peaks, start, end, None, found.warnings)


def open_site(path: Path) -> Folder:
    """The folder of a site file. Raises OSError when it cannot be opened and SiteFileError when it is none."""
    from firstbell.calendar.folder import contents
    from firstbell.site_file import read_site

    return Folder(read_site(contents(path), str(path)), path.parent)
