"""A site's folder on disk: the site file and the calendars beside it, read as the controller reads its bucket."""

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cli import reaching
from cli.errors import CommandError, debugging, explained
from firstbell import clock
from firstbell.capacity.values import Learned, Plan
from firstbell.site import Site

if TYPE_CHECKING:
    from firstbell.calendar.sources import Content, ReadAll
    from firstbell.capacity.reconcile import Seen

TOKEN = "FIRSTBELL_MOODLE_TOKEN"
_AROUND = timedelta(days=1)  # a peak just outside the plan's time can reach into it

Unread = tuple[str, ...]
"""What is wrong with each calendar that could not be read."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder at `root`, and the site that its file describes."""

    site: Site
    root: Path

    def plan(
        self, start: datetime, end: datetime, seen: "Seen | None" = None, learned: Learned | None = None
    ) -> tuple[Plan, Unread]:
        """The plan from `start` to `end` (UTC): from the calendars, and the group where it is known.

        A calendar that cannot be read is left out, as the controller does without a copy of it: its error is among
        the plan's warnings, and returned. Raises what is wrong when none of the calendars can be read.
        """
        from firstbell.calendar.folder import reader
        from firstbell.capacity.planning import make_plan
        from firstbell.capacity.reconcile import resting

        found, unread = read(self.site, reader(self.root), start - _AROUND, end + _AROUND, start)
        plan = make_plan(
            self.site,
            found.peaks,
            start,
            end,
            seen.group.max_size if seen else None,
            (*unread, *found.warnings),
            learned or Learned(),
            resting(self.site, seen, clock.now()) if seen else None,
            found.advice,
        )
        peaks = reaching.peaks(self.site, found.peaks, plan, learned or Learned())
        return replace(plan, peaks=peaks, steps=reaching.steps(self.site, plan)), unread


def open_site(path: Path) -> Folder:
    """The folder of a site file. Raises OSError when it cannot be opened and SiteFileError when it is none."""
    from firstbell.calendar.folder import contents
    from firstbell.site_file import read_site

    return Folder(read_site(contents(path), str(path)), path.parent)


def read(site: Site, local: "ReadAll", start: datetime, end: datetime, now: datetime) -> "tuple[Content, Unread]":
    """What the calendars say between `start` and `end`, and what is wrong with those that cannot be read.

    Raises what is wrong when none of them can be read.
    """
    from firstbell.calendar import sources
    from firstbell.calendar.fetching import read_each
    from firstbell.calendar.values import CalendarError

    contents = []
    failed: list[tuple[str, Exception]] = []
    for source, said in read_each(site, local, _secret, start, end, now):
        if not isinstance(said, Exception):
            contents.append(said)
        elif debugging():
            raise said
        else:
            failed.append(("" if isinstance(said, CalendarError) else f"{source.label}: ", said))
    unread = tuple(f"{place}{explained(error)[0]}" for place, error in failed)
    if failed and not contents:
        raise CommandError("\n".join(unread), explained(failed[0][1])[1])
    return sources.combine(contents, start, end), unread


def _secret(reference: str) -> str:
    """A secret: from the environment, for people without AWS, or from where the site file says."""
    from firstbell.aws import secrets

    return os.environ.get(TOKEN) or secrets.value(reference, clock.now())
